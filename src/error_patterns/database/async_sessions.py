"""`AsyncSessions`: runs the calls of an async repository, each in its transaction."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import ParamSpec, Self, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from tenacity import AsyncRetrying

from error_patterns.database.async_engines import AsyncDatabase
from error_patterns.database.cancellation import run_step, run_to_completion
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

_TURN = "error_patterns.turn"  # the key in Session.info


class AsyncSessions(Sessions[AbstractAsyncContextManager[AsyncSession]]):
    """Runs each operation on a session, in a transaction, repeated after a conflict; undone if it is cancelled."""

    _database: AsyncDatabase | None = None

    @classmethod
    def of_factory(cls, session_factory: Callable[[], AsyncSession]) -> Self:
        """Take sessions from a factory."""
        return cls(lambda: closing_unless_shared(session_factory()))

    @classmethod
    def of_database(cls, database: AsyncDatabase) -> Self:
        """Take sessions from a database that is prepared at first use, and closed by `close`."""
        sessions = cls(database.session)
        sessions._database = database
        return sessions

    @classmethod
    def of_session(cls, session: AsyncSession) -> Self:
        """Run each operation in a savepoint of this session."""
        return cls(lambda: nullcontext(session), joins=True)

    async def read(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that writes nothing."""
        return await self._run(Call(partial(self._choose, writes=False), operation, *args, **kwargs))

    async def write(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that writes."""
        return await self._run(Call(partial(self._choose, writes=True), operation, *args, **kwargs))

    async def _run(self, call: Call[P, R]) -> R:
        async def once() -> R:
            async with self._sessions() as session:
                return await _in_turn(session, call.run)

        try:
            return await once()
        except ErrorPatternsError as error:
            if not call.may_be_repeated(error):
                raise
        return await call.retries(AsyncRetrying)(once)

    async def in_batches(
        self, writes: bool, operations: Sequence[BatchOperation], progress: Callable[[int], object] | None
    ) -> int:
        """Run each operation for all batches of its pass; return how many patterns were affected."""
        passes = BatchedPasses(operations, progress)
        run = self.write if writes else self.read
        for operation, after in passes:
            passes.add(await run(operation, after))
        return passes.affected

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Self]:
        """Open one transaction; the result runs each operation in a savepoint of it."""
        async with self._sessions() as session:
            transaction, detaches = self._choose_block(session.sync_session)
            together = type(self)(lambda: nullcontext(session), joins=True, detaches=detaches)
            try:
                await _in_turn(session, begin, transaction)
                try:
                    yield together
                finally:
                    together._refuse("the transaction")  # before the commit: what came later would be lost
                await _in_turn(session, commit, transaction)
            except BaseException as error:
                roll_back = partial(transaction.roll_back, error)
                await run_to_completion(_in_turn(session, lambda _: roll_back()))
                raise

    async def make_ready(self) -> None:
        """Prepare the schema of the database."""
        if self._database is not None:
            await self._database.make_ready()

    async def close(self) -> None:
        """Close the database: idle connections now, and those in use when they return to the pool."""
        if self._database is not None:
            self._refuse("the repository")
            await self._database.close()


async def _in_turn(session: AsyncSession, step: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a step on the session while no other task runs one: a session does one thing at a time."""
    async with session.info.setdefault(_TURN, asyncio.Lock()):
        return await run_step(session.sync_session, session.run_sync(step, *args, **kwargs))
