"""A durable memory of recurring failures for agent services.

>>> from error_patterns import ErrorPatternRepository
>>> with ErrorPatternRepository.open("sqlite:///errors.db") as repository:
...     pattern = repository.record_failure("FATAL: too many clients", context="Run the nightly import, on 32 workers.")
...     guidance = repository.guidance_for("Catch up on the nightly imports, with 64 workers.")
"""

from typing import TYPE_CHECKING

from error_patterns.capture import FailureHandler, capture_failures
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
from error_patterns.models.results import KeywordCount, PatternMatch, PatternStatistics
from error_patterns.redaction import NO_REDACTION, REDACTION_RULES, Redaction
from error_patterns.repository import ErrorPatternRepository

if TYPE_CHECKING:
    from error_patterns.async_repository import AsyncErrorPatternRepository as AsyncErrorPatternRepository

__all__ = [  # without what needs an extra, so that `import *` works without it
    "NO_REDACTION",
    "REDACTION_RULES",
    "RELEVANT_SCORE",
    "DatabaseRejectedError",
    "DatabaseUnavailableError",
    "ErrorPattern",
    "ErrorPatternRepository",
    "ErrorPatternsError",
    "FailureHandler",
    "KeywordCount",
    "PatternAlreadyExistsError",
    "PatternMatch",
    "PatternNotFoundError",
    "PatternStatistics",
    "Redaction",
    "RepositoryClosedError",
    "SchemaOutOfDateError",
    "SchemaTooNewError",
    "capture_failures",
    "render_guidance",
]


def __getattr__(name: str) -> object:
    """Load `AsyncErrorPatternRepository` when it is asked for: it needs greenlet, and services without asyncio do not.

    Raises:
        ImportError: greenlet is missing; the message has the command that installs it.
    """
    if name != "AsyncErrorPatternRepository":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from error_patterns import async_repository  # noqa: PLC0415 - as said above
    except ImportError as error:
        raise ImportError(f"{name}: {error}; run: pip install 'error-patterns[asyncio]'", name=name) from error
    return async_repository.AsyncErrorPatternRepository
