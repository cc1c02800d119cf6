"""Errors of database drivers, translated for the caller."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import URL, Engine
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from error_patterns.errors import DatabaseRejectedError, DatabaseUnavailableError, ErrorPatternsError


def display_url(url: URL) -> str:
    """Render the URL for a message: without the password, and without the options, which may hold another."""
    hosts = {name: value for name, value in url.query.items() if name in {"host", "port"}}
    return url.set(drivername=url.get_backend_name(), query=hosts).render_as_string(hide_password=True)


def is_conflict(error: BaseException) -> bool:
    """Tell whether the database rolled a transaction back for a conflict with another one."""
    cause = error.__cause__ if isinstance(error, ErrorPatternsError) else None
    return isinstance(cause, DBAPIError) and _sqlstate(cause.orig) in _CONFLICTS


def is_busy(error: DBAPIError) -> bool:
    """Tell whether SQLite timed out waiting for another connection."""
    return getattr(error.orig, "sqlite_errorname", None) == "SQLITE_BUSY"


@contextmanager
def translated_errors(source: Session | Engine) -> Generator[None]:
    """Raise an `ErrorPatternsError` for each error of the database driver or of the connection pool."""
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailableError(
            f"{_where(source)}: every connection of the pool was in use for too long"
        ) from error
    except PendingRollbackError as error:
        raise DatabaseUnavailableError(
            f"{_where(source)}: the transaction cannot go on; roll back and repeat it ({_first_line(error)})"
        ) from error
    except DBAPIError as error:
        first = _first(error)
        raise _translated(first, _where(source)) from first


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
    "25P03": "a transaction was idle for longer than the server allows",
    "25P04": "a transaction took longer than the server allows",
    "28": "access denied",
    "3D": "there is no such database",
    "42501": "access denied",
    "40": "given up after a conflict with another transaction",
    "53100": "the disk is full",
    "53": "out of resources",
    "55P03": "locked for longer than the timeout",
    "57": "shut down or interrupted",
    "58": "a system error on the server",
}
_CONFLICTS = {"40001", "40P01"}  # serialization failure, deadlock


def _where(source: Session | Engine) -> str:
    bind = source.get_bind() if isinstance(source, Session) else source
    return display_url(bind.engine.url)


def _first(error: DBAPIError) -> DBAPIError:
    """Return the error that came first: a failing ROLLBACK TO SAVEPOINT hides it."""
    while (error.statement or "").startswith("ROLLBACK TO SAVEPOINT") and isinstance(error.__context__, DBAPIError):
        error = error.__context__
    return error


def _translated(error: DBAPIError, where: str) -> ErrorPatternsError:
    """Translate the error of a driver; the message has its first line, and neither values nor passwords."""
    first_line = _first_line(error.orig)
    reason = _reason(error.orig)
    if reason is not None:
        return DatabaseUnavailableError(f"{where}: {reason} ({first_line})")
    advice = ""
    if type(error.orig).__name__ == "UndefinedTable" or "no such table" in first_line:
        advice = "; is the schema missing? run: error-patterns db upgrade --database-url URL"
    return DatabaseRejectedError(f"{where}: the database refused: {first_line}{advice}")


def _first_line(error: BaseException | None) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _reason(driver_error: BaseException | None) -> str | None:
    """Return why the database cannot be used; None if it can."""
    sqlite_name = getattr(driver_error, "sqlite_errorname", None)
    if isinstance(sqlite_name, str):
        return _SQLITE_REASONS.get(sqlite_name.split("_")[1])
    sqlstate = _sqlstate(driver_error)
    if sqlstate is not None:
        return _POSTGRESQL_REASONS.get(sqlstate) or _POSTGRESQL_REASONS.get(sqlstate[:2])
    if type(driver_error).__name__ == "OperationalError":  # psycopg without an SQLSTATE: it never got to the server
        return "unreachable"
    return None


def _sqlstate(driver_error: BaseException | None) -> str | None:
    sqlstate = getattr(driver_error, "sqlstate", None)
    return sqlstate if isinstance(sqlstate, str) else None
