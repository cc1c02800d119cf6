"""The transaction of a call on a session: a transaction of its own, or a savepoint in somebody else's."""

import time
from collections.abc import Collection
from contextlib import suppress

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction
from typing_extensions import override

from error_patterns.database.cancellation import defer_cancellation, stop_if_cancelled
from error_patterns.database.driver_errors import is_busy, translated_errors
from error_patterns.models import ErrorPattern

# Keys in Session.info, each of a transaction and its connection.
_BEGUN = "error_patterns.begun"  # on SQLite's driver
_LOST = "error_patterns.lost"


class Transaction:
    """A transaction that begins and ends with a call.

    Attributes:
        kept: The patterns that stay in the session at the end, as the caller had them there. None: all of them.
            Objects of other classes always stay.
    """

    def __init__(self, session: Session, writes: bool, kept: Collection[object] | None) -> None:
        """Hold the session; nothing is begun yet."""
        self.kept = kept
        self._session = session
        self._writes = writes

    def prepare(self) -> None:
        """Flush what the owner of the session has pending. An error of that is the owner's, and not translated."""

    def begin(self) -> None:
        """Begin."""
        _begin(self._session, self._writes)
        stop_if_cancelled(self._session)

    def commit(self) -> None:
        """Flush and commit, and detach what the call returns."""
        self._session.flush()
        self._detach()
        stop_if_cancelled(self._session)
        expires, self._session.expire_on_commit = self._session.expire_on_commit, False
        try:
            self._session.commit()  # which would expire a pattern of the caller's that the call returns
        finally:
            self._session.expire_on_commit = expires

    def roll_back(self, error: BaseException) -> None:
        """Roll back without an error of its own, so that `error` is the one to be seen."""
        with suppress(SQLAlchemyError):  # of a connection that is gone
            self._session.rollback()

    def _detach(self) -> None:
        if self.kept is None:
            return
        staying = set(map(id, self.kept))
        held = list(self._session)
        ours = [each for each in held if isinstance(each, ErrorPattern) and id(each) not in staying]
        if len(ours) == len(held):
            self._session.expunge_all()  # quicker than one by one
            return
        for each in ours:
            self._session.expunge(each)


class Savepoint(Transaction):
    """A savepoint in a transaction that somebody else began and will end."""

    _savepoint: SessionTransaction | None = None

    @override
    def prepare(self) -> None:
        with translated_errors(self._session):
            if not self._session.in_transaction():
                self._session.begin()
            defer_cancellation(self._session)
            _refuse_if_lost(self._session)
            if self._writes:
                _begin(self._session, self._writes)
        self._session.flush()

    @override
    def begin(self) -> None:
        self._connection = self._session.connection()
        # If the driver has not begun, the savepoint is the whole transaction, and there is nothing before it to lose.
        if self._connection.dialect.name == "sqlite" and _is_begun(self._connection):
            _watch(self._session, _BEGUN, self._connection)
        self._savepoint = self._session.begin_nested()
        self._savepoint.__enter__()
        stop_if_cancelled(self._session)

    @override
    def commit(self) -> None:
        self._session.flush()
        stop_if_cancelled(self._session)
        self._end(None)
        self._detach()

    @override
    def roll_back(self, error: BaseException) -> None:
        with suppress(Exception):
            self._end(error)

    def _end(self, error: BaseException | None) -> None:
        savepoint, self._savepoint = self._savepoint, None
        try:
            if savepoint is not None:
                savepoint.__exit__(error and type(error), error, error and error.__traceback__)
        except BaseException as trouble:
            if isinstance(trouble, DBAPIError) or not isinstance(trouble, Exception):
                _watch(self._session, _LOST, self._connection)
            raise


def _watch(session: Session, key: str, connection: Connection) -> None:
    """Look at the transaction before it is committed.

    If there is no way back to a savepoint, the database has rolled back the whole transaction, as SQLite does on a full
    disk. A caller who catches the error could go on, and would commit the second half without the first.
    """
    session.info[key] = session.get_transaction(), connection
    if not event.contains(session, "before_commit", _refuse_if_lost):
        event.listen(session, "before_commit", _refuse_if_lost)


def _refuse_if_lost(session: Session) -> None:
    transaction = session.get_transaction()
    lost, _ = session.info.get(_LOST, (None, None))
    begun, connection = session.info.get(_BEGUN, (None, None))
    if transaction is not None and (transaction is lost or (transaction is begun and not _is_begun(connection))):
        raise PendingRollbackError("An earlier error rolled back all of it.")


def _is_begun(connection: Connection) -> bool:
    """Tell whether the driver has begun a transaction; all but SQLite's begin by themselves."""
    return bool(getattr(connection.connection.driver_connection, "in_transaction", True))


def _begin(session: Session, writes: bool) -> None:
    """Begin so that all reads of a call see one state, and writers wait for each other instead of failing.

    SQLite's driver would begin at the first change only, and a savepoint outside a transaction commits when released.
    """
    if not session.in_transaction():
        bind = session.get_bind()
        if isinstance(bind, Connection) and bind.in_transaction():  # begun by the caller, who alone ends it
            _begin_on_sqlite(session, bind, writes)
            session.join_transaction_mode = "create_savepoint"
        session.begin()  # needed where the factory has switched autobegin off
        if bind.dialect.name == "postgresql" and isinstance(bind, Engine) and not writes:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        defer_cancellation(session)
        _begin_on_sqlite(session, connection, writes)


def _begin_on_sqlite(session: Session, connection: Connection, writes: bool) -> None:
    if connection.dialect.name != "sqlite" or _is_begun(connection):
        return
    if not writes:
        connection.exec_driver_sql("BEGIN")
    elif connection.dialect.is_async:
        _begin_immediate_in_steps(session, connection)
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_immediate_in_steps(session: Session, connection: Connection) -> None:
    """Wait for other writers in steps of 100 ms, so that a cancellation takes effect meanwhile."""
    timeout: int = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()  # milliseconds
    deadline = time.monotonic() + timeout / 1000
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {min(timeout, 100)}")
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
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {timeout}")
