"""Engines for SQLite and PostgreSQL, with the settings that the promises of the repository need."""

import os
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Pool, QueuePool, event, make_url
from sqlalchemy import create_engine as sa_create_engine
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from error_patterns.database.driver_errors import display_url, is_busy
from error_patterns.errors import DatabaseUnavailableError

SQLITE_BUSY_TIMEOUT = 30.0
"""The time in seconds for which a writer on SQLite waits for another one."""

POSTGRESQL_CONNECT_TIMEOUT = 10
"""The time in seconds for which each host of a PostgreSQL URL is tried."""

# We choose the driver, so that one URL serves sync and async services.
_KNOWN_DRIVERS = {"sqlite", "sqlite+pysqlite", "sqlite+aiosqlite"}
_KNOWN_DRIVERS |= {"postgresql", "postgresql+psycopg", "postgresql+psycopg_async"}
# Arguments of psycopg's connect() that are not text, so that no URL can express them.
_ARGUMENTS_OF_PSYCOPG = {"autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory"}
_EXTRAS = {"sqlite": "asyncio", "postgresql": "postgres"}

E = TypeVar("E")


def create_engine(url: str | URL) -> Engine:
    """Make an engine with the settings that the promises of the repository need.

    SQLite: `synchronous=FULL`, foreign keys, a busy timeout of 30 seconds; in memory, one connection that all threads
    take turns on. PostgreSQL: psycopg 3, connections tested before use, UTC, 10 seconds to connect to each host. The
    URL may set other timeouts. Stored values are kept out of the messages of SQLAlchemy's errors.

    Raises:
        DatabaseUnavailableError: The URL names no database that can be used. The message has no password.
    """
    engine = build_engine(sa_create_engine, url, "pysqlite", QueuePool)
    configure_connections(engine)
    if not is_in_memory(engine.url):
        _closed_before_forks.add(engine)
    return engine


def is_in_memory(url: URL) -> bool:
    """Tell whether the URL names a SQLite database without a file."""
    database = url.database or ":memory:"
    return url.get_backend_name() == "sqlite" and (":memory:" in database or url.query.get("mode") == "memory")


def switch_to_wal(connection: Connection) -> None:
    """Switch a SQLite file to WAL, which it keeps. The connection must not be in a transaction.

    SQLite ignores the busy timeout here, so this retries until the timeout has passed.
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
    """Close idle connections before a fork: two processes that share a connection lose data."""
    for engine in list(_closed_before_forks):
        engine.dispose()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_idle_connections)


def _parsed(url: str | URL) -> URL:
    """Parse the URL of a supported database; raise `DatabaseUnavailableError`, without a password, for others."""
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
            f"{display_url(parsed)}: only sqlite:// and postgresql:// (through psycopg 3) are supported, "
            f"not {parsed.drivername}://"
        )
    refused = sorted(_ARGUMENTS_OF_PSYCOPG & parsed.query.keys())
    if refused:
        raise DatabaseUnavailableError(
            f"{display_url(parsed)}: {refused[0]} cannot be an option of a URL; "
            f"make a session factory on an engine of your own, with connect_args={{{refused[0]!r}: …}}"
        )
    return parsed


def build_engine(make: Callable[..., E], url: str | URL, sqlite_driver: str, memory_pool: type[Pool]) -> E:
    """Make an engine by `make`; raise `DatabaseUnavailableError` if the URL, its driver or an option is wrong."""
    url = _parsed(url)
    backend = url.get_backend_name()
    driver = sqlite_driver if backend == "sqlite" else "psycopg"
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
        # Such a database ends with its connection, so there is one, and each transaction has it to itself.
        settings |= {"poolclass": memory_pool, "pool_size": 1, "max_overflow": 0}
        settings["connect_args"]["check_same_thread"] = False
    try:
        return make(url.set(drivername=f"{backend}+{driver}"), **settings)
    except ImportError as error:
        raise DatabaseUnavailableError(
            f"{display_url(url)}: the driver cannot be loaded ({error}); "
            f"run: pip install 'error-patterns[{_EXTRAS[backend]}]'"
        ) from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise DatabaseUnavailableError(f"{display_url(url)}: {error}") from error


_SET_UP = {
    # 32 MiB of pages in place of 2: a match looks up thousands of terms all over the index.
    "sqlite": ("PRAGMA foreign_keys = ON", "PRAGMA synchronous = FULL", "PRAGMA cache_size = -32768"),
    # In another time zone, the first and the last moments that Python has are beyond what it can read.
    "postgresql": ("SET TIME ZONE 'UTC'",),
}


def configure_connections(engine: Engine) -> None:
    """Configure each new connection of the engine, and keep connections whose statement is interrupted."""

    @event.listens_for(engine, "connect")
    def _configure(connection: DBAPIConnection, record: object) -> None:
        try:
            cursor = connection.cursor()
            for statement in _SET_UP[engine.dialect.name]:
                cursor.execute(statement)
            cursor.close()
            connection.commit()
        except BaseException:
            connection.close()  # the pool does not know it yet
            raise

    event.listen(engine, "handle_error", _keep_the_connection)


def _keep_the_connection(context: ExceptionContext) -> None:
    """Keep a connection whose statement was interrupted, so that it is rolled back as after any other error.

    SQLAlchemy would close it. A database in memory would be lost. The transaction on a file would stay open until the
    garbage collector finds the interrupted statement. A caller who continues after a timeout would have lost the whole
    transaction instead of one call. For the same reason, the pool does not roll connections of SQLite back when they
    return: an interruption would close them there, and every transaction has ended by then.

    psycopg cancels the statement on the server, or closes the connection. It does neither for an interruption that it
    does not know. Without a savepoint to roll back to, the transaction is useless then.
    """
    if isinstance(context.original_exception, Exception) or context.connection is None:
        return
    if context.engine is not None and context.engine.dialect.name == "sqlite":
        context.is_disconnect = False
    elif context.connection.in_nested_transaction():
        info = getattr(context.connection.connection.driver_connection, "info", None)
        status = getattr(getattr(info, "transaction_status", None), "name", "UNKNOWN")
        context.is_disconnect = status not in {"INTRANS", "INERROR"}


def close_on_return(engine: Engine) -> None:
    """Close connections in use when they return to the pool; `dispose` closes the idle ones."""
    event.listen(engine.pool, "checkin", lambda connection, record: record.invalidate())
