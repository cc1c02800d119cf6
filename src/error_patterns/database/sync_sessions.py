"""`SyncSessions`: runs the calls of a sync repository, each in its transaction."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import ParamSpec, Self, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session
from tenacity import Retrying

from error_patterns.database.engines import close_on_return
from error_patterns.database.sessions import (
    BatchedPasses,
    BatchOperation,
    Call,
    Operation,
    Sessions,
    begin,
    closing_unless_shared,
    commit,
)
from error_patterns.errors import ErrorPatternsError

P = ParamSpec("P")
R = TypeVar("R")


class SyncSessions(Sessions[AbstractContextManager[Session]]):
    """Runs each operation on a session, in a transaction, repeated after a conflict."""

    _engine: Engine | None = None

    @classmethod
    def of_factory(cls, session_factory: Callable[[], Session], engine: Engine | None = None) -> Self:
        """Take sessions from a factory; `engine` is disposed of by `close`."""
        sessions = cls(lambda: closing_unless_shared(session_factory()))
        sessions._engine = engine
        return sessions

    @classmethod
    def of_session(cls, session: Session) -> Self:
        """Run each operation in a savepoint of this session."""
        return cls(lambda: nullcontext(session), joins=True)

    def read(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that writes nothing."""
        return self._run(Call(partial(self._choose, writes=False), operation, *args, **kwargs))

    def write(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that writes."""
        return self._run(Call(partial(self._choose, writes=True), operation, *args, **kwargs))

    def _run(self, call: Call[P, R]) -> R:
        def once() -> R:
            with self._sessions() as session:
                return call.run(session)

        try:
            return once()
        except ErrorPatternsError as error:
            if not call.may_be_repeated(error):
                raise
        return call.retries(Retrying)(once)

    def in_batches(
        self, writes: bool, operations: Sequence[BatchOperation], progress: Callable[[int], object] | None
    ) -> int:
        """Run each operation for all batches of its pass; return how many patterns were affected."""
        passes = BatchedPasses(operations, progress)
        run = self.write if writes else self.read
        for operation, after in passes:
            passes.add(run(operation, after))
        return passes.affected

    @contextmanager
    def transaction(self) -> Generator[Self]:
        """Open one transaction; the result runs each operation in a savepoint of it."""
        with self._sessions() as session:
            transaction, detaches = self._choose_block(session)
            together = type(self)(lambda: nullcontext(session), joins=True, detaches=detaches)
            begin(session, transaction)
            try:
                try:
                    yield together
                finally:
                    together._refuse("the transaction")  # before the commit: what came later would be lost
            except BaseException as error:
                transaction.roll_back(error)
                raise
            commit(session, transaction)

    def close(self) -> None:
        """Dispose of the engine: close idle connections now, and those in use when they return to the pool."""
        if self._engine is not None:
            self._refuse("the repository")
            close_on_return(self._engine)
            self._engine.dispose()
