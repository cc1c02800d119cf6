"""Connections of aiosqlite that a cancelled task leaves in a known state."""

import sqlite3
from collections.abc import Callable
from typing import Any, Self

import aiosqlite
from typing_extensions import override

from error_patterns.database.cancellation import to_its_end


class Connection(aiosqlite.Connection):
    """A connection whose statements come to their end before a cancellation goes on, and so does its making.

    aiosqlite runs them in a thread, which does not hear of it: a COMMIT that nobody waits for any more would end the
    transaction of whoever gets the connection next.
    """

    # Any: as in the class above, through which each call of the driver goes; tests of cancellation would see if not.
    @override
    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await to_its_end(super()._execute(fn, *args, **kwargs))  # type: ignore[no-untyped-call]  # it is not

    @override
    async def _connect(self) -> Self:
        try:
            await to_its_end(super()._connect())
        except BaseException:
            await self.close()
            raise
        return self


def connect(*args: Any, **kwargs: Any) -> Connection:  # Any: what sqlite3.connect takes
    """What `aiosqlite.connect` makes. Like SQLAlchemy's, its thread does not keep the process from ending."""
    connection = Connection(lambda: sqlite3.connect(*args, **kwargs), iter_chunk_size=64)
    connection._thread.daemon = True
    return connection
