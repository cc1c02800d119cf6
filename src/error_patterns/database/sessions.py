"""The shared part of sync and async calls: the choice of their transaction, retries, and batches."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Concatenate, Generic, NamedTuple, NoReturn, ParamSpec, TypeVar

from pydantic import BaseModel
from sqlalchemy import Connection
from sqlalchemy.orm import Session
from tenacity import AsyncRetrying, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from error_patterns.database.driver_errors import is_conflict, translated_errors
from error_patterns.database.transactions import Savepoint, Transaction
from error_patterns.errors import RepositoryClosedError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession  # needs greenlet at run time

ATTEMPTS = 20
"""The number of times that a call is tried while the database refuses it for a conflict with another transaction."""

BATCH_SIZE = 1_000
"""The number of patterns of a batch. A pass over all patterns takes one transaction a batch, so that none is long."""

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", Session, "AsyncSession")
S_co = TypeVar("S_co", covariant=True)
Retries = TypeVar("Retries", Retrying, AsyncRetrying)

Operation = Callable[Concatenate[Session, P], R]
"""One of `error_patterns.operations`."""


class BatchResult(NamedTuple):
    """The result of one batch of a pass in the order of the ids.

    Attributes:
        patterns: The number of patterns read.
        affected: The number of patterns counted or changed, and of those gone that left derived rows behind.
        last_id: The last id read, or the last number; None at the end of the pass.
    """

    patterns: int
    affected: int
    last_id: str | None


BatchOperation = Operation[[str], BatchResult]
"""An operation on the batch behind a place: an id or, in a pass by number, a number."""


class BatchedPasses:
    """Passes over all patterns, one after another.

    An iteration gives the operation and the place behind which its next batch begins; `add` takes the result of each.

    Attributes:
        affected: The total of `BatchResult.affected`.
    """

    def __init__(self, operations: Sequence[BatchOperation], progress: Callable[[int], object] | None) -> None:
        """Begin; `progress` is called after each batch of patterns with their number."""
        self.affected: int = 0
        self._operations = operations
        self._progress = progress
        self._after: str | None = ""

    def __iter__(self) -> Iterator[tuple[BatchOperation, str]]:
        for operation in self._operations:
            self._after = ""
            while self._after is not None:
                yield operation, self._after

    def add(self, batch: BatchResult) -> None:
        """Add the result of the batch that was given last."""
        self._after = batch.last_id
        self.affected += batch.affected
        if self._progress is not None and batch.patterns:
            self._progress(batch.patterns)


class Sessions(Generic[S_co]):
    """The sessions of a repository, each with the transaction of a call."""

    def __init__(self, sessions: Callable[[], S_co], *, joins: bool = False, detaches: bool = False) -> None:
        """Take context managers of sessions; with `joins`, their transactions are somebody else's.

        What a call returns is detached from a session of its own, and with `detaches` also from one that it joins.
        """
        self._sessions = sessions
        self._joins = joins
        self._detaches = detaches

    def _choose(self, session: Session, writes: bool) -> Transaction:
        """Join a transaction that the session comes with, or make one; the caller's objects stay in the session."""
        if self._joins or session.in_transaction():
            return Savepoint(session, writes, list(session) if self._detaches else None)
        return Transaction(session, writes, list(session))

    def _choose_block(self, session: Session) -> tuple[Transaction, bool]:
        """Choose the transaction of a block, and tell whether the calls inside detach what they return."""
        transaction = self._choose(session, writes=True)
        detaches = transaction.kept is not None
        transaction.kept = None
        return transaction, detaches

    def _refuse(self, closed: str) -> None:
        """Refuse each further call, as something is closed."""

        def refuse() -> NoReturn:
            raise RepositoryClosedError(closed)

        self._sessions = refuse


def closing_unless_shared(session: S) -> "S | nullcontext[S]":
    """Close a session of the caller's factory at the end, unless the caller works with it already."""
    is_shared = session.in_transaction() or len(session.identity_map) > 0
    return nullcontext(session) if is_shared else session


class Call(Generic[P, R]):
    """A call of an operation, which is tried again after a conflict with another transaction."""

    def __init__(
        self,
        choose: Callable[[Session], Transaction],
        operation: Operation[P, R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Hold the operation with its arguments; `choose` gives the transaction for a session."""
        self._choose = choose
        self._operation = operation
        self._args = args
        self._kwargs = kwargs
        self._may_be_used_up = any(isinstance(a, Iterable) and not isinstance(a, Collection | BaseModel) for a in args)
        self._was_joined = False

    def run(self, session: Session) -> R:
        """Try it once, on a session of its own."""
        transaction = self._choose(session)
        # A connection may be in a transaction of the caller's, which a conflict has undone too.
        self._was_joined = isinstance(transaction, Savepoint) or isinstance(session.get_bind(), Connection)
        transaction.prepare()
        with translated_errors(session):
            try:
                transaction.begin()
                result = self._operation(session, *self._args, **self._kwargs)
                transaction.commit()
            except BaseException as error:
                transaction.roll_back(error)
                raise
        return result

    def may_be_repeated(self, error: BaseException) -> bool:
        """Tell whether the database has undone all of the call. If its connection broke, it may have been committed."""
        return is_conflict(error) and not (self._was_joined or self._may_be_used_up)

    def retries(self, kind: type[Retries]) -> Retries:
        """Make the retry loop for all but the first try."""
        return kind(
            stop=stop_after_attempt(ATTEMPTS - 1),
            wait=wait_random_exponential(multiplier=0.02, max=1),
            retry=retry_if_exception(is_conflict),
            reraise=True,
        )


def begin(session: Session, transaction: Transaction) -> None:
    """Begin a transaction around code of the caller, whose errors are not translated."""
    transaction.prepare()
    with translated_errors(session):
        transaction.begin()


def commit(session: Session, transaction: Transaction) -> None:
    """Commit a transaction, or roll it back if that fails."""
    try:
        with translated_errors(session):
            transaction.commit()
    except BaseException as error:
        transaction.roll_back(error)
        raise
