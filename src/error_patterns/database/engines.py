"""Engines for SQLite and PostgreSQL, sync and async, with the settings that the promises need."""

import os
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Pool, QueuePool, event, make_url
from sqlalchemy import create_engine as sa_create_engine
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from error_patterns.database.driver_errors import is_busy, shown
from error_patterns.errors import DatabaseUnavailableError

SQLITE_BUSY_TIMEOUT = 30.0
"""Seconds for which a writer waits for another one on SQLite."""

POSTGRESQL_CONNECT_TIMEOUT = 10
"""Seconds for which each host of a PostgreSQL URL is tried."""

# Which of them is taken is ours to choose, so that one URL serves sync and async services.
_KNOWN_DRIVERS = {"sqlite", "sqlite+pysqlite", "sqlite+aiosqlite"}
_KNOWN_DRIVERS |= {"postgresql", "postgresql+psycopg", "postgresql+psycopg_async"}
_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
# Of its connect(): they are no text, and would not do what a URL could say.
_ARGUMENTS_OF_PSYCOPG = {"autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory"}
_EXTRAS = {"sqlite": "asyncio", "postgresql": "postgres"}

E = TypeVar("E")


def create_engine(url: str | URL) -> Engine:
    """An engine with the settings that the promises of the repository need.

    SQLite: `synchronous=FULL`, foreign keys, a busy timeout of 30 seconds; in memory, one connection that all threads
    take turns on. PostgreSQL: psycopg 3, connections tested before use, UTC, 10 seconds to connect to each host. The
    URL may set other timeouts. Stored values are kept out of the messages of SQLAlchemy's errors.

    Raises:
        DatabaseUnavailableError: The URL names no database that can be used. The message has no password.
    """
    parsed = parsed_url(url)
    engine = made(sa_create_engine, parsed, _DRIVERS, QueuePool)
    set_up(engine)
    if not is_in_memory(parsed):
        _closed_before_forks.add(engine)
    return engine


def is_in_memory(url: URL) -> bool:
    """Whether the URL names a SQLite database without a file."""
    database = url.database or ":memory:"
    return url.get_backend_name() == "sqlite" and (":memory:" in database or url.query.get("mode") == "memory")


def switch_to_wal(connection: Connection) -> None:
    """Set the journal mode of a SQLite file, which it keeps. For a connection that is not in a transaction yet.

    Here alone SQLite does not wait for other connections, whatever the busy timeout, so this tries until it is over.
    """
    deadline = time.monotonic() + SQLITE_BUSY_TIMEOUT
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


_closed_before_forks: weakref.WeakSet[Engine] = weakref.WeakSet()


def _close_idle_connections() -> None:
    """Before the process forks: connections shared by two processes lose data."""
    for engine in list(_closed_before_forks):
        engine.dispose()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_idle_connections)


def parsed_url(url: str | URL) -> URL:
    """The URL of a database of a kind that is supported; `DatabaseUnavailableError`, without a password, if not."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # their text, and so the cause, may hold a password
        parsed = None
    # An @ in a password that is not written as %40 leaves the end of the password in the host, name or options.
    rest = str(url).partition("@")[2]
    if parsed is None or (parsed.password is not None and "@" in rest and not parsed.drivername.startswith("sqlite")):
        raise DatabaseUnavailableError(
            "database URL: cannot be read; expected one like sqlite:///errors.db or postgresql://user@host/name, "
            "with / : @ in a password as %2F %3A %40, and @ in an option as %40"
        ) from None
    if parsed.drivername not in _KNOWN_DRIVERS:
        raise DatabaseUnavailableError(
            f"{shown(parsed)}: only sqlite:// and postgresql:// (through psycopg 3) are supported, "
            f"not {parsed.drivername}://"
        )
    refused = sorted(_ARGUMENTS_OF_PSYCOPG & parsed.query.keys())
    if refused:
        raise DatabaseUnavailableError(
            f"{shown(parsed)}: {refused[0]} cannot be an option of a URL; "
            f"make a session factory on an engine of your own, with connect_args={{{refused[0]!r}: …}}"
        )
    return parsed


def made(make: Callable[..., E], url: URL, drivers: dict[str, str], memory_pool: type[Pool]) -> E:
    """An engine of whichever kind `make` makes; `DatabaseUnavailableError` if its driver or an option is wrong."""
    backend = url.get_backend_name()
    settings: dict[str, Any] = {"hide_parameters": True, "connect_args": {}}  # Any: the options of create_engine
    if backend == "postgresql":
        settings["pool_pre_ping"] = True
        if "connect_timeout" not in url.query:
            settings["connect_args"]["connect_timeout"] = POSTGRESQL_CONNECT_TIMEOUT
    else:
        settings["pool_reset_on_return"] = None  # see _keep_the_connection
        if "timeout" not in url.query:
            settings["connect_args"]["timeout"] = SQLITE_BUSY_TIMEOUT
    if is_in_memory(url):
        # Such a database lives in its connection, so there is one, and each transaction has it to itself.
        settings |= {"poolclass": memory_pool, "pool_size": 1, "max_overflow": 0}
        settings["connect_args"]["check_same_thread"] = False
    try:
        return make(url.set(drivername=drivers[backend]), **settings)
    except ImportError as error:
        raise DatabaseUnavailableError(
            f"{shown(url)}: the driver cannot be loaded ({error}); "
            f"run: pip install 'error-patterns[{_EXTRAS[backend]}]'"
        ) from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise DatabaseUnavailableError(f"{shown(url)}: {error}") from error


_SET_UP = {
    # 32 MiB of pages in place of 2: a match looks up thousands of terms all over the index.
    "sqlite": ("PRAGMA foreign_keys = ON", "PRAGMA synchronous = FULL", "PRAGMA cache_size = -32768"),
    # In another time zone, the first and the last moments that Python has are beyond what it can read.
    "postgresql": ("SET TIME ZONE 'UTC'",),
}


def set_up(engine: Engine) -> None:
    """Have each new connection of the engine set up, and those of SQLite kept when a statement is interrupted."""

    @event.listens_for(engine, "connect")
    def _set_up_connection(connection: DBAPIConnection, record: object) -> None:
        try:
            cursor = connection.cursor()
            for statement in _SET_UP[engine.dialect.name]:
                cursor.execute(statement)
            cursor.close()
            connection.commit()
        except BaseException:
            connection.close()  # nobody else would
            raise

    event.listen(engine, "handle_error", _keep_the_connection)


def _keep_the_connection(context: ExceptionContext) -> None:
    """Go on with a connection whose statement was interrupted: roll it back, as after any other error.

    SQLAlchemy would close it. What is in memory would go with it; of a file, the transaction would stay open until the
    garbage collector finds the interrupted statement; and a caller who goes on after a timeout would have lost the
    whole transaction, not the call. For the same reason, connections of SQLite are not rolled back once more when they
    return to the pool, where an interruption closes them too: every transaction has ended by then.

    psycopg has the server cancel the statement, or closes the connection, unless it does not know the interruption.
    Without a savepoint to go back to, the transaction is of no more use.
    """
    if isinstance(context.original_exception, Exception) or context.connection is None:
        return
    if context.engine is not None and context.engine.dialect.name == "sqlite":
        context.is_disconnect = False
    elif context.connection.in_nested_transaction():
        info = getattr(context.connection.connection.driver_connection, "info", None)
        status = getattr(getattr(info, "transaction_status", None), "name", "UNKNOWN")
        context.is_disconnect = status not in {"INTRANS", "INERROR"}


def retire(engine: Engine) -> None:
    """Have the connections that are in use closed when they are given back; `dispose` closes the others."""
    event.listen(engine.pool, "checkin", lambda connection, record: record.invalidate())
