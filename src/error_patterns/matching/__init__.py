"""Which known patterns a context resembles, and how much."""

from error_patterns.matching.ranking import CANDIDATES, FOLLOWED, rank
from error_patterns.matching.score import COMMON_TERM, RELEVANT_SCORE

__all__ = ["CANDIDATES", "COMMON_TERM", "FOLLOWED", "RELEVANT_SCORE", "rank"]
