"""Matching: the known patterns that a context resembles, with their scores."""

from error_patterns.matching.ranking import CANDIDATES, FOLLOWED, Found, rank
from error_patterns.matching.score import COMMON_TERM, RELEVANT_SCORE

__all__ = ["CANDIDATES", "COMMON_TERM", "FOLLOWED", "RELEVANT_SCORE", "Found", "rank"]
