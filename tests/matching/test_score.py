"""The score of one pattern for one context, without a database."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_patterns import ErrorPattern
from error_patterns.failures import read_context
from error_patterns.matching import RELEVANT_SCORE, SAME_FAILURE_SCORE
from error_patterns.matching.evidence import CERTAIN, shown_by
from error_patterns.matching.index import IndexedPattern
from error_patterns.matching.phrases import phrases_at
from error_patterns.matching.score import Candidate, Question
from error_patterns.text.words import Words, phrases_of, single_words
from reference import CONTEXT, PATTERN, PHRASE, TEXT

FAILURE = "KafkaError: broker quorum lost"
ATTEMPT = "rebalance the consumer partitions"


def pattern(*keywords: str, failures: Sequence[str] = (), contexts: Sequence[str] = ()) -> ErrorPattern:
    return ErrorPattern(
        pattern="x y", keywords=list(keywords), historical_failures=list(failures), historical_contexts=list(contexts)
    )


def candidate(one: ErrorPattern, context: str, *, same: str | None = None, others: int = 0) -> Candidate:
    """Judge a pattern in a memory where so many others have each of its words as well."""
    phrases = phrases_at(one.pattern, one.keywords, one.historical_failures, one.historical_contexts)
    words = Words(context)
    postings = {term: number + others for term, number in Counter(phrase.term for phrase in phrases).items()}
    frequencies = {term: number for term, number in postings.items() if term in words.terms()}
    attempt, failures = read_context(context)
    failed = [word for keyword in (failures[-1].keywords if failures else ()) for word in single_words(keyword)]
    shown = shown_by(single_words(context), failed, single_words(attempt))
    made = Candidate(IndexedPattern("A", phrases), Question(words, shown, frequencies, same))
    made.verify((*one.keywords, one.pattern))
    return made


def score(one: ErrorPattern, context: str, *, others: int = 0) -> float:
    return candidate(one, context, others=others).score


def kind(one: ErrorPattern, context: str) -> str:
    return candidate(one, context).evidence.kind


class TestEvidence:
    def test_that_is_strongest_counts(self) -> None:
        known = pattern("zork", failures=[FAILURE], contexts=[ATTEMPT])
        assert kind(known, f"it said {FAILURE}") == "recurrence"
        assert kind(known, "rebalance all partitions of the consumer") == "foresight"
        assert kind(known, "a zork it is") == "keywords"

    def test_that_is_weak_takes_nothing_from_one_that_is_strong(self) -> None:
        context = "rebalance all partitions of the consumer"
        alone = pattern(failures=[FAILURE], contexts=[ATTEMPT])
        among = pattern("zork", failures=[FAILURE], contexts=["buy milk", ATTEMPT, "sing"])
        assert score(among, context) == score(alone, context)

    def test_names_the_words_that_it_rests_on(self) -> None:
        evidence = candidate(pattern(failures=[FAILURE]), "the quorum of the KafkaError was lost").evidence
        assert evidence.words == {"kafka", "kafkaerror", "quorum", "lost", "error"}

    def test_of_the_same_failure_is_before_all(self) -> None:
        same, other = (candidate(pattern("zork " * 20), "zork " * 20, same=same) for same in ("A", "B"))
        assert (same.evidence.kind, same.score, other.evidence.kind) == ("same failure", SAME_FAILURE_SCORE, "keywords")
        assert same.sort_key < other.sort_key

    def test_of_what_failed_before_is_weaker_where_many_have_the_words(self) -> None:
        known, context = (
            pattern(failures=[FAILURE]),
            "error: some quorum of brokers is lost, as it seems, by the other team",
        )
        assert score(known, context, others=50) < score(known, context)

    def test_is_nothing_where_nothing_is_shared(self) -> None:
        nothing = candidate(pattern("zork", failures=[FAILURE], contexts=[ATTEMPT]), "an unrelated text")
        assert (nothing.occurs, nothing.score) == (False, 0)


class TestKeywords:
    @pytest.mark.parametrize("keyword", ["EADDRINUSE", "kafka", "redis", "address in use"])
    def test_that_are_telling_are_relevant(self, keyword: str) -> None:
        assert score(pattern(keyword), f"it has {keyword} in it") >= RELEVANT_SCORE

    @pytest.mark.parametrize("keyword", ["the", "error", "port", "file", "server"])
    def test_that_are_common_are_not_relevant_alone(self, keyword: str) -> None:
        assert 0 < score(pattern(keyword), f"it has {keyword} in it") < RELEVANT_SCORE

    def test_that_occur_add_up(self) -> None:
        assert score(pattern("port", "bind"), "bind the port") > score(pattern("port"), "bind the port")

    def test_that_are_missing_count_for_nothing(self) -> None:
        assert score(pattern("port", "zork", "bind"), "a port") == score(pattern("port"), "a port")

    def test_that_are_long_weigh_as_much_as_their_words(self) -> None:
        assert score(pattern("redis broker of kafka"), "redis broker of kafka") > score(pattern("redis"), "redis")

    def test_that_are_long_count_only_if_all_of_it_occurs(self) -> None:
        assert not candidate(pattern("redis broker of kafka"), "redis broker of rabbits").occurs

    def test_that_the_failure_says_itself_are_not_chosen(self) -> None:
        assert kind(pattern("quorum", failures=[FAILURE]), "a quorum") != "keywords"

    def test_are_given_by_their_positions(self) -> None:
        found = candidate(pattern("zork", "kafka", "lost", "bind"), "lost: bind, zork")
        assert found.keyword_positions() == [0, 2, 3]

    @given(PATTERN, CONTEXT)
    def test_of_a_pattern_by_hand_are_its_only_evidence(self, one: ErrorPattern, context: str) -> None:
        by_hand = pattern(*one.keywords)
        by_hand.pattern = one.pattern
        found = candidate(by_hand, context)
        words = Words(context)
        forms = [phrase for text in (one.pattern, *one.keywords) for phrase in phrases_of(text)]
        assert found.occurs == any(map(words.contains, forms))
        assert found.evidence.kind == "keywords" or not found.occurs


class TestBounds:
    @given(PATTERN, CONTEXT)
    def test_of_the_score_are_above_zero_and_below_one(self, one: ErrorPattern, context: str) -> None:
        found = candidate(one, context)
        assert 0 < found.score < 1 or not found.occurs

    def test_hold_for_as_much_as_a_pattern_can_have(self) -> None:
        keywords = [f"zork{a}{b} blub{a}{b} quux{a}{b} xyzzy{a}{b}" for a in "abcdefgh" for b in "abcdefgh"]
        assert score(pattern(*keywords), "\n".join(keywords)) == CERTAIN

    @pytest.mark.parametrize("keyword", ["to the file zork", "zork the to a", "ImportError the open file"])
    def test_of_a_phrase_are_above_it_until_it_is_verified(self, keyword: str) -> None:
        phrases = phrases_at("x", [keyword])
        words = Words(keyword)
        question = Question(words, shown_by((), (), ()), dict.fromkeys(words.terms(), 1))
        made = Candidate(IndexedPattern("A", phrases), question)
        before = made.score
        made.verify([keyword, "x"])
        assert 0 < made.score <= before


@given(PATTERN, CONTEXT, PHRASE, st.integers(0, 9))
def test_a_keyword_more_never_lowers_it(one: ErrorPattern, context: str, keyword: str, others: int) -> None:
    before = score(one, context, others=others)
    one.keywords.append(keyword)
    assert score(one, context, others=others) >= before


@given(PATTERN, CONTEXT, TEXT, st.integers(0, 9))
def test_a_context_more_never_lowers_it(one: ErrorPattern, context: str, attempt: str, others: int) -> None:
    before = score(one, context, others=others)
    one.historical_contexts.append(attempt)
    assert score(one, context, others=others) >= before


@given(PATTERN, CONTEXT, st.randoms())
def test_no_order_changes_it(one: ErrorPattern, context: str, random: Random) -> None:
    before = score(one, context)
    for field in ("keywords", "historical_failures", "historical_contexts"):
        given_in_order: list[str] = getattr(one, field)
        setattr(one, field, random.sample(given_in_order, len(given_in_order)))
    assert score(one, context) == before
