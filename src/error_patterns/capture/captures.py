"""Exceptions recorded where they leave a block or a function: `capture_failures`.

Example:
    >>> @capture_failures(repository)
    ... async def handle(job: Job) -> None:
    ...     await job.run()
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from functools import partial, wraps
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from error_patterns.capture.once import RecordingWarning, claim, mark_recorded, release, take_snapshot
from error_patterns.capture.protocols import FailureRecorder, Recorded_co
from error_patterns.models import ErrorPattern

P = ParamSpec("P")
R = TypeVar("R")
Awaited = TypeVar("Awaited", bound=Coroutine[Any, Any, Any])

FailureContext = str | Callable[..., str | None] | None
"""What was being attempted: a text, or a callable of the arguments of the decorated function that returns it."""


def capture_failures(
    repository: FailureRecorder[Recorded_co],
    *,
    context: FailureContext = None,
    keywords: Sequence[str] | None = None,
    preventive_checks: Sequence[str] = (),
) -> "FailureCapture[Recorded_co]":
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
        context: What is being attempted: a text, or a callable that returns it, called for each failure with the
            arguments of the decorated function, in a `with` without any. Where it raises, the failure is recorded
            without a context, and each capture logs one warning. None: see `record_failure`.
        keywords: Words that identify the failures; None draws them from their text, see `record_failure`.
        preventive_checks: Checks that keep the failures from coming back.

    Raises:
        pydantic.ValidationError: A keyword or check breaks a rule of `ErrorPattern`.
        TypeError: `context` is async. At use: a generator function, or an async repository in a plain `with`.

    Example:
        >>> with capture_failures(repository, preventive_checks=["Is the broker up?"]):
        ...     connect_to_broker()
    """
    return FailureCapture(repository, context, keywords, preventive_checks)


class FailureCapture(Generic[Recorded_co]):
    """A context manager and decorator that records exceptions; made by `capture_failures`."""

    def __init__(
        self,
        repository: FailureRecorder[Recorded_co],
        context: FailureContext,
        keywords: Sequence[str] | None,
        checks: Sequence[str],
    ) -> None:
        """Validate the keywords and checks: later, a mistake would keep each failure from being recorded."""
        given = {"keywords": () if keywords is None else keywords, "preventive_checks": checks}
        valid = ErrorPattern.model_validate({"pattern": "any", **given})
        if _is_any(context, inspect.iscoroutinefunction):
            raise TypeError("capture_failures: context must be a text or a plain function, not an async one")
        self._read_context: Callable[..., object] = context if callable(context) else lambda *_, **__: context
        self._record: partial[Recorded_co] = partial(
            repository.record_failure,
            keywords=None if keywords is None else tuple(valid.keywords),
            preventive_checks=tuple(valid.preventive_checks),
        )
        self._is_async = inspect.iscoroutinefunction(repository.record_failure)
        self._warning = RecordingWarning()
        self._context_warning = RecordingWarning("a failure was recorded without its context")

    def __enter__(self: "FailureCapture[ErrorPattern]") -> "FailureCapture[ErrorPattern]":
        """Return the capture itself; raise TypeError for an async repository."""
        if self._is_async:
            raise TypeError(
                "capture_failures: an AsyncErrorPatternRepository cannot be awaited in a plain `with`; "
                "use `async with`, or an ErrorPatternRepository"
            )
        return self

    def __exit__(
        self: "FailureCapture[ErrorPattern]",
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Record the exception, and let it continue."""
        with self._released_on_failure(error):
            if claim(error):
                text, context = take_snapshot(error, self._read_context, self._context_warning)
                mark_recorded(error, self._record(text, context=context))

    async def __aenter__(self) -> Self:
        """Return the capture itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Record the exception, and let it continue."""
        record: Callable[..., ErrorPattern | Awaitable[ErrorPattern]] = self._record
        with self._released_on_failure(error):
            if claim(error):
                text, context = take_snapshot(error, self._read_context, self._context_warning)
                record = partial(record, text, context=context)
                recorded = record() if self._is_async else await asyncio.to_thread(record)
                mark_recorded(error, await recorded if isinstance(recorded, Awaitable) else recorded)

    @overload
    def __call__(self, function: Callable[P, Awaited]) -> Callable[P, Awaited]: ...
    @overload
    def __call__(self: "FailureCapture[ErrorPattern]", function: Callable[P, R]) -> Callable[P, R]: ...
    def __call__(self: "FailureCapture[Any]", function: Callable[P, Any]) -> Callable[P, Any]:  # Any: of both overloads
        """Wrap a function, so that the exceptions it raises are recorded.

        Raises:
            TypeError: It is a generator function, or a plain function although the repository is an async one.
        """
        name = getattr(function, "__qualname__", None) or repr(function)
        if _is_any(function, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
            raise TypeError(f"capture_failures: {name} is a generator; capture the work inside it")
        if _is_any(function, inspect.iscoroutinefunction):

            @wraps(function)
            async def captured_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                async with self._for_call(args, kwargs):
                    return await function(*args, **kwargs)

            return captured_async
        if self._is_async:
            raise TypeError(
                f"capture_failures: {name} is no async function, so an AsyncErrorPatternRepository "
                "cannot be awaited there; use an ErrorPatternRepository"
            )

        @wraps(function)
        def captured(*args: P.args, **kwargs: P.kwargs) -> Any:
            of_this_call = self._for_call(args, kwargs)
            with of_this_call:
                result = function(*args, **kwargs)
            # A coroutine, as of a wrapped `async def`.
            return of_this_call._await(result) if inspect.iscoroutine(result) else result

        return captured

    def _for_call(self, arguments: tuple[object, ...], keywords: Mapping[str, object]) -> Self:
        """Return this capture with the context of one call."""
        of_this_call = copy(self)
        of_this_call._read_context = partial(self._read_context, *arguments, **keywords)
        return of_this_call

    async def _await(self, coroutine: Coroutine[Any, Any, R]) -> R:
        async with self:
            return await coroutine

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


def _is_any(function: object, *kinds: Callable[[object], bool]) -> bool:
    """Return whether a function, without its wrapping `partial`s, or the `__call__` of its class is of a kind."""
    while isinstance(function, partial):
        function = function.func
    return any(is_kind(each) for is_kind in kinds for each in (function, type(function).__call__))
