"""What keeps the memory useful, on every database: pruning, merging, carrying fingerprints over."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from calls import Undo
from conformance.conftest import Joined
from error_patterns import ErrorPattern, ErrorPatternRepository, PatternNotFoundError
from error_patterns.failures import FINGERPRINT_PREFIX

OLD = datetime(2020, 1, 1, tzinfo=UTC)
LIMIT = datetime(2025, 1, 1, tzinfo=UTC)
FAILURE, OTHER = "BrokerError: connection lost", "AmqpError: channel closed"


def seen(at: datetime, pattern: str = "p", **fields: object) -> ErrorPattern:
    return ErrorPattern.model_validate({"pattern": pattern, "keywords": [pattern], "last_seen": at, **fields})


def rows_of(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        rows: int = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608 - names of ours
    return rows


def write_past_the_rules(engine: Engine) -> tuple[str, str]:
    """Give every pattern a keyword and a check that are too long, as older rules could have allowed; which they are."""
    keyword, check = "k" * 300, "c" * 3_000
    written = "UPDATE error_patterns SET keywords = :keywords, preventive_checks = :checks"
    as_json = {"keywords": f'["{keyword}"]', "checks": f'["{check}"]'}
    if engine.dialect.name == "postgresql":
        written = written.replace(":keywords", "CAST(:keywords AS jsonb)").replace(":checks", "CAST(:checks AS jsonb)")
    with engine.begin() as connection:
        connection.execute(text(written), as_json)
    return keyword, check


class TestOlderRules:
    def test_a_failure_is_counted(self, repository: ErrorPatternRepository, engine: Engine) -> None:
        repository.record_failure(FAILURE)
        keyword, check = write_past_the_rules(engine)
        counted = repository.record_failure(FAILURE, keywords=["broker"], preventive_checks=["start it"])
        assert (counted.frequency, counted.keywords) == (2, [keyword, "broker"])
        assert repository.list_all()[0].preventive_checks == [check, "start it"]

    def test_patterns_are_merged(self, repository: ErrorPatternRepository, engine: Engine) -> None:
        into, other = repository.record_failure(FAILURE), repository.record_failure(OTHER)
        keyword, check = write_past_the_rules(engine)
        merged = repository.merge(into.pattern_id, [other.pattern_id])
        assert (merged.keywords, merged.preventive_checks) == ([keyword], [check])

    def test_a_check_and_a_keyword_are_added(self, repository: ErrorPatternRepository, engine: Engine) -> None:
        pattern_id = repository.record_failure(FAILURE).pattern_id
        keyword, check = write_past_the_rules(engine)
        repository.add_keywords(pattern_id, ["broker"])
        stored = repository.add_checks(pattern_id, ["start it"])
        assert (stored.keywords, stored.preventive_checks) == ([keyword, "broker"], [check, "start it"])


class TestPrune:
    def test_what_was_not_seen_for_long_is_deleted(self, repository: ErrorPatternRepository) -> None:
        repository.create_many([seen(OLD), seen(OLD), seen(LIMIT)])
        assert repository.prune(not_seen_since=LIMIT) == 2
        assert [pattern.last_seen for pattern in repository.list_all()] == [LIMIT]

    def test_patterns_with_checks_stay(self, repository: ErrorPatternRepository) -> None:
        repository.create(seen(OLD, preventive_checks=["start it"]))
        assert repository.prune(not_seen_since=LIMIT) == 0

    def test_patterns_with_checks_go_if_asked_for(self, repository: ErrorPatternRepository) -> None:
        repository.create(seen(OLD, preventive_checks=["start it"]))
        assert repository.prune(not_seen_since=LIMIT, keep_with_checks=False) == 1

    def test_more_than_a_batch_is_pruned(self, repository: ErrorPatternRepository) -> None:
        repository.create_many(seen(OLD) for _ in range(1_001))
        assert repository.prune(not_seen_since=LIMIT) == 1_001
        assert repository.count() == 0

    def test_nothing_is_left_behind(self, repository: ErrorPatternRepository, engine: Engine) -> None:
        kept, gone = repository.create(seen(OLD)), repository.record_failure(FAILURE)
        repository.merge(kept.pattern_id, [gone.pattern_id])
        repository.prune(not_seen_since=datetime.now(UTC) + timedelta(days=1))
        derived = ("error_pattern_phrases", "error_pattern_postings", "error_pattern_fingerprints")
        assert [rows_of(engine, table) for table in derived] == [0, 0, 0]

    def test_a_naive_moment_is_utc(self, repository: ErrorPatternRepository) -> None:
        repository.create(seen(LIMIT))
        assert repository.prune(not_seen_since=LIMIT.replace(tzinfo=None)) == 0

    def test_it_is_undone_with_its_transaction(self, repository: ErrorPatternRepository) -> None:
        repository.create(seen(OLD))
        with suppress(Undo), repository.transaction() as together:
            assert together.prune(not_seen_since=LIMIT) == 1
            raise Undo
        assert repository.count() == 1


class TestMerge:
    def test_frequencies_add_up(self, repository: ErrorPatternRepository) -> None:
        patterns = [repository.create(seen(OLD, frequency=n)) for n in (1, 2, 4)]
        first, *others = (pattern.pattern_id for pattern in patterns)
        assert repository.merge(first, others).frequency == 7

    def test_the_others_are_deleted(self, repository: ErrorPatternRepository) -> None:
        first, other = (repository.create(seen(OLD, name)).pattern_id for name in ("broker", "kafka"))
        repository.merge(first, [other])
        assert [pattern.pattern_id for pattern in repository.list_all()] == [first]

    def test_lists_are_joined_without_what_stands_twice(self, repository: ErrorPatternRepository) -> None:
        first = repository.create(seen(OLD, keywords=["broker"], preventive_checks=["start it"]))
        other = repository.create(seen(OLD, keywords=["Broker", "amqp"], preventive_checks=["start it", "ask"]))
        merged = repository.merge(first.pattern_id, [other.pattern_id])
        assert (merged.keywords, merged.preventive_checks) == (["broker", "amqp"], ["start it", "ask"])

    def test_no_list_gets_too_long(self, repository: ErrorPatternRepository) -> None:
        patterns = [repository.create(seen(OLD, keywords=[f"{side}{n}" for n in range(40)])) for side in "ab"]
        merged = repository.merge(patterns[0].pattern_id, [patterns[1].pattern_id])
        assert merged.keywords == [f"a{n}" for n in range(40)] + [f"b{n}" for n in range(24)]

    def test_the_newest_failures_are_kept(self, repository: ErrorPatternRepository) -> None:
        new = repository.create(seen(LIMIT, historical_failures=[f"new {n}" for n in range(15)]))
        old = repository.create(seen(OLD, historical_failures=[f"old {n}" for n in range(15)]))
        merged = repository.merge(new.pattern_id, [old.pattern_id])
        assert merged.historical_failures == [f"old {n}" for n in range(10, 15)] + [f"new {n}" for n in range(15)]

    def test_the_newest_contexts_are_kept_each_once(self, repository: ErrorPatternRepository) -> None:
        new = repository.create(seen(LIMIT, historical_contexts=[f"new {n}" for n in range(15)]))
        old = repository.create(seen(OLD, historical_contexts=[*(f"old {n}" for n in range(15)), "new 3"]))
        merged = repository.merge(new.pattern_id, [old.pattern_id])
        assert merged.historical_contexts == [f"old {n}" for n in range(10, 15)] + [f"new {n}" for n in range(15)]

    def test_it_was_seen_first_and_last_when_one_of_them_was(self, repository: ErrorPatternRepository) -> None:
        first = repository.create(seen(OLD, created_at=LIMIT))
        other = repository.create(seen(LIMIT, created_at=OLD))
        merged = repository.merge(first.pattern_id, [other.pattern_id])
        assert (merged.created_at, merged.last_seen) == (OLD, LIMIT)

    def test_it_is_found_by_the_keywords_of_all(self, repository: ErrorPatternRepository) -> None:
        first, other = (repository.create(seen(OLD, name)).pattern_id for name in ("broker", "kafka"))
        repository.merge(first, [other])
        assert [pattern.pattern_id for pattern in repository.match_context("kafka")] == [first]

    def test_what_comes_back_is_what_is_stored(self, repository: ErrorPatternRepository) -> None:
        first, other = (repository.record_failure(failure).pattern_id for failure in (FAILURE, OTHER))
        merged = repository.merge(first, [other])
        assert repository.list_all() == [merged]

    def test_failures_of_the_others_are_counted_for_it(self, repository: ErrorPatternRepository) -> None:
        first, other = (repository.record_failure(failure).pattern_id for failure in (FAILURE, OTHER))
        repository.merge(first, [other])
        again = repository.record_failure(OTHER, preventive_checks=["ask"])
        assert (again.pattern_id, again.frequency, again.preventive_checks) == (first, 3, ["ask"])
        assert again.historical_failures[-1] == OTHER

    def test_failures_are_counted_after_several_merges(self, repository: ErrorPatternRepository) -> None:
        first, second, third = (repository.record_failure(failure).pattern_id for failure in (FAILURE, OTHER, "X: y"))
        repository.merge(second, [third])
        repository.merge(first, [second])
        assert repository.record_failure("X: y").pattern_id == first

    def test_a_pattern_without_a_fingerprint_takes_over(self, repository: ErrorPatternRepository) -> None:
        by_hand = repository.create(seen(OLD, frequency=0)).pattern_id
        repository.merge(by_hand, [repository.record_failure(FAILURE).pattern_id])
        assert repository.record_failure(FAILURE).pattern_id == by_hand

    def test_after_it_is_deleted_failures_make_new_patterns(self, repository: ErrorPatternRepository) -> None:
        first, other = (repository.record_failure(failure).pattern_id for failure in (FAILURE, OTHER))
        repository.merge(first, [other])
        repository.delete(first)
        assert repository.record_failure(OTHER).frequency == 1

    def test_ids_are_taken_in_any_spelling_and_number(self, repository: ErrorPatternRepository) -> None:
        first, other = (repository.create(seen(OLD)).pattern_id for _ in range(2))
        assert repository.merge(first.lower(), [other, other.lower()]).frequency == 2

    def test_nothing_is_merged_if_one_is_not_there(self, repository: ErrorPatternRepository) -> None:
        first, other = (repository.create(seen(OLD)).pattern_id for _ in range(2))
        with pytest.raises(PatternNotFoundError, match="nobody"):
            repository.merge(first, [other, "nobody"])
        assert repository.count() == 2

    def test_a_pattern_is_not_merged_into_itself(self, repository: ErrorPatternRepository) -> None:
        first = repository.create(seen(OLD)).pattern_id
        with pytest.raises(ValueError, match="others: "):
            repository.merge(first, [first.lower()])

    def test_one_id_is_no_list_of_ids(self, repository: ErrorPatternRepository) -> None:
        with pytest.raises(TypeError, match="others: "):
            repository.merge("a", "b")

    def test_it_is_undone_with_its_transaction(self, repository: ErrorPatternRepository) -> None:
        first, other = (repository.record_failure(failure).pattern_id for failure in (FAILURE, OTHER))
        with suppress(Undo), repository.transaction() as together:
            together.merge(first, [other])
            raise Undo
        assert repository.record_failure(OTHER).pattern_id == other

    def test_it_joins_the_transaction_of_a_session(self, session_and_joined: Joined) -> None:
        session, joined, _ = session_and_joined
        first, other = (joined.record_failure(failure).pattern_id for failure in (FAILURE, OTHER))
        joined.merge(first, [other])
        assert joined.record_failure(OTHER).frequency == 3
        session.rollback()
        assert joined.count() == 0


class TestRefingerprint:
    @pytest.fixture
    def outdated(self, repository: ErrorPatternRepository, engine: Engine) -> Callable[[ErrorPattern], None]:
        """Have a pattern the fingerprint of an older version."""

        def age(pattern: ErrorPattern) -> None:
            with Session(engine) as session, session.begin():
                session.execute(
                    text("UPDATE error_patterns SET fingerprint = :old WHERE pattern_id = :id"),
                    {"old": f"0:{pattern.pattern_id}", "id": pattern.pattern_id},
                )

        return age

    def test_known_failures_stay_known(
        self, repository: ErrorPatternRepository, outdated: Callable[[ErrorPattern], None]
    ) -> None:
        pattern = repository.record_failure(FAILURE)
        outdated(pattern)
        assert repository.refingerprint() == 1
        assert repository.record_failure(FAILURE).pattern_id == pattern.pattern_id

    def test_patterns_that_are_one_now_are_merged(
        self, repository: ErrorPatternRepository, outdated: Callable[[ErrorPattern], None]
    ) -> None:
        first = repository.record_failure(FAILURE)
        outdated(first)
        second = repository.record_failure(FAILURE)
        repository.refingerprint()
        (merged,) = repository.list_all()
        assert (merged.pattern_id, merged.frequency) == (second.pattern_id, 2)

    def test_what_was_merged_stays_merged(
        self, repository: ErrorPatternRepository, outdated: Callable[[ErrorPattern], None]
    ) -> None:
        first, second = repository.record_failure(FAILURE), repository.record_failure(OTHER)
        repository.merge(first.pattern_id, [second.pattern_id])
        outdated(third := repository.create(seen(OLD, historical_failures=[OTHER])))
        assert repository.refingerprint() == 1
        assert repository.get(third.pattern_id) is None
        assert repository.record_failure(OTHER).pattern_id == first.pattern_id

    def test_a_pattern_to_which_its_own_new_fingerprint_was_merged_stays(
        self, repository: ErrorPatternRepository, outdated: Callable[[ErrorPattern], None]
    ) -> None:
        first = repository.record_failure(FAILURE)
        outdated(first)
        repository.merge(first.pattern_id, [repository.record_failure(FAILURE).pattern_id])
        assert repository.refingerprint() == 1
        again = repository.record_failure(FAILURE)
        assert (again.pattern_id, again.frequency) == (first.pattern_id, 3)

    def test_failures_of_merged_patterns_stay_known(
        self, repository: ErrorPatternRepository, outdated: Callable[[ErrorPattern], None], engine: Engine
    ) -> None:
        first, second = repository.record_failure(FAILURE), repository.record_failure(OTHER)
        outdated(first)
        repository.merge(first.pattern_id, [second.pattern_id])
        with Session(engine) as session, session.begin():
            session.execute(text("UPDATE error_pattern_fingerprints SET fingerprint = '0:merged'"))
        repository.refingerprint()
        assert [repository.record_failure(failure).pattern_id for failure in (FAILURE, OTHER)] == [first.pattern_id] * 2
        assert repository.refingerprint() == 0

    def test_what_is_stored_cut_off_is_left_as_it_is(
        self, repository: ErrorPatternRepository, outdated: Callable[[ErrorPattern], None]
    ) -> None:
        pattern = repository.record_failure("x" * 5_000)
        outdated(pattern)
        assert repository.refingerprint() == 0
        assert repository.list_all()[0].fingerprint == f"0:{pattern.pattern_id}"

    def test_what_is_of_this_version_is_left_as_it_is(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure(FAILURE)
        assert repository.refingerprint() == 0
        assert repository.list_all() == [pattern]
        assert (pattern.fingerprint or "").startswith(FINGERPRINT_PREFIX)

    def test_progress_tells_of_all_older_ones(
        self, repository: ErrorPatternRepository, outdated: Callable[[ErrorPattern], None]
    ) -> None:
        for failure in (FAILURE, "x" * 5_000):
            outdated(repository.record_failure(failure))
        told: list[int] = []
        repository.refingerprint(progress=told.append)
        assert sum(told) == 2

    def test_lists_of_older_rules_stay(
        self, repository: ErrorPatternRepository, outdated: Callable[[ErrorPattern], None], engine: Engine
    ) -> None:
        outdated(repository.record_failure(FAILURE))
        repository.record_failure(FAILURE)
        keyword, check = write_past_the_rules(engine)
        repository.refingerprint()
        (merged,) = repository.list_all()
        assert (merged.keywords, merged.preventive_checks, merged.frequency) == ([keyword], [check], 2)
