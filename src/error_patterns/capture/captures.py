"""Exceptions recorded where they leave a block or a function: `capture_failures`.

Example:
    >>> @capture_failures(repository)
    ... async def handle(job: Job) -> None:
    ...     await job.run()
"""

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial, wraps
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, ParamSpec, Self, TypeVar, cast, overload

from typing_extensions import TypeIs

from error_patterns.capture.once import RecordingWarning, claim, format_exception, mark_recorded, release
from error_patterns.capture.protocols import AsyncFailureRecorder, FailureRecorder
from error_patterns.models import ErrorPattern

P = ParamSpec("P")
R = TypeVar("R")
Yielded = TypeVar("Yielded")
Sent = TypeVar("Sent")


@overload
def capture_failures(
    repository: FailureRecorder, *, keywords: Sequence[str] | None = None, preventive_checks: Sequence[str] = ()
) -> "FailureCapture": ...
@overload
def capture_failures(
    repository: AsyncFailureRecorder, *, keywords: Sequence[str] | None = None, preventive_checks: Sequence[str] = ()
) -> "AsyncFailureCapture": ...
def capture_failures(
    repository: FailureRecorder | AsyncFailureRecorder,
    *,
    keywords: Sequence[str] | None = None,
    preventive_checks: Sequence[str] = (),
) -> "FailureCapture | AsyncFailureCapture":
    """Record each exception that leaves a block or a function, and let the very same exception continue.

    The result is a context manager and a decorator, for any number of blocks, functions, threads and tasks:

    - `with` and plain functions need a sync repository;
    - `async with`, `async def` functions and objects with an async `__call__` take either. A sync repository then
      records in a thread (`asyncio.to_thread`), so that the event loop continues.

    A recorded exception gets a note with the id of its pattern and its frequency. It is recorded once, however many
    captures and `FailureHandler`s see it; an exception or group that wraps it is a failure of its own. Only `Exception`
    is recorded: not `KeyboardInterrupt`, `SystemExit`, `GeneratorExit`, `asyncio.CancelledError`.

    The exception waits as long as the repository does. Where recording fails, each capture logs one warning to the
    logger `error_patterns`. Only a task cancelled while it records raises another exception, `asyncio.CancelledError`.
    Pass no repository whose transaction the exception rolls back: the record would be lost with it.

    Args:
        repository: An `ErrorPatternRepository` or `AsyncErrorPatternRepository`.
        keywords: Words that identify the failures; None draws them from their text, see `record_failure`.
        preventive_checks: Checks that keep the failures from coming back.

    Raises:
        pydantic.ValidationError: A keyword or check breaks a rule of `ErrorPattern`.
        TypeError: At use, not here: a generator function, or an async repository in a plain `with` or function.

    Example:
        >>> with capture_failures(repository, preventive_checks=["Is the broker up?"]):
        ...     connect_to_broker()
    """
    given, checks = _validated(keywords, preventive_checks)
    if _is_async(repository):
        return AsyncFailureCapture(partial(repository.record_failure, keywords=given, preventive_checks=checks))
    return FailureCapture(partial(repository.record_failure, keywords=given, preventive_checks=checks))


def _validated(
    keywords: Sequence[str] | None, preventive_checks: Sequence[str]
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Copy keywords and checks that keep the rules. Later, a mistake would keep each failure from being recorded."""
    ErrorPattern.model_validate({"pattern": "any", "keywords": keywords or (), "preventive_checks": preventive_checks})
    return None if keywords is None else tuple(keywords), tuple(preventive_checks)


def _is_async(repository: FailureRecorder | AsyncFailureRecorder) -> TypeIs[AsyncFailureRecorder]:
    return inspect.iscoroutinefunction(repository.record_failure)


class _AsyncCapture(ABC):
    """The part that both kinds of capture share: `async with`."""

    def __init__(self) -> None:
        self._warning = RecordingWarning()

    async def __aenter__(self) -> Self:
        """Return the capture itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Record the exception, and let it continue."""
        with self._released_on_failure(error):
            if claim(error):
                mark_recorded(error, await self._record_async(format_exception(error)))

    @contextmanager
    def _released_on_failure(self, error: BaseException | None) -> Generator[None]:
        """Release the exception and log a warning where recording fails; release it where a task is cancelled."""
        try:
            yield
        except Exception as recording_error:  # the caller must see the failure, whatever went wrong with recording it
            release(error)
            self._warning.warn(recording_error)
        except BaseException:
            release(error)
            raise

    @abstractmethod
    async def _record_async(self, text: str) -> ErrorPattern: ...


class FailureCapture(_AsyncCapture):
    """A capture that records to a sync repository; made by `capture_failures`."""

    def __init__(self, record: Callable[[str], ErrorPattern]) -> None:
        """Make a capture; call `capture_failures` instead."""
        super().__init__()
        self._record = record

    def __enter__(self) -> Self:
        """Return the capture itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Record the exception, and let it continue."""
        with self._released_on_failure(error):
            if claim(error):
                mark_recorded(error, self._record(format_exception(error)))

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Wrap a function, so that the exceptions it raises are recorded.

        Raises:
            TypeError: It is a generator function.
        """
        _refuse_generator(function)
        if _is_coroutine_function(function):
            # Cast: R is the coroutine that an async function returns, which a type checker cannot conclude.
            return cast("Callable[P, R]", _wrap_coroutine_function(self, function))

        @wraps(function)
        def captured(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                result = function(*args, **kwargs)
            # A plain function may wrap an async one. Cast: as above.
            return cast("R", _await_in(self, result)) if inspect.iscoroutine(result) else result

        return captured

    async def _record_async(self, text: str) -> ErrorPattern:
        return await asyncio.to_thread(self._record, text)


class AsyncFailureCapture(_AsyncCapture):
    """A capture that records to an async repository; made by `capture_failures`."""

    def __init__(self, record: Callable[[str], Awaitable[ErrorPattern]]) -> None:
        """Make a capture; call `capture_failures` instead."""
        super().__init__()
        self._record = record

    def __call__(self, function: Callable[P, Coroutine[Yielded, Sent, R]]) -> Callable[P, Coroutine[Yielded, Sent, R]]:
        """Wrap an `async def` function, so that the exceptions it raises are recorded.

        Raises:
            TypeError: It is a plain function, or a generator function.
        """
        _refuse_generator(function)
        if not _is_coroutine_function(function):
            raise TypeError(
                f"capture_failures: {_name_of(function)} is no async function, so an AsyncErrorPatternRepository "
                "cannot be awaited there; use an ErrorPatternRepository"
            )
        return _wrap_coroutine_function(self, function)

    async def _record_async(self, text: str) -> ErrorPattern:
        return await self._record(text)

    if not TYPE_CHECKING:  # type checkers must find no plain `with` here; at run time the error names the remedy

        def __enter__(self) -> NoReturn:
            """Refuse a plain `with`."""
            raise TypeError(
                "capture_failures: an AsyncErrorPatternRepository cannot be awaited in a plain `with`; "
                "use `async with`, or an ErrorPatternRepository"
            )

        def __exit__(self, *_: object) -> None:
            """Do nothing: `with` looks this method up before it enters."""


def _wrap_coroutine_function(
    capture: AbstractAsyncContextManager[object], function: Callable[P, Coroutine[Yielded, Sent, R]]
) -> Callable[P, Coroutine[Yielded, Sent, R]]:
    @wraps(function)
    async def captured(*args: P.args, **kwargs: P.kwargs) -> R:
        async with capture:
            return await function(*args, **kwargs)

    return captured


async def _await_in(capture: AbstractAsyncContextManager[object], coroutine: Coroutine[Yielded, Sent, R]) -> R:
    async with capture:
        return await coroutine


def _is_coroutine_function(
    function: Callable[P, object],
) -> TypeIs[Callable[P, Coroutine[object, object, object]]]:
    """Return whether it is an `async def` function, or an object whose `__call__` is one."""
    return any(map(inspect.iscoroutinefunction, _callables_of(function)))


def _callables_of(function: Callable[..., object]) -> tuple[Callable[..., object], Callable[..., object]]:
    """Return a function without its wrapping `partial`s, and the `__call__` of its class."""
    while isinstance(function, partial):
        function = function.func
    return function, type(function).__call__


def _refuse_generator(function: Callable[..., object]) -> None:
    if any(inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each) for each in _callables_of(function)):
        raise TypeError(f"capture_failures: {_name_of(function)} is a generator; capture the work inside it")


def _name_of(function: Callable[..., object]) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
