"""Objects of asyncio that can be used without `await`, so that one test runs on both repositories."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from types import TracebackType
from typing import Any, TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncSession

from error_patterns import AsyncErrorPatternRepository, ErrorPatternRepository

T = TypeVar("T")


def blocking(target: object, kind: type[T], runner: asyncio.Runner) -> T:
    """The object as the `kind` whose calls it has; the runner runs each call until it is done."""
    # Cast: the names, arguments and results are the same, which test_async_repository.py compares.
    return cast("T", _Blocking(target, runner))


@contextmanager
def opened(kind: str, url: str, runner: asyncio.Runner) -> Generator[ErrorPatternRepository]:
    """A repository that is sync, or an async one whose calls need no `await`."""
    if kind == "sync":
        repository = ErrorPatternRepository.open(url)
    else:
        repository = blocking(AsyncErrorPatternRepository.open(url), ErrorPatternRepository, runner)
    with repository:
        yield repository


class _Blocking:
    _target: Any  # of whichever type: its calls are found by name
    _runner: asyncio.Runner

    def __init__(self, target: object, runner: asyncio.Runner) -> None:
        self.__dict__.update(_target=target, _runner=runner)

    def __getattr__(self, name: str) -> object:
        target = self._target
        if isinstance(target, AsyncSession) and not hasattr(target, name):
            target = target.sync_session
        value = getattr(target, name)
        if not callable(value):
            return self._plain(value)
        return lambda *args, **kwargs: self._plain(value(*args, **kwargs))

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._target, name, value)

    def __contains__(self, item: object) -> bool:
        return item in self._target

    def __enter__(self) -> object:
        return self._plain(self._wait(self._target.__aenter__()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return bool(self._wait(self._target.__aexit__(kind, error, traceback)))

    def _plain(self, value: object) -> object:
        if value is self._target:
            return self
        if isinstance(value, AbstractAsyncContextManager):
            return _Blocking(value, self._runner)
        if isinstance(value, AsyncIterator):
            return self._items(value)
        return self._plain(self._wait(value)) if inspect.isawaitable(value) else value

    def _items(self, iterator: AsyncIterator[object]) -> Iterator[object]:
        with suppress(StopAsyncIteration):
            while True:
                yield self._wait(anext(iterator))

    def _wait(self, awaitable: Awaitable[object]) -> object:
        async def waiting() -> object:
            return await awaitable

        return self._runner.run(waiting())
