"""Frozen results of questions to the repository."""

from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import BaseModel

from error_patterns.models.error_pattern import ErrorPattern


class PatternMatch(BaseModel, frozen=True):
    """A pattern that a context resembles, and why.

    Attributes:
        pattern: The stored pattern.
        score: The estimated probability that telling it helps, above 0; 1.0 for the same failure.
        matched_keywords: The keywords that are in the context, as the pattern has them; empty when only the
            pattern's own text is.
        evidence: The kind of evidence that counted. "same failure": the context shows it. "recurrence": what the
            failure said is in the context. "foresight": what is about to be attempted resembles what was attempted
            then, or what the failure said. "keywords": keywords that someone chose are in the context.
        words: The words that this evidence rests on, the heaviest first, with their weights from 0 to 1.
    """

    pattern: ErrorPattern
    score: float
    matched_keywords: tuple[str, ...]
    evidence: Literal["same failure", "recurrence", "foresight", "keywords"]
    words: dict[str, float]


class KeywordCount(NamedTuple):
    """A keyword and the number of patterns that have it."""

    keyword: str
    patterns: int


class PatternStatistics(BaseModel, frozen=True):
    """Totals of the memory, with its most frequent patterns and most common keywords.

    Attributes:
        total_patterns: The number of patterns.
        total_occurrences: The sum of their frequencies.
        first_created: When the oldest pattern was created, aware UTC; None in an empty memory.
        last_seen: When a pattern was last seen, aware UTC; None in an empty memory.
        most_frequent: The patterns with the highest frequency, highest first, ties by `last_seen`, newest first,
            then by id.
        top_keywords: The keywords that most patterns have, most first, ties in code point order.
    """

    total_patterns: int
    total_occurrences: int
    first_created: datetime | None
    last_seen: datetime | None
    most_frequent: tuple[ErrorPattern, ...]
    top_keywords: tuple[KeywordCount, ...]
