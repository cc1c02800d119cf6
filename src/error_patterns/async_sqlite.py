"""Connections of aiosqlite that leave no thread behind when their making is cancelled."""

import sqlite3
from typing import Any, Self

import aiosqlite
from typing_extensions import override

from error_patterns.cancellation import to_its_end


class Connection(aiosqlite.Connection):
    """A connection that is made to its end, or closed, when the task that makes it is cancelled."""

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
