"""In which transaction a call runs, what becomes of it, and when it may be repeated."""

import time
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Concatenate, Generic, Never, NoReturn, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.orm import Session
from tenacity import AsyncRetrying, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from error_patterns.database.cancellation import let_it_finish, stop_if_cancelled
from error_patterns.database.driver_errors import is_busy, is_conflict, translated_errors
from error_patterns.errors import RepositoryClosedError
from error_patterns.models import ErrorPattern

ATTEMPTS = 20
"""How often a call is tried while the database refuses it for a conflict with another transaction."""

# Keys in Session.info of a transaction and its connection.
_BEGUN = "error_patterns.begun"  # on SQLite's driver
_UNDONE = "error_patterns.undone"

P = ParamSpec("P")
R = TypeVar("R")
S_co = TypeVar("S_co", covariant=True)
Retries = TypeVar("Retries", Retrying, AsyncRetrying)

Operation = Callable[Concatenate[Session, P], R]
"""One of `error_patterns.operations`."""

Scope = Callable[[Session, bool], AbstractContextManager[None]]
"""What surrounds an operation on a session. The flag says whether the operation writes."""


@dataclass(frozen=True)
class UnitOfWork(Generic[S_co]):
    """Where the calls of a repository get their session, and what surrounds each of them.

    Attributes:
        sessions: Makes the context manager of a session, sync or async.
        scope: What surrounds an operation on that session.
        detaches: Whether what a call returns stands on its own, outside every session.
        attempts: How often a call is tried while it is in conflict with others.
    """

    sessions: Callable[[], S_co]
    scope: Scope
    detaches: bool = True
    attempts: int = 1

    def repeating(self, kind: type[Retries], arguments: tuple[object, ...]) -> Retries:
        """What repeats a call after a conflict: the database has undone it then, so that nothing happens twice.

        Without a word from the database, as when the connection breaks, a call may have happened and is not repeated;
        nor is one whose argument may give its items only once.
        """
        may_be_used_up = any(
            isinstance(a, Iterable) and not isinstance(a, Collection | ErrorPattern) for a in arguments
        )
        return kind(
            stop=stop_after_attempt(1 if may_be_used_up else self.attempts),
            wait=wait_random_exponential(multiplier=0.02, max=1),
            retry=retry_if_exception(is_conflict),
            reraise=True,
        )


def in_transactions(sessions: Callable[[], S_co]) -> UnitOfWork[S_co]:
    """Each call in a session and a transaction of its own."""
    return UnitOfWork(sessions, _transaction, attempts=ATTEMPTS)


def in_savepoints(sessions: Callable[[], S_co], *, detaches: bool) -> UnitOfWork[S_co]:
    """Each call in a savepoint of a session that somebody else began and will end."""
    return UnitOfWork(sessions, partial(_savepoint, detaches=detaches), detaches=detaches)


def over(what: str) -> UnitOfWork[Never]:
    """Nothing can be done any more: the transaction has ended, or the repository was closed."""

    def refuse() -> NoReturn:
        raise RepositoryClosedError(what)

    return UnitOfWork(refuse, _transaction)


@contextmanager
def _transaction(session: Session, writes: bool) -> Generator[None]:
    """A new transaction of a new session: committed on success, rolled back on an error."""
    try:
        with translated_errors(session):
            _begin(session, writes)
        stop_if_cancelled(session)
        yield
        with translated_errors(session):
            session.flush()
            session.expunge_all()  # before the commit, which would expire what the caller is about to get
            stop_if_cancelled(session)
            session.commit()
    except BaseException:
        with suppress(SQLAlchemyError):  # of a connection that is gone: what went wrong first is to be told
            session.rollback()
        raise


@contextmanager
def _savepoint(session: Session, writes: bool, *, detaches: bool) -> Generator[None]:
    """A savepoint: released on success, rolled back on an error."""
    with translated_errors(session):
        if not session.in_transaction():
            session.begin()
        let_it_finish(session)
        _refuse_if_undone(session)
        if writes:
            _begin(session, writes)
    session.flush()  # an error here is that of the session's owner
    with translated_errors(session):
        connection = session.connection()
        if connection.dialect.name == "sqlite" and _is_begun(connection):  # if not, the savepoint is the transaction
            _watch(session, _BEGUN, connection)
        savepoint = session.begin_nested()
    failure: BaseException | None = None
    try:
        with savepoint:
            try:
                stop_if_cancelled(session)
                yield
                with translated_errors(session):
                    session.flush()
                stop_if_cancelled(session)
            except BaseException as error:
                failure = error
                raise
    except BaseException as error:
        if error is failure:
            raise
        if isinstance(error, DBAPIError) or not isinstance(error, Exception):
            _watch(session, _UNDONE, connection)
        if failure is not None:
            raise failure  # noqa: B904 - it came first, and keeps the cause that it has
        with translated_errors(session):
            raise
    if detaches:
        session.expunge_all()


def _watch(session: Session, key: str, connection: Connection) -> None:
    """Remember what the transaction is, and look at it before it is committed.

    When there is no way back to a savepoint, the database has undone all of the transaction, as SQLite does on a full
    disk. Whoever caught the error could go on, and would commit without what went before.
    """
    session.info[key] = session.get_transaction(), connection
    if not event.contains(session, "before_commit", _refuse_if_undone):
        event.listen(session, "before_commit", _refuse_if_undone)


def _refuse_if_undone(session: Session) -> None:
    transaction = session.get_transaction()
    undone, _ = session.info.get(_UNDONE, (None, None))
    begun, connection = session.info.get(_BEGUN, (None, None))
    if transaction is not None and (transaction is undone or (transaction is begun and not _is_begun(connection))):
        raise PendingRollbackError("An earlier error undid all of it.")


def _is_begun(connection: Connection) -> bool:
    """Whether the driver has begun a transaction, which it does by itself unless it is SQLite's."""
    return bool(getattr(connection.connection.driver_connection, "in_transaction", True))


def _begin(session: Session, writes: bool) -> None:
    """Begin so that all reads of a call see one state, and writers wait for each other instead of failing.

    SQLite's driver waits for the first change otherwise, and a savepoint would commit by itself when released.
    """
    if not session.in_transaction():
        session.begin()  # needed where the factory has switched autobegin off
        bind = session.get_bind()
        if bind.dialect.name == "postgresql" and isinstance(bind, Engine) and not writes:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        return
    let_it_finish(session)
    if not _is_begun(connection):
        if not writes:
            connection.exec_driver_sql("BEGIN")
        elif connection.dialect.is_async:
            _begin_writing_in_steps(session, connection)
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_writing_in_steps(session: Session, connection: Connection) -> None:
    """Wait for other writers as long as the connection may, but a little at a time, to see whether to wait on."""
    patience: int = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()  # milliseconds
    deadline = time.monotonic() + patience / 1000
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {min(patience, 100)}")
    try:
        while True:
            stop_if_cancelled(session)
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            except OperationalError as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
            else:
                return
    finally:
        if not connection.invalidated:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience}")
