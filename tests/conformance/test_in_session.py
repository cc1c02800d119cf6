"""A session of the caller's: the caller's own tables and error patterns in one unit of work."""

import contextlib
from collections.abc import Generator

import pytest
from sqlalchemy import Connection, Engine, event, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from calls import (
    Failing,
    Order,
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
    DatabaseUnavailableError,
    ErrorPattern,
    ErrorPatternRepository,
    PatternAlreadyExistsError,
    PatternNotFoundError,
)

PATTERN_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


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

    @pytest.mark.parametrize("undo", ["rollback", "close"])
    def test_that_was_undone_can_be_tried_again_with_the_same_object(
        self,
        repository: ErrorPatternRepository,
        joined: ErrorPatternRepository,
        session: Session,
        redis: ErrorPattern,
        undo: str,
    ) -> None:
        redis.keywords.append("kafka")
        joined.update(redis)
        getattr(session, undo)()
        repository.update(redis)
        assert keywords_found(repository) == ["kafka", "redis"]

    def test_leaves_the_id_of_a_pattern_that_the_session_holds(
        self, joined: ErrorPatternRepository, session: Session, redis: ErrorPattern
    ) -> None:
        held = session.get_one(ErrorPattern, redis.pattern_id)
        held.pattern_id, held.keywords = PATTERN_ID, ["kafka"]
        joined.update(held)
        assert (held.pattern_id, keywords_found(joined)) == (redis.pattern_id, ["kafka"])

    @pytest.mark.parametrize("end", ["commit", "rollback"])
    def test_lets_an_error_through_where_the_caller_ended_the_transaction(
        self, joined: ErrorPatternRepository, session: Session, end: str
    ) -> None:
        def fail_after_the_end() -> None:
            with joined.transaction():
                getattr(session, end)()
                raise Undo

        with pytest.raises(Undo):
            fail_after_the_end()

    def test_misses_a_pattern_whose_row_is_gone(self, joined: ErrorPatternRepository, session: Session) -> None:
        pattern = joined.create(a_pattern("redis"))
        session.execute(text("DELETE FROM error_patterns"))
        with pytest.raises(PatternNotFoundError):
            joined.update(pattern)

    @pytest.mark.parametrize("kind", ["sync"], indirect=True)
    def test_lets_an_interruption_through_on_the_way_back_from_an_error(
        self, joined: ErrorPatternRepository, engine: Engine
    ) -> None:
        @event.listens_for(engine, "rollback_savepoint", once=True)
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            joined.update(ErrorPattern(pattern="p"))

    def test_raises_the_callers_own_error_for_the_callers_own_objects(
        self, joined: ErrorPatternRepository, session: Session
    ) -> None:
        session.add_all([Order(number=1, customer="Ada"), Order(number=2, customer="Ada")])
        with pytest.raises(IntegrityError, match="customer"):
            joined.record_failure("BrokerError: gone")


class TestSessionOfAFactoryThatComesWithATransaction:
    @each_write
    def test_is_neither_committed_nor_rolled_back_nor_closed(
        self, over_factory: ErrorPatternRepository, session: WatchedSession, redis: ErrorPattern, write: Write
    ) -> None:
        order = Order(number=1, customer="Ada")
        session.add(order)
        write(over_factory, redis)
        with over_factory.transaction() as together:
            together.count()
        assert (session.asked, session.in_transaction(), order in session) == ([], True, True)

    @each_write
    def test_is_undone_by_the_callers_rollback(
        self,
        repository: ErrorPatternRepository,
        over_factory: ErrorPatternRepository,
        session: Session,
        redis: ErrorPattern,
        write: Write,
    ) -> None:
        before = memory(repository)
        session.add(Order(number=1, customer="Ada"))
        write(over_factory, redis)
        session.rollback()
        assert (memory(repository), session.get(Order, 1)) == (before, None)

    @each_failing
    def test_keeps_what_the_caller_did_when_a_call_fails(
        self, over_factory: ErrorPatternRepository, session: Session, redis: ErrorPattern, failing: Failing
    ) -> None:
        error, call = failing
        session.add(Order(number=1, customer="Ada"))
        with pytest.raises(error):
            call(over_factory, redis)
        session.commit()
        assert session.get(Order, 1) is not None


class TestSessionOfAFactoryThatHoldsObjectsOfTheCallers:
    def test_is_committed_and_left_open_with_them(
        self, repository: ErrorPatternRepository, over_factory: ErrorPatternRepository, session: WatchedSession
    ) -> None:
        order = Order(number=1, customer="Ada")
        session.add(order)
        session.commit()
        session.asked.clear()
        pattern = over_factory.create(a_pattern("kafka"))
        assert (session.asked, order in session, pattern in session) == (["commit"], True, False)
        assert keywords_found(repository) == ["kafka"]

    def test_returns_a_pattern_that_can_be_read_outside_of_a_transaction(
        self, over_factory: ErrorPatternRepository, session: WatchedSession, redis: ErrorPattern
    ) -> None:
        held = session.get_one(ErrorPattern, redis.pattern_id)
        session.commit()
        returned = over_factory.add_checks(redis.pattern_id, ["ping it"])
        assert (returned is held, returned.preventive_checks) == (True, ["ping it"])
        assert not session.in_transaction()

    def test_keeps_what_the_caller_adds_while_a_transaction_is_open(
        self, over_factory: ErrorPatternRepository, session: WatchedSession
    ) -> None:
        with over_factory.transaction() as together:
            order = Order(number=1, customer="Ada")
            session.add(order)
            together.count()
            order.customer = "Grace"
        assert session.get_one(Order, 1).customer == "Grace"


@pytest.mark.parametrize("kind", ["sync"], indirect=True)
class TestSessionOnAConnectionOfTheCallers:
    @pytest.fixture
    def bound(self, engine: Engine) -> Generator[tuple[Connection, ErrorPatternRepository]]:
        """A connection on which the caller works, and a repository whose sessions are bound to it."""
        with engine.connect() as connection:
            yield connection, ErrorPatternRepository(sessionmaker(connection))

    def test_keeps_what_the_caller_did_when_a_call_fails(
        self, repository: ErrorPatternRepository, bound: tuple[Connection, ErrorPatternRepository]
    ) -> None:
        connection, on_connection = bound
        with connection.begin():
            connection.execute(insert(Order).values(number=1, customer="Ada"))
            with pytest.raises(PatternNotFoundError):
                on_connection.update(ErrorPattern(pattern="p"))
            on_connection.create(a_pattern("kafka"))
        assert connection.scalar(select(func.count()).select_from(Order)) == 1
        assert keywords_found(repository) == ["kafka"]

    @each_write
    def test_is_undone_by_the_callers_rollback(
        self,
        repository: ErrorPatternRepository,
        bound: tuple[Connection, ErrorPatternRepository],
        redis: ErrorPattern,
        write: Write,
    ) -> None:
        before = memory(repository)
        connection, on_connection = bound
        with connection.begin() as transaction:
            write(on_connection, redis)
            transaction.rollback()
        assert memory(repository) == before


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
        session.commit()
        session.refresh(mine)
        with ErrorPatternRepository.open("sqlite://") as elsewhere:
            assert elsewhere.create(mine).keywords == ["redis"]


@pytest.mark.parametrize("url", ["file", "postgresql"], indirect=True)
class TestBesideOthers:
    def test_updates_from_what_is_stored_not_from_what_the_session_holds(
        self, repository: ErrorPatternRepository, joined: ErrorPatternRepository, session: Session, redis: ErrorPattern
    ) -> None:
        held = session.get_one(ErrorPattern, redis.pattern_id)
        repository.add_checks(redis.pattern_id, ["theirs"])
        redis.preventive_checks.append("ours")
        joined.update(redis)
        assert held.preventive_checks == ["ours", "theirs"]

    def test_writes_of_a_pattern_that_the_session_holds_only_what_was_changed(
        self, repository: ErrorPatternRepository, joined: ErrorPatternRepository, session: Session, redis: ErrorPattern
    ) -> None:
        held = session.get_one(ErrorPattern, redis.pattern_id)
        session.expunge(held)
        session.commit()
        session.add(held)  # as a session without expiry still holds it
        repository.add_checks(redis.pattern_id, ["theirs"])
        held.frequency = 12
        joined.update(held)
        assert (held.frequency, held.preventive_checks) == (12, ["theirs"])

    def test_raises_no_bare_error_where_another_writer_holds_the_row(
        self, joined: ErrorPatternRepository, session: Session, engine: Engine, redis: ErrorPattern
    ) -> None:
        is_sqlite = engine.dialect.name == "sqlite"
        session.execute(text("PRAGMA busy_timeout = 50" if is_sqlite else "SET LOCAL lock_timeout = 50"))
        with Session(engine) as writer:
            writer.execute(text("UPDATE error_patterns SET frequency = 2"))
            with pytest.raises(DatabaseUnavailableError, match="locked"):
                joined.delete(redis.pattern_id)
