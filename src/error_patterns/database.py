"""Engines, transactions, and what a driver's error means to the caller."""

import os
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, QueuePool, event, make_url
from sqlalchemy import create_engine as sa_create_engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from error_patterns.errors import (
    DatabaseRejectedError,
    DatabaseUnavailableError,
    ErrorPatternsError,
    RepositoryClosedError,
)

SQLITE_BUSY_TIMEOUT = 30.0
"""Seconds for which a writer waits for another one on SQLite."""

SessionFactory = Callable[[], Session]
"""Whatever makes a session: a `sessionmaker`, or a function of the caller's."""


def create_engine(url: str | URL) -> Engine:
    """An engine with the settings that the promises of the repository need.

    SQLite: `synchronous=FULL`, foreign keys, a busy timeout of 30 seconds; in memory, one connection that all threads
    take turns on. Stored values are kept out of the messages of SQLAlchemy's errors.

    Raises:
        DatabaseUnavailableError: The URL names no database that can be used. The message has no password.
    """
    parsed = _parsed(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(parsed)
        if parsed.get_backend_name() == "postgresql":
            return _closed_before_forks(sa_create_engine(parsed, hide_parameters=True, pool_pre_ping=True))
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        raise DatabaseUnavailableError(f"{_shown(parsed)}: {error}") from error
    raise DatabaseUnavailableError(f"{_shown(parsed)}: only sqlite and postgresql are supported")


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _closed_before_forks(engine: Engine) -> Engine:
    """The engine, which closes its idle connections before the process forks: shared by two, they lose data."""
    _engines.add(engine)
    return engine


def _close_idle_connections() -> None:
    for engine in list(_engines):
        engine.dispose()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_idle_connections)


def _parsed(url: str | URL) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # their text, and so the cause, may hold a password
        parsed = None
    # An @ in a password that is not written as %40 leaves the end of the password in the host or in the name.
    parts = str(url).partition("?")[0].count("@")
    if parsed is None or (parsed.get_backend_name() != "sqlite" and parts > 1):
        raise DatabaseUnavailableError(
            "database URL: cannot be read; expected one like sqlite:///errors.db or postgresql://user@host/name, "
            "with / : @ in a password as %2F %3A %40"
        ) from None
    return parsed


def _shown(url: URL) -> str:
    """The URL for a message: without the password, and without the options, which may hold another."""
    return url.set(query={}).render_as_string(hide_password=True)


def _sqlite_engine(url: URL) -> Engine:
    settings = {} if "timeout" in url.query else {"timeout": SQLITE_BUSY_TIMEOUT}
    database = url.database or ":memory:"
    if ":memory:" in database or url.query.get("mode") == "memory":
        # Such a database lives in its connection, so there is one, and each transaction has it to itself.
        in_turns = settings | {"check_same_thread": False}
        engine = sa_create_engine(
            url, hide_parameters=True, poolclass=QueuePool, pool_size=1, max_overflow=0, connect_args=in_turns
        )
    else:
        engine = _closed_before_forks(sa_create_engine(url, hide_parameters=True, connect_args=settings))
    event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: DBAPIConnection, record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def switch_to_wal(connection: Connection) -> None:
    """Set the journal mode of a SQLite file, which it keeps. For a connection that is not in a transaction yet.

    Here alone SQLite does not wait for other connections, whatever the busy timeout, so this tries until it is over.
    """
    deadline = time.monotonic() + SQLITE_BUSY_TIMEOUT
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorname", None) != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


class UnitOfWork(Protocol):
    """How the calls of a repository get their session, and what becomes of the session afterwards."""

    @property
    def detaches(self) -> bool:
        """Whether what a call returns stands on its own, outside every session."""

    def begin(self, *, writes: bool) -> AbstractContextManager[Session]:
        """A session for one call: all of it happens, or nothing. Raises `ErrorPatternsError` for a driver's error."""


@dataclass(frozen=True)
class SessionPerCall:
    """Each call has a session of its own: committed on success, rolled back on an error, closed in any case."""

    session_factory: SessionFactory
    detaches: bool = True

    @contextmanager
    def begin(self, *, writes: bool) -> Generator[Session]:
        """A new session in a new transaction."""
        with self.session_factory() as session, translated_errors(session):
            try:
                _begin(session, writes=writes)
                yield session
                session.flush()
                session.expunge_all()  # before the commit, which would expire what the caller is about to get
                session.commit()
            except BaseException:
                session.rollback()
                raise


@dataclass(frozen=True)
class SavepointPerCall:
    """Each call has a savepoint in a session that somebody else began and will end."""

    session: Session
    detaches: bool

    @contextmanager
    def begin(self, *, writes: bool) -> Generator[Session]:
        """The session, with a savepoint that is released on success and rolled back on an error."""
        if writes:
            with translated_errors(self.session):
                _begin(self.session, writes=True)
        savepoint = self.session.begin_nested()  # flushes: an error here is that of the session's owner
        with translated_errors(self.session), savepoint:
            yield self.session
            self.session.flush()
        if self.detaches:
            self.session.expunge_all()


@dataclass(frozen=True)
class Over:
    """Nothing can be done any more: the transaction has ended, or the repository was closed."""

    what: str
    detaches: bool = True

    def begin(self, *, writes: bool) -> AbstractContextManager[Session]:
        """Refuse. Raises `RepositoryClosedError`."""
        raise RepositoryClosedError(self.what)


def _begin(session: Session, *, writes: bool) -> None:
    """Begin for real on SQLite, whose driver otherwise waits for the first change.

    Without this, reads of one call could see two states, a savepoint would commit by itself when released, and two
    writers that both read first would fail instead of waiting for each other.
    """
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        return
    if not getattr(connection.connection.driver_connection, "in_transaction", True):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def translated_errors(source: Session | Engine) -> Generator[None]:
    """Raise an `ErrorPatternsError` for each error of the database driver or of the connection pool."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        bind = source.get_bind() if isinstance(source, Session) else source
        raise _translated(error, bind.engine.url) from error


_SQLITE_REASONS = {
    "BUSY": "locked by another writer for longer than the timeout",
    "LOCKED": "locked by another connection",
    "READONLY": "read-only",
    "FULL": "the disk is full",
    "NOTADB": "the file is not a database",
    "CORRUPT": "the file is damaged",
    "CANTOPEN": "the file cannot be opened: it is a directory, or its directory is missing or closed to this user",
    "IOERR": "the disk cannot be read or written",
    "PERM": "access denied",
    "AUTH": "access denied",
}
# Classes of SQLSTATE, and single ones, https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL_REASONS = {
    "08": "unreachable",
    "25006": "read-only",
    "28": "access denied",
    "3D": "there is no such database",
    "40": "given up after a conflict with another transaction",
    "53100": "the disk is full",
    "53": "out of resources",
    "55P03": "locked for longer than the timeout",
    "57": "shut down or interrupted",
    "58": "a system error on the server",
}
_MISSING_TABLE = ("no such table", "UndefinedTable")


def _translated(error: DBAPIError | PoolTimeoutError, url: URL) -> ErrorPatternsError:
    """The error of this package for an error of a driver, with its first line and without values or passwords."""
    where = _shown(url)
    if isinstance(error, PoolTimeoutError):
        return DatabaseUnavailableError(f"{where}: every connection of the pool was in use for too long")
    driver_error = error.orig
    first_line = next(iter(str(driver_error).splitlines()), type(driver_error).__name__)
    reason = _reason(driver_error)
    if reason is None:
        return DatabaseRejectedError(f"{where}: the database refused: {first_line}{_advice(driver_error)}")
    return DatabaseUnavailableError(f"{where}: {reason} ({first_line})")


def _reason(driver_error: BaseException | None) -> str | None:
    """Why the database cannot be used, or None if it can."""
    sqlite_name = getattr(driver_error, "sqlite_errorname", None)
    if isinstance(sqlite_name, str):
        return _SQLITE_REASONS.get(sqlite_name.split("_")[1])
    sqlstate = getattr(driver_error, "sqlstate", None)
    if isinstance(sqlstate, str):
        return _POSTGRESQL_REASONS.get(sqlstate) or _POSTGRESQL_REASONS.get(sqlstate[:2])
    if type(driver_error).__name__ == "OperationalError":  # psycopg without an SQLSTATE: it never got to the server
        return "unreachable"
    return None


def _advice(driver_error: BaseException | None) -> str:
    if any(sign in f"{type(driver_error).__name__}: {driver_error}" for sign in _MISSING_TABLE):
        return "; is the schema missing? run: error-patterns db upgrade --database-url URL"
    return ""
