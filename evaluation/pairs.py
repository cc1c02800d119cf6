"""Contexts and patterns in pairs, with the features of both: what the models of the score learn from."""

import heapq
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from error_patterns.failures import read_context
from error_patterns.matching.evidence import Shown, shown_by
from error_patterns.matching.phrases import ATTEMPTS, FAILURE, PATTERN_TEXT, phrases_at
from error_patterns.matching.weights import Bag, dampen, weight_of
from error_patterns.operations.record import Given, observe
from error_patterns.redaction import EVERY_RULE
from error_patterns.text.words import single_words

FOLDS = 5
Features = tuple[float, ...]


class Known(NamedTuple):
    """A pattern, as the index has it: the words of its failure and of its attempt, and the terms of its keywords."""

    failure: Bag
    attempt: Bag
    keywords: frozenset[str]


class Asked(NamedTuple):
    """A context: the kind of its text, what it shows, the patterns that are right for it, and its fold."""

    kind: str
    shown: Shown
    right: frozenset[int]
    fold: int


class Pairs(NamedTuple):
    """Pairs of contexts and patterns: of each the number of both, the features, and whether the pattern is right."""

    name: str
    asked: Sequence[Asked]
    context: NDArray[np.int64]
    pattern: NDArray[np.int64]
    features: NDArray[np.float64]
    is_right: NDArray[np.bool_]


def fold_of(name: str) -> int:
    """Return the fold of a family or a text."""
    return zlib.crc32(name.encode()) % FOLDS


def known_from(failure: str, context: str | None = None) -> Known:
    """Record a failure, and take what the index has of it."""
    pattern = observe(failure, Given(context, None, (), ()), EVERY_RULE).pattern
    phrases = phrases_at(pattern.pattern, pattern.keywords, pattern.historical_failures, pattern.historical_contexts)
    terms: dict[int, set[str]] = defaultdict(set)
    for phrase in phrases:
        terms[min(phrase.position, PATTERN_TEXT)].add(phrase.term)
    return Known(Bag(terms[FAILURE]), Bag(terms[ATTEMPTS]), frozenset(terms[PATTERN_TEXT]))


def shown_in(text: str) -> Shown:
    """Read a context as a question does."""
    attempt, failures = read_context(text)
    failed = frozenset[str]().union(*map(single_words, failures[-1].keywords if failures else ()))
    return shown_by(single_words(text), failed, single_words(attempt))


class Memory:
    """Patterns, and which of them have a word."""

    def __init__(self, patterns: Sequence[Known]) -> None:
        """Index the words of the patterns."""
        self.patterns = patterns
        self._postings: dict[str, list[int]] = defaultdict(list)
        for number, known in enumerate(patterns):
            for word in {*known.failure.words, *known.attempt.words, *known.keywords}:
                self._postings[word].append(number)

    def dampen(self, word: str) -> float:
        """Return the factor for the weight of a word by how many patterns have it."""
        return dampen(len(self._postings.get(word, ())))

    def find_heaviest(self, shown: Shown, at_most: int) -> list[int]:
        """Return the patterns whose words in a context weigh most."""
        found: dict[int, float] = defaultdict(float)
        for word in shown.words.words:
            for number in self._postings.get(word, ()):
                found[number] += weight_of(word) * self.dampen(word)
        return heapq.nlargest(at_most, found, key=lambda number: (found[number], number))

    def pair(
        self, name: str, asked: Sequence[Asked], features: Callable[[Shown, Known], Features], *, at_most: int
    ) -> Pairs:
        """Pair each context with the patterns that share most with it, and with those that are right."""
        numbers = [
            (number, pattern)
            for number, context in enumerate(asked)
            for pattern in sorted({*self.find_heaviest(context.shown, at_most), *context.right})
        ]
        return Pairs(
            name,
            asked,
            np.array([number for number, _ in numbers]),
            np.array([pattern for _, pattern in numbers]),
            np.array([features(asked[number].shown, self.patterns[pattern]) for number, pattern in numbers]),
            np.array([pattern in asked[number].right for number, pattern in numbers]),
        )


def best_of(pairs: Pairs, scores: NDArray[np.float64], *, among: Iterable[bool]) -> NDArray[np.float64]:
    """Return for each context the best score of its pairs among the marked ones, or minus infinity."""
    best = np.full(len(pairs.asked), -np.inf)
    mask = np.fromiter(among, dtype=bool)
    np.maximum.at(best, pairs.context[mask], scores[mask])
    return best
