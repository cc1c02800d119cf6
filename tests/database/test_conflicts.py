"""Transactions of PostgreSQL in conflict: a call that was undone is repeated, and no call happens twice."""

import asyncio
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import pytest
from sqlalchemy import URL, Engine, create_engine, event, func, make_url, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker
from tenacity import wait_random_exponential

import servers
from blocking import blocking, opened
from children import open_and_close, open_and_close_async, started
from error_patterns import (
    AsyncErrorPatternRepository,
    DatabaseUnavailableError,
    ErrorPattern,
    ErrorPatternRepository,
    migrate,
)
from error_patterns.database.sessions import ATTEMPTS

OURS = "01HXYZ1234567890ABCDEFGHJ0"
THEIRS = "01HXYZ1234567890ABCDEFGHJ1"
CONFLICT = "given up after a conflict with another transaction"
UNDONE = "the transaction cannot go on"
BATCH = 1_000  # as many patterns as one INSERT takes


@pytest.fixture
def url(postgresql_url: str) -> str:
    """The URL of a migrated PostgreSQL database of the test's own."""
    return postgresql_url


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which of the two repositories the test runs on."""
    return str(request.param)


@pytest.fixture
def repository(kind: str, url: str, runner: asyncio.Runner) -> Generator[ErrorPatternRepository]:
    """A repository on that database."""
    with opened(kind, url, runner) as made:
        yield made


@dataclass(frozen=True)
class Joined:
    """A session of the caller's own, and a repository inside it."""

    session: Session
    repository: ErrorPatternRepository


@pytest.fixture
def joined(kind: str, url: str, runner: asyncio.Runner) -> Generator[Joined]:
    if kind == "sync":
        engine = create_engine(psycopg(url))
        with Session(engine) as session:
            yield Joined(session, ErrorPatternRepository.in_session(session))
        engine.dispose()
    else:
        async_engine = create_async_engine(psycopg(url))
        async_session = AsyncSession(async_engine)
        repository = blocking(AsyncErrorPatternRepository.in_session(async_session), ErrorPatternRepository, runner)
        with blocking(async_session, Session, runner) as session:
            yield Joined(session, repository)
        runner.run(async_engine.dispose())


def psycopg(url: str) -> URL:
    return make_url(url).set(drivername="postgresql+psycopg")


def pattern(pattern_id: str) -> ErrorPattern:
    return ErrorPattern(pattern_id=pattern_id, pattern="Port in use")


@contextmanager
def rival(url: str) -> Generator[Callable[[], None]]:
    """Somebody else, who has written THEIRS; call what it yields to let them want OURS as well.

    That returns when they wait for it. Once they get it, they give up everything.
    """
    # They wait so long before they look for a deadlock that the other side is the one to find it.
    patience = {"options": "-c deadlock_timeout=1h -c lock_timeout=30s"}
    engine = create_engine(psycopg(url), connect_args=patience)
    with Session(engine) as session, ThreadPoolExecutor(1) as thread:
        repository = ErrorPatternRepository.in_session(session)
        repository.create(pattern(THEIRS))
        pid = session.scalar(select(func.pg_backend_pid()))

        def get_ours() -> None:
            repository.create(pattern(OURS))
            session.rollback()

        def want_ours() -> None:
            thread.submit(get_ours)
            servers.wait_until(make_url(url), f"SELECT cardinality(pg_blocking_pids({pid})) > 0")

        yield want_ours
    engine.dispose()


class Interrupted(Collection[ErrorPattern]):
    """Patterns that can be read again; when they are read first, something happens after the first batch of them."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self.patterns = [pattern(OURS), *(ErrorPattern(pattern="Disk full") for _ in range(BATCH - 1)), pattern(THEIRS)]
        self.happens = happens
        self.times_read = 0

    def __len__(self) -> int:
        return len(self.patterns)

    def __contains__(self, item: object) -> bool:
        return item in self.patterns

    def __iter__(self) -> Iterator[ErrorPattern]:
        self.times_read += 1
        yield from self.patterns[:BATCH]
        if self.times_read == 1:
            self.happens()
        yield from self.patterns[BATCH:]


class TestDeadlock:
    def test_a_call_that_the_database_gave_up_is_repeated(self, repository: ErrorPatternRepository, url: str) -> None:
        with rival(url) as want_ours:
            patterns = Interrupted(want_ours)
            assert (repository.create_many(patterns), patterns.times_read) == (BATCH + 1, 2)

    def test_nothing_that_a_repeated_call_writes_is_doubled(self, repository: ErrorPatternRepository, url: str) -> None:
        with rival(url) as want_ours:
            patterns = Interrupted(want_ours)
            repository.create_many(patterns)
        assert {p.pattern_id for p in repository.list_all()} == {p.pattern_id for p in patterns.patterns}

    def test_in_a_transaction_it_is_reported_as_a_conflict(self, repository: ErrorPatternRepository, url: str) -> None:
        with rival(url) as want_ours, pytest.raises(DatabaseUnavailableError, match=CONFLICT):
            self.write_both(repository, want_ours)

    def test_in_the_session_of_a_caller_it_is_reported_as_a_conflict(self, joined: Joined, url: str) -> None:
        with rival(url) as want_ours:
            joined.repository.create(pattern(OURS))
            want_ours()
            with pytest.raises(DatabaseUnavailableError, match=CONFLICT):
                joined.repository.create(pattern(THEIRS))
            joined.session.rollback()

    def write_both(self, repository: ErrorPatternRepository, want_ours: Callable[[], None]) -> None:
        with repository.transaction() as together:
            together.create(pattern(OURS))
            want_ours()
            together.create(pattern(THEIRS))


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
class TestStrictIsolation:
    """Engines of the caller's on which a transaction fails that read what another one changed meanwhile."""

    def test_one_failure_of_many_threads_is_counted_exactly(self, url: str, level: str) -> None:
        engine = create_engine(psycopg(url), isolation_level=level)
        repository = ErrorPatternRepository(sessionmaker(engine))
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(repository.record_failure, ["Port in use"] * 80))
        assert [p.frequency for p in repository.list_all()] == [80]
        engine.dispose()

    def test_the_contexts_of_many_threads_are_all_kept(self, url: str, level: str) -> None:
        engine = create_engine(psycopg(url), isolation_level=level)
        repository = ErrorPatternRepository(sessionmaker(engine))
        contexts = [f"start server {n:02}" for n in range(20)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda context: repository.record_failure("Port in use", context=context), contexts))
        assert [sorted(p.historical_contexts) for p in repository.list_all()] == [contexts]
        engine.dispose()

    def test_one_failure_of_many_tasks_is_counted_exactly(self, url: str, level: str, runner: asyncio.Runner) -> None:
        engine = create_async_engine(psycopg(url), isolation_level=level)
        repository = AsyncErrorPatternRepository(async_sessionmaker(engine))

        async def record() -> list[int]:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(8):
                    tasks.create_task(record_some())
            frequencies = [p.frequency for p in await repository.list_all()]
            await engine.dispose()
            return frequencies

        async def record_some() -> None:
            for _ in range(10):
                await repository.record_failure("Port in use")

        assert runner.run(record()) == [80]


def refuse_writes(url: str, times: int) -> None:
    """From now on, as many writes of a pattern as that fail for a conflict. A sequence counts them for good."""
    servers.execute(
        make_url(url),
        "CREATE SEQUENCE attempts",
        f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('attempts') <= {times} THEN RAISE EXCEPTION 'refused' USING ERRCODE = 'serialization_failure';
            END IF;
            RETURN coalesce(NEW, OLD);
        END $$
        """,
        "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON error_patterns"
        " FOR EACH ROW EXECUTE FUNCTION refuse()",
    )


def attempts(url: str) -> int:
    counted = servers.value(make_url(url), "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM attempts")
    assert isinstance(counted, int)
    return counted


class ReadOnce(Iterable[ErrorPattern]):
    """What is no iterator, but gives its items only once, like a result of a database."""

    def __init__(self) -> None:
        self._patterns = (pattern(pattern_id) for pattern_id in (OURS, THEIRS))

    def __iter__(self) -> Iterator[ErrorPattern]:
        return self._patterns


def update_known(repository: ErrorPatternRepository) -> None:
    known = repository.list_all()[0]
    known.frequency += 1
    repository.update(known)


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are repeated at once: twenty attempts would take seconds, and wait for nobody here."""
    monkeypatch.setattr(wait_random_exponential, "__call__", lambda wait, retry_state: 0)


class TestConflict:
    @pytest.mark.parametrize(
        ("call", "frequencies"),
        [
            (lambda repository: repository.create(pattern(OURS)), [1, 1]),
            (lambda repository: repository.create_many([pattern(OURS), pattern(THEIRS)]), [1, 1, 1]),
            (update_known, [2]),
            (lambda repository: repository.delete(repository.list_all()[0].pattern_id), []),
            (lambda repository: repository.record_failure("Port in use"), [2]),
            (lambda repository: repository.record_failure("Disk full"), [1, 1]),
        ],
        ids=["create", "create_many", "update", "delete", "record_failure, known", "record_failure, new"],
    )
    def test_a_write_that_meets_one_happens_once(
        self,
        repository: ErrorPatternRepository,
        url: str,
        call: Callable[[ErrorPatternRepository], object],
        frequencies: list[int],
    ) -> None:
        repository.record_failure("Port in use")
        refuse_writes(url, times=2)
        call(repository)
        assert attempts(url) > 2
        assert [p.frequency for p in repository.list_all()] == frequencies

    @pytest.mark.usefixtures("no_waits")
    def test_without_end_is_reported_as_a_conflict_after_a_number_of_attempts(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        refuse_writes(url, times=1_000)
        with pytest.raises(DatabaseUnavailableError, match=CONFLICT):
            repository.record_failure("Port in use")
        assert attempts(url) == ATTEMPTS

    def test_of_patterns_that_can_be_read_only_once_is_reported_at_once(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        refuse_writes(url, times=1)
        with pytest.raises(DatabaseUnavailableError, match=CONFLICT):
            repository.create_many(pattern(pattern_id) for pattern_id in (OURS, THEIRS))
        assert (attempts(url), repository.count()) == (1, 0)

    def test_of_patterns_that_may_be_used_up_is_reported_at_once(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        refuse_writes(url, times=1)
        with pytest.raises(DatabaseUnavailableError, match=CONFLICT):
            repository.create_many(ReadOnce())
        assert (attempts(url), repository.count()) == (1, 0)

    def test_in_a_transaction_is_reported_at_once(self, repository: ErrorPatternRepository, url: str) -> None:
        refuse_writes(url, times=1)
        with (
            pytest.raises(DatabaseUnavailableError, match=CONFLICT),
            repository.transaction() as together,
        ):
            together.record_failure("Port in use")
        assert attempts(url) == 1

    def test_in_the_session_of_a_caller_is_reported_at_once(self, joined: Joined, url: str) -> None:
        refuse_writes(url, times=1)
        with pytest.raises(DatabaseUnavailableError, match=CONFLICT):
            joined.repository.record_failure("Port in use")
        assert attempts(url) == 1


class TestConcurrentUpdate:
    """In a transaction of several calls, PostgreSQL shows each statement what others committed before it."""

    @pytest.fixture
    def updated_meanwhile(self, url: str) -> Generator[None]:
        """Somebody changes the keywords of a pattern whenever one has counted those of a context."""
        busy = threading.Event()

        def change(connection: object, cursor: object, statement: str, *rest: object) -> None:
            if "count(*)" in statement and not busy.is_set():
                busy.set()  # so that the statements of the change itself change nothing
                with ErrorPatternRepository.open(url, migrate=False) as other:
                    stored = other.list_all()[0]
                    stored.keywords = ["socket"]
                    other.update(stored)

        event.listen(Engine, "after_cursor_execute", change)
        yield
        event.remove(Engine, "after_cursor_execute", change)

    def test_of_keywords_does_not_disturb_matching(
        self, repository: ErrorPatternRepository, request: pytest.FixtureRequest
    ) -> None:
        repository.create(ErrorPattern(pattern="Port in use", keywords=["bind"]))
        with repository.transaction() as together:
            request.getfixturevalue("updated_meanwhile")
            found = together.match_context("port in use: socket, bind")
        assert [p.keywords for p in found] == [["socket"]]


class TestLostConnection:
    """The server ends a connection in the middle of a transaction."""

    def lose_connection(self, together: ErrorPatternRepository, url: str) -> None:
        together.record_failure("Port in use")
        servers.execute(
            make_url(url),
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle in transaction'",
        )
        with pytest.raises(DatabaseUnavailableError, match="shut down or interrupted"):
            together.count()

    @pytest.mark.parametrize("call", [lambda lost: lost.count(), lambda lost: lost.record_failure("Port in use")])
    def test_is_reported_by_every_later_call(
        self, repository: ErrorPatternRepository, url: str, call: Callable[[ErrorPatternRepository], object]
    ) -> None:
        with suppress(DatabaseUnavailableError), repository.transaction() as together:
            self.lose_connection(together, url)
            with pytest.raises(DatabaseUnavailableError, match=UNDONE):
                call(together)

    def test_is_reported_at_the_end_of_the_transaction(self, repository: ErrorPatternRepository, url: str) -> None:
        with pytest.raises(DatabaseUnavailableError, match=UNDONE), repository.transaction() as together:
            self.lose_connection(together, url)


@pytest.fixture(scope="module")
def own_databases() -> Generator[servers.Databases]:
    """Databases on a server that nobody else uses."""
    with servers.running_somewhere() as server:
        made = servers.Databases(servers.url_of(server))
        yield made
        made.close()


@pytest.mark.postgres
@pytest.mark.slow
class TestUnknownOutcome:
    """A commit that is there, and whose connection breaks before the caller hears of it."""

    WAITING = "SELECT {} FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

    @pytest.fixture
    def url(self, own_databases: servers.Databases) -> Generator[str]:
        """A database on a server of its own, as the tests set up how this server commits."""
        made = own_databases.copy()
        yield made.render_as_string(hide_password=False)
        own_databases.drop(made)

    @contextmanager
    def broken_commits(self, url: str) -> Generator[None]:
        """Commits wait for a replica that is not there, until their connection is broken."""
        server = make_url(url)
        over = threading.Event()

        def break_connections() -> None:
            while not over.wait(0.05):
                servers.execute(server, self.WAITING.format("pg_terminate_backend(pid)"))

        servers.configure(server, synchronous_standby_names="nobody")
        servers.execute(server, "CHECKPOINT")  # the checkpointer is the one that puts this setting into force
        with ThreadPoolExecutor(1) as thread:
            breaking = thread.submit(break_connections)
            yield
            over.set()
            breaking.result()
        servers.configure(server, synchronous_standby_names="")
        servers.execute(server, "CHECKPOINT")

    def test_a_call_that_may_have_happened_is_not_repeated(self, repository: ErrorPatternRepository, url: str) -> None:
        with self.broken_commits(url), pytest.raises(DatabaseUnavailableError):
            repository.record_failure("Port in use")
        assert [p.frequency for p in repository.list_all()] == [1]


@contextmanager
def nobody_migrates(url: URL) -> Generator[None]:
    """Let everybody who makes the first table of a database wait until the end of this."""
    engine = create_engine(url.set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {migrate.VERSION_TABLE} ()")
        yield
        connection.rollback()
    engine.dispose()


@pytest.mark.slow
def test_many_processes_may_open_one_empty_database_at_once(databases: servers.Databases) -> None:
    empty = databases.empty()
    waiting = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with ExitStack() as stack:
        with nobody_migrates(empty):
            children = [
                stack.enter_context(started(opens, empty.render_as_string(hide_password=False)))
                for opens in [open_and_close, open_and_close_async] * 2
            ]
            servers.wait_until(empty, f"SELECT count(*) = {len(children)} {waiting}", seconds=120)
        ends = [child.end() for child in children]
    databases.drop(empty)
    assert ends == [0] * 4


class TestMergedMeanwhile:
    """While a merge is not committed yet, a failure of what it merges is recorded, and waits."""

    BLOCKED = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity"
        " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0)"
    )

    def recorded_meanwhile(
        self, url: str, happens: Callable[[ErrorPatternRepository], None]
    ) -> tuple[ErrorPattern, list[ErrorPattern]]:
        """The failure as it was recorded in the end, and the two patterns that there were."""
        with ErrorPatternRepository.open(url) as merging, ErrorPatternRepository.open(url) as recording:
            patterns = [recording.record_failure(failure) for failure in ("BrokerError: gone", "DiskError: full")]
            with ThreadPoolExecutor(1) as thread:
                with merging.transaction() as together:
                    together.merge(patterns[0].pattern_id, [patterns[1].pattern_id])
                    recorded = thread.submit(recording.record_failure, "DiskError: full")
                    servers.wait_until(make_url(url), self.BLOCKED)
                    happens(together)
                return recorded.result(), patterns

    def test_it_counts_for_the_pattern_that_lives_on(self, url: str) -> None:
        recorded, patterns = self.recorded_meanwhile(url, lambda together: None)
        assert (recorded.pattern_id, recorded.frequency) == (patterns[0].pattern_id, 3)

    def test_it_makes_a_new_pattern_if_that_one_is_deleted(self, url: str) -> None:
        def delete_all(together: ErrorPatternRepository) -> None:
            for stored in together.list_all():
                together.delete(stored.pattern_id)

        recorded, patterns = self.recorded_meanwhile(url, delete_all)
        assert recorded.pattern_id not in {stored.pattern_id for stored in patterns}
        assert recorded.frequency == 1
