"""The index, checked and mended after statements that passed it by."""

from typing import NamedTuple

import pytest
from sqlalchemy import Engine, delete, insert, update
from sqlalchemy.sql.expression import Executable

from calls import Undo, a_pattern, keywords_found
from error_patterns import ErrorPattern, ErrorPatternRepository
from error_patterns.database.sessions import BATCH_SIZE
from error_patterns.matching.phrases import ATTEMPTS, FAILURE
from error_patterns.models.pattern_index import indexed_phrases, postings
from error_patterns.operations import reindex

BEFORE_ALL = "00000000000000000000000001"
BEHIND_ALL = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"


class Damage(NamedTuple):
    """A statement that bypasses the unit of work, and the number of mistakes in the index that it makes."""

    statement: Executable
    mistakes: int = 1


FORGOTTEN = Damage(delete(postings))
CHANGED = Damage(update(ErrorPattern).values(keywords=["kafka"]))
DAMAGES = {
    "the pattern was changed": CHANGED,
    "all postings are gone": FORGOTTEN,
    "a posting is gone": Damage(delete(postings).where(postings.c.position == 0)),
    "a posting is of another position": Damage(update(postings).values(position=7).where(postings.c.position == 0)),
    "a posting too many": Damage(insert(postings).values(term="x", number=1, position=0)),
    "a posting of a number before all": Damage(insert(postings).values(term="x", number=-1, position=0)),
    "a posting of a number behind all": Damage(insert(postings).values(term="x", number=2**31 - 1, position=0)),
    "phrases are gone": Damage(delete(indexed_phrases), mistakes=2),  # the pattern has none, its postings are nobody's
    "phrases are of other lengths": Damage(
        update(indexed_phrases).values(phrases=[["redis is gone", -1, 3, 1], ["redis", 0, 7, 1]])
    ),
    "phrases are empty": Damage(update(indexed_phrases).values(phrases=[]), mistakes=2),
}
each_damage = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


def inflict(engine: Engine, damage: Damage) -> None:
    with engine.begin() as connection:
        connection.execute(damage.statement)


def add_phrases_of_nobody(engine: Engine, pattern_id: str) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # SQLite looks at foreign keys where it is told to
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        row = {"number": 9, "pattern_id": pattern_id, "phrases": [["x", 0, 1, 1]]}
        connection.execute(insert(indexed_phrases).values(row))
        connection.execute(insert(postings).values(term="x", number=9, position=0))


class TestIndex:
    def test_that_nobody_passed_by_is_right(self, repository: ErrorPatternRepository, redis: ErrorPattern) -> None:
        repository.record_failure("KafkaError: gone")
        redis.keywords.append("broker")
        repository.update(redis)
        repository.delete(repository.create(a_pattern("redis")).pattern_id)
        assert repository.check_index() == 0

    @each_damage
    def test_that_is_wrong_is_seen(
        self, repository: ErrorPatternRepository, redis: ErrorPattern, engine: Engine, damage: Damage
    ) -> None:
        inflict(engine, damage)
        assert repository.check_index() == damage.mistakes

    @each_damage
    def test_that_was_mended_is_right(
        self, repository: ErrorPatternRepository, redis: ErrorPattern, engine: Engine, damage: Damage
    ) -> None:
        inflict(engine, damage)
        assert repository.reindex() >= 1
        assert repository.check_index() == 0

    @each_damage
    def test_that_was_mended_finds_what_is_stored(
        self, repository: ErrorPatternRepository, redis: ErrorPattern, engine: Engine, damage: Damage
    ) -> None:
        inflict(engine, damage)
        repository.reindex()
        assert keywords_found(repository) == ["kafka" if damage is CHANGED else "redis"]

    @each_damage
    def test_that_is_wrong_fails_no_call(
        self, repository: ErrorPatternRepository, redis: ErrorPattern, engine: Engine, damage: Damage
    ) -> None:
        inflict(engine, damage)
        repository.rank_context("x redis kafka")
        redis.keywords = ["broker", "x"]
        repository.update(redis)
        repository.create(a_pattern("x"))
        assert [match.matched_keywords for match in repository.rank_context("broker")] == [("broker",)]

    def test_that_was_right_is_left_alone(self, repository: ErrorPatternRepository, redis: ErrorPattern) -> None:
        assert repository.reindex() == 0

    def test_is_looked_at_for_every_pattern(self, repository: ErrorPatternRepository, engine: Engine) -> None:
        repository.create_many(a_pattern("redis") for _ in range(BATCH_SIZE + 1))
        inflict(engine, FORGOTTEN)
        seen: list[int] = []
        assert (repository.reindex(progress=seen.append), seen) == (BATCH_SIZE + 1, [BATCH_SIZE, 1])

    def test_is_looked_at_for_every_number(
        self, repository: ErrorPatternRepository, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reindex, "_NUMBERS", 2)
        repository.create_many(a_pattern("redis") for _ in range(5))
        for number in (1, 2, 3, 9):
            inflict(engine, Damage(insert(postings).values(term="x", number=number, position=0)))
        assert (repository.check_index(), repository.reindex(), repository.check_index()) == (4, 4, 0)

    @pytest.mark.parametrize("pattern_id", [BEFORE_ALL, BEHIND_ALL])
    def test_that_was_mended_has_no_rows_of_patterns_that_are_gone(
        self, repository: ErrorPatternRepository, redis: ErrorPattern, engine: Engine, pattern_id: str
    ) -> None:
        add_phrases_of_nobody(engine, pattern_id)
        assert (repository.check_index(), repository.reindex(), repository.check_index()) == (1, 1, 0)


class TestRecorded:
    """What the index has of a failure and of what was attempted."""

    @pytest.fixture
    def recorded(self, repository: ErrorPatternRepository) -> ErrorPattern:
        return repository.record_failure("KafkaError: gone", context="rebalance the consumers", keywords=[])

    @pytest.mark.parametrize(
        "damage",
        [
            Damage(delete(postings).where(postings.c.position == FAILURE)),
            Damage(delete(postings).where(postings.c.position == ATTEMPTS)),
            Damage(update(ErrorPattern).values(historical_failures=["RedisError: gone"])),
            Damage(update(ErrorPattern).values(historical_contexts=["flush the cache"])),
        ],
        ids=["words of failures are gone", "words of attempts are gone", "failures changed", "attempts changed"],
    )
    def test_that_is_wrong_is_seen_and_mended(
        self, repository: ErrorPatternRepository, recorded: ErrorPattern, engine: Engine, damage: Damage
    ) -> None:
        inflict(engine, damage)
        assert (repository.check_index(), repository.reindex(), repository.check_index()) == (1, 1, 0)

    @pytest.mark.parametrize("context", ["rebalance the consumers", "what of Kafka?"])
    def test_that_was_mended_is_found(
        self, repository: ErrorPatternRepository, recorded: ErrorPattern, engine: Engine, context: str
    ) -> None:
        inflict(engine, FORGOTTEN)
        assert repository.match_context(context) == []
        repository.reindex()
        assert repository.match_context(context) == [recorded]

    def test_with_another_context_is_indexed_anew(
        self, repository: ErrorPatternRepository, recorded: ErrorPattern, engine: Engine
    ) -> None:
        inflict(engine, FORGOTTEN)
        repository.record_failure("KafkaError: gone", context="drop a partition")
        assert repository.check_index() == 0
        assert [p.pattern_id for p in repository.match_context("drop partition 7")] == [recorded.pattern_id]

    def test_again_leaves_the_index_as_it_is(
        self, repository: ErrorPatternRepository, recorded: ErrorPattern, engine: Engine
    ) -> None:
        inflict(engine, FORGOTTEN)
        repository.record_failure("KafkaError: gone", context="rebalance the consumers")
        assert repository.check_index() == 1

    def test_with_another_context_is_found_in_the_transaction_and_not_if_that_is_undone(
        self, repository: ErrorPatternRepository, recorded: ErrorPattern
    ) -> None:
        def attempt_something_else() -> None:
            with repository.transaction() as together:
                together.record_failure("KafkaError: gone", context="drop a partition")
                assert [p.pattern_id for p in together.match_context("drop partition 7")] == [recorded.pattern_id]
                raise Undo

        with pytest.raises(Undo):
            attempt_something_else()
        assert repository.match_context("drop partition 7") == []
        assert repository.check_index() == 0
