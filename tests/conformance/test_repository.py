"""What each call of a repository promises, whatever the database."""

import contextlib
import itertools
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import Session

from error_patterns import (
    ErrorPattern,
    ErrorPatternRepository,
    PatternAlreadyExistsError,
    PatternNotFoundError,
    PatternStatistics,
    render_guidance,
)
from error_patterns.matching import SAME_FAILURE_SCORE
from error_patterns.models.fields import MAX_CHECKS

PATTERN_ID = "01HXYZ1234567890ABCDEFGH1J"
SPELLINGS = [PATTERN_ID, PATTERN_ID.lower(), "OIHXYZ1234567890ABCDEFGHIJ", "olhxyzl23456789oabcdefghlj"]
JUNK_IDS = ["", "x", PATTERN_ID[1:], f"{PATTERN_ID}0", f" {PATTERN_ID}", f"{PATTERN_ID}\n", "8" + "0" * 25, "U" * 26]
JUNK_IDS += ["\x00", f"{PATTERN_ID[1:]}\x00", "\ud800", "\ud800" * 26, "١" * 26, "' OR 1=1 --", "%"]  # noqa: RUF001 - digits that are not ASCII
MOMENT = datetime(2025, 1, 1, 12, tzinfo=UTC)
FAILURE = "ConnectionRefusedError: broker"

Call = Callable[[ErrorPatternRepository, ErrorPattern], ErrorPattern]
CALLS: dict[str, Call] = {
    "create": lambda repository, _: repository.create(ErrorPattern(pattern="p")),
    "get": lambda repository, pattern: stored(repository, pattern.pattern_id),
    "update": lambda repository, pattern: repository.update(ErrorPattern(pattern_id=pattern.pattern_id, pattern="new")),
    "list_all": lambda repository, _: repository.list_all()[0],
    "match_context": lambda repository, _: repository.match_context("eaddrinuse")[0],
    "rank_context": lambda repository, _: repository.rank_context("eaddrinuse")[0].pattern,
    "statistics": lambda repository, _: repository.statistics().most_frequent[0],
    "record_failure": lambda repository, _: repository.record_failure(FAILURE),
    "record_failure again": lambda repository, _: [repository.record_failure(FAILURE) for _ in range(2)][1],
}


def add_in_place(pattern: ErrorPattern) -> None:
    pattern.keywords += ["c"]


def change_and_assign(pattern: ErrorPattern) -> None:
    pattern.keywords.append("c")
    pattern.keywords = [*pattern.keywords, "d"]


EDITS: dict[str, Callable[[ErrorPattern], None]] = {
    "append": lambda pattern: pattern.keywords.append("c"),
    "remove": lambda pattern: pattern.keywords.remove("a"),
    "clear": lambda pattern: pattern.keywords.clear(),
    "reverse": lambda pattern: pattern.keywords.reverse(),
    "+=": add_in_place,
    "append, then assign": change_and_assign,
}


def stored(repository: ErrorPatternRepository, pattern_id: str = PATTERN_ID) -> ErrorPattern:
    found = repository.get(pattern_id)
    assert found is not None
    return found


def everything(repository: ErrorPatternRepository) -> list[dict[str, object]]:
    return [pattern.model_dump() for pattern in repository.list_all()]


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def port_pattern(keywords: list[str] | None = None, frequency: int = 1) -> ErrorPattern:
    return ErrorPattern(
        pattern_id=PATTERN_ID,
        pattern="Port in use",
        keywords=["eaddrinuse"] if keywords is None else keywords,
        frequency=frequency,
        created_at=MOMENT,
        last_seen=MOMENT,
    )


class TestCreate:
    def test_stores_every_field(self, repository: ErrorPatternRepository) -> None:
        pattern = port_pattern(frequency=7)
        pattern.preventive_checks = ["lsof -i"]
        pattern.historical_failures = ["bind failed"]
        expected = pattern.model_dump()
        repository.create(pattern)
        assert stored(repository).model_dump() == expected

    def test_returns_the_very_object(self, repository: ErrorPatternRepository) -> None:
        pattern = port_pattern()
        assert repository.create(pattern) is pattern

    def test_never_stores_a_fingerprint(self, repository: ErrorPatternRepository) -> None:
        repository.create(ErrorPattern(pattern_id=PATTERN_ID, pattern="p", fingerprint="1:abc"))
        assert stored(repository).fingerprint is None

    def test_lets_two_patterns_have_the_same_text(self, repository: ErrorPatternRepository) -> None:
        repository.create(ErrorPattern(pattern="p"))
        repository.create(ErrorPattern(pattern="p"))
        assert repository.count() == 2

    def test_names_a_taken_id(self, repository: ErrorPatternRepository) -> None:
        repository.create(port_pattern())
        with pytest.raises(PatternAlreadyExistsError) as error:
            repository.create(ErrorPattern(pattern_id=PATTERN_ID.lower(), pattern="other"))
        assert error.value.pattern_id == PATTERN_ID

    def test_changes_nothing_for_a_taken_id(self, repository: ErrorPatternRepository) -> None:
        repository.create(port_pattern())
        before = everything(repository)
        with pytest.raises(PatternAlreadyExistsError):
            repository.create(ErrorPattern(pattern_id=PATTERN_ID, pattern="other", keywords=["intruder"]))
        assert (everything(repository), repository.match_context("intruder other")) == (before, [])

    def test_takes_the_object_again_after_a_refusal(self, repository: ErrorPatternRepository) -> None:
        repository.create(ErrorPattern(pattern_id=PATTERN_ID, pattern="in the way"))
        pattern = port_pattern()
        with pytest.raises(PatternAlreadyExistsError):
            repository.create(pattern)
        repository.delete(PATTERN_ID)
        assert repository.create(pattern) is pattern
        assert stored(repository).keywords == ["eaddrinuse"]

    def test_stores_what_was_loaded_from_elsewhere(self, repository: ErrorPatternRepository) -> None:
        loaded = stored(repository, repository.record_failure(FAILURE).pattern_id)
        repository.delete(loaded.pattern_id)
        repository.create(loaded)
        assert everything(repository) == [{**loaded.model_dump(), "fingerprint": None}]


class TestCreateMany:
    def test_counts_what_it_stored(self, repository: ErrorPatternRepository) -> None:
        assert (
            repository.create_many(ErrorPattern(pattern=f"p{n}") for n in range(2_001)) == repository.count() == 2_001
        )

    def test_takes_nothing_at_all(self, repository: ErrorPatternRepository) -> None:
        assert repository.create_many([]) == 0

    def test_stores_every_field(self, repository: ErrorPatternRepository) -> None:
        pattern = port_pattern(frequency=7)
        repository.create_many([pattern])
        assert stored(repository).model_dump() == pattern.model_dump()

    def test_makes_the_patterns_found(self, repository: ErrorPatternRepository) -> None:
        repository.create_many([port_pattern()])
        assert [match.pattern_id for match in repository.match_context("EADDRINUSE")] == [PATTERN_ID]

    def test_never_stores_a_fingerprint(self, repository: ErrorPatternRepository) -> None:
        repository.create_many([ErrorPattern(pattern_id=PATTERN_ID, pattern="p", fingerprint="1:abc")])
        assert stored(repository).fingerprint is None

    @pytest.mark.parametrize("place", [1, 999, 1_000, 1_500])
    def test_stores_nothing_if_an_id_stands_twice(self, repository: ErrorPatternRepository, place: int) -> None:
        patterns = [ErrorPattern(pattern="p", keywords=["many"]) for _ in range(place)]
        with pytest.raises(PatternAlreadyExistsError) as error:
            repository.create_many([port_pattern(), *patterns, port_pattern()])
        assert (error.value.pattern_id, everything(repository)) == (PATTERN_ID, [])
        assert repository.match_context("many") == []

    @pytest.mark.parametrize("place", [0, 1_000])
    def test_stores_nothing_if_an_id_is_taken(self, repository: ErrorPatternRepository, place: int) -> None:
        repository.create(port_pattern())
        patterns = [ErrorPattern(pattern="p") for _ in range(place)]
        with pytest.raises(PatternAlreadyExistsError):
            repository.create_many([*patterns, port_pattern()])
        assert repository.count() == 1

    def test_stores_nothing_if_the_iterable_fails(self, repository: ErrorPatternRepository) -> None:
        def broken() -> Iterator[ErrorPattern]:
            yield from (ErrorPattern(pattern="p") for _ in range(1_500))
            raise OSError("the import file ended")

        with pytest.raises(OSError, match="the import file ended"):
            repository.create_many(broken())
        assert repository.count() == 0

    def test_streams_instead_of_collecting(self, repository: ErrorPatternRepository) -> None:
        read = itertools.count()
        endless = (port_pattern() for _ in read)
        with pytest.raises(PatternAlreadyExistsError):
            repository.create_many(endless)
        assert next(read) <= 1_000


class TestGetAndDelete:
    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_gets_by_any_spelling_of_the_id(self, repository: ErrorPatternRepository, spelling: str) -> None:
        repository.create(port_pattern())
        assert stored(repository, spelling).pattern_id == PATTERN_ID

    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_deletes_by_any_spelling_of_the_id(self, repository: ErrorPatternRepository, spelling: str) -> None:
        repository.create(port_pattern())
        assert [repository.delete(spelling) for _ in range(2)] == [True, False]

    @pytest.mark.parametrize("pattern_id", [PATTERN_ID, *JUNK_IDS], ids=ascii)
    def test_gets_none_for_an_unknown_id(self, repository: ErrorPatternRepository, pattern_id: str) -> None:
        assert repository.get(pattern_id) is None

    @pytest.mark.parametrize("pattern_id", JUNK_IDS, ids=ascii)
    def test_deletes_nothing_for_an_unknown_id(self, repository: ErrorPatternRepository, pattern_id: str) -> None:
        repository.create(port_pattern())
        assert repository.delete(pattern_id) is False
        assert repository.count() == 1

    def test_finds_a_deleted_pattern_no_more(self, repository: ErrorPatternRepository) -> None:
        repository.create(port_pattern())
        repository.delete(PATTERN_ID)
        repository.create(ErrorPattern(pattern_id=PATTERN_ID, pattern="something else"))
        assert repository.match_context("eaddrinuse port in use") == []


class TestListAll:
    def test_has_the_newest_first_and_ties_by_id(self, repository: ErrorPatternRepository) -> None:
        def seen(pattern_id: str, days: int) -> ErrorPattern:
            return ErrorPattern(pattern_id=pattern_id * 26, pattern="p", last_seen=MOMENT + timedelta(days))

        repository.create_many([seen("0", 1), seen("2", 2), seen("3", 1), seen("4", 3), seen("1", 1)])
        assert [pattern.pattern_id[0] for pattern in repository.list_all()] == ["4", "2", "0", "1", "3"]

    def test_pages_give_each_pattern_once(self, repository: ErrorPatternRepository) -> None:
        repository.create_many(ErrorPattern(pattern="p", last_seen=MOMENT) for _ in range(7))
        pages = [repository.list_all(limit=3, offset=offset) for offset in (0, 3, 6)]
        assert [p.pattern_id for page in pages for p in page] == [p.pattern_id for p in repository.list_all()]

    @pytest.mark.parametrize(
        ("limit", "offset", "expected"), [(0, 0, 0), (None, 2, 1), (9, 0, 3), (None, 9, 0), (2, 2, 1)]
    )
    def test_gives_what_a_page_has(
        self, repository: ErrorPatternRepository, limit: int | None, offset: int, expected: int
    ) -> None:
        repository.create_many(ErrorPattern(pattern="p") for _ in range(3))
        assert len(repository.list_all(limit=limit, offset=offset)) == expected

    @pytest.mark.parametrize("bound", [-1, 2**63])
    @pytest.mark.parametrize("name", ["limit", "offset"])
    def test_refuses_a_bound_that_is_none(self, repository: ErrorPatternRepository, name: str, bound: int) -> None:
        limit, offset = (bound, 0) if name == "limit" else (None, bound)
        with pytest.raises(ValueError, match=name):
            repository.list_all(limit=limit, offset=offset)


class TestStreamAll:
    @pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 1_000])
    def test_gives_each_pattern_once_in_the_order_of_ids(
        self, repository: ErrorPatternRepository, batch_size: int
    ) -> None:
        made = [ErrorPattern(pattern=f"p{number}", last_seen=MOMENT + timedelta(number % 2)) for number in range(4)]
        repository.create_many(reversed(made))
        in_order = sorted(made, key=lambda pattern: pattern.pattern_id)
        assert list(repository.stream_all(batch_size=batch_size)) == in_order

    def test_gives_nothing_where_there_is_nothing(self, repository: ErrorPatternRepository) -> None:
        assert list(repository.stream_all()) == []

    def test_gives_detached_patterns(self, repository: ErrorPatternRepository) -> None:
        repository.record_failure(FAILURE)
        (pattern,) = repository.stream_all()
        assert sa_inspect(pattern).detached

    def test_lets_others_write_between_two_batches(self, repository: ErrorPatternRepository) -> None:
        repository.create_many(ErrorPattern(pattern="p") for _ in range(3))
        for pattern in repository.stream_all(batch_size=1):
            repository.delete(pattern.pattern_id)
        assert repository.count() == 0

    @pytest.mark.parametrize("batch_size", [0, -1])
    def test_refuses_a_batch_of_nothing(self, repository: ErrorPatternRepository, batch_size: int) -> None:
        with pytest.raises(ValueError, match=r"^batch_size: must be from 1 to"):
            next(iter(repository.stream_all(batch_size=batch_size)))


class TestMatching:
    @pytest.fixture
    def repository(self, repository: ErrorPatternRepository) -> ErrorPatternRepository:
        repository.create(ErrorPattern(pattern="a", keywords=["redis", "timeout"]))
        repository.create(ErrorPattern(pattern="b", keywords=["redis"]))
        repository.create(ErrorPattern(pattern="c", keywords=["postgres"]))
        return repository

    def test_gives_the_best_first(self, repository: ErrorPatternRepository) -> None:
        assert [p.pattern for p in repository.match_context("redis timeout")] == ["a", "b"]

    def test_gives_the_patterns_that_rank_context_gives(self, repository: ErrorPatternRepository) -> None:
        ranked = [match.pattern.pattern_id for match in repository.rank_context("redis or postgres")]
        assert [p.pattern_id for p in repository.match_context("redis or postgres")] == ranked

    def test_says_how_much_and_why(self, repository: ErrorPatternRepository) -> None:
        (match,) = repository.rank_context("the Postgres upgrade")
        assert 0 < match.score < 1
        assert (match.evidence, match.matched_keywords) == ("keywords", ("postgres",))

    def test_names_the_words_of_a_failure_that_comes_back(self, repository: ErrorPatternRepository) -> None:
        recorded = repository.record_failure("KafkaError: broker gone")
        (match,) = repository.rank_context("it said: KafkaError, the broker is gone")
        assert (match.pattern, match.evidence) == (recorded, "recurrence")
        assert list(match.words) == sorted(match.words, key=lambda word: (-match.words[word], word))
        assert {"kafkaerror", "kafka", "broker", "gone"} <= match.words.keys()
        assert all(0 < weight <= 1 for weight in match.words.values())

    def test_knows_the_same_failure(self, repository: ErrorPatternRepository) -> None:
        recorded = repository.record_failure("KafkaError: broker 7 gone")
        first, *_ = repository.rank_context("KafkaError: broker 8 gone", limit=1)
        assert (first.pattern, first.evidence, first.score) == (recorded, "same failure", SAME_FAILURE_SCORE)
        assert "KafkaError" in first.matched_keywords

    def test_leaves_out_what_scores_less(self, repository: ErrorPatternRepository) -> None:
        worse = repository.rank_context("redis timeout")[1].score
        found = repository.rank_context("redis timeout", min_score=worse + 0.01)
        assert [match.pattern.pattern for match in found] == ["a"]

    @pytest.mark.parametrize(("limit", "expected"), [(0, 0), (1, 1), (10, 10), (None, 12)])
    def test_gives_no_more_than_asked(
        self, repository: ErrorPatternRepository, limit: int | None, expected: int
    ) -> None:
        repository.create_many(ErrorPattern(pattern="kafka") for _ in range(12))
        assert len(repository.match_context("kafka", limit=limit)) == expected

    @pytest.mark.parametrize("context", ["", "%", "nothing of the kind", "\x00\ud800", "redi_", "im'portant\" OR *"])
    def test_finds_nothing_where_there_is_nothing(self, repository: ErrorPatternRepository, context: str) -> None:
        assert repository.match_context(context) == []

    def test_refuses_a_negative_limit(self, repository: ErrorPatternRepository) -> None:
        with pytest.raises(ValueError, match="limit"):
            repository.rank_context("redis", limit=-1)


class TestGuidance:
    @pytest.fixture
    def repository(self, repository: ErrorPatternRepository) -> ErrorPatternRepository:
        repository.create(ErrorPattern(pattern="a", keywords=["redis", "timeout"], preventive_checks=["ping redis"]))
        repository.create(ErrorPattern(pattern="b", keywords=["redis"], preventive_checks=["restart redis"]))
        return repository

    def test_is_what_the_best_matches_say(self, repository: ErrorPatternRepository) -> None:
        matches = repository.rank_context("redis timeout")
        assert repository.guidance_for("redis timeout") == render_guidance(matches) != ""

    def test_is_empty_where_nothing_is_relevant(self, repository: ErrorPatternRepository) -> None:
        repository.create(ErrorPattern(pattern="c", keywords=["server"], preventive_checks=["ask it"]))
        assert repository.match_context("a server") != []
        assert repository.guidance_for("a server") == ""

    def test_tells_of_no_more_patterns_than_asked(self, repository: ErrorPatternRepository) -> None:
        best = repository.rank_context("redis timeout", limit=1)
        assert repository.guidance_for("redis timeout", limit=1) == render_guidance(best)

    def test_tells_of_five_patterns_unless_told_otherwise(self, repository: ErrorPatternRepository) -> None:
        repository.create_many(ErrorPattern(pattern="kafka", frequency=number) for number in range(6))
        assert repository.guidance_for("kafka").count("failure: ") == 5

    def test_is_no_longer_than_asked(self, repository: ErrorPatternRepository) -> None:
        whole = repository.guidance_for("redis timeout")
        assert 0 < len(repository.guidance_for("redis timeout", max_characters=len(whole) - 1)) < len(whole)

    @pytest.mark.parametrize(("limit", "max_characters", "wrong"), [(-1, 0, "limit"), (0, -1, "max_characters")])
    def test_refuses_a_negative_bound(
        self, repository: ErrorPatternRepository, limit: int, max_characters: int, wrong: str
    ) -> None:
        with pytest.raises(ValueError, match=f"^{wrong}: "):
            repository.guidance_for("redis", limit=limit, max_characters=max_characters)


class TestStatistics:
    def test_of_an_empty_memory(self, repository: ErrorPatternRepository) -> None:
        assert repository.statistics() == PatternStatistics(
            total_patterns=0, total_occurrences=0, first_created=None, last_seen=None, most_frequent=(), top_keywords=()
        )

    def test_sums_up_the_memory(self, repository: ErrorPatternRepository) -> None:
        late = MOMENT + timedelta(days=1, microseconds=1)
        repository.create(port_pattern(frequency=3))
        repository.create(ErrorPattern(pattern="p", frequency=0, created_at=late, last_seen=late))
        found = repository.statistics()
        assert (found.total_patterns, found.total_occurrences) == (repository.count(), 3) == (2, 3)
        assert (found.first_created, found.last_seen) == (MOMENT, late)

    def test_has_the_most_frequent_first_then_the_newest_then_by_id(self, repository: ErrorPatternRepository) -> None:
        table = [("3", 5, 0), ("1", 5, 0), ("2", 5, 1), ("0", 4, 9), ("4", 6, 0)]
        repository.create_many(
            ErrorPattern(pattern_id=n * 26, pattern="p", frequency=often, last_seen=MOMENT + timedelta(days))
            for n, often, days in table
        )
        assert [p.pattern_id[0] for p in repository.statistics(top=4).most_frequent] == ["4", "2", "1", "3"]

    def test_has_the_most_common_keywords_first_then_in_code_point_order(
        self, repository: ErrorPatternRepository
    ) -> None:
        lists = [["b", "zz"], ["a", "b"], ["é", "Z"], []]
        repository.create_many(ErrorPattern(pattern="p", keywords=keywords) for keywords in lists)
        top = repository.statistics(top=4).top_keywords
        assert top == (("b", 2), ("Z", 1), ("a", 1), ("zz", 1))

    def test_refuses_a_negative_top(self, repository: ErrorPatternRepository) -> None:
        with pytest.raises(ValueError, match="top"):
            repository.statistics(top=-1)


class TestUpdate:
    def test_returns_the_stored_pattern(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure(FAILURE)
        repository.record_failure(FAILURE)
        pattern.keywords.append("added")
        updated = repository.update(pattern)
        assert (updated.frequency, everything(repository)) == (2, [updated.model_dump()])

    def test_leaves_the_callers_object_as_it_is(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure(FAILURE)
        repository.record_failure(FAILURE)
        pattern.keywords.append("added")
        before = pattern.model_dump()
        repository.update(pattern)
        assert pattern.model_dump() == before

    def test_writes_only_what_was_changed(self, repository: ErrorPatternRepository) -> None:
        mine, theirs = (repository.create(port_pattern()), stored(repository))
        theirs.pattern, theirs.preventive_checks = "Port taken", ["lsof -i"]
        repository.update(theirs)
        mine.keywords = ["bind"]
        repository.update(mine)
        expected = {"pattern": "Port taken", "preventive_checks": ["lsof -i"], "keywords": ["bind"]}
        assert stored(repository).model_dump(include=set(expected)) == expected

    def test_is_found_under_the_new_keywords_alone(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.create(port_pattern())
        pattern.keywords = ["bind"]
        repository.update(pattern)
        assert [len(repository.match_context(context)) for context in ("bind", "eaddrinuse")] == [1, 0]

    def test_leaves_what_never_changes(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure(FAILURE)
        before = everything(repository)
        pattern.created_at, pattern.fingerprint = MOMENT, "1:abc"
        repository.update(pattern)
        assert everything(repository) == before

    def test_with_another_id_does_not_touch_the_pattern_of_that_id(self, repository: ErrorPatternRepository) -> None:
        repository.create(port_pattern())
        pattern = repository.create(ErrorPattern(pattern="p"))
        pattern.pattern_id, pattern.pattern = PATTERN_ID, "overwritten"
        with contextlib.suppress(PatternNotFoundError):
            repository.update(pattern)
        assert stored(repository).pattern == "Port in use"

    def test_never_undoes_a_failure_recorded_meanwhile(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure(FAILURE, keywords=["broker"], preventive_checks=["a"])
        recorded = repository.record_failure(FAILURE, keywords=["amqp"], preventive_checks=["b"])
        pattern.keywords, pattern.preventive_checks = ["mq"], ["a", "c"]
        pattern.historical_failures.append("note")
        updated = repository.update(pattern)
        merged = {"keywords": ["mq", "amqp"], "preventive_checks": ["a", "c", "b"], "frequency": 2}
        merged |= {"last_seen": recorded.last_seen}
        assert updated.model_dump(include=set(merged)) == merged

    def test_writes_a_frequency_as_it_was_set(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure(FAILURE)
        repository.record_failure(FAILURE)
        pattern.frequency = 11
        assert repository.update(pattern).frequency == 11

    def test_keeps_an_equal_failure_recorded_meanwhile(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure(FAILURE)
        repository.record_failure(FAILURE)
        pattern.historical_failures.append("note")
        assert sorted(repository.update(pattern).historical_failures) == [FAILURE, FAILURE, "note"]

    def test_joins_two_edits_of_a_list(self, repository: ErrorPatternRepository) -> None:
        mine, theirs = (repository.create(port_pattern(["a", "b", "c"])), stored(repository))
        theirs.keywords = ["a", "c", "theirs"]
        repository.update(theirs)
        mine.keywords = ["mine", "b", "c"]
        repository.update(mine)
        assert stored(repository).keywords == ["mine", "c", "theirs"]

    @pytest.mark.parametrize("moment", [MOMENT - timedelta(1), MOMENT + timedelta(1)])
    def test_writes_a_last_seen_that_nobody_else_moved(
        self, repository: ErrorPatternRepository, moment: datetime
    ) -> None:
        pattern = repository.create(port_pattern())
        pattern.last_seen = moment
        repository.update(pattern)
        assert stored(repository).last_seen == moment

    def test_writes_a_list_as_it_was_assigned_where_its_base_is_not_known(
        self, repository: ErrorPatternRepository, engine: Engine
    ) -> None:
        created = repository.create(port_pattern(["a", "b"]))
        with Session(engine) as session:
            expired = session.get_one(ErrorPattern, created.pattern_id)
            session.commit()
        expired.keywords = ["c"]
        assert repository.update(expired).keywords == ["c"]

    def test_has_the_same_effect_twice(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.create(port_pattern(["a", "b"]))
        pattern.frequency = 5
        pattern.keywords[:] = ["b", "c"]
        assert repository.update(pattern) == repository.update(pattern)

    def test_removes_one_of_equal_items_however_often_it_is_repeated(self, repository: ErrorPatternRepository) -> None:
        pattern = [repository.record_failure(FAILURE) for _ in range(3)][-1]
        pattern.historical_failures.pop()
        updated = [repository.update(pattern) for _ in range(3)][-1]
        assert updated.historical_failures == [FAILURE, FAILURE]

    def test_refuses_what_has_no_room_beside_what_others_added(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.create(port_pattern())
        repository.add_checks(PATTERN_ID, [f"theirs {n}" for n in range(MAX_CHECKS)])
        pattern.preventive_checks.append("ours")
        with pytest.raises(ValidationError):
            repository.update(pattern)
        assert "ours" not in stored(repository).preventive_checks

    @pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
    def test_writes_a_list_however_it_was_changed(
        self, repository: ErrorPatternRepository, edit: Callable[[ErrorPattern], None]
    ) -> None:
        pattern = repository.create(port_pattern(["a", "b"]))
        edit(pattern)
        expected = list(pattern.keywords)
        repository.update(pattern)
        assert stored(repository).keywords == expected != ["a", "b"]

    def test_takes_away_what_was_in_a_list_when_it_was_stored(self, repository: ErrorPatternRepository) -> None:
        pattern = port_pattern(["a"])
        pattern.keywords.append("b")
        repository.create(pattern)
        pattern.keywords.remove("b")
        assert repository.update(pattern).keywords == ["a"]

    def test_takes_away_a_failure_that_was_just_recorded(self, repository: ErrorPatternRepository) -> None:
        repository.record_failure(FAILURE)
        pattern = repository.record_failure(FAILURE)
        pattern.historical_failures.clear()
        assert repository.update(pattern).historical_failures == []

    def test_joins_the_contexts_of_two_writers(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure(FAILURE, context="first")
        repository.record_failure(FAILURE, context="second")
        pattern.historical_contexts[:] = ["mine"]
        assert repository.update(pattern).historical_contexts == ["mine", "second"]

    def test_writes_what_is_changed_through_a_list_held_since_before(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.create(port_pattern())
        keywords = pattern.keywords
        keywords.append("first")
        repository.update(pattern)
        keywords.append("second")
        repository.update(pattern)
        assert stored(repository).keywords == ["eaddrinuse", "first", "second"]

    def test_writes_what_was_set_in_a_pattern_of_ones_own(self, repository: ErrorPatternRepository) -> None:
        repository.create(port_pattern(frequency=7))
        repository.update(ErrorPattern(pattern_id=PATTERN_ID.lower(), pattern="new", keywords=[]))
        expected = {**port_pattern(frequency=7).model_dump(), "pattern": "new", "keywords": []}
        assert everything(repository) == [expected]

    def test_goes_on_from_there_with_a_pattern_of_ones_own(self, repository: ErrorPatternRepository) -> None:
        repository.create(port_pattern(frequency=7))
        mine = repository.update(ErrorPattern(pattern_id=PATTERN_ID, pattern="new"))
        repository.update(ErrorPattern(pattern_id=PATTERN_ID, pattern="newer"))
        mine.keywords.append("bind")
        mine = repository.update(mine)
        assert (mine.pattern, mine.frequency, mine.keywords) == ("newer", 7, ["eaddrinuse", "bind"])

    def test_says_which_pattern_is_missing(self, repository: ErrorPatternRepository) -> None:
        with pytest.raises(PatternNotFoundError) as error:
            repository.update(port_pattern())
        assert error.value.pattern_id == PATTERN_ID

    @pytest.mark.parametrize("loaded", [True, False])
    def test_writes_at_the_retry_after_a_failure(self, repository: ErrorPatternRepository, loaded: bool) -> None:
        pattern = repository.create(port_pattern()) if loaded else port_pattern()
        pattern.keywords.append("bind")
        repository.delete(PATTERN_ID)
        with pytest.raises(PatternNotFoundError):
            repository.update(pattern)
        repository.create(port_pattern())
        repository.update(pattern)
        assert stored(repository).keywords == ["eaddrinuse", "bind"]


Add = Callable[[ErrorPatternRepository, str, Sequence[str]], ErrorPattern]
ADDS: dict[str, Add] = {
    "preventive_checks": lambda repository, pattern_id, items: repository.add_checks(pattern_id, items),
    "keywords": lambda repository, pattern_id, items: repository.add_keywords(pattern_id, items),
}


@pytest.mark.parametrize(("name", "add"), ADDS.items(), ids=ADDS)
class TestAdd:
    def test_adds_what_is_not_there_in_any_case(self, repository: ErrorPatternRepository, name: str, add: Add) -> None:
        repository.create(port_pattern([]))
        add(repository, PATTERN_ID, ["first", "second"])
        add(repository, PATTERN_ID, ("Second", " third "))
        assert getattr(stored(repository), name) == ["first", "second", "third"]

    def test_returns_the_stored_pattern(self, repository: ErrorPatternRepository, name: str, add: Add) -> None:
        repository.create(port_pattern())
        assert [add(repository, PATTERN_ID, ["first"]).model_dump()] == everything(repository)

    def test_finds_the_pattern_under_any_spelling_of_its_id(
        self, repository: ErrorPatternRepository, name: str, add: Add
    ) -> None:
        repository.create(port_pattern())
        assert "first" in getattr(add(repository, PATTERN_ID.lower(), ["first"]), name)

    @pytest.mark.parametrize("missing", [PATTERN_ID, "no id at all"])
    def test_says_which_pattern_is_missing(
        self, repository: ErrorPatternRepository, name: str, add: Add, missing: str
    ) -> None:
        with pytest.raises(PatternNotFoundError) as error:
            add(repository, missing, ["first"])
        assert error.value.pattern_id == missing

    @pytest.mark.parametrize("bad", [[""], ["x" * 2_001], ["a\x00"], [f"item {n}" for n in range(65)], "text"])
    def test_changes_nothing_where_a_rule_is_broken(
        self, repository: ErrorPatternRepository, name: str, add: Add, bad: Sequence[str]
    ) -> None:
        repository.create(port_pattern())
        before = everything(repository)
        with pytest.raises(ValidationError):
            add(repository, PATTERN_ID, bad)
        assert everything(repository) == before

    def test_makes_the_pattern_found_under_new_keywords_alone(
        self, repository: ErrorPatternRepository, name: str, add: Add
    ) -> None:
        repository.create(port_pattern())
        add(repository, PATTERN_ID, ["kafka"])
        assert (repository.match_context("kafka") != []) == (name == "keywords")


class TestRecordFailure:
    def test_makes_a_pattern_of_an_unknown_failure(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure(FAILURE, preventive_checks=["start it"])
        assert (pattern.pattern, pattern.historical_failures) == (FAILURE, [FAILURE])
        assert (pattern.frequency, pattern.preventive_checks) == (1, ["start it"])
        assert everything(repository) == [pattern.model_dump()]

    def test_counts_a_known_failure(self, repository: ErrorPatternRepository) -> None:
        first, second = (repository.record_failure(f"Timeout: {n} s waited") for n in (5, 30))
        assert (second.pattern_id, second.frequency) == (first.pattern_id, 2)
        assert second.historical_failures == ["Timeout: 5 s waited", "Timeout: 30 s waited"]
        assert everything(repository) == [second.model_dump()]

    def test_makes_the_failure_found(self, repository: ErrorPatternRepository) -> None:
        repository.record_failure("ModuleNotFoundError: No module named 'requests'")
        assert len(repository.match_context("import requests")) == 1

    @pytest.mark.parametrize(
        ("error", "signs"),
        [
            (raised(KeyError("user_id")), ["Traceback", "KeyError: 'user_id'", "in raised"]),
            (KeyError("user_id"), ["KeyError: 'user_id'"]),
            (TimeoutError(), ["TimeoutError"]),
            (raised(RuntimeError("save"), OSError("no space")), ["OSError: no space", "direct cause", "RuntimeError"]),
            (ExceptionGroup("both", [KeyError("a"), OSError("b")]), ["both", "KeyError: 'a'", "OSError: b"]),
        ],
        ids=["raised", "never raised", "without message", "chained", "group"],
    )
    def test_keeps_what_an_exception_says(
        self, repository: ErrorPatternRepository, error: Exception, signs: list[str]
    ) -> None:
        (text,) = repository.record_failure(error).historical_failures
        assert [sign for sign in signs if sign not in text] == []

    def test_takes_the_keywords_given(self, repository: ErrorPatternRepository) -> None:
        assert repository.record_failure(FAILURE, keywords=["only", "these"]).keywords == ["only", "these"]

    @pytest.mark.parametrize(("given", "expected"), [(None, ["mq"]), ([], ["mq"]), (["amqp", "MQ"], ["mq", "amqp"])])
    def test_adds_keywords_to_those_of_a_known_pattern(
        self, repository: ErrorPatternRepository, given: list[str] | None, expected: list[str]
    ) -> None:
        repository.record_failure(FAILURE, keywords=["mq"])
        pattern = repository.record_failure(FAILURE, keywords=given)
        assert pattern.keywords == expected
        assert [len(repository.match_context(keyword)) for keyword in expected] == [1] * len(expected)

    def test_adds_extra_keywords_to_those_given(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure(FAILURE, keywords=["a", "b"], extra_keywords=["B", "c"])
        assert pattern.keywords == ["a", "b", "c"]

    def test_adds_extra_keywords_to_those_drawn(self, repository: ErrorPatternRepository) -> None:
        drawn = repository.record_failure("TimeoutError: no answer").keywords
        pattern = repository.record_failure("OSError: no answer", extra_keywords=["nightly import"])
        assert pattern.keywords == ["OSError" if word == "TimeoutError" else word for word in drawn] + [
            "nightly import"
        ]

    def test_adds_extra_keywords_to_a_known_pattern(self, repository: ErrorPatternRepository) -> None:
        drawn = repository.record_failure(FAILURE).keywords
        pattern = repository.record_failure(FAILURE, extra_keywords=["amqp", drawn[0].upper()])
        assert pattern.keywords == [*drawn, "amqp"]
        assert len(repository.match_context("amqp")) == 1

    def test_keeps_extra_keywords_rather_than_drawn_ones(self, repository: ErrorPatternRepository) -> None:
        extra = [f"extra {n}" for n in range(64)]
        assert repository.record_failure(FAILURE, extra_keywords=extra).keywords == extra

    def test_keeps_what_was_attempted(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure(FAILURE, context=" publish the order\n")
        assert pattern.historical_contexts == ["publish the order"]
        assert everything(repository) == [pattern.model_dump()]

    def test_keeps_the_newest_20_contexts_each_once(self, repository: ErrorPatternRepository) -> None:
        attempts = [f"attempt {n}" for n in (*range(22), 5, 21)]
        patterns = [repository.record_failure(FAILURE, context=context) for context in attempts]
        assert patterns[-1].historical_contexts == [f"attempt {n}" for n in (2, 3, 4, *range(6, 21), 5, 21)]
        assert patterns[-1].frequency == len(attempts)

    @pytest.mark.parametrize("context", [None, "", " \n\t"], ids=repr)
    def test_keeps_earlier_contexts_where_there_is_none(
        self, repository: ErrorPatternRepository, context: str | None
    ) -> None:
        repository.record_failure(FAILURE, context="publish the order")
        assert repository.record_failure(FAILURE, context=context).historical_contexts == ["publish the order"]

    def test_redacts_a_context_and_replaces_what_no_database_can_hold(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure(FAILURE, context="mq --password=hunter2 \x00 \ud800 \x1b[1mnow")
        assert pattern.historical_contexts == ["mq --password=[redacted] \ufffd \ufffd now"]

    def test_cuts_a_long_context_in_its_middle(self, repository: ErrorPatternRepository) -> None:
        (context,) = repository.record_failure(FAILURE, context=f"first {'x' * 3_000} last").historical_contexts
        assert (len(context), context[:6], context[-5:]) == (2_000, "first ", " last")

    def test_splits_a_transcript_into_the_command_and_what_it_printed(self, repository: ErrorPatternRepository) -> None:
        text = "$ git push origin main\nerror: failed to push some refs"
        pattern = repository.record_failure(text)
        assert pattern.historical_contexts == ["git push origin main"]
        assert (pattern.pattern, pattern.historical_failures) == ("error: failed to push some refs", [text])

    def test_prefers_a_given_context_to_the_command_in_the_text(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.record_failure("$ git push\nerror: failed", context="publish the branch")
        assert pattern.historical_contexts == ["publish the branch"]

    def test_counts_one_command_with_other_arguments_as_one_failure(self, repository: ErrorPatternRepository) -> None:
        refused = "error: failed to push some refs"
        texts = [f"$ {command}\n{refused}" for command in ("git push", "git push origin main", "svn commit")]
        git, again, svn = map(repository.record_failure, texts)
        assert (
            (again.pattern_id, svn.pattern_id) == (git.pattern_id, svn.pattern_id) != (svn.pattern_id, git.pattern_id)
        )
        assert again.historical_contexts == ["git push", "git push origin main"]

    @pytest.mark.parametrize("command", [["make", "all in one"], "make 'all in one'"], ids=["list", "text"])
    def test_takes_the_command_of_an_exception(
        self, repository: ErrorPatternRepository, command: str | list[str]
    ) -> None:
        error = subprocess.CalledProcessError(2, command, stderr="no rule to make target")
        pattern = repository.record_failure(error)
        assert pattern.historical_contexts == ["make 'all in one'"]
        assert pattern.historical_failures[0].endswith("no rule to make target")

    def test_adds_checks_and_never_blanks_them(self, repository: ErrorPatternRepository) -> None:
        for checks in (["a", "b"], [], ["c", "a"]):
            repository.record_failure(FAILURE, preventive_checks=checks)
        assert repository.list_all()[0].preventive_checks == ["a", "b", "c"]

    def test_keeps_the_first_64_checks(self, repository: ErrorPatternRepository) -> None:
        checks = [f"check {n}" for n in range(70)]
        repository.record_failure(FAILURE, preventive_checks=checks[:60])
        assert repository.record_failure(FAILURE, preventive_checks=checks[60:]).preventive_checks == checks[:64]

    def test_keeps_the_newest_20_failures(self, repository: ErrorPatternRepository) -> None:
        patterns = [repository.record_failure(f"Timeout: {n} s waited") for n in range(23)]
        assert patterns[-1].historical_failures == [f"Timeout: {n} s waited" for n in range(3, 23)]

    @pytest.mark.parametrize("days", [-30, 30])
    def test_moves_last_seen_forward_and_never_back(self, repository: ErrorPatternRepository, days: int) -> None:
        pattern = repository.record_failure(FAILURE)
        pattern.last_seen += timedelta(days)
        repository.update(pattern)
        before = datetime.now(UTC)
        assert repository.record_failure(FAILURE).last_seen >= max(before, pattern.last_seen)
        assert (stored(repository, pattern.pattern_id).last_seen == pattern.last_seen) is (days > 0)

    @pytest.mark.parametrize("failure", ["", " \n\t"], ids=repr)
    def test_refuses_an_empty_failure(self, repository: ErrorPatternRepository, failure: str) -> None:
        with pytest.raises(ValidationError):
            repository.record_failure(failure)
        assert repository.count() == 0

    @pytest.mark.parametrize("argument", ["keywords", "extra_keywords", "preventive_checks"])
    @pytest.mark.parametrize("items", [[""], ["k" * 2_001], ["\x00"], [" "], "text", [f"item {n}" for n in range(65)]])
    def test_changes_nothing_for_refused_input(
        self, repository: ErrorPatternRepository, argument: str, items: Sequence[str]
    ) -> None:
        repository.record_failure(FAILURE)
        before = everything(repository)
        record: Callable[..., object] = repository.record_failure
        with pytest.raises(ValidationError):
            record(FAILURE, **{argument: items})
        assert everything(repository) == before

    def test_replaces_what_no_database_can_hold(self, repository: ErrorPatternRepository) -> None:
        assert repository.record_failure("bad\x00 \ud800 byte").historical_failures == ["bad\ufffd \ufffd byte"]


class TestReturnedPatterns:
    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
    def test_are_detached_and_whole(self, repository: ErrorPatternRepository, call: Call) -> None:
        pattern = call(repository, repository.create(port_pattern()))
        state = sa_inspect(pattern)
        assert (state.session, state.unloaded, state.expired) == (None, set(), False)

    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
    def test_can_be_edited_for_an_update(self, repository: ErrorPatternRepository, call: Call) -> None:
        pattern = call(repository, repository.create(port_pattern()))
        pattern.keywords.append("edited")
        repository.update(pattern)
        assert stored(repository, pattern.pattern_id).keywords[-1] == "edited"

    def test_can_be_read_and_edited_after_the_repository_is_closed(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.create(port_pattern())
        repository.close()
        pattern.keywords.append("bind")
        assert pattern.keywords == ["eaddrinuse", "bind"]

    def test_show_nothing_that_was_not_written(self, repository: ErrorPatternRepository) -> None:
        repository.create(port_pattern()).keywords.append("unwritten")
        assert stored(repository).keywords == ["eaddrinuse"]


class TestClose:
    def test_comes_at_the_end_of_with(self, repository: ErrorPatternRepository) -> None:
        with repository as entered:
            assert entered is repository

    def test_may_come_twice(self, repository: ErrorPatternRepository) -> None:
        repository.close()
        repository.close()

    def test_lets_an_error_through(self, repository: ErrorPatternRepository) -> None:
        with pytest.raises(KeyError), repository:
            raise KeyError
