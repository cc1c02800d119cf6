"""What the index holds of a pattern."""

import itertools

import pytest

from error_patterns.matching.phrases import (
    ATTEMPTS,
    FAILURE,
    MAX_TEXT_WORDS,
    MAX_WORDS,
    PATTERN_TEXT,
    Phrase,
    indexed_failure,
    phrases_at,
)


def at(position: int, phrases: list[Phrase]) -> dict[str, int]:
    """The terms at a position, with their number of words."""
    return {phrase.term: phrase.words for phrase in phrases if phrase.position == position}


def given(phrases: list[Phrase]) -> set[str]:
    return {phrase.term for phrase in phrases if phrase.is_given}


class TestPhrases:
    def test_are_of_the_text_and_of_the_keywords_at_their_places(self) -> None:
        phrases = phrases_at("Port in use", ["bind", "kafka"])
        assert phrases == [("port in use", PATTERN_TEXT, 3, 1), ("bind", 0, 1, 1), ("kafka", 1, 1, 1)]

    def test_are_of_the_parts_of_a_run_and_of_the_whole(self) -> None:
        assert at(0, phrases_at("x", ["ImportError"])) == {"import error": 2, "importerror": 1}

    def test_that_are_long_are_indexed_by_their_first_words(self) -> None:
        assert at(0, phrases_at("x", ["too many open files here"])) == {"too many open": 5}

    def test_that_begin_alike_are_one_the_longest(self) -> None:
        assert at(0, phrases_at("x", ["one two three FourFive"])) == {"one two three": 5}

    def test_of_many_words_a_character_fit_the_index(self) -> None:
        # Such characters stand for up to six words each, and PostgreSQL refuses what is too large for the column.
        assert max(phrase.words for phrase in phrases_at("㌖" * 10_000, [])) == MAX_WORDS

    def test_of_white_space_alone_are_none(self) -> None:
        assert at(0, phrases_at("x", ["\x1c"])) == {}


class TestGiven:
    def test_is_all_of_a_pattern_by_hand(self) -> None:
        assert given(phrases_at("Port in use", ["bind"])) == {"port in use", "bind"}

    @pytest.mark.parametrize("keyword", ["bind", "BindError", "error bind", "dError:"])
    def test_is_no_keyword_that_the_failure_says_itself(self, keyword: str) -> None:
        assert given(phrases_at("BindError", [keyword], ["BindError: no"])) == set()

    def test_is_a_keyword_that_says_more(self) -> None:
        assert given(phrases_at("BindError", ["BindError", "nginx port"], ["BindError: no"])) == {"nginx port"}


class TestFailure:
    def test_has_the_words_that_are_evidence(self) -> None:
        assert at(FAILURE, phrases_at("x", [], ["the redis timeout"])) == {"redis": 1, "timeout": 1}

    @pytest.mark.parametrize("failures", list(itertools.permutations(["longest one", "shorty", "shortx"])))
    def test_is_the_shortest_in_whichever_order_they_were_recorded(self, failures: tuple[str, ...]) -> None:
        assert indexed_failure(failures) == "shortx"

    def test_of_a_pattern_by_hand_is_none(self) -> None:
        assert (indexed_failure([]), at(FAILURE, phrases_at("redis", ["redis"]))) == ("", {})

    def test_that_is_long_has_its_heaviest_words(self) -> None:
        words = at(FAILURE, phrases_at("x", [], [f"timeout error {' '.join(f'zork{n:02}x' for n in range(60))}"]))
        assert list(words) == [f"zork{n:02}x" for n in range(MAX_TEXT_WORDS)]


class TestAttempts:
    def test_have_a_bit_for_each_that_has_the_word(self) -> None:
        contexts = ["deploy the broker", "restart broker", "deploy kafka"]
        words = at(ATTEMPTS, phrases_at("x", [], [], contexts))
        assert words == {"deploy": 0b101, "broker": 0b011, "restart": 0b010, "kafka": 0b100}

    def test_that_are_twenty_of_the_same_word_have_twenty_bits(self) -> None:
        assert at(ATTEMPTS, phrases_at("x", [], [], ["deploy"] * 20)) == {"deploy": 2**20 - 1}
