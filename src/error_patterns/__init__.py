"""A durable memory of recurring failures for agent services.

>>> from error_patterns import ErrorPatternRepository
>>> with ErrorPatternRepository.open("sqlite:///errors.db") as repository:
...     pattern = repository.record_failure("ModuleNotFoundError: No module named 'requests'")
...     matches = repository.rank_context("import requests")
"""

from error_patterns.errors import (
    DatabaseRejectedError,
    DatabaseUnavailableError,
    ErrorPatternsError,
    PatternAlreadyExistsError,
    PatternNotFoundError,
    RepositoryClosedError,
    SchemaOutOfDateError,
    SchemaTooNewError,
)
from error_patterns.guidance import render_guidance
from error_patterns.matching import RELEVANT_SCORE
from error_patterns.models import ErrorPattern
from error_patterns.repository import ErrorPatternRepository
from error_patterns.results import KeywordCount, PatternMatch, PatternStatistics

__all__ = [
    "RELEVANT_SCORE",
    "DatabaseRejectedError",
    "DatabaseUnavailableError",
    "ErrorPattern",
    "ErrorPatternRepository",
    "ErrorPatternsError",
    "KeywordCount",
    "PatternAlreadyExistsError",
    "PatternMatch",
    "PatternNotFoundError",
    "PatternStatistics",
    "RepositoryClosedError",
    "SchemaOutOfDateError",
    "SchemaTooNewError",
    "render_guidance",
]
