"""The features of two texts, and the models that judge them."""

import math
from collections.abc import Collection, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_patterns.matching import RELEVANT_SCORE
from error_patterns.matching.evidence import (
    ATTEMPT_FORESIGHT,
    FAILURE_FORESIGHT,
    KEYWORDS,
    RECURRENCE,
    Model,
    attempt_foresight_features,
    failure_foresight_features,
    recurrence_features,
    shown_by,
)
from error_patterns.matching.weights import Bag, weight_of

WORDS = "redis timeout broker kafka deploy error the zork 404".split()
SOME = st.sets(st.sampled_from(WORDS))
FAILURE = Bag("redis timeout".split())
NOTHING = Bag(())


def undampened(word: str) -> float:
    return 1.0


def recurrence(words: Collection[str], failure: Bag, keywords: Collection[str] = ()) -> Sequence[float]:
    return recurrence_features(shown_by(words, words, ()), failure, keywords, undampened)


def foresight(attempt: Collection[str], failure: Bag) -> Sequence[float]:
    return failure_foresight_features(shown_by(attempt, (), attempt), failure)


def attempts(attempt: Collection[str], failure: Bag, earlier: Bag) -> Sequence[float]:
    return attempt_foresight_features(shown_by(attempt, (), attempt), failure, earlier)


class TestModel:
    def test_is_a_logistic_regression(self) -> None:
        assert Model(0, [1, 2]).probability([3, -1.5]) == 0.5
        assert Model(1, [1]).probability([1]) == pytest.approx(1 / (1 + math.exp(-2)))

    def test_wants_a_feature_for_each_coefficient(self) -> None:
        with pytest.raises(ValueError, match="shorter"):
            RECURRENCE.probability([1.0])

    def test_has_no_coefficient_by_which_what_is_shared_counts_against(self) -> None:
        # The last of foresight is the weight of the whole attempt, which is that of no pattern.
        shared = [RECURRENCE.coefficients, FAILURE_FORESIGHT.coefficients[:-1], ATTEMPT_FORESIGHT.coefficients[:-1]]
        assert min(map(min, [*shared, KEYWORDS.coefficients])) >= 0

    @pytest.mark.parametrize(
        ("model", "features"),
        [
            (RECURRENCE, recurrence(["zork"], FAILURE)),
            (FAILURE_FORESIGHT, foresight(["zork"], FAILURE)),
            (ATTEMPT_FORESIGHT, attempts(["zork"], FAILURE, Bag(["deploy"]))),
        ],
    )
    def test_finds_nothing_shared_irrelevant(self, model: Model, features: Sequence[float]) -> None:
        assert model.probability(features) < RELEVANT_SCORE / 3


class TestRecurrence:
    def test_of_the_same_words_is_all_but_the_smoothing(self) -> None:
        norm = FAILURE.norm**2
        assert recurrence(FAILURE.words, FAILURE, FAILURE.words) == pytest.approx([norm / (norm + 1), 1])

    def test_of_other_words_is_nothing(self) -> None:
        assert recurrence(["kafka"], FAILURE, FAILURE.words) == (0, 0)

    def test_of_nothing_is_nothing(self) -> None:
        assert recurrence([], NOTHING) == (0, 0)

    def test_falls_with_what_the_context_says_besides(self) -> None:
        assert recurrence([*FAILURE.words, "zork"], FAILURE)[0] < recurrence(FAILURE.words, FAILURE)[0]

    def test_falls_with_how_many_patterns_have_the_words(self) -> None:
        shown = shown_by(FAILURE.words, (), ())
        cosine, *rest = recurrence_features(shown, FAILURE, (), lambda _: 0.5)
        undampened_cosine, *same = recurrence_features(shown, FAILURE, (), undampened)
        assert cosine == undampened_cosine / 2
        assert rest == same

    def test_counts_the_keywords_of_what_failed_alone(self) -> None:
        shown = shown_by(["redis", "timeout", "zork"], ["redis"], ())
        assert recurrence_features(shown, NOTHING, ["redis", "zork"], undampened)[1] == 1


class TestForesight:
    def test_of_a_word_or_two_is_not_whole(self) -> None:
        assert 0 < foresight(["redis"], Bag(["redis"]))[0] < 0.5

    def test_of_other_words_has_the_weight_of_the_attempt_alone(self) -> None:
        assert foresight(["zork"], FAILURE) == (0, 0, math.log(2))

    def test_of_the_same_attempt_is_all_but_the_smoothing(self) -> None:
        earlier = Bag(["deploy", "zork"])
        assert attempts(["deploy", "zork"], FAILURE, earlier)[:2] == (earlier.total / (earlier.total + 1), 0)

    def test_counts_twice_what_the_failure_said_of_its_attempt(self) -> None:
        features = attempts(["redis"], FAILURE, Bag(["redis", "deploy"]))
        assert features[2:] == pytest.approx([math.log1p(weight_of("redis"))] * 3)

    def test_of_nothing_is_nothing(self) -> None:
        assert (foresight([], NOTHING), attempts([], NOTHING, NOTHING)) == ((0, 0, 0), (0, 0, 0, 0, 0))


@given(context=SOME, failed=SOME, failure=SOME, keywords=SOME, more=SOME)
def test_more_keywords_never_lower_a_recurrence(
    context: set[str], failed: set[str], failure: set[str], keywords: set[str], more: set[str]
) -> None:
    shown, bag = shown_by(context, failed & context, ()), Bag(failure)
    before = recurrence_features(shown, bag, keywords, undampened)
    after = recurrence_features(shown, bag, keywords | more, undampened)
    assert RECURRENCE.probability(after) >= RECURRENCE.probability(before)
