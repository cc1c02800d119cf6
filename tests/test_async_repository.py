"""What is special to asyncio; tests/conformance holds the promises that both repositories share."""

import asyncio
import gc
import inspect
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path

import aiosqlite
import psycopg
import pytest
from sqlalchemy import Engine, Pool, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from connections import asyncio_url, locked
from error_patterns import (
    AsyncErrorPatternRepository,
    DatabaseUnavailableError,
    ErrorPattern,
    ErrorPatternRepository,
    RepositoryClosedError,
    SchemaOutOfDateError,
    migrate,
)

FAILURE = "ConnectionRefusedError: broker"
Way = Callable[[AsyncErrorPatternRepository], Awaitable[object]]


async def enter(repository: AsyncErrorPatternRepository) -> None:
    async with repository:
        pass


async def wait_for(repository: AsyncErrorPatternRepository) -> None:
    await repository


async def call(repository: AsyncErrorPatternRepository) -> None:
    await repository.count()


first_use = pytest.mark.parametrize("use", [enter, wait_for, call])


@pytest.fixture(params=["file", "memory", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return "sqlite://" if request.param == "memory" else str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["file", "postgresql"])
def place_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database that other connections can reach."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def repository(url: str, runner: asyncio.Runner) -> Generator[AsyncErrorPatternRepository]:
    opened = AsyncErrorPatternRepository.open(url)
    yield opened
    runner.run(opened.close())


def public_names(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


def signature(kind: type, name: str) -> inspect.Signature:
    return inspect.signature(getattr(kind, name))


SHARED = sorted(public_names(ErrorPatternRepository))
SPECIAL = {"in_session", "stream_all", "transaction"}  # they take or give something of asyncio


class TestNames:
    def test_are_those_of_the_other_repository(self) -> None:
        assert public_names(AsyncErrorPatternRepository) == public_names(ErrorPatternRepository)

    @pytest.mark.parametrize("name", [name for name in SHARED if name not in SPECIAL])
    def test_have_the_same_signatures(self, name: str) -> None:
        assert signature(AsyncErrorPatternRepository, name) == signature(ErrorPatternRepository, name)

    @pytest.mark.parametrize("name", sorted(SPECIAL))
    def test_have_parameters_of_the_same_names(self, name: str) -> None:
        parameters = signature(AsyncErrorPatternRepository, name).parameters
        assert list(parameters) == list(signature(ErrorPatternRepository, name).parameters)

    @pytest.mark.parametrize("name", [name for name in SHARED if name not in {*SPECIAL, "open"}])
    def test_are_awaited(self, name: str) -> None:
        assert inspect.iscoroutinefunction(getattr(AsyncErrorPatternRepository, name))

    @pytest.mark.parametrize("name", SHARED)
    def test_are_explained(self, name: str) -> None:
        assert getattr(AsyncErrorPatternRepository, name).__doc__


class TestDriver:
    @pytest.fixture
    def drivers(self) -> Generator[list[object]]:
        """The connections that were made."""
        made: list[object] = []

        def note(connection: object, record: ConnectionPoolEntry) -> None:
            made.append(record.driver_connection)

        event.listen(Pool, "connect", note)
        yield made
        event.remove(Pool, "connect", note)

    @pytest.mark.parametrize("name", ["sqlite", "sqlite+pysqlite", "sqlite+aiosqlite"])
    def test_for_sqlite_is_aiosqlite(
        self, file_url: str, runner: asyncio.Runner, drivers: list[object], name: str
    ) -> None:
        runner.run(using(AsyncErrorPatternRepository.open(make_url(file_url).set(drivername=name))))
        assert isinstance(drivers[-1], aiosqlite.Connection)

    @pytest.mark.parametrize("name", ["postgresql", "postgresql+psycopg", "postgresql+psycopg_async"])
    def test_for_postgresql_is_psycopg(
        self, postgresql_url: str, runner: asyncio.Runner, drivers: list[object], name: str
    ) -> None:
        runner.run(using(AsyncErrorPatternRepository.open(make_url(postgresql_url).set(drivername=name))))
        assert isinstance(drivers[-1], psycopg.AsyncConnection)

    @pytest.mark.parametrize("name", ["sqlite", "sqlite+pysqlite", "sqlite+aiosqlite"])
    def test_without_asyncio_is_that_of_python(self, file_url: str, drivers: list[object], name: str) -> None:
        with ErrorPatternRepository.open(make_url(file_url).set(drivername=name)) as repository:
            repository.count()
        assert isinstance(drivers[-1], sqlite3.Connection)

    @pytest.mark.parametrize("name", ["postgresql", "postgresql+psycopg", "postgresql+psycopg_async"])
    def test_without_asyncio_is_psycopg(self, postgresql_url: str, drivers: list[object], name: str) -> None:
        with ErrorPatternRepository.open(make_url(postgresql_url).set(drivername=name)) as repository:
            repository.count()
        assert isinstance(drivers[-1], psycopg.Connection)


async def using(repository: AsyncErrorPatternRepository, use: Way = call) -> None:
    """Use it, and close it whatever comes of that."""
    try:
        await use(repository)
    finally:
        await repository.close()


class TestOpen:
    @first_use
    def test_makes_the_database_ready_at_the_first_use(self, tmp_path: Path, runner: asyncio.Runner, use: Way) -> None:
        runner.run(using(AsyncErrorPatternRepository.open(f"sqlite:///{tmp_path}/new.db"), use))
        assert migrate.current(f"sqlite:///{tmp_path}/new.db") == migrate.head()

    def test_does_nothing_before_that(self, tmp_path: Path, runner: asyncio.Runner) -> None:
        repository = AsyncErrorPatternRepository.open(f"sqlite:///{tmp_path}/new.db")
        runner.run(repository.close())
        assert not list(tmp_path.iterdir())

    def test_is_awaited_for_the_repository_itself(self, file_url: str, runner: asyncio.Runner) -> None:
        async def check() -> None:
            opening = AsyncErrorPatternRepository.open(file_url)
            opened = await opening
            await opened.close()
            assert opened is opening

        runner.run(check())

    @pytest.mark.parametrize("new_url", ["sqlite:///{}/new.db", "sqlite://"])
    def test_migrates_once_for_first_calls_at_once(
        self, tmp_path: Path, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch, new_url: str
    ) -> None:
        upgraded: list[Engine | str] = []
        upgrade = migrate.upgrade

        def counted(database: Engine | str) -> None:
            upgraded.append(database)
            upgrade(database)

        monkeypatch.setattr(migrate, "upgrade", counted)

        async def check() -> None:
            repository = AsyncErrorPatternRepository.open(new_url.format(tmp_path))
            await asyncio.gather(*(repository.count() for _ in range(20)))
            await repository.close()

        runner.run(check())
        assert len(upgraded) == 1

    @first_use
    def test_can_refuse_a_schema_that_is_out_of_date(self, tmp_path: Path, runner: asyncio.Runner, use: Way) -> None:
        with pytest.raises(SchemaOutOfDateError):
            runner.run(using(AsyncErrorPatternRepository.open(f"sqlite:///{tmp_path}/new.db", migrate=False), use))

    @first_use
    @pytest.mark.parametrize("broken", ["sqlite:///{}", "postgresql://nobody@localhost/none?host={}"])
    def test_says_when_a_database_cannot_be_used(
        self, tmp_path: Path, runner: asyncio.Runner, broken: str, use: Way
    ) -> None:
        with pytest.raises(DatabaseUnavailableError):
            runner.run(using(AsyncErrorPatternRepository.open(broken.format(tmp_path)), use))
        gc.collect()  # which warns of what was not closed

    def test_is_tried_again_by_the_next_call(self, tmp_path: Path, runner: asyncio.Runner) -> None:
        async def check(repository: AsyncErrorPatternRepository) -> None:
            with pytest.raises(DatabaseUnavailableError):
                await repository.count()
            (tmp_path / "missing").mkdir()
            assert await repository.count() == 0

        runner.run(using(AsyncErrorPatternRepository.open(f"sqlite:///{tmp_path}/missing/new.db"), check))


class TestClose:
    def test_ends_all_calls(self, repository: AsyncErrorPatternRepository, runner: asyncio.Runner) -> None:
        runner.run(using(repository))
        with pytest.raises(RepositoryClosedError):
            runner.run(repository.count())


class TestTasks:
    def test_are_counted_exactly(self, repository: AsyncErrorPatternRepository, runner: asyncio.Runner) -> None:
        async def check() -> int:
            await asyncio.gather(*(repository.record_failure(FAILURE) for _ in range(100)))
            return (await repository.record_failure(FAILURE)).frequency

        assert runner.run(check()) == 101

    def test_take_turns_in_a_transaction(self, repository: AsyncErrorPatternRepository, runner: asyncio.Runner) -> None:
        async def check() -> int:
            async with repository.transaction() as together:
                await asyncio.gather(*(together.create(ErrorPattern(pattern=f"No {n}")) for n in range(20)))
            return await repository.count()

        assert runner.run(check()) == 20

    def test_are_refused_where_their_transaction_is_being_committed(
        self, repository: AsyncErrorPatternRepository, runner: asyncio.Runner
    ) -> None:
        async def check() -> ErrorPattern:
            async with repository.transaction() as together:
                late = asyncio.create_task(together.create(ErrorPattern(pattern="too late")))
            return await late

        with pytest.raises(RepositoryClosedError):
            runner.run(check())

    def test_that_are_cancelled_at_the_end_of_an_inner_transaction_leave_nothing_of_it(
        self, repository: AsyncErrorPatternRepository, runner: asyncio.Runner
    ) -> None:
        async def inside(outer: AsyncErrorPatternRepository, may_end: asyncio.Event) -> None:
            async with outer.transaction() as inner:
                await inner.create(ErrorPattern(pattern="to be undone"))
                await may_end.wait()

        async def check() -> list[ErrorPattern]:
            async with repository.transaction() as outer:
                may_end = asyncio.Event()
                ending = asyncio.create_task(inside(outer, may_end))
                while not await outer.count():
                    await asyncio.sleep(0)
                others = outer.create_many(ErrorPattern(pattern="p") for _ in range(500))
                keeps_it_waiting = asyncio.create_task(others)
                await asyncio.sleep(0)
                may_end.set()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                ending.cancel()
                await asyncio.gather(ending, keeps_it_waiting, return_exceptions=True)
            return [one for one in await repository.list_all() if one.pattern == "to be undone"]

        assert runner.run(check()) == []

    def test_go_on_while_a_call_waits_for_a_lock(self, place_url: str, runner: asyncio.Runner) -> None:
        async def check() -> None:
            async with AsyncErrorPatternRepository.open(place_url) as repository:
                with locked(place_url):
                    waiting = asyncio.create_task(repository.record_failure(FAILURE))
                    for _ in range(20):
                        await asyncio.sleep(0.01)
                    assert not waiting.done()
                assert (await waiting).frequency == 1

        runner.run(asyncio.wait_for(check(), 10))


class TestMemory:
    def test_can_be_opened_many_times_at_once(self, runner: asyncio.Runner) -> None:
        async def check() -> None:
            await asyncio.gather(*(using(AsyncErrorPatternRepository.open("sqlite://")) for _ in range(10)))

        runner.run(asyncio.wait_for(check(), 20))

    def test_is_shared_with_no_other_repository(self, runner: asyncio.Runner) -> None:
        async def check() -> int:
            open_ = AsyncErrorPatternRepository.open
            async with open_("sqlite://") as one, open_("sqlite://") as other:
                await one.record_failure(FAILURE)
                return await other.count()

        assert runner.run(check()) == 0


class TestSessionFactory:
    @pytest.mark.parametrize(
        "factory",
        [
            async_sessionmaker,
            lambda engine: async_sessionmaker(engine, expire_on_commit=False),
            lambda engine: async_sessionmaker(engine, autobegin=False),
            lambda engine: lambda: AsyncSession(engine),
        ],
        ids=["async_sessionmaker", "expire_on_commit=False", "autobegin=False", "function"],
    )
    def test_of_any_kind_will_do(
        self, place_url: str, runner: asyncio.Runner, factory: Callable[[AsyncEngine], Callable[[], AsyncSession]]
    ) -> None:
        async def check() -> str:
            engine = create_async_engine(asyncio_url(place_url))
            pattern = await AsyncErrorPatternRepository(factory(engine)).record_failure(FAILURE)
            await engine.dispose()
            return pattern.pattern

        assert runner.run(check()) == FAILURE


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


class TestDependencies:
    @pytest.mark.slow
    def test_are_not_loaded_with_the_package(self) -> None:
        code = "import sys, error_patterns; print({'greenlet', 'aiosqlite', 'sqlalchemy.ext.asyncio'} & {*sys.modules})"
        assert run(code) == "set()\n"

    @pytest.mark.slow
    def test_that_are_missing_are_named(self) -> None:
        code = (
            "import sys; sys.modules['greenlet'] = None; import error_patterns\n"
            "try: error_patterns.AsyncErrorPatternRepository\n"
            "except ImportError as error: print(error)"
        )
        assert "pip install 'error-patterns[asyncio]'" in run(code)

    @pytest.mark.slow
    def test_that_are_missing_are_not_asked_for_by_a_star_import(self) -> None:
        code = "import sys; sys.modules['greenlet'] = None; from error_patterns import *; print(ErrorPattern.__name__)"
        assert run(code) == "ErrorPattern\n"

    @pytest.mark.parametrize(
        ("driver", "url", "extra"),
        [("aiosqlite", "sqlite://", "asyncio"), ("psycopg", "postgresql://host/name", "postgres")],
    )
    def test_that_drive_the_database_are_named(
        self, monkeypatch: pytest.MonkeyPatch, driver: str, url: str, extra: str
    ) -> None:
        monkeypatch.setitem(sys.modules, driver, None)
        with pytest.raises(DatabaseUnavailableError, match=rf"pip install 'error-patterns\[{extra}\]'"):
            AsyncErrorPatternRepository.open(url)
