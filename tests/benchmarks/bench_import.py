"""What `import error_patterns` costs beside the `import sqlmodel` that it contains."""

import itertools
import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

TURNS = 12
MODULES = ("sqlmodel", "error_patterns")
_TIMED = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"


@pytest.mark.parametrize(("turn", "module"), list(itertools.product(range(TURNS), MODULES)))
def test_importing(turn: int, module: str, benchmark: BenchmarkFixture) -> None:
    command = [sys.executable, "-c", _TIMED.format(module)]
    printed = benchmark.pedantic(  # type: ignore[no-untyped-call]  # as are its others
        subprocess.check_output, (command,), {"text": True}, warmup_rounds=1
    )
    # The process is measured as a whole, and what it was begun for by itself.
    benchmark.extra_info.update(table="import", subject=module, measured=float(printed))
