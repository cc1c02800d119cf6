"""What `import error_patterns` costs beside the `import sqlmodel` that it contains."""

import itertools
import sys

import pytest

from benchmarks.conftest import Measure

TURNS = 12
MODULES = ("sqlmodel", "error_patterns")
_TIMED = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"


@pytest.mark.parametrize(("turn", "module"), list(itertools.product(range(TURNS), MODULES)))
def test_importing(turn: int, module: str, measure_process: Measure) -> None:
    command = [sys.executable, "-c", _TIMED.format(module)]
    measure_process(command, warmups=1, table="import", subject=module)
