"""Connections of aiosqlite that stay usable when a task is cancelled."""

import sqlite3
from collections.abc import Callable
from typing import Any, Self

import aiosqlite
from typing_extensions import override

from error_patterns.database.cancellation import run_to_completion


class Connection(aiosqlite.Connection):
    """A connection that shields its statements, and its own opening, from cancellation.

    aiosqlite executes statements in a thread, which no cancellation reaches. A COMMIT that still runs there would end
    the transaction of the next user of the connection.
    """

    # Any: as in the class above, through which each call of the driver goes; tests of cancellation would see if not.
    @override
    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await run_to_completion(super()._execute(fn, *args, **kwargs))  # type: ignore[no-untyped-call]  # it is not

    @override
    async def _connect(self) -> Self:
        try:
            await run_to_completion(super()._connect())
        except BaseException:
            await self.close()
            raise
        return self


def connect(*args: Any, **kwargs: Any) -> Connection:  # Any: what sqlite3.connect takes
    """Connect as `aiosqlite.connect` does, with a daemon thread, as SQLAlchemy has it."""
    connection = Connection(lambda: sqlite3.connect(*args, **kwargs), iter_chunk_size=64)
    connection._thread.daemon = True
    return connection
