"""Shields for asyncio: a cancelled task completes what it must, so that nothing is left half done."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session

R = TypeVar("R")

# Keys in Session.info.
_DEFERRED = "error_patterns.deferred"  # the transaction whose steps complete before a cancellation
_CANCELLED = "error_patterns.cancelled"  # whether the step that runs was cancelled


async def run_to_completion(awaitable: Awaitable[R]) -> R:
    """Await to the end, even if the task is cancelled meanwhile; then let the cancellation take effect."""
    return await _completed(asyncio.ensure_future(awaitable), lambda task: None)


async def run_step(session: Session, coroutine: Coroutine[object, object, R]) -> R:
    """Run a step on the session; if the task is cancelled meanwhile, undo it, and shield the clean-up.

    aiosqlite executes each statement in a thread, which no cancellation reaches. What the thread still does would
    collide with the clean-up. On such a connection, a cancelled step therefore ends before its next statement.
    """

    def cancel(task: "asyncio.Future[R]") -> None:
        transaction = session.get_transaction()
        if transaction is not None and transaction is session.info.get(_DEFERRED):
            session.info[_CANCELLED] = True
        else:
            task.cancel()

    try:
        return await _completed(asyncio.create_task(coroutine), cancel)
    finally:
        session.info.pop(_CANCELLED, None)


def defer_cancellation(session: Session) -> None:
    """Get the connection of the transaction; if it is aiosqlite's, steps end between statements from here on."""
    dialect = session.connection().dialect
    if not dialect.is_async or dialect.name != "sqlite":
        return
    session.info[_DEFERRED] = session.get_transaction()
    # No event of the connection: that would interrupt flushes, and the way back to a savepoint.
    if not event.contains(session, "do_orm_execute", _stop):
        event.listen(session, "do_orm_execute", _stop)


def _stop(statement: ORMExecuteState) -> None:
    stop_if_cancelled(statement.session)


def stop_if_cancelled(session: Session) -> None:
    """Raise `asyncio.CancelledError`, once, if the step that runs was cancelled."""
    if session.info.pop(_CANCELLED, False):
        raise asyncio.CancelledError


async def _completed(task: "asyncio.Future[R]", cancel: "Callable[[asyncio.Future[R]], None]") -> R:
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
