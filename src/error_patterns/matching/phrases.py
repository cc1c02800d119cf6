"""The phrases of a pattern, as the index holds them."""

from collections.abc import Sequence
from typing import NamedTuple

from error_patterns.text.words import phrases_of, term_of

MAX_WORDS = 2**15 - 1
"""The most words that are counted of a phrase. Compatibility forms such as ㌖ are several words a character."""

PATTERN_TEXT = -1
"""The position of the pattern's own text; those of the keywords are their places in the list, from 0."""


class Phrase(NamedTuple):
    """A phrase of a pattern: its index term, the position of its text, and its number of words."""

    term: str
    position: int
    words: int


def phrases_at(pattern: str, keywords: Sequence[str]) -> list[Phrase]:
    """Make the phrases of a pattern from its text and its keywords: of each term and position the longest."""
    longest: dict[tuple[str, int], int] = {}
    for position, text in enumerate((pattern, *keywords), start=PATTERN_TEXT):
        for phrase in phrases_of(text):
            key = (term_of(phrase), position)
            longest[key] = max(len(phrase), longest.get(key, 0))
    return [Phrase(term, position, min(words, MAX_WORDS)) for (term, position), words in longest.items()]
