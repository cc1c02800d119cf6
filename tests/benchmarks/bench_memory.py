"""How much memory a process needs for each call on the largest store."""

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.memory import CALLS
from benchmarks.stores import BACKENDS, Stores

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("call", CALLS)
def test_memory(call: str, backend: str, stores: Stores, benchmark: BenchmarkFixture) -> None:
    store = stores.kept(backend, stores.largest, "matching")
    url = store.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "benchmarks.memory", url, call]
    printed = benchmark.pedantic(  # type: ignore[no-untyped-call]  # as are its others
        subprocess.check_output, (command,), {"text": True, "cwd": TESTS}
    )
    about = {"table": "memory", "subject": "process", "backend": backend, "size": stores.largest, "call": call}
    benchmark.extra_info.update(about, measured=int(printed))
