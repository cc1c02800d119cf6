"""What a task that is cancelled still finishes, so that it leaves nothing half done behind."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

R = TypeVar("R")


async def to_its_end(awaitable: Awaitable[R]) -> R:
    """Wait until it is done, even if the task is cancelled meanwhile; then let the cancellation go on."""
    return await _done(asyncio.ensure_future(awaitable), lambda: None)


async def with_its_clean_up(coroutine: Coroutine[object, object, R]) -> R:
    """Run it so that it hears of the first cancellation only, and cleans up without another one."""
    task = asyncio.create_task(coroutine)
    return await _done(task, task.cancel)


async def _done(task: "asyncio.Future[R]", at_first_cancellation: Callable[[], object]) -> R:
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            if cancelled is None:
                at_first_cancellation()
            cancelled = error
    if cancelled is None:
        return task.result()
    raise cancelled from None if task.cancelled() else task.exception()
