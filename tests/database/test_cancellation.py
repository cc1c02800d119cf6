"""A task that is cancelled in the middle of a call: all of the call or none of it, and nothing stays open."""

import asyncio
import gc
import itertools
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiosqlite
import anyio
import pytest
from sqlalchemy import Connection, Pool, create_engine, event, make_url, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

import calls
import servers
from connections import asyncio_url, locked
from error_patterns import (
    AsyncErrorPatternRepository,
    DatabaseUnavailableError,
    ErrorPattern,
    ErrorPatternRepository,
)

Call = Callable[[AsyncErrorPatternRepository], Awaitable[object]]
Content = list[dict[str, object]]
T = TypeVar("T")

PORT = ErrorPattern(pattern="Port in use", keywords=["port", "kafka"])
DISK = ErrorPattern(pattern="Disk full", keywords=["disk"], frequency=7)
NEW_ID = "01HXYZ1234567890ABCDEFGH1J"
KNOWN = "ConnectionRefusedError: broker"
ALL_WORDS = "port disk broker kafka postgres redis"
NOT_COMPARED = ("pattern_id", "created_at", "last_seen")  # they differ when a call runs again
SLOW_ENDING = 0.003  # seconds, which are many steps of the event loop
ENDS = ("s", "_phrases", "_postings", "_fingerprints")
TABLES = [ErrorPattern.metadata.tables[f"error_pattern{end}"] for end in ENDS]


class Interruption(BaseException):
    """Like KeyboardInterrupt, which would end the tests."""


async def interrupted(repository: AsyncErrorPatternRepository) -> None:
    async with repository.transaction() as together:
        await together.create(ErrorPattern(pattern_id=NEW_ID, pattern="Must not stay"))
        raise Interruption


def engine_of(repository: AsyncErrorPatternRepository) -> AsyncEngine:
    """The engine that `open` made: what is in memory can be reached through no other."""
    assert repository._sessions._database is not None
    return repository._sessions._database.engine


async def two_writes_together(repository: AsyncErrorPatternRepository) -> None:
    async with repository.transaction() as together:
        await together.delete(PORT.pattern_id)
        await together.create(ErrorPattern(pattern="Broker down", keywords=["broker"]))


def about_port(call: calls.Call) -> Call:
    return lambda repository: call(repository, PORT)


READS = {name: about_port(call) for name, call in calls.READS.items()}
WRITES: dict[str, Call] = {name: about_port(call) for name, call in calls.SINGLE_WRITES.items()} | {
    "record_failure of a known one": lambda repository: repository.record_failure(KNOWN, keywords=["redis"]),
    "transaction": two_writes_together,
}
each_write = pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
each_read = pytest.mark.parametrize("call", READS.values(), ids=READS)
long_writes = pytest.mark.parametrize(
    "call", [WRITES["record_failure of a known one"], two_writes_together], ids=["record_failure", "transaction"]
)
each_moment = pytest.mark.parametrize("answered", [False, True], ids=["while it waits", "when it is answered"])


def this_task() -> "asyncio.Task[object]":
    task = asyncio.current_task()
    assert task is not None
    return task


R = TypeVar("R")


class Followed(Coroutine[object, object, R]):
    """A coroutine that tells of each of its suspensions, and what it waits for then."""

    def __init__(self, followed: Coroutine[object, object, R], tell: Callable[[object], None]) -> None:
        self._followed = followed
        self._tell = tell

    def send(self, value: object) -> object:
        awaited = self._followed.send(value)
        self._tell(awaited)
        return awaited

    def throw(self, error: BaseException) -> object:  # type: ignore[override]  # the other ways are of old, and unused
        awaited = self._followed.throw(error)
        self._tell(awaited)
        return awaited

    def close(self) -> None:
        self._followed.close()

    def __await__(self) -> Generator[object, None, R]:
        return self._followed.__await__()


class Cancelling:
    """Cancels a call exactly at the given ones of its suspensions, of which the first is 0.

    Those of the tasks that the call starts count as well. It is cancelled while it waits, or, if `answered`, when what
    it waits for is there, but it has not gone on yet.
    """

    def __init__(self, *moments: int, answered: bool = False) -> None:
        self._moments = moments
        self._answered = answered
        self.cancel: Callable[[], object] = lambda: None
        self.suspensions = 0

    def task(self, call: Coroutine[object, object, object]) -> "asyncio.Task[object]":
        loop = asyncio.get_running_loop()
        loop.set_task_factory(self._followed)
        made = loop.create_task(call)
        made.add_done_callback(lambda _: loop.set_task_factory(None))
        return made

    def _followed(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[object, object, R] | Generator[object, None, R],
        **options: Any,  # of a task
    ) -> "asyncio.Task[R]":
        assert isinstance(coroutine, Coroutine)
        return asyncio.Task(Followed(coroutine, self._suspended), loop=loop, **options)

    def _suspended(self, awaited: object) -> None:
        if self.suspensions in self._moments:
            if self._answered and isinstance(awaited, asyncio.Future):
                awaited.add_done_callback(lambda _: self.cancel())  # called before the task is woken
            else:
                self.cancel()
        self.suspensions += 1


async def by_its_task(cancelling: Cancelling, call: Awaitable[object]) -> None:
    cancelling.cancel = this_task().cancel
    await call


async def by_a_scope_of_anyio(cancelling: Cancelling, call: Awaitable[object]) -> None:
    with anyio.CancelScope() as scope:  # it cancels each `await` again until the scope is left
        cancelling.cancel = scope.cancel
        await call


Way = Callable[[Cancelling, Awaitable[object]], Coroutine[object, object, None]]
each_way = pytest.mark.parametrize(
    ("way", "twice"),
    [(by_its_task, False), (by_its_task, True), (by_a_scope_of_anyio, False)],
    ids=["once", "twice", "by a scope of anyio"],
)


async def at_each_suspension(
    call: Callable[[], Awaitable[object]], *, twice: bool = False, answered: bool = False, way: Way = by_its_task
) -> AsyncIterator[bool]:
    """Begin the call again and again, cancelled each time one suspension later; whether it ended as cancelled.

    If `twice`, it is cancelled a second time 1, 2, 4, 8 … suspensions later, so while it cleans up. The last one is not
    cancelled.
    """
    cancelling = None
    for first in itertools.count():
        if cancelling is not None and cancelling.suspensions < first:
            return
        for second in (first + 2**n for n in itertools.count()) if twice else [first]:
            cancelling = Cancelling(first, second, answered=answered)
            cancelled = False
            try:
                await cancelling.task(way(cancelling, call()))
            except asyncio.CancelledError:
                cancelled = True
            # What it left to other tasks, as SQLAlchemy does when it closes a session.
            await asyncio.gather(*asyncio.all_tasks() - {this_task()}, return_exceptions=True)
            yield cancelled
            if cancelling.suspensions <= second:
                break


class Reach(Protocol):
    """Runs something in a transaction of a connection that waits for nobody."""

    async def __call__(self, work: Callable[[Connection], T]) -> T: ...


def stored_rows(connection: Connection) -> list[list[dict[str, object]]]:
    """Read all rows of all tables, while nobody else has a transaction that wrote."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE error_patterns IN SHARE ROW EXCLUSIVE MODE")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    return [[dict(row) for row in connection.execute(select(table)).mappings()] for table in TABLES]


class Watched:
    """A repository with three patterns, and a way to its database beside it."""

    def __init__(self, repository: AsyncErrorPatternRepository, reach: Reach) -> None:
        self.repository = repository
        self._reach = reach
        self._rows: list[list[dict[str, object]]] = []

    async def fill(self) -> Content:
        """Write what each call starts from."""
        if not self._rows:
            await self.repository.create_many([PORT, DISK])
            await self.repository.record_failure(KNOWN)
            self._rows = await self._reach(stored_rows)
        await self._reach(self._write_back)
        return await self.content()

    async def content(self) -> Content:
        """Read all that is stored, the index included, without what differs when a call runs again."""
        patterns, phrases, *others = await self._reach(stored_rows)
        names: dict[object, object] = {row["pattern_id"]: row["pattern"] for row in patterns}
        names |= {row["number"]: names.get(row["pattern_id"], "nobody") for row in phrases}
        of_patterns = [{name: row[name] for name in row if name not in NOT_COMPARED} for row in patterns]
        derived = [
            row | {name: names.get(row[name], "nobody") for name in row.keys() & {"pattern_id", "number"}}
            for rows in (phrases, *others)
            for row in rows
        ]
        return sorted([*of_patterns, *derived], key=str)

    async def patterns(self) -> set[object]:
        """Read the texts of the patterns."""
        return {row["pattern"] for row in await self.content() if "pattern" in row}

    def _write_back(self, connection: Connection) -> None:
        for table in reversed(TABLES):
            connection.execute(table.delete())
        for table, rows in zip(TABLES, self._rows, strict=True):
            if rows:
                connection.execute(table.insert(), rows)

    async def done_or_undone(
        self, call: Call, *, twice: bool = False, answered: bool = False, way: Way = by_its_task
    ) -> None:
        """Assert that each time the call is cancelled, the database holds all of it or nothing."""
        before = await self.fill()
        await call(self.repository)
        after = await self.content()
        await self.fill()
        async for _ in at_each_suspension(lambda: call(self.repository), twice=twice, answered=answered, way=way):
            content = await self.content()
            assert content in (before, after)
            if content != before:
                await self.fill()


IMPATIENT = {"file": {"timeout": "1"}, "postgresql": {"options": "-c lock_timeout=1s"}}


@contextmanager
def reach_by_url(url: str, place: str) -> Generator[Reach]:
    """Reach a database by a connection of our own, which needs no asyncio: that is quicker."""
    driver = "sqlite" if place == "file" else "postgresql+psycopg"
    engine = create_engine(make_url(url).set(drivername=driver).update_query_dict(IMPATIENT[place]))

    async def reach(work: Callable[[Connection], T]) -> T:
        with engine.begin() as connection:
            return work(connection)

    yield reach
    engine.dispose()


def reach_in_memory(repository: AsyncErrorPatternRepository) -> Reach:
    """Reach a database by the one connection that there is to it."""

    async def reach(work: Callable[[Connection], T]) -> T:
        if work is stored_rows:  # the first look after a cancellation, which may not undo the next transaction
            async with repository.transaction() as together:
                await together.match_context(ALL_WORDS, limit=None)
        async with engine_of(repository).begin() as connection:
            return await connection.run_sync(work)

    return reach


@pytest.fixture(params=["file", "memory", "postgresql"])
def watched(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Generator[Watched]:
    with ExitStack() as stack:
        if request.param == "memory":
            repository = AsyncErrorPatternRepository.open("sqlite://")
            reach = reach_in_memory(repository)
        else:
            url = request.getfixturevalue(f"{request.param}_url")
            repository = AsyncErrorPatternRepository.open(url)
            reach = stack.enter_context(reach_by_url(url, request.param))
        runner.run(repository.count())  # so that a connection is there, and its making adds no suspensions
        yield Watched(repository, reach)
        runner.run(repository.close())


@pytest.fixture(params=["file", "postgresql"])
def on_a_plain_engine(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Generator[Watched]:
    """The same on an engine of the caller's, which has none of our settings."""
    url = request.getfixturevalue(f"{request.param}_url")
    engine = create_async_engine(asyncio_url(url))
    repository = AsyncErrorPatternRepository(async_sessionmaker(engine))
    runner.run(repository.count())
    with reach_by_url(url, request.param) as reach:
        yield Watched(repository, reach)
    runner.run(engine.dispose())


@pytest.fixture(params=["file", "postgresql"])
def place_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database that other connections can reach."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def slow_endings() -> Generator[None]:
    """SQLite takes its time to end a transaction, as on a slow disk."""

    def slow_down(connection: object, record: ConnectionPoolEntry) -> None:
        driver = record.driver_connection
        if isinstance(driver, aiosqlite.Connection):
            assert driver._connection is not None  # the connection of sqlite3: aiosqlite's method has to be awaited
            driver._connection.set_trace_callback(
                lambda sql: time.sleep(SLOW_ENDING) if sql.startswith(("COMMIT", "ROLLBACK")) else None
            )

    event.listen(Pool, "connect", slow_down)
    yield
    event.remove(Pool, "connect", slow_down)


class TestCall:
    @each_read
    def test_that_reads_leaves_all_as_it_is(self, watched: Watched, runner: asyncio.Runner, call: Call) -> None:
        runner.run(watched.done_or_undone(call))

    @each_write
    @each_moment
    def test_is_done_or_undone(self, watched: Watched, runner: asyncio.Runner, call: Call, answered: bool) -> None:
        runner.run(watched.done_or_undone(call, answered=answered))

    @long_writes
    def test_that_a_scope_of_anyio_cancels_is_done_or_undone(
        self, watched: Watched, runner: asyncio.Runner, call: Call
    ) -> None:
        runner.run(watched.done_or_undone(call, way=by_a_scope_of_anyio))

    @pytest.mark.slow
    @long_writes
    def test_that_is_cancelled_twice_is_done_or_undone(
        self, watched: Watched, runner: asyncio.Runner, call: Call
    ) -> None:
        runner.run(watched.done_or_undone(call, twice=True))

    @pytest.mark.slow
    @each_moment
    @pytest.mark.usefixtures("slow_endings")
    def test_is_over_when_its_task_is(self, file_url: str, runner: asyncio.Runner, answered: bool) -> None:
        async def check() -> None:
            async with AsyncErrorPatternRepository.open(file_url) as repository:
                await repository.count()
                with ErrorPatternRepository.open(file_url) as other:
                    async for _ in at_each_suspension(lambda: repository.record_failure(KNOWN), answered=answered):
                        seen = other.list_all()
                        await asyncio.sleep(3 * SLOW_ENDING)
                        assert other.list_all() == seen

        runner.run(check())

    @pytest.mark.slow
    @each_way
    @pytest.mark.usefixtures("slow_endings")
    def test_does_not_reach_into_the_next_transaction(self, runner: asyncio.Runner, way: Way, twice: bool) -> None:
        async def check() -> None:
            async with AsyncErrorPatternRepository.open("sqlite://") as repository:
                async for _ in at_each_suspension(lambda: repository.record_failure(KNOWN), way=way, twice=twice):
                    with pytest.raises(Interruption):
                        await interrupted(repository)
                    assert await repository.get(NEW_ID) is None

        runner.run(check())

    @long_writes
    def test_tells_its_task(self, watched: Watched, runner: asyncio.Runner, call: Call) -> None:
        async def endings() -> list[bool]:
            await watched.fill()
            return [cancelled async for cancelled in at_each_suspension(lambda: call(watched.repository))]

        *cancelled, _completed = runner.run(endings())
        assert set(cancelled) == {True}


class TestEngineOfTheCaller:
    @each_moment
    @long_writes
    def test_is_done_or_undone(
        self, on_a_plain_engine: Watched, runner: asyncio.Runner, call: Call, answered: bool
    ) -> None:
        runner.run(on_a_plain_engine.done_or_undone(call, answered=answered))


class TestTransaction:
    @each_moment
    def test_goes_on_after_a_call_in_it_or_says_that_it_is_undone(
        self, watched: Watched, runner: asyncio.Runner, answered: bool
    ) -> None:
        done = 0

        async def with_a_cancelled_call(first: int) -> bool:
            """Whether the call had as many suspensions."""
            async with watched.repository.transaction() as together:
                await together.delete(PORT.pattern_id)
                cancelling = Cancelling(first, answered=answered)
                call = cancelling.task(by_its_task(cancelling, together.record_failure("TimeoutError: redis")))
                await asyncio.wait([call])
                await together.delete(DISK.pattern_id)
            return cancelling.suspensions > first

        async def check() -> None:
            nonlocal done
            for first in itertools.count():
                before = await watched.fill()
                try:
                    has_more = await with_a_cancelled_call(first)
                except DatabaseUnavailableError:
                    assert await watched.content() == before
                else:
                    done += 1
                    assert not {PORT.pattern, DISK.pattern} & await watched.patterns()
                    if not has_more:
                        return

        runner.run(check())
        assert done > 1


class TestSessionOfTheCaller:
    @pytest.mark.slow
    @each_moment
    @pytest.mark.usefixtures("slow_endings")
    def test_is_done_or_undone(self, watched: Watched, runner: asyncio.Runner, answered: bool) -> None:
        async def in_a_session(repository: AsyncErrorPatternRepository) -> None:
            async with AsyncSession(engine_of(repository)) as session, session.begin():
                inside = AsyncErrorPatternRepository.in_session(session)
                await inside.record_failure("TimeoutError: redis")
                await inside.delete(PORT.pattern_id)

        runner.run(watched.done_or_undone(in_a_session, answered=answered))

    @each_moment
    def test_holds_nothing_after_a_rollback(self, watched: Watched, runner: asyncio.Runner, answered: bool) -> None:
        async def in_a_session() -> None:
            async with AsyncSession(engine_of(watched.repository)) as session:
                try:
                    await AsyncErrorPatternRepository.in_session(session).record_failure("TimeoutError: redis")
                finally:
                    await session.rollback()

        async def check() -> None:
            before = await watched.fill()
            async for _ in at_each_suspension(in_a_session, answered=answered):
                assert await watched.content() == before

        runner.run(check())

    @each_moment
    def test_keeps_what_it_does_after_entering_a_transaction_or_says_that_it_is_undone(
        self, watched: Watched, runner: asyncio.Runner, answered: bool
    ) -> None:
        async def check() -> None:
            before = await watched.fill()
            async with AsyncSession(engine_of(watched.repository)) as session:
                inside = AsyncErrorPatternRepository.in_session(session)

                async def enter() -> None:
                    async with inside.transaction():
                        pass

                async for _ in at_each_suspension(enter, answered=answered):
                    with suppress(DatabaseUnavailableError):
                        await inside.delete(PORT.pattern_id)
                        await session.commit()
                        assert PORT.pattern not in await watched.patterns()
                        await watched.fill()
                    await session.rollback()
                    assert await watched.content() == before

        runner.run(check())

    def test_can_be_used_without_asyncio_afterwards(self, watched: Watched, runner: asyncio.Runner) -> None:
        def record(session: Session) -> None:
            ErrorPatternRepository.in_session(session).record_failure("TimeoutError: redis")

        async def check() -> None:
            async with AsyncSession(engine_of(watched.repository)) as session:
                inside = AsyncErrorPatternRepository.in_session(session)
                async for _ in at_each_suspension(lambda: inside.record_failure(KNOWN)):
                    await session.rollback()
                    await session.run_sync(record)
                    await session.rollback()

        runner.run(check())

    def test_waits_for_a_connection_no_longer_than_its_task_however_often_it_had_one(
        self, runner: asyncio.Runner
    ) -> None:
        async def check() -> None:
            repository = AsyncErrorPatternRepository.open("sqlite://")
            async with repository, AsyncSession(engine_of(repository)) as session:
                inside = AsyncErrorPatternRepository.in_session(session)
                await inside.count()
                await session.rollback()
                async with repository.transaction():
                    started = time.monotonic()
                    with pytest.raises(TimeoutError):
                        async with asyncio.timeout(0.1):
                            await inside.count()
                    assert time.monotonic() - started < 5

        runner.run(check())


class TestSqliteSessionOfTheCaller:
    """Cancellation in the middle of a statement, which a thread executes to its end."""

    @pytest.fixture
    def session(self, file_url: str, runner: asyncio.Runner) -> Generator[AsyncSession]:
        engine = create_async_engine(asyncio_url(file_url))
        session = AsyncSession(engine, expire_on_commit=False)
        yield session
        runner.run(session.close())
        runner.run(engine.dispose())

    async def cancelled(self, session: AsyncSession, call: Coroutine[object, object, object]) -> None:
        """Cancel the call when it inserts a pattern."""
        task = asyncio.ensure_future(call)

        @event.listens_for(session.get_bind().engine, "before_cursor_execute")
        def cancel(connection: object, cursor: object, statement: str, *_: object) -> None:
            if statement.startswith("INSERT INTO error_patterns "):
                task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

    def test_keeps_what_went_before_a_call_that_fails_while_it_is_cancelled(
        self, session: AsyncSession, runner: asyncio.Runner
    ) -> None:
        async def check() -> int:
            joined = AsyncErrorPatternRepository.in_session(session)
            first = await joined.create(ErrorPattern(pattern="first"))
            await self.cancelled(session, joined.create_many([ErrorPattern(pattern_id=first.pattern_id, pattern="p")]))
            await session.commit()
            return await joined.count()

        assert runner.run(check()) == 1

    def test_keeps_what_the_caller_has_pending_while_a_call_is_cancelled(
        self, session: AsyncSession, runner: asyncio.Runner
    ) -> None:
        async def check() -> int:
            joined = AsyncErrorPatternRepository.in_session(session)
            session.add(ErrorPattern(pattern="the caller's own"))
            await self.cancelled(session, joined.count())
            await session.commit()
            return await joined.count()

        assert runner.run(check()) == 1


class TestCreateMany:
    def test_without_end_ends_with_its_task(self, watched: Watched, runner: asyncio.Runner) -> None:
        async def check() -> None:
            endless = (ErrorPattern(pattern="p") for _ in itertools.count())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await watched.repository.create_many(endless)
            assert await watched.repository.count() == 0

        runner.run(check())


class TestWaiting:
    def test_for_a_lock_ends_at_a_timeout(self, place_url: str, runner: asyncio.Runner) -> None:
        async def check() -> None:
            async with AsyncErrorPatternRepository.open(place_url) as repository:
                with locked(place_url):
                    started = time.monotonic()
                    with pytest.raises(TimeoutError):
                        async with asyncio.timeout(0.1):
                            await repository.record_failure(KNOWN)
                    waited = time.monotonic() - started
                assert waited < 5
                await repository.record_failure(KNOWN)

        runner.run(check())

    @each_moment
    def test_for_a_connection_can_be_cancelled(self, runner: asyncio.Runner, answered: bool) -> None:
        async def check() -> None:
            async with AsyncErrorPatternRepository.open("sqlite://") as repository:
                async with repository.transaction() as together:
                    await together.create(PORT.model_copy())
                    cancelling = Cancelling(0, answered=answered)
                    waiting = cancelling.task(by_its_task(cancelling, repository.count()))
                    await asyncio.sleep(0)
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                assert await repository.count() == 1

        runner.run(check())


@contextmanager
def connections_are_kept_for(seconds: float) -> Generator[None]:
    """Other threads than this one keep each connection for a while."""
    this = threading.get_ident()

    def keep(connection: object, record: object, proxy: object) -> None:
        if threading.get_ident() != this:
            time.sleep(seconds)

    event.listen(Pool, "checkout", keep)
    yield
    event.remove(Pool, "checkout", keep)


class TestOpening:
    @pytest.fixture(params=["file", "memory", "postgresql"])
    def new_url(self, request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
        """The URL of a database without any table."""
        if request.param != "postgresql":
            yield f"sqlite:///{tmp_path}/new.db" if request.param == "file" else "sqlite://"
            return
        databases: servers.Databases = request.getfixturevalue("databases")
        made = databases.empty()
        yield made.render_as_string(hide_password=False)
        databases.drop(made)

    @each_moment
    def test_that_was_cancelled_can_be_done_again(self, new_url: str, runner: asyncio.Runner, answered: bool) -> None:
        async def check() -> None:
            repository = AsyncErrorPatternRepository.open(new_url)
            async for _ in at_each_suspension(repository.__aenter__, answered=answered):
                await repository.record_failure(KNOWN)
            assert (await repository.record_failure(KNOWN)).frequency > 1
            await repository.close()

        runner.run(check())

    @each_moment
    def test_that_was_cancelled_leaves_no_connection(
        self, place_url: str, runner: asyncio.Runner, answered: bool
    ) -> None:
        opened: list[AsyncErrorPatternRepository] = []

        async def first_call() -> None:
            opened.append(AsyncErrorPatternRepository.open(place_url))
            await opened[-1].count()

        async def check() -> None:
            async for _ in at_each_suspension(first_call, answered=answered):
                await opened[-1].close()

        runner.run(check())
        gc.collect()  # which warns of what was not closed

    def test_goes_on_in_memory_when_its_task_is_cancelled(self, runner: asyncio.Runner) -> None:
        async def check() -> None:
            repository = AsyncErrorPatternRepository.open("sqlite://")
            with connections_are_kept_for(0.1):
                opening = asyncio.create_task(repository.__aenter__())
                await asyncio.sleep(0.05)
                opening.cancel()
                assert await repository.count() == 0
            await repository.close()

        runner.run(asyncio.wait_for(check(), 15))  # a wait for the only connection would take 30 seconds


class TestClosing:
    def test_that_was_cancelled_leaves_no_connection(self, place_url: str, runner: asyncio.Runner) -> None:
        opened: list[AsyncErrorPatternRepository] = []

        async def next_one() -> None:
            opened.append(AsyncErrorPatternRepository.open(place_url))
            await asyncio.gather(opened[-1].count(), opened[-1].count())  # on a connection each

        async def check() -> None:
            await next_one()
            async for _ in at_each_suspension(lambda: opened[-1].close()):  # noqa: PLW0108 - the last one changes
                await next_one()
            await opened[-1].close()

        runner.run(check())
        gc.collect()  # which warns of what was not closed


class TestInterruption:
    def test_undoes_a_transaction(self, watched: Watched, runner: asyncio.Runner) -> None:
        async def check() -> None:
            before = await watched.fill()
            with pytest.raises(Interruption):
                await interrupted(watched.repository)
            assert await watched.content() == before

        runner.run(check())
