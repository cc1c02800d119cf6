"""What the benchmarks share: how large the stores become, where they are, and how a call is measured."""

import itertools
import math
import subprocess
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

import servers
from benchmarks.stores import Stores

if TYPE_CHECKING:  # the tests, which come by, run without pytest-benchmark
    from pytest_benchmark.fixture import BenchmarkFixture

LARGEST = 1_000_000
TESTS = Path(__file__).parents[1]

Call = Callable[[], object]
Measure = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--largest", type=int, default=LARGEST, help=f"patterns in the largest store ({LARGEST})")


@pytest.fixture(autouse=True)
def no_connection_is_left_checked_out() -> None:
    """In place of the check of the tests, whose listeners would be measured as well."""


@pytest.fixture(scope="session")
def databases() -> Generator[servers.Databases]:
    """Databases on a server that writes its commits to disk, as far as its folder is on one."""
    with servers.running_somewhere() as server:
        servers.configure(servers.url_of(server), fsync="on")
        made = servers.Databases(make_url(servers.url_of(server)))
        yield made
        made.close()


@pytest.fixture(scope="session")
def stores(
    tmp_path_factory: pytest.TempPathFactory, databases: servers.Databases, request: pytest.FixtureRequest
) -> Generator[Stores]:
    made = Stores(tmp_path_factory.mktemp("stores"), databases, request.config.getoption("--largest"))
    yield made
    made.close()


@pytest.fixture
def measure(benchmark: "BenchmarkFixture") -> Measure:
    """Measures calls, of which each is prepared unmeasured, as often as some seconds allow."""

    def run(calls: Iterable[Call], *, seconds: float = 1.5, least: int = 3, **about: object) -> None:
        calls = iter(calls)
        began = time.perf_counter()
        elapsed: list[float] = []
        while len(elapsed) < 20 and time.perf_counter() - began < seconds / 4:
            call = next(calls)
            before = time.perf_counter()
            call()
            elapsed.append(time.perf_counter() - before)
        usual = sorted(elapsed)[len(elapsed) // 2] if elapsed else math.inf
        rounds = min(max(least, int(seconds / usual)), 300)
        benchmark.extra_info.update(about)
        prepared = itertools.islice(calls, rounds)
        benchmark.pedantic(  # type: ignore[no-untyped-call]  # pytest-benchmark gives it no types
            lambda call: call(), setup=lambda: ((next(prepared),), {}), rounds=rounds
        )

    return run


@pytest.fixture
def measure_process(benchmark: "BenchmarkFixture") -> Measure:
    """Runs a program that prints what is measured of it: of its time as a whole, most is spent on beginning."""

    def run(command: list[str], *, warmups: int = 0, **about: object) -> None:
        printed = benchmark.pedantic(  # type: ignore[no-untyped-call]  # as above
            subprocess.check_output, (command,), {"text": True, "cwd": TESTS}, warmup_rounds=warmups
        )
        benchmark.extra_info.update(about, measured=float(printed))

    return run
