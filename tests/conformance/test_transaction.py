"""Several calls as one: `transaction()`."""

import contextlib

import pytest
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.exc import IntegrityError

from calls import Failing, Undo, Write, a_pattern, each_failing, each_write, keywords_found, memory
from error_patterns import ErrorPattern, ErrorPatternRepository, PatternAlreadyExistsError, PatternNotFoundError


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

    def test_lets_an_error_of_another_database_through(self, repository: ErrorPatternRepository) -> None:
        with pytest.raises(IntegrityError), repository.transaction():
            raise IntegrityError("INSERT INTO orders", None, Exception("UNIQUE constraint failed"))

    def test_keeps_the_cause_of_an_error(self, repository: ErrorPatternRepository, redis: ErrorPattern) -> None:
        with repository.transaction() as together, pytest.raises(PatternAlreadyExistsError) as caught:
            together.create(ErrorPattern(pattern_id=redis.pattern_id, pattern="p"))
        assert isinstance(caught.value.__cause__, IntegrityError)

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
        written = repository.update(redis)
        assert (keywords_found(repository), written.frequency) == (["kafka", "postgres", "redis"], 2)
        assert written.pattern == "new"

    def test_that_was_undone_still_joins_what_others_wrote(
        self, repository: ErrorPatternRepository, redis: ErrorPattern
    ) -> None:
        redis.keywords.append("kafka")
        with contextlib.suppress(Undo), repository.transaction() as together:
            together.update(redis)
            raise Undo
        repository.add_keywords(redis.pattern_id, ["postgres"])
        repository.update(redis)
        assert keywords_found(repository) == ["kafka", "postgres", "redis"]

    def test_that_was_undone_lets_its_patterns_be_created(self, repository: ErrorPatternRepository) -> None:
        pattern = a_pattern("redis")
        with contextlib.suppress(Undo), repository.transaction() as together:
            together.create(pattern)
            raise Undo
        repository.create(pattern)
        assert keywords_found(repository) == ["redis"]


@pytest.mark.parametrize("url", ["file", "postgresql"], indirect=True)
class TestBesideOthers:
    def test_shows_nothing_to_others_before_its_end(self, repository: ErrorPatternRepository) -> None:
        with repository.transaction() as together:
            together.create(a_pattern("kafka"))
            assert repository.count() == 0
