"""Matching: the known patterns that a context resembles, with their scores."""

from error_patterns.matching.ranking import CANDIDATES, FOLLOWED, Context, Found, rank
from error_patterns.matching.score import RELEVANT_SCORE, SAME_FAILURE_SCORE
from error_patterns.matching.weights import COMMON_TERM

__all__ = ["CANDIDATES", "COMMON_TERM", "FOLLOWED", "RELEVANT_SCORE", "SAME_FAILURE_SCORE", "Context", "Found", "rank"]
