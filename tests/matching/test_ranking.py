"""Which patterns a context brings up, and in which order."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from error_patterns import ErrorPattern, ErrorPatternRepository, PatternMatch
from error_patterns.matching import CANDIDATES, FOLLOWED, RELEVANT_SCORE, SAME_FAILURE_SCORE
from reference import CONTEXT, FAILURE_TEXT, FAILURES, NOON, PATTERN, PHRASE, TEXT


def pattern(text: str, *keywords: str, frequency: int = 1, last_seen: datetime = NOON, number: int = 0) -> ErrorPattern:
    one = ErrorPattern(pattern=text, keywords=list(keywords), frequency=frequency, last_seen=last_seen)
    return one.model_copy(update={"pattern_id": f"{number:026}"}) if number else one


def recorded(text: str, *keywords: str, frequency: int = 1) -> ErrorPattern:
    """A pattern whose failure says its keywords but for the last, and much else."""
    one = pattern(text, *keywords, frequency=frequency)
    one.historical_failures = [f"{' '.join(keywords[:-1])} {' '.join(f'xyzzy{n}' for n in range(40))}"]
    return one


def texts(matches: list[PatternMatch]) -> list[str]:
    return [match.pattern.pattern for match in matches]


class TestWhatMatches:
    def test_a_keyword_is_found(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("Module not installed", "ImportError"))
        assert texts(repository.rank_context("ImportError: no module")) == ["Module not installed"]

    def test_the_text_of_a_pattern_is_found(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("Disk is full"))
        (match,) = repository.rank_context("warning: the disk is FULL!")
        assert (match.evidence, match.matched_keywords) == ("keywords", ())

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
            connection.execute("UPDATE error_pattern_phrases SET phrases = replace(phrases, ',1,1]', ',0,1]')")
        assert len(repository.match_context("broker")) == 1


class TestScore:
    def test_all_keywords_present_is_more_than_one_of_them(self, repository: ErrorPatternRepository) -> None:
        repository.create_many([pattern("x", "port", "address in use", "bind"), pattern("y", "port")])
        more, less = repository.rank_context("bind: Address in use (port 80)")
        assert (more.pattern.pattern, less.pattern.pattern) == ("x", "y")
        assert 0 < less.score < more.score < 1

    def test_a_word_that_is_rare_in_developer_text_weighs_more(self, repository: ErrorPatternRepository) -> None:
        repository.create_many([pattern("common", "server"), pattern("rare", "redis")])
        assert texts(repository.rank_context("redis server")) == ["rare", "common"]

    def test_keywords_that_are_missing_count_for_nothing(self, repository: ErrorPatternRepository) -> None:
        repository.create_many([pattern("x", "port", "redis", "kafka"), pattern("y", "port")])
        first, second = repository.rank_context("port")
        assert first.score == second.score

    def test_a_longer_keyword_weighs_more_than_a_word(self, repository: ErrorPatternRepository) -> None:
        repository.create_many([pattern("word", "address"), pattern("phrase", "address in use")])
        assert texts(repository.rank_context("address in use")) == ["phrase", "word"]

    def test_phrases_with_other_keywords_do_not_change_it(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("x", "port", "bind", "address in use"))
        (before,) = repository.rank_context("port")
        repository.create_many(pattern(f"unrelated{n}", f"keyword{n}") for n in range(50))
        assert repository.rank_context("port") == [before]


class TestOrder:
    @pytest.mark.parametrize(
        ("better", "worse"),
        [
            (pattern("better", "port", "bind"), pattern("worse", "port", frequency=9)),
            (recorded("better", "port", "bind", "zork"), recorded("worse", "port", "zork", frequency=9)),
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
        assert texts(repository.rank_context("to bind the port, a zork")) == ["better", "worse"]


class TestBounds:
    @pytest.fixture
    def twelve(self, repository: ErrorPatternRepository) -> ErrorPatternRepository:
        repository.create_many(pattern(f"p{n}", "port", frequency=12 - n) for n in range(12))
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

    @pytest.mark.parametrize(("min_score", "given"), [(0.0, 3), (0.25, 2), (0.4, 1), (1.0, 0)])
    def test_min_score_leaves_out_what_scores_less(
        self, repository: ErrorPatternRepository, min_score: float, given: int
    ) -> None:
        repository.create_many(pattern(f"{word} again", word) for word in ("port", "redis", "zork"))
        found = repository.rank_context("zork, redis, port", limit=None, min_score=min_score)
        assert texts(found) == ["zork again", "redis again", "port again"][:given]

    def test_min_score_keeps_long_keywords_that_are_worth_it(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("x", "to the file of zork"))
        assert len(repository.rank_context("to the file of zork", min_score=RELEVANT_SCORE)) == 1


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
        context = "error: a quorum was lost, as somebody says"
        repository.record_failure("KafkaError: quorum lost")
        before = repository.rank_context(context)
        gone = repository.create(pattern("y", "quorum", "lost"))
        assert min(match.score for match in repository.rank_context(context)) < before[0].score
        engine = create_engine(url)  # a caller's own: SQLite's foreign keys are switched off there
        with Session(engine) as session, session.begin():
            delete_it(session, gone.pattern_id)
        engine.dispose()
        assert repository.rank_context(context) == before

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
        assert alone.score < both.score < 1


TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/orders.py", line 12, in place
    broker.publish(order)
KafkaError: quorum of port 7 lost"""
TRANSCRIPT = "$ make deploy\nImportError: port 7\nmake: *** [deploy] Error 2"
TOLD = {
    "a plan": (
        'sqlalchemy.exc.OperationalError: FATAL: too many connections for role "reporting"',
        "Raise the reporting worker pool from 4 to 40 processes, each with an engine of its own",
        "Scale the reporting pool up to 60 worker processes, an engine in each",
    ),
    "another plan": (
        "fatal: refusing to merge unrelated histories",
        "Pull the template's main branch into the fresh repository to adopt its skeleton",
        "Adopt the skeleton: pull the main branch of the template repository into this one",
    ),
    "a command": ("error: externally-managed-environment", "sudo pip install httpie", "pip install httpie rich"),
    "another command": (
        "OSError: [Errno 28] No space left on device",
        "docker build -t shop/backend --no-cache .",
        "docker build -t shop/frontend .",
    ),
}
UNRELATED = [
    "Rename the column customer to client in the invoices table",
    "Bump the version of pydantic and run the tests",
    "kubectl get pods -n staging",
    "git push origin main",
]
RECORDED = st.lists(st.tuples(FAILURE_TEXT, TEXT, st.lists(PHRASE, max_size=2)), max_size=4)
on_stores = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


def empty(repository: ErrorPatternRepository) -> None:
    for stored in repository.list_all():
        repository.delete(stored.pattern_id)


def record(repository: ErrorPatternRepository, recorded: list[tuple[str, str, list[str]]]) -> None:
    for failure, context, keywords in recorded:
        repository.record_failure(failure, context=context, extra_keywords=keywords)


def scores(repository: ErrorPatternRepository, context: str) -> dict[str | None, float]:
    return {match.pattern.fingerprint: match.score for match in repository.rank_context(context, limit=None)}


class TestMoreKnowledge:
    @given(others=st.lists(PATTERN, max_size=4), recorded=RECORDED, contexts=st.lists(CONTEXT, max_size=4), more=TEXT)
    @on_stores
    def test_of_a_pattern_never_lowers_its_score(
        self,
        repository: ErrorPatternRepository,
        others: list[ErrorPattern],
        recorded: list[tuple[str, str, list[str]]],
        contexts: list[str],
        more: str,
    ) -> None:
        empty(repository)
        repository.create_many(others)
        record(repository, recorded)
        known = repository.record_failure(FAILURES[0], context="port b")
        contexts += [more, *FAILURES]
        before = [scores(repository, context).get(known.fingerprint, 0) for context in contexts]
        repository.record_failure(FAILURES[0], context=more)
        repository.add_keywords(known.pattern_id, ["import", "zork", *more.split()[:3]])
        after = [scores(repository, context).get(known.fingerprint, 0) for context in contexts]
        assert all(now >= earlier for now, earlier in zip(after, before, strict=True))


class TestRecordingOrder:
    @given(recorded=RECORDED, contexts=st.lists(CONTEXT, min_size=1, max_size=4), random=st.randoms())
    @on_stores
    def test_changes_no_score(
        self,
        repository: ErrorPatternRepository,
        recorded: list[tuple[str, str, list[str]]],
        contexts: list[str],
        random: Random,
    ) -> None:
        found = []
        for order in (recorded, random.sample(recorded, len(recorded))):
            empty(repository)
            record(repository, order)
            found.append([scores(repository, context) for context in contexts])
        assert found[0] == found[1]


class TestAttempts:
    NOTES = "albatross bittern cassowary dunnock egret flamingo gannet hornbill ibis jackdaw"

    def test_that_resemble_what_came_before_take_no_place_from_one_that_comes_next(
        self, repository: ErrorPatternRepository
    ) -> None:
        known = repository.record_failure("FATAL: sorry, too many clients already", context="Run the nightly import.")
        for number in range(CANDIDATES):
            repository.record_failure(f"Fail{chr(65 + number)}: no", context=self.NOTES)
        context = f"Team notes: {self.NOTES}.\n{'Use the handbook. ' * 60}\nCatch up on the nightly imports."
        assert repository.rank_context(context)[0].pattern == known

    def test_are_the_last_part_of_what_was_recorded(self, repository: ErrorPatternRepository) -> None:
        prompt = f"You are an agent. {self.NOTES}.\n" + "Use the handbook. " * 60
        repository.record_failure("FATAL: sorry, too many clients", context=f"{prompt}\nRun the nightly import.")
        assert repository.rank_context(f"Watch an {self.NOTES}") == []
        assert repository.rank_context("Run the nightly import again.")[0].score >= RELEVANT_SCORE

    def test_of_a_failure_that_is_only_talked_about_are_no_recurrence(self, repository: ErrorPatternRepository) -> None:
        repository.record_failure("helm: Error: UPGRADE FAILED: another operation is in progress")
        (match,) = repository.rank_context("helm list")
        assert match.evidence == "foresight" or match.score < RELEVANT_SCORE / 10


class TestSameFailure:
    @pytest.mark.parametrize(
        "failure",
        ["error: token ghp_abcdefghijklmnopqrstuvwx1234 rejected", "Connection reset by peer", "Out of memory"],
    )
    def test_is_known_with_a_secret_and_without_the_word_error(
        self, repository: ErrorPatternRepository, failure: str
    ) -> None:
        known = repository.record_failure(failure)
        (match,) = repository.rank_context(failure, limit=1)
        assert (match.pattern, match.evidence) == (known, "same failure")

    @pytest.mark.parametrize("failure", [TRACEBACK, TRANSCRIPT], ids=["traceback", "transcript"])
    @pytest.mark.parametrize("before", ["", "It was the nightly run.\n\n", "KeyError is what I feared.\n"])
    @given(others=st.lists(PATTERN, max_size=6), recorded=RECORDED)
    @on_stores
    def test_is_first_whatever_else_is_stored(
        self,
        repository: ErrorPatternRepository,
        failure: str,
        before: str,
        others: list[ErrorPattern],
        recorded: list[tuple[str, str, list[str]]],
    ) -> None:
        empty(repository)
        known = repository.record_failure(failure)
        repository.create_many([*others, pattern("x", "quorum zork", *failure.split())])
        record(repository, recorded)
        (match,) = repository.rank_context(before + failure.replace("7", "8"), limit=1)
        assert (match.pattern, match.evidence) == (known, "same failure")

    def test_has_its_keywords_though_another_one_has_more_of_them(self, repository: ErrorPatternRepository) -> None:
        known = repository.record_failure(TRACEBACK)
        repository.create(pattern("x", *TRACEBACK.split()))
        (match,) = repository.rank_context(TRACEBACK, limit=1)
        assert match.pattern == known
        assert match.matched_keywords == tuple(known.keywords)

    def test_is_first_though_nothing_of_it_is_indexed(self, repository: ErrorPatternRepository) -> None:
        known = repository.record_failure("KeyError: 'zork'", keywords=[])
        known.pattern, known.historical_failures = "x", []
        repository.update(known)
        (match,) = repository.rank_context("KeyError: 'zork'", limit=1)
        assert (match.pattern, match.score, match.words) == (known, SAME_FAILURE_SCORE, {})

    def test_of_an_alias_is_first(self, repository: ErrorPatternRepository) -> None:
        kept, merged = repository.record_failure("KeyError: 'a' of zork"), repository.record_failure(TRACEBACK)
        repository.merge(kept.pattern_id, [merged.pattern_id])
        (match,) = repository.rank_context(TRACEBACK, limit=1)
        assert (match.pattern.pattern_id, match.evidence) == (kept.pattern_id, "same failure")


class TestForesight:
    @pytest.mark.parametrize(("failure", "attempt", "plan"), TOLD.values(), ids=TOLD)
    def test_tells_what_resembles_the_attempt_and_nothing_else(
        self, repository: ErrorPatternRepository, failure: str, attempt: str, plan: str
    ) -> None:
        known = repository.record_failure(failure, context=attempt)
        (match,) = repository.rank_context(plan, min_score=RELEVANT_SCORE)
        assert (match.pattern, match.evidence) == (known, "foresight")
        for unrelated in UNRELATED:
            assert repository.rank_context(unrelated, min_score=RELEVANT_SCORE) == []

    def test_looks_at_the_end_of_a_prompt(self, repository: ErrorPatternRepository) -> None:
        failure, attempt, plan = TOLD["a plan"]
        repository.record_failure(failure, context=attempt)
        prompt = "You are a careful engineer. Write plain code and test it.\n" * 50
        assert len(repository.match_context(f"{prompt}\n{plan}")) == 1
        assert repository.rank_context(f"{plan}\n{prompt}", min_score=RELEVANT_SCORE) == []


class TestStopWords:
    STOP_WORDS = "the and of a to is in for with"

    def test_alone_make_no_match(self, repository: ErrorPatternRepository) -> None:
        repository.record_failure(
            "KafkaError: the quorum of a broker is lost", context="to publish the order in a loop"
        )
        assert repository.match_context(self.STOP_WORDS, limit=None) == []

    def test_that_are_a_keyword_are_not_relevant(self, repository: ErrorPatternRepository) -> None:
        repository.create(pattern("x", *self.STOP_WORDS.split()[:3]))
        assert repository.rank_context(self.STOP_WORDS, min_score=RELEVANT_SCORE) == []
