"""Exceptions recorded where they leave a block or a function: `capture_failures`."""

import asyncio
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, ParamSpec, Self, TypeVar, cast, overload

from typing_extensions import TypeIs

from error_patterns.capture.once import Trouble, give_back, is_news, mark, text_of
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
    """Record each exception that leaves a block or a function, and let it go on as it is.

    The result is a context manager and a decorator, for as many blocks, functions, threads and tasks as you like:

    - `with` and plain functions: on a sync repository;
    - `async with`, `async def` functions and objects with such a call: on either. A sync one records in a thread
      (`asyncio.to_thread`), so that the event loop goes on meanwhile.

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
        if _is_coroutine_function(function):
            # Cast: R is the coroutine that an async function returns, which a type checker cannot conclude.
            return cast("Callable[P, R]", _awaited_inside(self, function))

        @functools.wraps(function)
        def captured(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                result = function(*args, **kwargs)
            # Of a plain function around an async one. Cast: as above.
            return cast("R", _awaited(self, result)) if inspect.iscoroutine(result) else result

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
        if not _is_coroutine_function(function):
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


async def _awaited(capture: AbstractAsyncContextManager[object], coroutine: Coroutine[Yielded, Sent, R]) -> R:
    async with capture:
        return await coroutine


def _is_coroutine_function(
    function: Callable[P, object],
) -> TypeIs[Callable[P, Coroutine[object, object, object]]]:
    """Whether it is an `async def`, or an object whose `__call__` is one."""
    return any(map(inspect.iscoroutinefunction, _called(function)))


def _called(function: Callable[..., object]) -> tuple[Callable[..., object], Callable[..., object]]:
    """What runs when it is called: itself if it is a function, or what its class has for that."""
    while isinstance(function, functools.partial):
        function = function.func
    return function, type(function).__call__


def _refuse_generator(function: Callable[..., object]) -> None:
    if any(inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each) for each in _called(function)):
        raise TypeError(f"capture_failures: {_name_of(function)} is a generator; capture what is done inside it")


def _name_of(function: Callable[..., object]) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
