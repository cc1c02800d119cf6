"""The questions that matching asks of an index, whatever holds it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Followed(NamedTuple):
    """The terms whose postings are followed to their patterns, with their weights in millionths, heaviest first.

    Attributes:
        whole: The terms of which every posting is followed.
        newest: The terms of which the newest postings are followed, term after term, `remaining` in all.
        remaining: The number of postings that `newest` may take.
        attempted: The terms for which postings of attempts count: those of what is about to be attempted.
    """

    whole: Mapping[str, int]
    newest: Mapping[str, int]
    remaining: int
    attempted: Collection[str]


class IndexedPattern(NamedTuple):
    """All that the score of a pattern depends on: see `error_patterns.matching.phrases.Phrase`."""

    pattern_id: str
    phrases: Sequence[tuple[str, int, int, int]]


class Seen(NamedTuple):
    """How often a pattern was seen, and when."""

    frequency: int
    last_seen: datetime


class Index(Protocol):
    """An index of patterns. Each has a number, which grows with each new pattern."""

    def document_frequencies(self, terms: Collection[str], *, at_most: int) -> dict[str, int]:
        """Count the postings of each term that has any, up to `at_most`."""

    def find_heaviest(self, followed: Followed, *, at_most: int) -> Sequence[int]:
        """Return the patterns whose followed postings weigh most in sum, the newest of equals."""

    def find_all(self, terms: Collection[str]) -> Sequence[int]:
        """Return every pattern that has a posting of one of the terms."""

    def fetch_phrases(self, numbers: Sequence[int]) -> Sequence[IndexedPattern]:
        """Fetch all phrases of the patterns; those that are gone are missing."""

    def fetch_texts(self, pattern_ids: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Fetch the keywords of the patterns and, behind them at `PATTERN_TEXT`, which is -1, their own text."""

    def fetch_seen(self, pattern_ids: Collection[str]) -> Mapping[str, Seen]:
        """Fetch how often the patterns were seen, and when."""
