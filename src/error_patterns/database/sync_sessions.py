"""`SyncSessions`: the sessions of a sync repository, and the transaction of each of its calls."""

from collections.abc import Callable, Collection, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import ParamSpec, Self, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session
from tenacity import Retrying

from error_patterns.database.batches import BatchedPass, BatchResult
from error_patterns.database.engines import close_on_return
from error_patterns.database.transactions import (
    Call,
    Operation,
    UnitOfWork,
    block,
    closed,
    closing_unless_shared,
    in_savepoints,
    in_transactions,
)
from error_patterns.errors import ErrorPatternsError

P = ParamSpec("P")
R = TypeVar("R")


class SyncSessions:
    """Runs each operation on a session, in a transaction, repeated after a conflict."""

    def __init__(self, session_factory: Callable[[], Session], engine: Engine | None = None) -> None:
        """Take sessions from a factory; `engine` is closed with `close`."""
        self._engine = engine
        self._unit_of_work: UnitOfWork[AbstractContextManager[Session]] = in_transactions(
            lambda: closing_unless_shared(session_factory())
        )

    @classmethod
    def joining(cls, session: Session, *, kept: Collection[object] | None = None) -> Self:
        """Run each operation in a savepoint of this session; `kept` as in `Scope`."""
        joined = cls(lambda: session)
        joined._unit_of_work = in_savepoints(lambda: nullcontext(session), kept=kept)
        return joined

    def read(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that writes nothing."""
        return self._run(Call(self._unit_of_work, False, operation, *args, **kwargs))

    def write(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that writes."""
        return self._run(Call(self._unit_of_work, True, operation, *args, **kwargs))

    def in_batches(
        self, writes: bool, operation: Operation[[str], BatchResult], progress: Callable[[int], object] | None
    ) -> int:
        """Run an operation for each batch of all patterns; return how many patterns were affected."""
        batches = BatchedPass(progress)
        while batches.after is not None:
            batches.add(self._run(Call(self._unit_of_work, writes, operation, batches.after)))
        return batches.affected

    def _run(self, call: Call[P, R]) -> R:
        sessions = self._unit_of_work.sessions

        def once() -> R:
            with sessions() as session:
                return call.run(session)

        try:
            return once()
        except ErrorPatternsError as error:
            if not call.may_be_repeated(error):
                raise
        return call.retries(Retrying)(once)

    @contextmanager
    def transaction(self) -> Generator[Self]:
        """Open one transaction; what is yielded runs each operation in a savepoint of it."""
        with self._unit_of_work.sessions() as session:
            scope = self._unit_of_work.scope(session, True)
            with block(session, scope):
                together = self.joining(session, kept=scope.kept)
                try:
                    yield together
                finally:
                    together._unit_of_work = closed("the transaction")

    def close(self) -> None:
        """Close the engine, if there is one: idle connections now, those in use when they return to the pool."""
        if self._engine is not None:
            self._unit_of_work = closed("the repository")
            close_on_return(self._engine)
            self._engine.dispose()
