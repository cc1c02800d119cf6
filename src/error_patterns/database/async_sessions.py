"""`AsyncSessions`: the sessions of an async repository, and the transaction of each of its calls."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import ParamSpec, Self, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from tenacity import AsyncRetrying

from error_patterns.database.async_engines import AsyncDatabase
from error_patterns.database.batches import BatchedPass, BatchResult
from error_patterns.database.cancellation import run_step
from error_patterns.database.scopes import Scope
from error_patterns.database.transactions import (
    Call,
    Operation,
    UnitOfWork,
    begin,
    closed,
    closing_unless_shared,
    commit,
    in_savepoints,
    in_transactions,
)
from error_patterns.errors import ErrorPatternsError

P = ParamSpec("P")
R = TypeVar("R")

_TURN = "error_patterns.turn"  # the key in Session.info


class AsyncSessions:
    """Runs each operation on a session, in a transaction, repeated after a conflict; undone if it is cancelled."""

    def __init__(self, session_factory: Callable[[], AsyncSession]) -> None:
        """Take sessions from a factory."""
        self._database: AsyncDatabase | None = None
        self._unit_of_work: UnitOfWork[AbstractAsyncContextManager[AsyncSession]] = in_transactions(
            lambda: closing_unless_shared(session_factory())
        )

    @classmethod
    def of(cls, database: AsyncDatabase) -> Self:
        """Take sessions from a database that is prepared at first use, and closed with `close`."""
        sessions = cls(lambda: AsyncSession(database.engine))
        sessions._unit_of_work = in_transactions(database.session)
        sessions._database = database
        return sessions

    @classmethod
    def joining(cls, session: AsyncSession, *, kept: Collection[object] | None = None) -> Self:
        """Run each operation in a savepoint of this session; `kept` as in `Scope`."""
        joined = cls(lambda: session)
        joined._unit_of_work = in_savepoints(lambda: nullcontext(session), kept=kept)
        return joined

    async def read(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that writes nothing."""
        return await self._run(Call(self._unit_of_work, False, operation, *args, **kwargs))

    async def write(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that writes."""
        return await self._run(Call(self._unit_of_work, True, operation, *args, **kwargs))

    async def in_batches(
        self, writes: bool, operation: Operation[[str], BatchResult], progress: Callable[[int], object] | None
    ) -> int:
        """Run an operation for each batch of all patterns; return how many patterns were affected."""
        batches = BatchedPass(progress)
        while batches.after is not None:
            batches.add(await self._run(Call(self._unit_of_work, writes, operation, batches.after)))
        return batches.affected

    async def _run(self, call: Call[P, R]) -> R:
        sessions = self._unit_of_work.sessions

        async def once() -> R:
            async with sessions() as session:
                return await _in_turn(session, call.run)

        try:
            return await once()
        except ErrorPatternsError as error:
            if not call.may_be_repeated(error):
                raise
        return await call.retries(AsyncRetrying)(once)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Self]:
        """Open one transaction; what is yielded runs each operation in a savepoint of it."""
        async with self._unit_of_work.sessions() as session:
            scope = self._unit_of_work.scope(session.sync_session, True)
            async with _block(session, scope):
                together = self.joining(session, kept=scope.kept)
                try:
                    yield together
                finally:
                    together._unit_of_work = closed("the transaction")

    async def make_ready(self) -> None:
        """Prepare the schema of the database that was opened."""
        if self._database is not None:
            await self._database.make_ready()

    async def close(self) -> None:
        """Close the database that was opened: idle connections now, those in use when they return to the pool."""
        if self._database is not None:
            self._unit_of_work = closed("the repository")
            await self._database.close()


async def _in_turn(session: AsyncSession, step: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a step on the session while no other task runs one: a session does one thing at a time."""
    async with session.info.setdefault(_TURN, asyncio.Lock()):
        return await run_step(session.sync_session, session.run_sync(step, *args, **kwargs))


@asynccontextmanager
async def _block(session: AsyncSession, scope: Scope) -> AsyncGenerator[None]:
    """Run a block of the caller's code inside a scope: its beginning and its end are a step each."""
    try:
        await _in_turn(session, begin, scope)
        yield
    except BaseException as error:
        await _in_turn(session, _roll_back, scope, error)
        raise
    await _in_turn(session, commit, scope)


def _roll_back(session: Session, scope: Scope, error: BaseException) -> None:
    scope.roll_back(error)
