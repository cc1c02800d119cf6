"""The weight of a word: how rare it is in ordinary developer text, from 0 to 1.

It is an inverse document frequency in a table that is shipped (`error_patterns.text.commonness`), and so the same in
every memory: in a small one, "which" and "server" would look rare. How rare a word is in the memory itself dampens it
further, where that is known (`dampen`).
"""

import functools
import math
import operator
from collections.abc import Iterable

from error_patterns.text.commonness import UNKNOWN_SHARE, document_share

COMMON_TERM = 100
"""The number of postings from which on a term counts as common and is not counted any further."""

NUMBER_WEIGHT = 0.25
"""The weight of a number, and of a run of symbols.

Some tell failures apart (137, 404, 5432); most are versions, counts and lines.
"""

MIN_WEIGHT = 0.15
"""Words of less weight are no evidence. They are in a quarter of all documents or more: the, to, is, name."""


@functools.lru_cache(maxsize=65_536)
def weight_of(word: str) -> float:
    """Weigh a single word."""
    if not any(map(str.isalpha, word)):
        return NUMBER_WEIGHT
    return math.log(document_share(word)) / math.log(UNKNOWN_SHARE)


@functools.lru_cache(maxsize=65_536)
def phrase_weight(term: str) -> float:
    """Weigh the index term of a phrase: its words together, as they stand in this order."""
    return math.fsum(map(weight_of, term.split(" ")))


@functools.lru_cache(maxsize=128)
def dampen(document_frequency: float) -> float:
    """Return the factor for the weight of a term that so many patterns of the memory have."""
    return 1 / (1 + math.log(min(max(document_frequency, 1), COMMON_TERM)))


@functools.lru_cache(maxsize=65_536)
def is_evidence(word: str) -> bool:
    """Return whether a single word weighs enough to be evidence."""
    return weight_of(word) >= MIN_WEIGHT


class Bag:
    """Words that are evidence, each once.

    Attributes:
        words: The words.
    """

    __slots__ = ("_norm", "_total", "words")

    def __init__(self, words: Iterable[str]) -> None:
        """Keep those words that are evidence."""
        self.words: frozenset[str] = frozenset(filter(is_evidence, words))
        self._total: float | None = None
        self._norm: float | None = None

    @property
    def total(self) -> float:
        """The sum of their weights."""
        if self._total is None:
            self._total = sum_of(self.words)
        return self._total

    @property
    def norm(self) -> float:
        """The Euclidean norm of their weights."""
        if self._norm is None:
            self._norm = math.sqrt(sum_of_squares(self.words))
        return self._norm


def sum_of(words: Iterable[str]) -> float:
    """Sum the weights of words."""
    return math.fsum(map(weight_of, words))


def sum_of_squares(words: Iterable[str]) -> float:
    """Sum the squares of the weights of words."""
    weights = list(map(weight_of, words))
    return math.fsum(map(operator.mul, weights, weights))


def heaviest_first(words: Iterable[str]) -> list[str]:
    """Sort words by their weight, ties by their text."""
    return sorted(words, key=lambda word: (-weight_of(word), word))
