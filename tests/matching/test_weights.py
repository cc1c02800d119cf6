"""How much a word weighs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_patterns.matching.weights import (
    COMMON_TERM,
    MIN_WEIGHT,
    NUMBER_WEIGHT,
    Bag,
    dampen,
    phrase_weight,
    sum_of,
    weight_of,
)


class TestWord:
    def test_that_is_rarer_in_developer_text_weighs_more(self) -> None:
        assert weight_of("the") < weight_of("error") < weight_of("timeout") < weight_of("redis") < weight_of("zork")

    def test_that_nobody_knows_weighs_one(self) -> None:
        assert weight_of("zork") == 1

    @pytest.mark.parametrize("number", ["1", "404", "5432"])
    def test_that_is_a_number_weighs_the_same_as_any_other(self, number: str) -> None:
        assert weight_of(number) == NUMBER_WEIGHT

    @given(st.text())
    def test_weighs_from_nothing_to_one(self, word: str) -> None:
        assert 0 <= weight_of(word) <= 1


def test_a_phrase_weighs_as_much_as_its_words() -> None:
    assert phrase_weight("redis timeout") == pytest.approx(weight_of("redis") + weight_of("timeout"))


class TestDampening:
    def test_is_none_where_one_pattern_has_the_word(self) -> None:
        assert dampen(1) == 1

    @given(st.integers(0, 2 * COMMON_TERM))
    def test_grows_with_each_that_has_it(self, frequency: int) -> None:
        assert 0 < dampen(frequency + 1) <= dampen(frequency) <= 1

    def test_ends_with_common_terms(self) -> None:
        assert dampen(COMMON_TERM) == dampen(COMMON_TERM + 1) < dampen(COMMON_TERM - 1)


class TestBag:
    def test_has_each_word_that_is_evidence_once(self) -> None:
        assert Bag(["redis", "the", "redis", "to"]).words == {"redis"}

    def test_has_nothing_of_stop_words(self) -> None:
        nothing = Bag("the a to of is in and".split())
        assert (nothing.words, nothing.total, nothing.norm) == (frozenset(), 0, 0)

    @given(st.lists(st.sampled_from("redis timeout error the zork 404".split())))
    def test_sums_up_its_words(self, words: list[str]) -> None:
        bag = Bag(words)
        weights = [weight_of(word) for word in bag.words]
        assert (bag.total, bag.norm) == (sum_of(bag.words), math.sqrt(math.fsum(weight * weight for weight in weights)))
        assert all(weight >= MIN_WEIGHT for weight in weights)
