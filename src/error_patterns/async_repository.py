"""`AsyncErrorPatternRepository`: the calls of `ErrorPatternRepository`, to be awaited. The operations are the same."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from datetime import datetime
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from tenacity import AsyncRetrying

from error_patterns.database.async_engines import AsyncDatabase
from error_patterns.database.cancellation import as_a_step
from error_patterns.database.driver_errors import translated_errors
from error_patterns.database.transactions import Operation, UnitOfWork, in_savepoints, in_transactions, over
from error_patterns.models import ErrorPattern
from error_patterns.models.results import PatternMatch, PatternStatistics
from error_patterns.operations import crud as operations
from error_patterns.operations import maintenance as upkeep
from error_patterns.operations import record as recording
from error_patterns.operations import reindex as index_check
from error_patterns.operations.batches import Sweep
from error_patterns.redaction import EVERY_RULE, Redaction

P = ParamSpec("P")
R = TypeVar("R")

AsyncSessionFactory = Callable[[], AsyncSession]
"""Whatever makes a session: an `async_sessionmaker`, or a function of the caller's."""


class AsyncErrorPatternRepository:
    """The durable memory of error patterns in a database, for asyncio.

    Every call promises what the call of the same name of `ErrorPatternRepository` promises, with the same arguments,
    results and errors. Tasks of one event loop may share a repository. A call whose task is cancelled is undone, unless
    it was committed already (or, in a transaction, done), and gives its connection back.

    Example:
        >>> async with AsyncErrorPatternRepository.open("sqlite:///errors.db") as repository:
        ...     await repository.record_failure("ConnectionRefusedError: [Errno 111] Connection refused")
        ...     matches = await repository.rank_context("connection refused by the broker")
    """

    def __init__(self, session_factory: AsyncSessionFactory, *, redaction: Redaction = EVERY_RULE) -> None:
        """Work on sessions from the factory, such as `async_sessionmaker(engine)`; the schema must be there already.

        Args:
            session_factory: Any callable without arguments that returns a new `AsyncSession`.
            redaction: Which secrets `record_failure` takes out, by default those of every rule; `NO_REDACTION`: none.
        """
        self._unit_of_work: UnitOfWork[AbstractAsyncContextManager[AsyncSession]] = in_transactions(session_factory)
        self._redaction = redaction
        self._database: AsyncDatabase | None = None

    @classmethod
    def open(cls, url: str | URL, *, migrate: bool = True, redaction: Redaction = EVERY_RULE) -> Self:
        """Open a database by the URL that `ErrorPatternRepository.open` takes, with an engine of its own.

        The database is made ready, and the errors are raised, at the first of: `async with`, `await` on the repository
        itself, or a call. Close it with `await close()` or with the `async with` statement.

        Example:
            >>> repository = await AsyncErrorPatternRepository.open("postgresql://agents@db.internal/memory")
        """
        database = AsyncDatabase(url, migrate=migrate)
        repository = cls(lambda: AsyncSession(database.engine), redaction=redaction)
        repository._unit_of_work = in_transactions(database.session)
        repository._database = database
        return repository

    @classmethod
    def in_session(cls, session: AsyncSession, *, redaction: Redaction = EVERY_RULE) -> Self:
        """A repository inside the caller's session and transaction: see `ErrorPatternRepository.in_session`."""
        return cls._sharing(session, redaction, detaches=False)

    @classmethod
    def _sharing(cls, session: AsyncSession, redaction: Redaction, *, detaches: bool) -> Self:
        repository = cls(lambda: session, redaction=redaction)
        repository._unit_of_work = in_savepoints(lambda: nullcontext(session), detaches=detaches)
        return repository

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Self]:
        """A repository whose calls share one transaction: see `ErrorPatternRepository.transaction`.

        Tasks may share it. While one of them is in a transaction inside this one, the others must wait: what they did
        meanwhile is undone if that one is.
        """
        outer = self._unit_of_work
        async with outer.sessions() as session, _entered(session, outer.scope(session.sync_session, True)):
            together = self._sharing(session, self._redaction, detaches=outer.detaches)
            try:
                yield together
            finally:
                together._unit_of_work = over("the transaction")

    async def close(self) -> None:
        """Close the connections that `open` made: see `ErrorPatternRepository.close`."""
        if self._database is not None:
            self._unit_of_work = over("the repository")
            await self._database.close()

    def __await__(self) -> Generator[object, None, Self]:
        """Make the database ready now; the repository itself."""
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        """The repository itself, with its database ready."""
        if self._database is not None:
            await self._database.make_ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def create(self, pattern: ErrorPattern) -> ErrorPattern:
        """Store a new pattern: see `ErrorPatternRepository.create`."""
        return await self._write(operations.create, pattern)

    async def create_many(self, patterns: Iterable[ErrorPattern]) -> int:
        """Store new patterns, all or none: see `ErrorPatternRepository.create_many`."""
        return await self._write(operations.create_many, patterns)

    async def get(self, pattern_id: str) -> ErrorPattern | None:
        """The pattern with this id: see `ErrorPatternRepository.get`."""
        return await self._read(operations.get, pattern_id)

    async def update(self, pattern: ErrorPattern) -> ErrorPattern:
        """Write what you set or changed: see `ErrorPatternRepository.update`."""
        return await self._write(operations.update, pattern)

    async def delete(self, pattern_id: str) -> bool:
        """Remove a pattern: see `ErrorPatternRepository.delete`."""
        return await self._write(operations.delete, pattern_id)

    async def list_all(self, *, limit: int | None = None, offset: int = 0) -> list[ErrorPattern]:
        """All patterns, or a page of them: see `ErrorPatternRepository.list_all`."""
        return await self._read(operations.list_all, limit=limit, offset=offset)

    async def stream_all(self, *, batch_size: int = 1_000) -> AsyncIterator[ErrorPattern]:
        """All patterns in the order of their ids, for `async for`: see `ErrorPatternRepository.stream_all`."""
        last = ""
        while batch := await self._read(operations.list_after, last, batch_size=batch_size):
            last = batch[-1].pattern_id
            for pattern in batch:
                yield pattern

    async def match_context(self, context: str, *, limit: int | None = 10) -> list[ErrorPattern]:
        """The patterns that the context resembles: see `ErrorPatternRepository.match_context`."""
        return await self._read(operations.match_context, context, limit=limit)

    async def rank_context(self, context: str, *, limit: int | None = 10, min_score: float = 0.0) -> list[PatternMatch]:
        """The same with score and reason: see `ErrorPatternRepository.rank_context`."""
        return await self._read(operations.rank_context, context, limit=limit, min_score=min_score)

    async def guidance_for(self, context: str, *, limit: int = 5, max_characters: int = 2000) -> str:
        """What to check before acting on the context: see `ErrorPatternRepository.guidance_for`."""
        return await self._read(operations.guidance_for, context, limit=limit, max_characters=max_characters)

    async def count(self) -> int:
        """The number of patterns: see `ErrorPatternRepository.count`."""
        return await self._read(operations.count)

    async def statistics(self, *, top: int = 10) -> PatternStatistics:
        """What the memory holds: see `ErrorPatternRepository.statistics`."""
        return await self._read(operations.statistics, top=top)

    async def check_index(self, *, progress: Callable[[int], object] | None = None) -> int:
        """Compare the keyword index with the patterns: see `ErrorPatternRepository.check_index`."""
        sweep = Sweep(progress)
        while sweep.goes_on:
            sweep.add(await self._read(index_check.check, sweep.after))
        return sweep.found

    async def reindex(self, *, progress: Callable[[int], object] | None = None) -> int:
        """Mend the keyword index where it is wrong: see `ErrorPatternRepository.reindex`."""
        sweep = Sweep(progress)
        while sweep.goes_on:
            sweep.add(await self._write(index_check.mend, sweep.after))
        return sweep.found

    async def refingerprint(self, *, progress: Callable[[int], object] | None = None) -> int:
        """Carry over fingerprints of older versions: see `ErrorPatternRepository.refingerprint`."""
        sweep = Sweep(progress)
        while sweep.goes_on:
            sweep.add(await self._write(upkeep.carry_over, sweep.after))
        return sweep.found

    async def prune(self, *, not_seen_since: datetime, keep_with_checks: bool = True) -> int:
        """Delete patterns that were not seen for long: see `ErrorPatternRepository.prune`."""
        return await self._write(upkeep.prune, not_seen_since=not_seen_since, keep_with_checks=keep_with_checks)

    async def merge(self, into: str, others: Sequence[str]) -> ErrorPattern:
        """Join patterns that are one failure after all: see `ErrorPatternRepository.merge`."""
        return await self._write(upkeep.merge, into, others)

    async def record_failure(
        self,
        failure: str | BaseException,
        *,
        keywords: Sequence[str] | None = None,
        preventive_checks: Sequence[str] = (),
    ) -> ErrorPattern:
        """Count a failure, or make it a new pattern: see `ErrorPatternRepository.record_failure`."""
        observation = recording.observe(
            failure, keywords=keywords, preventive_checks=preventive_checks, redaction=self._redaction
        )
        return await self._write(recording.record_failure, observation)

    async def _read(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._run(False, operation, *args, **kwargs)

    async def _write(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._run(True, operation, *args, **kwargs)

    async def _run(self, writes: bool, operation: Operation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        unit_of_work = self._unit_of_work

        def step(session: Session) -> R:
            with unit_of_work.scope(session, writes), translated_errors(session):
                return operation(session, *args, **kwargs)

        async def once() -> R:
            async with unit_of_work.sessions() as session:
                return await _in_turn(session, step)

        return await unit_of_work.repeating(AsyncRetrying, args)(once)


_TURN = "error_patterns.turn"  # the key in Session.info


async def _in_turn(session: AsyncSession, step: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Take a step on the session when no other task takes one: a session does one thing at a time."""
    async with session.info.setdefault(_TURN, asyncio.Lock()):
        return await as_a_step(session.sync_session, session.run_sync(step, *args, **kwargs))


@asynccontextmanager
async def _entered(session: AsyncSession, scope: AbstractContextManager[None]) -> AsyncGenerator[None]:
    """Be inside the scope on the session: entering it and leaving it are a step each."""
    is_inside = False

    def enter(_: Session) -> None:
        nonlocal is_inside
        scope.__enter__()
        is_inside = True

    try:
        await _in_turn(session, enter)
        yield
    except BaseException as error:
        if not is_inside or not await _in_turn(session, _leave, scope, error):
            raise
    else:
        await _in_turn(session, _leave, scope, None)


def _leave(session: Session, scope: AbstractContextManager[None], error: BaseException | None) -> bool | None:
    return scope.__exit__(None if error is None else type(error), error, None if error is None else error.__traceback__)
