"""The keyword index, checked and mended after statements that passed it by."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, delete, insert, text, update

from calls import a_pattern, keywords_found
from error_patterns import ErrorPattern, ErrorPatternRepository
from error_patterns.database.sessions import BATCH_SIZE
from error_patterns.models.keyword_index import keyword_index

BEFORE_ALL = "00000000000000000000000001"
BEHIND_ALL = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"


def forget_all(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(delete(keyword_index))


def change_behind_its_back(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(ErrorPattern).values(keywords=["kafka"]))


def count_words_wrongly(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(keyword_index).values(words=7))


def add_a_row(engine: Engine) -> None:
    with engine.begin() as connection:
        (pattern_id,) = connection.execute(text("SELECT pattern_id FROM error_patterns")).one()
        connection.execute(insert(keyword_index).values(term="x", pattern_id=pattern_id, position=0, words=1))


def add_rows_of_nobody(engine: Engine, pattern_id: str) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # SQLite looks at foreign keys where it is told to
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.execute(insert(keyword_index).values(term="x", pattern_id=pattern_id, position=0, words=1))


Damage = Callable[[Engine], None]
each_damage = pytest.mark.parametrize("damage", [forget_all, change_behind_its_back, count_words_wrongly, add_a_row])


class TestIndex:
    def test_that_nobody_passed_by_is_right(self, repository: ErrorPatternRepository, redis: ErrorPattern) -> None:
        repository.record_failure("KafkaError: gone")
        redis.keywords.append("broker")
        repository.update(redis)
        assert repository.check_index() == 0

    @each_damage
    def test_that_is_wrong_is_seen(
        self, repository: ErrorPatternRepository, redis: ErrorPattern, engine: Engine, damage: Damage
    ) -> None:
        damage(engine)
        assert repository.check_index() == 1

    @each_damage
    def test_that_was_mended_is_right(
        self, repository: ErrorPatternRepository, redis: ErrorPattern, engine: Engine, damage: Damage
    ) -> None:
        damage(engine)
        assert (repository.reindex(), repository.check_index()) == (1, 0)

    def test_that_was_mended_finds_what_is_stored(
        self, repository: ErrorPatternRepository, redis: ErrorPattern, engine: Engine
    ) -> None:
        change_behind_its_back(engine)
        repository.reindex()
        assert keywords_found(repository) == ["kafka"]

    def test_that_was_right_is_left_alone(self, repository: ErrorPatternRepository, redis: ErrorPattern) -> None:
        assert repository.reindex() == 0

    def test_is_looked_at_for_every_pattern(self, repository: ErrorPatternRepository, engine: Engine) -> None:
        repository.create_many(a_pattern("redis") for _ in range(BATCH_SIZE + 1))
        forget_all(engine)
        seen: list[int] = []
        assert (repository.reindex(progress=seen.append), seen) == (BATCH_SIZE + 1, [BATCH_SIZE, 1])

    @pytest.mark.parametrize("pattern_id", [BEFORE_ALL, BEHIND_ALL])
    def test_that_was_mended_has_no_rows_of_patterns_that_are_gone(
        self, repository: ErrorPatternRepository, redis: ErrorPattern, engine: Engine, pattern_id: str
    ) -> None:
        add_rows_of_nobody(engine, pattern_id)
        assert (repository.check_index(), repository.reindex(), repository.check_index()) == (1, 1, 0)
