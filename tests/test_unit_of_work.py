"""Several calls as one: `transaction()`, a session of the caller's, and session factories of every kind."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
import sqlmodel
from sqlalchemy import Engine, QueuePool, create_engine, text
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, registry, scoped_session, sessionmaker
from sqlmodel import Field, SQLModel

from error_patterns import (
    DatabaseRejectedError,
    DatabaseUnavailableError,
    ErrorPattern,
    ErrorPatternRepository,
    PatternAlreadyExistsError,
    PatternNotFoundError,
    RepositoryClosedError,
)

WORDS = ["broker", "kafka", "postgres", "redis"]


class CallersTable(SQLModel, registry=registry()):
    """Tables of the caller's, with metadata of their own."""


class Order(CallersTable, table=True):
    """A table of the caller's."""

    __tablename__ = "orders"

    number: int = Field(primary_key=True)
    customer: str = Field(unique=True)


class Undo(Exception):  # noqa: N818 - it is no error: it ends a transaction
    """Raised by the tests to undo a transaction."""


class WatchedSession(Session):
    """A session that tells what was asked of it."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.asked: list[str] = []

    def commit(self) -> None:
        self.asked.append("commit")
        super().commit()

    def rollback(self) -> None:
        self.asked.append("rollback")
        super().rollback()

    def close(self) -> None:
        self.asked.append("close")
        super().close()


@pytest.fixture
def engine(url: str) -> Generator[Engine]:
    """The caller's engine, with no settings of the package."""
    plain = create_engine(url)
    Order.metadata.create_all(plain)
    yield plain
    plain.dispose()


@pytest.fixture
def session(engine: Engine) -> Generator[WatchedSession]:
    """The caller's session."""
    with WatchedSession(engine) as opened:
        yield opened


@pytest.fixture
def joined(session: WatchedSession) -> ErrorPatternRepository:
    """A repository inside the caller's session."""
    return ErrorPatternRepository.in_session(session)


@pytest.fixture
def redis(repository: ErrorPatternRepository) -> ErrorPattern:
    """A stored pattern."""
    return repository.create(ErrorPattern(pattern="Redis is gone", keywords=["redis"]))


def keywords_found(repository: ErrorPatternRepository) -> list[str]:
    return [word for word in WORDS if repository.match_context(word)]


def memory(repository: ErrorPatternRepository) -> object:
    """All patterns and, through their scores, all of the keyword index."""
    found = [[match.model_dump() for match in repository.rank_context(word)] for word in WORDS]
    return [pattern.model_dump() for pattern in repository.list_all()], found


def a_pattern(keyword: str) -> ErrorPattern:
    return ErrorPattern(pattern="p", keywords=[keyword])


def broken() -> Iterator[ErrorPattern]:
    yield from (a_pattern("kafka") for _ in range(1_500))
    raise OSError


def edited(repository: ErrorPatternRepository, pattern: ErrorPattern) -> ErrorPattern:
    pattern = repository.get(pattern.pattern_id) or pattern
    pattern.keywords = ["postgres"]
    return repository.update(pattern)


Write = Callable[[ErrorPatternRepository, ErrorPattern], object]
WRITES: dict[str, Write] = {
    "create": lambda repository, _: repository.create(a_pattern("kafka")),
    "create_many": lambda repository, _: repository.create_many([a_pattern("kafka"), a_pattern("kafka")]),
    "update": edited,
    "update of another object": lambda repository, pattern: repository.update(
        ErrorPattern(pattern_id=pattern.pattern_id, pattern="p", keywords=["postgres"])
    ),
    "delete": lambda repository, pattern: repository.delete(pattern.pattern_id),
    "record_failure": lambda repository, _: repository.record_failure("BrokerError: gone"),
    "record_failure again": lambda repository, _: [repository.record_failure("BrokerError: gone") for _ in range(2)],
}
Failing = tuple[type[Exception], Write]
FAILING: dict[str, Failing] = {
    "create": (PatternAlreadyExistsError, lambda repository, pattern: repository.create(pattern)),
    "create_many": (OSError, lambda repository, _: repository.create_many(broken())),
    "update": (PatternNotFoundError, lambda repository, _: repository.update(ErrorPattern(pattern="p"))),
    "record_failure": (ValueError, lambda repository, _: repository.record_failure("")),
    "list_all": (ValueError, lambda repository, _: repository.list_all(limit=-1)),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
each_failing = pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)


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


class TestTransaction:
    @each_write
    def test_keeps_every_call_at_its_end(
        self, repository: ErrorPatternRepository, redis: ErrorPattern, write: Write
    ) -> None:
        before = memory(repository)
        with repository.transaction() as together:
            write(together, redis)
            together.create(a_pattern("kafka"))
            inside = memory(together)
        assert memory(repository) == inside != before

    @each_write
    def test_keeps_no_call_after_an_error(
        self, repository: ErrorPatternRepository, redis: ErrorPattern, write: Write
    ) -> None:
        before = memory(repository)
        with contextlib.suppress(Undo), repository.transaction() as together:
            write(together, redis)
            raise Undo
        assert memory(repository) == before

    def test_lets_the_error_through(self, repository: ErrorPatternRepository) -> None:
        with pytest.raises(Undo), repository.transaction():
            raise Undo

    def test_shows_nothing_to_others_before_its_end(self, repository: ErrorPatternRepository) -> None:
        with repository.transaction() as together:
            together.create(a_pattern("kafka"))
            assert repository.count() == 0

    @each_failing
    def test_goes_on_after_a_call_that_failed(
        self, repository: ErrorPatternRepository, redis: ErrorPattern, failing: Failing
    ) -> None:
        error, call = failing
        with repository.transaction() as together:
            together.create(a_pattern("kafka"))
            with pytest.raises(error):
                call(together, redis)
            together.create(a_pattern("postgres"))
        assert keywords_found(repository) == ["kafka", "postgres", "redis"]

    def test_inside_another_undoes_itself_alone(self, repository: ErrorPatternRepository) -> None:
        with repository.transaction() as outer:
            outer.create(a_pattern("kafka"))
            with contextlib.suppress(Undo), outer.transaction() as inner:
                inner.create(a_pattern("redis"))
                raise Undo
            outer.create(a_pattern("postgres"))
        assert keywords_found(repository) == ["kafka", "postgres"]

    def test_inside_another_is_undone_with_it(self, repository: ErrorPatternRepository) -> None:
        with contextlib.suppress(Undo), repository.transaction() as outer:
            with outer.transaction() as inner:
                inner.create(a_pattern("redis"))
            raise Undo
        assert repository.count() == 0

    def test_gives_detached_patterns(self, repository: ErrorPatternRepository) -> None:
        with repository.transaction() as together:
            patterns = [together.create(a_pattern("redis")), *together.list_all(), *together.match_context("redis")]
            assert [sa_inspect(pattern).session for pattern in patterns] == [None, None, None]

    def test_does_not_write_an_edit_without_an_update(self, repository: ErrorPatternRepository) -> None:
        with repository.transaction() as together:
            together.create(a_pattern("redis")).keywords.append("kafka")
            together.record_failure("BrokerError: gone", keywords=["broker"]).keywords.append("postgres")
        assert keywords_found(repository) == ["broker", "redis"]

    def test_that_was_undone_can_be_tried_again_with_the_same_object(
        self, repository: ErrorPatternRepository, redis: ErrorPattern
    ) -> None:
        redis.keywords.append("kafka")
        with contextlib.suppress(Undo), repository.transaction() as together:
            together.update(redis)
            raise Undo
        repository.update(redis)
        assert keywords_found(repository) == ["kafka", "redis"]

    def test_that_was_undone_after_a_call_that_failed_can_be_tried_again(
        self, repository: ErrorPatternRepository, redis: ErrorPattern
    ) -> None:
        redis.keywords.append("kafka")
        with contextlib.suppress(Undo), repository.transaction() as together:
            together.update(redis)
            with pytest.raises(PatternNotFoundError):
                together.update(ErrorPattern(pattern="p"))
            raise Undo
        repository.update(redis)
        assert keywords_found(repository) == ["kafka", "redis"]

    def test_that_was_undone_with_two_updates_can_be_tried_again(
        self, repository: ErrorPatternRepository, redis: ErrorPattern
    ) -> None:
        with contextlib.suppress(Undo), repository.transaction() as together:
            redis.keywords.append("kafka")
            redis.frequency = 2
            together.update(redis)
            redis.keywords.append("postgres")
            redis.pattern = "new"
            together.update(redis)
            raise Undo
        repository.update(redis)
        written = (keywords_found(repository), redis.frequency, redis.pattern)
        assert written == (["kafka", "postgres", "redis"], 2, "new")

    def test_that_was_undone_still_joins_what_others_wrote(
        self, repository: ErrorPatternRepository, redis: ErrorPattern
    ) -> None:
        theirs = repository.list_all()[0]
        redis.keywords.append("kafka")
        redis.frequency += 1
        with contextlib.suppress(Undo), repository.transaction() as together:
            together.update(redis)
            raise Undo
        theirs.keywords.append("postgres")
        theirs.frequency += 10
        repository.update(theirs)
        repository.update(redis)
        assert (keywords_found(repository), redis.frequency) == (["kafka", "postgres", "redis"], 12)

    def test_that_was_undone_lets_its_patterns_be_created(self, repository: ErrorPatternRepository) -> None:
        pattern = a_pattern("redis")
        with contextlib.suppress(Undo), repository.transaction() as together:
            together.create(pattern)
            raise Undo
        repository.create(pattern)
        assert keywords_found(repository) == ["redis"]


class TestInSession:
    @each_write
    def test_is_kept_by_the_callers_commit(
        self,
        repository: ErrorPatternRepository,
        joined: ErrorPatternRepository,
        session: Session,
        redis: ErrorPattern,
        write: Write,
    ) -> None:
        before = memory(repository)
        session.add(Order(number=1, customer="Ada"))
        write(joined, redis)
        inside = memory(joined)
        session.commit()
        assert memory(repository) == inside != before
        assert session.get(Order, 1) is not None

    @each_write
    def test_is_undone_by_the_callers_rollback(
        self,
        repository: ErrorPatternRepository,
        joined: ErrorPatternRepository,
        session: Session,
        redis: ErrorPattern,
        write: Write,
    ) -> None:
        before = memory(repository)
        session.add(Order(number=1, customer="Ada"))
        write(joined, redis)
        session.rollback()
        assert memory(repository) == before == memory(joined)
        assert session.get(Order, 1) is None

    @each_write
    def test_is_undone_where_the_caller_read_first(
        self,
        repository: ErrorPatternRepository,
        joined: ErrorPatternRepository,
        session: Session,
        redis: ErrorPattern,
        write: Write,
    ) -> None:
        before = memory(repository)
        assert session.get(Order, 1) is None
        joined.list_all()
        write(joined, redis)
        session.rollback()
        assert memory(repository) == before

    @each_failing
    def test_lets_the_caller_go_on_after_a_call_that_failed(
        self,
        repository: ErrorPatternRepository,
        joined: ErrorPatternRepository,
        session: Session,
        redis: ErrorPattern,
        failing: Failing,
    ) -> None:
        error, call = failing
        session.add(Order(number=1, customer="Ada"))
        with pytest.raises(error):
            call(joined, redis)
        session.add(Order(number=2, customer="Grace"))
        joined.create(a_pattern("postgres"))
        session.commit()
        assert [session.get(Order, number) is not None for number in (1, 2)] == [True, True]
        assert keywords_found(repository) == ["postgres", "redis"]

    @each_write
    def test_neither_commits_nor_rolls_back_nor_closes(
        self, joined: ErrorPatternRepository, session: WatchedSession, redis: ErrorPattern, write: Write
    ) -> None:
        write(joined, redis)
        with joined.transaction() as together:
            together.count()
        with pytest.raises(PatternNotFoundError), joined:
            joined.update(ErrorPattern(pattern="p"))
        assert (session.asked, session.in_transaction()) == ([], True)

    def test_keeps_the_callers_objects_in_the_session(self, joined: ErrorPatternRepository, session: Session) -> None:
        order = Order(number=1, customer="Ada")
        session.add(order)
        pattern = joined.create(a_pattern("redis"))
        with joined.transaction() as together:
            together.count()
        assert (order in session, pattern in session) == (True, True)

    def test_counts_a_failure_that_the_session_holds(self, joined: ErrorPatternRepository) -> None:
        first, second = (joined.record_failure("BrokerError: gone") for _ in range(2))
        assert (second is first, second.frequency) == (True, 2)

    def test_updates_from_what_is_stored_not_from_what_the_session_holds(
        self, repository: ErrorPatternRepository, joined: ErrorPatternRepository, session: Session, redis: ErrorPattern
    ) -> None:
        held = session.get_one(ErrorPattern, redis.pattern_id)
        theirs = repository.list_all()[0]
        theirs.frequency += 10
        repository.update(theirs)
        redis.frequency += 1
        joined.update(redis)
        assert (redis.frequency, held.frequency) == (12, 12)

    def test_sees_what_the_caller_has_not_flushed(self, joined: ErrorPatternRepository, session: Session) -> None:
        session.autoflush = False
        session.add(a_pattern("redis"))
        assert keywords_found(joined) == ["redis"]

    def test_refuses_an_id_that_the_session_holds(self, joined: ErrorPatternRepository) -> None:
        pattern = joined.create(a_pattern("redis"))
        with pytest.raises(PatternAlreadyExistsError):
            joined.create(ErrorPattern(pattern_id=pattern.pattern_id, pattern="p"))

    def test_deletes_a_pattern_with_its_keywords(self, joined: ErrorPatternRepository, redis: ErrorPattern) -> None:
        joined.delete(redis.pattern_id)
        joined.create(ErrorPattern(pattern_id=redis.pattern_id, pattern="nothing of the kind"))
        assert keywords_found(joined) == []

    def test_undoes_a_transaction_of_its_own_alone(
        self, repository: ErrorPatternRepository, joined: ErrorPatternRepository, session: Session
    ) -> None:
        joined.create(a_pattern("redis"))
        with contextlib.suppress(Undo), joined.transaction() as together:
            together.create(a_pattern("kafka"))
            raise Undo
        session.commit()
        assert keywords_found(repository) == ["redis"]

    @pytest.mark.parametrize("undo", [Session.rollback, Session.close], ids=["rollback", "close"])
    def test_that_was_undone_can_be_tried_again_with_the_same_object(
        self, repository: ErrorPatternRepository, session: Session, redis: ErrorPattern, undo: Callable[[Session], None]
    ) -> None:
        redis.keywords.append("kafka")
        ErrorPatternRepository.in_session(session).update(redis)
        undo(session)
        repository.update(redis)
        assert keywords_found(repository) == ["kafka", "redis"]

    def test_misses_a_pattern_whose_row_is_gone(self, joined: ErrorPatternRepository, session: Session) -> None:
        pattern = joined.create(a_pattern("redis"))
        session.execute(text("DELETE FROM error_patterns"))
        with pytest.raises(PatternNotFoundError):
            joined.update(pattern)

    def test_raises_the_callers_own_error_for_the_callers_own_objects(
        self, joined: ErrorPatternRepository, session: Session
    ) -> None:
        session.add_all([Order(number=1, customer="Ada"), Order(number=2, customer="Ada")])
        with pytest.raises(IntegrityError, match="customer"):
            joined.record_failure("BrokerError: gone")

    def test_raises_no_bare_error_where_another_writer_holds_the_database(
        self, joined: ErrorPatternRepository, session: Session, engine: Engine
    ) -> None:
        session.execute(text("PRAGMA busy_timeout = 50"))
        with Session(engine) as writer:
            writer.add(Order(number=1, customer="Ada"))
            writer.flush()
            with pytest.raises(DatabaseUnavailableError, match="locked"):
                joined.create(a_pattern("redis"))


class TestPatternsOfTheCallersSession:
    def test_are_found_when_added(self, repository: ErrorPatternRepository, session: Session) -> None:
        session.add(a_pattern("kafka"))
        session.commit()
        assert keywords_found(repository) == ["kafka"]

    @pytest.mark.parametrize("in_place", [True, False])
    def test_are_found_as_changed(
        self, repository: ErrorPatternRepository, session: Session, redis: ErrorPattern, in_place: bool
    ) -> None:
        mine = session.get_one(ErrorPattern, redis.pattern_id)
        if in_place:
            mine.keywords[0] = "postgres"
        else:
            mine.keywords = ["postgres"]
        session.commit()
        assert keywords_found(repository) == ["postgres"]

    def test_are_found_as_merged(
        self, repository: ErrorPatternRepository, session: Session, redis: ErrorPattern
    ) -> None:
        session.merge(ErrorPattern(pattern_id=redis.pattern_id, pattern="p", keywords=["postgres"]))
        session.commit()
        assert keywords_found(repository) == ["postgres"]

    def test_are_not_found_when_deleted(
        self, repository: ErrorPatternRepository, session: Session, redis: ErrorPattern
    ) -> None:
        session.delete(session.get_one(ErrorPattern, redis.pattern_id))
        session.commit()
        repository.create(ErrorPattern(pattern_id=redis.pattern_id, pattern="nothing of the kind"))
        assert keywords_found(repository) == []

    def test_can_be_created_in_another_database(
        self, repository: ErrorPatternRepository, session: Session, redis: ErrorPattern
    ) -> None:
        mine = session.get_one(ErrorPattern, redis.pattern_id)
        session.commit()  # which expires what the session holds
        with ErrorPatternRepository.open("sqlite://") as elsewhere:
            assert elsewhere.create(mine).keywords == ["redis"]


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
