"""The call that capturing needs of a repository, sync and async."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from error_patterns.models import ErrorPattern


class FailureRecorder(Protocol):
    """An `ErrorPatternRepository`, or any object with this call of it."""

    def record_failure(
        self,
        failure: str | BaseException,
        *,
        keywords: Sequence[str] | None = None,
        preventive_checks: Sequence[str] = (),
    ) -> ErrorPattern:
        """Record a failure: see `ErrorPatternRepository.record_failure`."""
        ...


class AsyncFailureRecorder(Protocol):
    """An `AsyncErrorPatternRepository`, or any object with this call of it."""

    def record_failure(
        self,
        failure: str | BaseException,
        *,
        keywords: Sequence[str] | None = None,
        preventive_checks: Sequence[str] = (),
    ) -> Awaitable[ErrorPattern]:
        """Record a failure: see `AsyncErrorPatternRepository.record_failure`."""
        ...
