"""Exceptions recorded where they pass by: `capture_failures`, and what `FailureHandler` shares with it.

Locals are not kept: an exception becomes text, without its frames of this module, before anything waits. That it was
recorded is noted in its own `__dict__`, as built-in exceptions take no weak references, and a table of ids would take a
new exception for the one whose memory it got. The note goes with the exception through pickling and so between
processes, and ends with it.
"""

import asyncio
import functools
import inspect
import logging
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, ParamSpec, Protocol, Self, TypeGuard, TypeVar, cast, overload

from typing_extensions import TypeIs

from error_patterns.errors import ErrorPatternsError
from error_patterns.models import ErrorPattern

P = ParamSpec("P")
R = TypeVar("R")
Yielded = TypeVar("Yielded")
Sent = TypeVar("Sent")

_IS_RECORDED = "_error_patterns_is_recorded"  # the key in the `__dict__` of an exception
_logger = logging.getLogger("error_patterns")


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
    """Record each exception that leaves a block or a function, and let it go on as it is.

    The result is a context manager and a decorator, for as many blocks, functions, threads and tasks as you like:

    - `with` and plain functions: on a sync repository;
    - `async with` and `async def` functions: on either. A sync one records in a thread (`asyncio.to_thread`), so that
      the event loop goes on meanwhile.

    Generators are refused, as what they raise leaves them while somebody else's code iterates.

    An exception that was recorded gets a note with the id of its pattern and how often that was seen. It is recorded
    once, however many captures and `FailureHandler`s it passes; one that wraps it, also a group, is a failure of its
    own. Only `Exception` is recorded: not `KeyboardInterrupt`, `SystemExit`, `GeneratorExit`, `asyncio.CancelledError`.

    The very same exception leaves, whether it could be recorded or not; it waits as long as the repository does. When
    the database is down, or anything else goes wrong with recording, that is logged once for each capture, as a warning
    of the logger `error_patterns`. Only a task that is cancelled while it records raises `asyncio.CancelledError`.

    Do not give it a repository in a transaction that the exception will undo: the record would be undone too.

    Args:
        repository: Where to record: an `ErrorPatternRepository` or `AsyncErrorPatternRepository`.
        keywords: What gives the failures away; None draws them from their text: see `record_failure`.
        preventive_checks: What to do so that they do not come back.

    Raises:
        pydantic.ValidationError: A keyword or check breaks a rule of `ErrorPattern`.
        TypeError: Not here but where it is used: for a generator, or an async repository in a plain `with` or function.

    Example:
        >>> with capture_failures(repository, preventive_checks=["Is the broker up?"]):
        ...     connect_to_broker()

        >>> @capture_failures(repository)
        ... async def handle(job: Job) -> None:
        ...     await job.run()
    """
    told = _Told(keywords, preventive_checks)
    return AsyncFailureCapture(repository, told) if _is_async(repository) else FailureCapture(repository, told)


def _is_async(repository: FailureRecorder | AsyncFailureRecorder) -> TypeIs[AsyncFailureRecorder]:
    """Whether the calls of the repository are to be awaited."""
    return inspect.iscoroutinefunction(repository.record_failure)


class _Told:
    """What the caller tells of every failure that is captured."""

    def __init__(self, keywords: Sequence[str] | None, preventive_checks: Sequence[str]) -> None:
        # Here, where the mistake is made; later it would keep each failure from being recorded.
        fields = {"pattern": "any", "keywords": keywords or (), "preventive_checks": preventive_checks}
        ErrorPattern.model_validate(fields)
        self.keywords: tuple[str, ...] | None = None if keywords is None else tuple(keywords)
        self.preventive_checks: tuple[str, ...] = tuple(preventive_checks)


class _AsyncCapture(ABC):
    """What both kinds of capture do in `async with`."""

    def __init__(self) -> None:
        self._trouble = Trouble()

    async def __aenter__(self) -> Self:
        """The capture itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Record the exception, and let it go on."""
        try:
            if is_news(error):
                mark(error, await self._recorded(text_of(error)))
        except Exception as trouble:  # whatever it is, the failure of the caller is the one to be seen
            give_back(error)
            self._trouble.warn(trouble)
        except BaseException:  # the task is cancelled
            give_back(error)
            raise

    @abstractmethod
    async def _recorded(self, text: str) -> ErrorPattern: ...


class FailureCapture(_AsyncCapture):
    """What `capture_failures` makes of a sync repository."""

    def __init__(self, repository: FailureRecorder, told: _Told) -> None:
        """Only `capture_failures` makes one."""
        super().__init__()
        self._repository = repository
        self._told = told

    def __enter__(self) -> Self:
        """The capture itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Record the exception, and let it go on."""
        try:
            if is_news(error):
                mark(error, self._record(text_of(error)))
        except Exception as trouble:  # as above
            give_back(error)
            self._trouble.warn(trouble)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function, with what it raises recorded.

        Raises:
            TypeError: It is a generator.
        """
        _refuse_generator(function)
        if inspect.iscoroutinefunction(function):
            # Cast: R is the coroutine that an async function returns, which a type checker cannot conclude.
            return cast("Callable[P, R]", _awaited_inside(self, function))

        @functools.wraps(function)
        def captured(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return captured

    def _record(self, text: str) -> ErrorPattern:
        return self._repository.record_failure(
            text, keywords=self._told.keywords, preventive_checks=self._told.preventive_checks
        )

    async def _recorded(self, text: str) -> ErrorPattern:
        return await asyncio.to_thread(self._record, text)


class AsyncFailureCapture(_AsyncCapture):
    """What `capture_failures` makes of an async repository."""

    def __init__(self, repository: AsyncFailureRecorder, told: _Told) -> None:
        """Only `capture_failures` makes one."""
        super().__init__()
        self._repository = repository
        self._told = told

    def __call__(self, function: Callable[P, Coroutine[Yielded, Sent, R]]) -> Callable[P, Coroutine[Yielded, Sent, R]]:
        """The `async def` function, with what it raises recorded.

        Raises:
            TypeError: It is a plain function, or a generator.
        """
        _refuse_generator(function)
        if not inspect.iscoroutinefunction(function):
            raise TypeError(
                f"capture_failures: {_name_of(function)} is no async function, so an AsyncErrorPatternRepository "
                "cannot be awaited there; use an ErrorPatternRepository"
            )
        return _awaited_inside(self, function)

    async def _recorded(self, text: str) -> ErrorPattern:
        return await self._repository.record_failure(
            text, keywords=self._told.keywords, preventive_checks=self._told.preventive_checks
        )

    if not TYPE_CHECKING:  # type checkers are to see that there is no plain `with`; others are to be told what to do

        def __enter__(self) -> NoReturn:
            """Refuse."""
            raise TypeError(
                "capture_failures: an AsyncErrorPatternRepository cannot be awaited in a plain `with`; "
                "use `async with`, or an ErrorPatternRepository"
            )

        def __exit__(self, *_: object) -> None:
            """Never reached: `with` wants it to be there before it enters."""


def _awaited_inside(
    capture: AbstractAsyncContextManager[object], function: Callable[P, Coroutine[Yielded, Sent, R]]
) -> Callable[P, Coroutine[Yielded, Sent, R]]:
    @functools.wraps(function)
    async def captured(*args: P.args, **kwargs: P.kwargs) -> R:
        async with capture:
            return await function(*args, **kwargs)

    return captured


def _refuse_generator(function: Callable[..., object]) -> None:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"capture_failures: {_name_of(function)} is a generator; capture what is done inside it")


def _name_of(function: Callable[..., object]) -> str:
    return getattr(function, "__qualname__", None) or repr(function)


def is_news(error: BaseException | None) -> TypeGuard[Exception]:
    """Whether it is a failure that was neither recorded yet nor waits to be; whoever is told so is to record it.

    Threads and tasks that wait for one future get the same exception, and ask this at once.
    """
    claim: list[object] = []  # a value that can be pickled, and is nobody else's
    return isinstance(error, Exception) and vars(error).setdefault(_IS_RECORDED, claim) is claim


def give_back(error: BaseException | None) -> None:
    """Let it be news again, as it could not be recorded."""
    with suppress(Exception):  # of an exception without a readable `__dict__`
        vars(error).pop(_IS_RECORDED, None)


def mark(error: Exception, pattern: ErrorPattern | None = None) -> None:
    """Note in the exception that it is recorded, and as which pattern if that is known already."""
    vars(error)[_IS_RECORDED] = True
    if pattern is not None:
        times = "1 time" if pattern.frequency == 1 else f"{pattern.frequency} times"
        with suppress(Exception):  # of an exception that cannot be changed, such as a frozen dataclass
            error.add_note(f"error_patterns: recorded as {pattern.pattern_id}, seen {times}")


def text_of(error: Exception) -> str:
    """The exception with its traceback and causes as Python prints them, as if it had not been captured.

    The frames of the decorator would make another failure of it, and their names keywords.
    """
    told = traceback.TracebackException.from_exception(error)
    untold = [told]
    while untold:
        each = untold.pop()
        each.stack[:] = [frame for frame in each.stack if frame.filename != __file__]
        untold += [other for other in (each.__cause__, each.__context__, *(each.exceptions or ())) if other is not None]
    return "".join(told.format())


class Trouble:
    """Why failures cannot be recorded: a warning for the first that could not, and none for the others."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self._first = threading.Lock()  # never released: one thread alone gets it

    def warn(self, error: Exception) -> None:
        """Log it if it is the first.

        The text of the error is told if it is one of this package, where no secret is; others may hold anything, and a
        traceback would have that of the failure as its context.
        """
        if not self._first.acquire(blocking=False):
            return
        reason = f": {error}" if isinstance(error, ErrorPatternsError) else ""
        with suppress(Exception):  # of a handler of the caller's
            _logger.warning(
                "a failure was not recorded (%s%s); this is said once, whatever becomes of the next ones",
                type(error).__name__,
                reason,
            )
