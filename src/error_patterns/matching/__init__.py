"""Which known patterns a context resembles, and how much."""

from error_patterns.matching.rank import CANDIDATES, COMMON_TERM, FOLLOWED, RELEVANT_SCORE, rank

__all__ = ["CANDIDATES", "COMMON_TERM", "FOLLOWED", "RELEVANT_SCORE", "rank"]
