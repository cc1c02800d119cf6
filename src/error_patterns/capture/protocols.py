"""What takes the failures: a repository, or whatever has this one call of it."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from error_patterns.models import ErrorPattern


class FailureRecorder(Protocol):
    """What records failures: an `ErrorPatternRepository`, or whatever has this call of it."""

    def record_failure(
        self,
        failure: str | BaseException,
        *,
        keywords: Sequence[str] | None = None,
        preventive_checks: Sequence[str] = (),
    ) -> ErrorPattern:
        """Count a failure: see `ErrorPatternRepository.record_failure`."""
        ...


class AsyncFailureRecorder(Protocol):
    """What records failures for asyncio: an `AsyncErrorPatternRepository`, or whatever has this call of it."""

    def record_failure(
        self,
        failure: str | BaseException,
        *,
        keywords: Sequence[str] | None = None,
        preventive_checks: Sequence[str] = (),
    ) -> Awaitable[ErrorPattern]:
        """Count a failure: see `AsyncErrorPatternRepository.record_failure`."""
        ...
