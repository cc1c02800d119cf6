"""The call that capturing needs of a repository."""

from collections.abc import Awaitable, Sequence
from typing import Protocol, TypeVar

from error_patterns.models import ErrorPattern

Recorded_co = TypeVar("Recorded_co", bound=ErrorPattern | Awaitable[ErrorPattern], covariant=True)
"""The result of recording: the pattern from a sync repository, an awaitable one from an async repository."""


class FailureRecorder(Protocol[Recorded_co]):
    """An `ErrorPatternRepository` or `AsyncErrorPatternRepository`, or any object with this call of theirs."""

    def record_failure(
        self,
        failure: str | BaseException,
        *,
        context: str | None = None,
        keywords: Sequence[str] | None = None,
        extra_keywords: Sequence[str] = (),
        preventive_checks: Sequence[str] = (),
    ) -> Recorded_co:
        """Record a failure: see `ErrorPatternRepository.record_failure`."""
        ...
