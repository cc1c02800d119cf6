"""Session factories of every kind."""

import contextlib
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import sqlmodel
from sqlalchemy import Engine, QueuePool, create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from calls import (
    WRITES,
    Failing,
    Undo,
    WatchedSession,
    Write,
    a_pattern,
    each_failing,
    each_write,
    keywords_found,
    memory,
)
from error_patterns import (
    DatabaseRejectedError,
    ErrorPattern,
    ErrorPatternRepository,
    RepositoryClosedError,
)

Factory = Callable[[Engine], Callable[[], Session]]
FACTORIES: dict[str, Factory] = {
    "plain": sessionmaker,
    "sqlmodel": lambda engine: lambda: sqlmodel.Session(engine),
    "without autoflush": lambda engine: sessionmaker(engine, autoflush=False),
    "without expiry": lambda engine: sessionmaker(engine, expire_on_commit=False),
    "scoped": lambda engine: scoped_session(sessionmaker(engine)),
}
each_factory = pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)


def watched(engine: Engine, sessions: list[WatchedSession]) -> Callable[[], Session]:
    def factory() -> Session:
        sessions.append(WatchedSession(engine))
        return sessions[-1]

    return factory


@pytest.fixture
def engine(url: str) -> Generator[Engine]:
    """The caller's engine, with no settings of the package."""
    plain = create_engine(url)
    yield plain
    plain.dispose()


@pytest.fixture
def redis(repository: ErrorPatternRepository) -> ErrorPattern:
    """A stored pattern."""
    return repository.create(ErrorPattern(pattern="Redis is gone", keywords=["redis"]))


class TestSessionFactories:
    @each_factory
    @each_write
    def test_of_every_kind_will_do(
        self, repository: ErrorPatternRepository, engine: Engine, redis: ErrorPattern, factory: Factory, write: Write
    ) -> None:
        before = memory(repository)
        write(ErrorPatternRepository(factory(engine)), redis)
        assert memory(repository) != before

    @each_factory
    def test_give_patterns_that_stand_on_their_own(
        self, repository: ErrorPatternRepository, engine: Engine, redis: ErrorPattern, factory: Factory
    ) -> None:
        made = ErrorPatternRepository(factory(engine))
        (pattern,) = made.match_context("redis")
        with made.transaction() as together:
            pattern.keywords.append("kafka")
            together.update(pattern)
        pattern.keywords.append("broker")
        made.update(pattern)
        assert keywords_found(repository) == ["broker", "kafka", "redis"]

    @each_factory
    @each_failing
    def test_get_every_connection_back(
        self, engine: Engine, redis: ErrorPattern, factory: Factory, failing: Failing
    ) -> None:
        error, call = failing
        made = ErrorPatternRepository(factory(engine))
        made.record_failure("BrokerError: gone")
        with pytest.raises(error):
            call(made, redis)
        with contextlib.suppress(Undo), made.transaction() as together:
            together.count()
            raise Undo
        assert isinstance(engine.pool, QueuePool)
        assert engine.pool.checkedout() == 0

    def test_get_the_connection_back_from_a_database_that_refuses(self, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{tmp_path}/empty.db")
        with pytest.raises(DatabaseRejectedError):
            ErrorPatternRepository(sessionmaker(engine)).count()
        assert isinstance(engine.pool, QueuePool)
        assert engine.pool.checkedout() == 0
        engine.dispose()

    @each_write
    def test_have_one_session_a_call_committed_and_closed(
        self, engine: Engine, redis: ErrorPattern, write: Write
    ) -> None:
        sessions: list[WatchedSession] = []
        repository = ErrorPatternRepository(watched(engine, sessions))
        write(repository, redis)
        assert {tuple(session.asked) for session in sessions} == {("commit", "close")}

    @each_failing
    def test_have_each_session_closed_after_an_error(
        self, engine: Engine, redis: ErrorPattern, failing: Failing
    ) -> None:
        error, call = failing
        sessions: list[WatchedSession] = []
        repository = ErrorPatternRepository(watched(engine, sessions))
        with pytest.raises(error):
            call(repository, redis)
        assert [(session.asked[-1], "commit" in session.asked) for session in sessions] == [("close", False)]

    def test_keep_no_connection_for_a_transaction_that_is_over(self, engine: Engine) -> None:
        with ErrorPatternRepository(sessionmaker(engine)).transaction() as together:
            together.count()
        with pytest.raises(RepositoryClosedError):
            together.create(a_pattern("redis"))
        assert isinstance(engine.pool, QueuePool)
        assert engine.pool.checkedout() == 0

    def test_have_one_session_a_transaction(self, engine: Engine, redis: ErrorPattern) -> None:
        sessions: list[WatchedSession] = []
        with ErrorPatternRepository(watched(engine, sessions)).transaction() as together:
            for write in WRITES.values():
                write(together, redis)
        assert [session.asked for session in sessions] == [["commit", "close"]]
