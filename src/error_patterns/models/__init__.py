"""`ErrorPattern`, the tables beside it, and what questions to the repository give back."""

from error_patterns.models.error_pattern import ErrorPattern
from error_patterns.models.results import KeywordCount, PatternMatch, PatternStatistics

__all__ = ["ErrorPattern", "KeywordCount", "PatternMatch", "PatternStatistics"]
