"""`ErrorPattern`, the tables beside it, and the results of questions."""

from error_patterns.models.error_pattern import ErrorPattern
from error_patterns.models.results import KeywordCount, PatternMatch, PatternStatistics

__all__ = ["ErrorPattern", "KeywordCount", "PatternMatch", "PatternStatistics"]
