"""What a task that is cancelled still finishes, so that it leaves nothing half done behind."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from sqlalchemy.orm import Session

R = TypeVar("R")

# Keys in Session.info.
_FINISHES = "error_patterns.finishes"  # the transaction whose steps come to their end before a cancellation
_CANCELLED = "error_patterns.cancelled"  # whether the step that is being taken was cancelled meanwhile


async def to_its_end(awaitable: Awaitable[R]) -> R:
    """Wait until it is done, even if the task is cancelled meanwhile; then let the cancellation go on."""
    return await _done(asyncio.ensure_future(awaitable), lambda task: None)


async def as_a_step(session: Session, coroutine: Coroutine[object, object, R]) -> R:
    """Do something on the session; if the task is cancelled meanwhile, undo it, whatever else is cancelled then.

    aiosqlite has a thread execute each statement, which hears of no cancellation: what the thread still does would meet
    what cleans up. So with such a connection a step goes on until it waits for a lock, or would keep what it did.
    """

    def cancel(task: "asyncio.Future[R]") -> None:
        transaction = session.get_transaction()
        if transaction is not None and transaction is session.info.get(_FINISHES):
            session.info[_CANCELLED] = True
        else:
            task.cancel()

    try:
        return await _done(asyncio.create_task(coroutine), cancel)
    finally:
        session.info.pop(_CANCELLED, None)


def let_it_finish(session: Session) -> None:
    """Wait for a connection, if the transaction has none; from here on, its steps come to their end."""
    dialect = session.connection().dialect
    if dialect.is_async and dialect.name == "sqlite":
        session.info[_FINISHES] = session.get_transaction()


def stop_if_cancelled(session: Session) -> None:
    """Raise `asyncio.CancelledError` if a step that goes on was cancelled meanwhile."""
    if session.info.get(_CANCELLED):
        raise asyncio.CancelledError


async def _done(task: "asyncio.Future[R]", cancel: "Callable[[asyncio.Future[R]], None]") -> R:
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            if cancelled is None:
                cancel(task)
            cancelled = error
    if cancelled is None:
        return task.result()
    raise cancelled from None if task.cancelled() else task.exception()
