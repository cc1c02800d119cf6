"""In which transaction a call runs, what becomes of it, and when it may be repeated."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Concatenate, Generic, Never, NoReturn, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from tenacity import AsyncRetrying, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from error_patterns.driver_errors import is_busy, is_conflict, translated_errors
from error_patterns.errors import RepositoryClosedError

ATTEMPTS = 20
"""How often a call is tried while the database refuses it for a conflict with another transaction."""

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
        nor is one whose argument can be read only once.
        """
        can_be_read_once = any(isinstance(argument, Iterator) for argument in arguments)
        return kind(
            stop=stop_after_attempt(1 if can_be_read_once else self.attempts),
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
    with translated_errors(session):
        try:
            _begin(session, writes)
            yield
            session.flush()
            session.expunge_all()  # before the commit, which would expire what the caller is about to get
            session.commit()
        except BaseException:
            session.rollback()
            raise


@contextmanager
def _savepoint(session: Session, writes: bool, *, detaches: bool) -> Generator[None]:
    """A savepoint: released on success, rolled back on an error."""
    if writes:
        with translated_errors(session):
            _begin(session, writes)
    savepoint = session.begin_nested()  # flushes: an error here is that of the session's owner
    with translated_errors(session), savepoint:
        yield
        session.flush()
    if detaches:
        session.expunge_all()


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
    if not getattr(connection.connection.driver_connection, "in_transaction", True):
        if not writes:
            connection.exec_driver_sql("BEGIN")
        elif connection.dialect.is_async:
            _begin_writing_in_steps(connection)
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_writing_in_steps(connection: Connection) -> None:
    """Wait for other writers as long as the connection may, but a step at a time.

    A thread does the waiting, and hears of no cancellation: a cancelled task gets its connection back after a step.
    """
    patience: int = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()  # milliseconds
    deadline = time.monotonic() + patience / 1000
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {min(patience, 100)}")
    try:
        while True:
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
