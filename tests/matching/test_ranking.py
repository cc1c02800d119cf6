"""Which patterns a context brings up, and in which order."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from error_patterns import ErrorPattern, ErrorPatternRepository, PatternMatch
from error_patterns.matching import FOLLOWED
from error_patterns.matching.phrases import phrases_at
from reference import NOON

SMALLINT = 2**15 - 1


def pattern(text: str, *keywords: str, frequency: int = 1, last_seen: datetime = NOON, number: int = 0) -> ErrorPattern:
    one = ErrorPattern(pattern=text, keywords=list(keywords), frequency=frequency, last_seen=last_seen)
    return one.model_copy(update={"pattern_id": f"{number:026}"}) if number else one


def texts(matches: list[PatternMatch]) -> list[str]:
    return [match.pattern.pattern for match in matches]


class TestWhatMatches:
    def test_a_keyword_is_found(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("Module not installed", "ImportError"))
        assert texts(repository.rank_context("ImportError: no module")) == ["Module not installed"]

    def test_the_text_of_a_pattern_is_found(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("Disk is full"))
        (match,) = repository.rank_context("warning: the disk is FULL!")
        assert (match.score, match.matched_keywords) == (1.0, ())

    def test_nothing_else_is_found(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("Disk is full", "port"))
        assert repository.match_context("an important disk is nearly full") == []

    def test_matched_keywords_are_as_the_pattern_has_them(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("x", "Open Files", "EMFILE", "ulimit"))
        (match,) = repository.rank_context("emfile: too many open_file handles")
        assert match.matched_keywords == ("Open Files", "EMFILE")

    def test_a_keyword_longer_than_the_context_is_not_found(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("x", "too many open files in the system"))
        assert repository.match_context("too many open files") == []

    @pytest.mark.parametrize("words", [4, 10, 60])
    def test_a_long_keyword_is_found_only_when_all_of_it_is_there(
        self, repository: ErrorPatternRepository, words: int
    ) -> None:
        phrase = " ".join("abcdefghijklmnopqrstuvwxyz"[n % 26] for n in range(words))
        repository.create(pattern("whole", phrase))
        repository.create(pattern("other end", f"{phrase[:-1]}!7"))
        assert texts(repository.rank_context(f"so {phrase} it is")) == ["whole"]

    def test_a_context_that_repeats_itself_counts_once(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("x", "port", "bind"))
        once = repository.rank_context("port")
        assert repository.rank_context("port " * 100) == once


# What LIKE, SQL, regular expressions, full-text engines, bound parameters and format strings would take for syntax.
SYNTAX = r"""
    % _ ' %_'";-- .* ( [a- (a+)+$ \ ^port$ port* port:* "port" -port NEAR(port :port :1 %(port)s %s {port} ? $1
""".split()
HOSTILE = [*SYNTAX, "' OR 1=1 --", '"port" NOT x', "port & !x", "\u0301", "\u202e", "\U000e0061", "🔥" * 50]


class TestAnyContext:
    @pytest.mark.parametrize("context", [*HOSTILE, "\x00" * 50, "\ud800\udfff", "port\x00"])
    def test_it_is_searched_like_any_other(self, repository: ErrorPatternRepository, context: str) -> None:
        repository.create(pattern("Port in use", "port"))
        assert texts(repository.rank_context(context)) == (["Port in use"] if "port" in context else [])

    @pytest.mark.parametrize("keyword", HOSTILE)
    def test_the_same_text_as_a_keyword_is_found_again(self, repository: ErrorPatternRepository, keyword: str) -> None:
        repository.create(pattern("a", keyword))
        assert texts(repository.rank_context(f"x {keyword} y")) == ["a"]

    @pytest.mark.parametrize("unit", ["port ", "\x00", "🔥", "%_'\";--"])
    def test_a_megabyte_is_searched_to_its_end(self, repository: ErrorPatternRepository, unit: str) -> None:
        repository.create(pattern("Disk is full", "ENOSPC"))
        context = unit * (1_000_000 // len(unit)) + " ENOSPC"
        assert texts(repository.rank_context(context)) == ["Disk is full"]

    @pytest.mark.parametrize("context", ["", " \n\t"])
    def test_an_empty_context_resembles_nothing(self, repository: ErrorPatternRepository, context: str) -> None:
        repository.create(pattern("%", "_", "'"))
        assert repository.match_context(context) == []

    def test_an_empty_memory_knows_nothing(self, repository: ErrorPatternRepository) -> None:
        assert repository.rank_context("port") == []

    def test_a_row_of_the_index_that_somebody_else_wrote_is_no_error(
        self, repository: ErrorPatternRepository, database_file: Path
    ) -> None:
        repository.create(pattern("p", "broker"))
        with closing(sqlite3.connect(database_file)) as connection, connection:
            connection.execute("UPDATE error_pattern_phrases SET phrases = replace(phrases, ',1]', ',0]')")
        assert len(repository.match_context("broker")) == 1

    def test_a_pattern_of_many_words_a_character_fits_the_index(self) -> None:
        # Such characters stand for up to six words each, and PostgreSQL refuses what is too large for the column.
        assert max(phrase.words for phrase in phrases_at("㌖" * 10_000, [])) <= SMALLINT


class TestScore:
    def test_all_keywords_present_is_one(self, repository: ErrorPatternRepository) -> None:
        repository.create_many([pattern("x", "port", "address in use", "bind"), pattern("y", "port")])
        assert [m.score for m in repository.rank_context("bind: Address in use (port 80)")] == [1.0, 1.0]

    def test_a_part_of_them_is_between_zero_and_one(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("x", "port", "bind"))
        assert [m.score for m in repository.rank_context("port")] == [0.5]

    def test_a_rare_keyword_weighs_more_than_a_common_one(self, repository: ErrorPatternRepository) -> None:
        repository.create_many([pattern("x", "rare", "common"), *(pattern(f"y{n}", "common") for n in range(20))])
        (rare,) = repository.rank_context("rare")
        (common,) = [m for m in repository.rank_context("common", limit=None) if m.pattern.pattern == "x"]
        assert common.score < rare.score

    def test_a_rare_keyword_that_is_missing_lowers_it_more_than_a_common_one(
        self, repository: ErrorPatternRepository
    ) -> None:
        others = [pattern(f"other {n}", "common") for n in range(20)]
        repository.create_many([pattern("x", "port", "rare"), pattern("y", "port", "common"), *others])
        assert texts(repository.rank_context("port")) == ["y", "x"]

    def test_a_longer_keyword_weighs_more_than_a_word(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("x", "address in use", "bind"))
        assert repository.rank_context("address in use")[0].score > 0.5

    def test_phrases_with_other_keywords_do_not_change_it(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("x", "port", "bind", "address in use"))
        (before,) = repository.rank_context("port")
        repository.create_many(pattern(f"unrelated{n}", f"keyword{n}") for n in range(50))
        assert repository.rank_context("port") == [before]


class TestOrder:
    @pytest.mark.parametrize(
        ("better", "worse"),
        [
            (pattern("better", "port"), pattern("worse", "bind", "absent", frequency=9)),
            (pattern("better", "port", "bind"), pattern("worse", "port", frequency=9)),
            (pattern("better", "port", frequency=2), pattern("worse", "port", last_seen=NOON + timedelta(days=1))),
            (
                pattern("better", "port", last_seen=NOON + timedelta(microseconds=1), number=2),
                pattern("worse", "port", number=1),
            ),
            (pattern("better", "port", number=1), pattern("worse", "port", number=2)),
        ],
        ids=["score", "particular", "frequency", "last_seen", "id"],
    )
    @pytest.mark.parametrize("reverse", [False, True], ids=["stored in order", "stored in reverse"])
    def test_the_better_one_comes_first(
        self, repository: ErrorPatternRepository, better: ErrorPattern, worse: ErrorPattern, reverse: bool
    ) -> None:
        stored = [better.model_copy(), worse.model_copy()]
        repository.create_many(reversed(stored) if reverse else stored)
        assert texts(repository.rank_context("bind the port")) == ["better", "worse"]


class TestBounds:
    @pytest.fixture
    def twelve(self, repository: ErrorPatternRepository) -> ErrorPatternRepository:
        repository.create_many(pattern(f"p{n}", "port", *(f"absent{k}" for k in range(n))) for n in range(12))
        return repository

    def test_ten_are_given_unless_told_otherwise(self, twelve: ErrorPatternRepository) -> None:
        assert texts(twelve.rank_context("port")) == [f"p{n}" for n in range(10)]

    @pytest.mark.parametrize(("limit", "given"), [(0, 0), (1, 1), (12, 12), (2**63 - 1, 12), (None, 12)])
    def test_a_limit_gives_the_best(self, twelve: ErrorPatternRepository, limit: int | None, given: int) -> None:
        assert [p.pattern for p in twelve.match_context("port", limit=limit)] == [f"p{n}" for n in range(given)]

    @pytest.mark.parametrize("limit", [-1, 2**63])
    def test_an_impossible_limit_is_refused(self, twelve: ErrorPatternRepository, limit: int) -> None:
        with pytest.raises(ValueError, match=r"^limit: must be from 0 to"):
            twelve.match_context("port", limit=limit)

    @pytest.mark.parametrize(("min_score", "given"), [(0.0, 12), (0.2, 3), (1.0, 1), (1.1, 0)])
    def test_min_score_leaves_out_what_scores_less(
        self, twelve: ErrorPatternRepository, min_score: float, given: int
    ) -> None:
        assert len(twelve.rank_context("port", limit=None, min_score=min_score)) == given


def deleted_by_repository(session: Session, pattern_id: str) -> None:
    ErrorPatternRepository.in_session(session).delete(pattern_id)


def deleted_by_session(session: Session, pattern_id: str) -> None:
    session.delete(session.get_one(ErrorPattern, pattern_id))


class TestIndexFollows:
    def found(self, repository: ErrorPatternRepository) -> dict[str, list[str]]:
        return {word: texts(repository.rank_context(word)) for word in ("old", "new") if repository.rank_context(word)}

    def test_create(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("x", "old"))
        assert self.found(repository) == {"old": ["x"]}

    def test_create_many(self, repository: ErrorPatternRepository) -> None:
        repository.create_many([pattern("x", "old"), pattern("y", "new")])
        assert self.found(repository) == {"old": ["x"], "new": ["y"]}

    @pytest.mark.parametrize(
        "change",
        [
            lambda stored: setattr(stored, "keywords", ["new"]),
            lambda stored: stored.keywords.__setitem__(0, "new"),
            lambda stored: (stored.keywords.append("new"), stored.keywords.remove("old")),
        ],
        ids=["assignment", "item", "append and remove"],
    )
    def test_update_of_keywords(
        self, repository: ErrorPatternRepository, change: Callable[[ErrorPattern], object]
    ) -> None:
        stored = repository.create(pattern("x", "old"))
        change(stored)
        repository.update(stored)
        assert self.found(repository) == {"new": ["x"]}

    def test_update_of_the_text(self, repository: ErrorPatternRepository) -> None:
        stored = repository.create(pattern("old"))
        stored.pattern = "new"
        repository.update(stored)
        assert self.found(repository) == {"new": ["new"]}

    def test_delete(self, repository: ErrorPatternRepository) -> None:
        repository.delete(repository.create(pattern("x", "old")).pattern_id)
        assert self.found(repository) == {}

    def test_record_failure_of_an_unknown_one(self, repository: ErrorPatternRepository) -> None:
        repository.record_failure("it broke", keywords=["old"])
        assert self.found(repository) == {"old": ["it broke"]}

    def test_record_failure_of_a_known_one(self, repository: ErrorPatternRepository) -> None:
        repository.record_failure("it broke", keywords=["old"])
        repository.record_failure("it broke", keywords=["new"])
        assert self.found(repository) == {"old": ["it broke"], "new": ["it broke"]}

    def test_a_plain_session(self, repository: ErrorPatternRepository, url: str) -> None:
        engine = create_engine(url)
        with Session(engine) as session, session.begin():
            session.add_all([kept := pattern("x", "old"), gone := pattern("y", "old")])
            session.flush()
            kept.keywords.append("new")
            session.delete(gone)
        engine.dispose()
        assert self.found(repository) == {"old": ["x"], "new": ["x"]}

    @pytest.mark.parametrize("delete_it", [deleted_by_repository, deleted_by_session])
    def test_deleted_patterns_do_not_make_a_keyword_common(
        self, repository: ErrorPatternRepository, url: str, delete_it: Callable[[Session, str], None]
    ) -> None:
        repository.create(pattern("x", "port", "bind"))
        gone = repository.create(pattern("y", "port"))
        engine = create_engine(url)  # a caller's own: SQLite's foreign keys are switched off there
        with Session(engine) as session, session.begin():
            delete_it(session, gone.pattern_id)
        engine.dispose()
        assert [match.score for match in repository.rank_context("port")] == [0.5]

    def test_a_rollback(self, repository: ErrorPatternRepository, url: str) -> None:
        engine = create_engine(url)
        with Session(engine) as session:
            session.add(pattern("x", "old"))
            session.flush()
            session.rollback()
        engine.dispose()
        assert self.found(repository) == {}


@pytest.fixture(scope="module")
def crowded(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """More patterns that share one keyword than a question with a limit follows; one old one has a rare keyword."""
    path = tmp_path_factory.mktemp("crowded") / "errors.db"
    path.write_bytes(migrated_file.read_bytes())
    with ErrorPatternRepository.open(f"sqlite:///{path}", migrate=False) as repository:
        rare = pattern("rare one", "common", "rare", number=1)
        repository.create_many([rare, *(pattern(f"p{n}", "common") for n in range(FOLLOWED + 100))])
    return f"sqlite:///{path}"


class TestManyRareTerms:
    def test_a_pattern_of_which_all_occurs_is_found_among_hundreds_of_which_something_does(
        self, repository: ErrorPatternRepository
    ) -> None:
        others = [pattern(f"unrelated {n}", f"aa{n:03}", "absent") for n in range(300)]
        repository.create_many([pattern("the one", "zeta", "theta", "omega", number=1), *others])
        context = " ".join(f"aa{n:03}" for n in range(300))
        assert texts(repository.rank_context(f"{context} zeta theta omega", limit=1)) == ["the one"]


class TestCommonTerms:
    def test_without_a_limit_all_are_given(self, crowded: str) -> None:
        with ErrorPatternRepository.open(crowded, migrate=False) as repository:
            assert len(repository.match_context("common", limit=None)) == FOLLOWED + 101

    def test_with_a_limit_so_many_are_given(self, crowded: str) -> None:
        with ErrorPatternRepository.open(crowded, migrate=False) as repository:
            assert len(repository.match_context("common", limit=7)) == 7

    def test_a_rare_keyword_beside_it_wins(self, crowded: str) -> None:
        with ErrorPatternRepository.open(crowded, migrate=False) as repository:
            assert texts(repository.rank_context("common and rare", limit=1)) == ["rare one"]

    def test_the_common_keyword_still_raises_the_score(self, crowded: str) -> None:
        with ErrorPatternRepository.open(crowded, migrate=False) as repository:
            (alone,) = repository.rank_context("rare", limit=1)
            (both,) = repository.rank_context("common and rare", limit=1)
        assert alone.score < both.score == 1.0
