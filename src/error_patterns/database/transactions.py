"""The transaction around a call: how it begins, how it ends, and when the call is repeated."""

from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Concatenate, Generic, Never, NoReturn, ParamSpec, TypeVar

from pydantic import BaseModel
from sqlalchemy.orm import Session
from tenacity import AsyncRetrying, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from error_patterns.database.driver_errors import is_conflict, translated_errors
from error_patterns.database.scopes import OwnTransaction, Savepoint, Scope
from error_patterns.errors import RepositoryClosedError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession  # needs greenlet at run time

ATTEMPTS = 20
"""The number of times that a call is tried while the database refuses it for a conflict with another transaction."""

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", Session, "AsyncSession")
S_co = TypeVar("S_co", covariant=True)
Retries = TypeVar("Retries", Retrying, AsyncRetrying)

Operation = Callable[Concatenate[Session, P], R]
"""One of `error_patterns.operations`."""


@dataclass(frozen=True)
class UnitOfWork(Generic[S_co]):
    """The sessions of a repository, and the scope of each call on one of them.

    Attributes:
        sessions: Makes the context manager of a session, sync or async.
        scope: Makes the scope of a call on that session. The flag says whether the call writes.
    """

    sessions: Callable[[], S_co]
    scope: Callable[[Session, bool], Scope]


def in_transactions(sessions: Callable[[], S_co]) -> UnitOfWork[S_co]:
    """Run each call in a transaction of its own, or in a savepoint if the session comes with a transaction."""
    return UnitOfWork(sessions, _own_or_joined)


def in_savepoints(sessions: Callable[[], S_co], *, kept: Collection[object] | None) -> UnitOfWork[S_co]:
    """Run each call in a savepoint of a transaction that somebody else begins and ends; `kept` as in `Scope`."""
    return UnitOfWork(sessions, lambda session, writes: Savepoint(session, writes, kept))


def closed(what: str) -> UnitOfWork[Never]:
    """Refuse each call: the repository was closed, or its transaction has ended."""

    def refuse() -> NoReturn:
        raise RepositoryClosedError(what)

    return UnitOfWork(refuse, _own_or_joined)


def _own_or_joined(session: Session, writes: bool) -> Scope:
    return Savepoint(session, writes, None) if session.in_transaction() else OwnTransaction(session, writes)


def closing_unless_shared(session: S) -> "S | nullcontext[S]":
    """Close a session of the caller's factory at the end, unless the caller works with it already."""
    is_shared = session.in_transaction() or len(session.identity_map) > 0
    return nullcontext(session) if is_shared else session


class Call(Generic[P, R]):
    """A call of an operation, which is tried again after a conflict with another transaction."""

    def __init__(
        self, unit: UnitOfWork[object], writes: bool, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Hold the operation with its arguments."""
        self._unit = unit
        self._writes = writes
        self._operation = operation
        self._args = args
        self._kwargs = kwargs
        self._was_undone_whole = False
        self._may_be_used_up = any(isinstance(a, Iterable) and not isinstance(a, Collection | BaseModel) for a in args)

    def run(self, session: Session) -> R:
        """Try it once, on a session of its own."""
        scope = self._unit.scope(session, self._writes)
        self._was_undone_whole = isinstance(scope, OwnTransaction)
        scope.prepare()
        with translated_errors(session):
            try:
                scope.begin()
                result = self._operation(session, *self._args, **self._kwargs)
                scope.commit()
            except BaseException as error:
                scope.roll_back(error)
                raise
        return result

    def may_be_repeated(self, error: BaseException) -> bool:
        """Tell whether the database has undone all of the call, so that nothing happens twice.

        A call whose connection breaks may have been committed. An iterator among its arguments may be used up.
        """
        return self._was_undone_whole and not self._may_be_used_up and is_conflict(error)

    def retries(self, kind: type[Retries]) -> Retries:
        """Make the retry loop for all but the first try."""
        return kind(
            stop=stop_after_attempt(ATTEMPTS - 1),
            wait=wait_random_exponential(multiplier=0.02, max=1),
            retry=retry_if_exception(is_conflict),
            reraise=True,
        )


def commit(session: Session, scope: Scope) -> None:
    """Commit a scope, or roll it back if that fails."""
    try:
        with translated_errors(session):
            scope.commit()
    except BaseException as error:
        scope.roll_back(error)
        raise


def begin(session: Session, scope: Scope) -> None:
    """Begin a scope around code of the caller, whose errors are not to be translated."""
    scope.prepare()
    with translated_errors(session):
        scope.begin()


@contextmanager
def block(session: Session, scope: Scope) -> Generator[None]:
    """Run a block of the caller's code inside a scope."""
    try:
        begin(session, scope)
        yield
    except BaseException as error:
        scope.roll_back(error)
        raise
    commit(session, scope)
