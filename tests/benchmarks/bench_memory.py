"""How much memory a process needs for each call on the largest store."""

import sys

import pytest

from benchmarks.conftest import Measure
from benchmarks.memory import CALLS
from benchmarks.stores import BACKENDS, Stores


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("call", CALLS)
def test_memory(call: str, backend: str, stores: Stores, measure_process: Measure) -> None:
    store = stores.kept(backend, stores.largest, "matching")
    url = store.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "benchmarks.memory", url, call]
    about = {"table": "memory", "subject": "process", "backend": backend, "size": stores.largest, "call": call}
    measure_process(command, **about)
