"""`AsyncErrorPatternRepository`: the calls of `ErrorPatternRepository` for asyncio, on the same operations."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession

from error_patterns.database.async_engines import AsyncDatabase
from error_patterns.database.async_sessions import AsyncSessions
from error_patterns.models import ErrorPattern, PatternMatch, PatternStatistics
from error_patterns.operations import crud, maintenance, match, record, reindex, statistics, update
from error_patterns.redaction import EVERY_RULE, Redaction
from error_patterns.repository import prepare_schema

AsyncSessionFactory = Callable[[], AsyncSession]
"""A callable that returns an async session: an `async_sessionmaker`, or a function of the caller's."""


class AsyncErrorPatternRepository:
    """The durable memory of error patterns in a database, for asyncio.

    It has the calls of `ErrorPatternRepository`, with the same arguments, promises and errors. Tasks of one event loop
    may share a repository. A call whose task is cancelled is undone, unless it was committed already (or, inside a
    transaction, complete), and returns its connection to the pool.

    Example:
        >>> async with AsyncErrorPatternRepository.open("sqlite:///errors.db") as repository:
        ...     await repository.record_failure("ConnectionRefusedError: [Errno 111] Connection refused")
        ...     matches = await repository.rank_context("connection refused by the broker")
    """

    def __init__(self, session_factory: AsyncSessionFactory, *, redaction: Redaction = EVERY_RULE) -> None:
        """Work on sessions from the factory, such as `async_sessionmaker(engine)`; the schema must exist.

        Args:
            session_factory: Any callable without arguments that returns an `AsyncSession`. The repository never ends a
                transaction that it did not begin. It leaves a session open that holds the caller's work.
            redaction: The secrets that `record_failure` removes. The default applies every rule, `NO_REDACTION` none.
        """
        self._sessions = AsyncSessions.of_factory(session_factory)
        self._redaction = redaction

    @classmethod
    def open(cls, url: str | URL, *, migrate: bool = True, redaction: Redaction = EVERY_RULE) -> Self:
        """Open a database by the URL that `ErrorPatternRepository.open` takes, with an engine of its own.

        The schema is prepared, and errors are raised, at the first of: `async with`, `await` on the repository, a call.
        Close it with `await close()` or with the `async with` statement.

        Args:
            url: A SQLAlchemy URL, such as `sqlite:///errors.db`, or `sqlite://` for a database in memory.
            migrate: Create the schema, or upgrade it to the newest revision. False refuses an out-of-date one instead.
            redaction: As in the constructor.

        Raises:
            SchemaOutOfDateError: `migrate` is False and migrations are missing.
            SchemaTooNewError: A newer version of the package migrated the database.
            DatabaseUnavailableError: The database cannot be used; the message says why.

        Example:
            >>> repository = await AsyncErrorPatternRepository.open("postgresql://agents@db.internal/memory")
        """
        database = AsyncDatabase(url, prepare=partial(prepare_schema, migrate=migrate))
        return cls._over(AsyncSessions.of_database(database), redaction)

    @classmethod
    def in_session(cls, session: AsyncSession, *, redaction: Redaction = EVERY_RULE) -> Self:
        """Make a repository inside the caller's session: a unit of work with the caller's own tables.

        Each call flushes, in a savepoint. It never commits, rolls back or closes the session. Patterns that a call
        returns belong to the session.
        """
        return cls._over(AsyncSessions.of_session(session), redaction)

    @classmethod
    def _over(cls, sessions: AsyncSessions, redaction: Redaction) -> Self:
        repository = cls.__new__(cls)
        repository._sessions, repository._redaction = sessions, redaction
        return repository

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Self]:
        """Open a repository whose calls share one transaction: all of them are committed at the end, or none.

        A call that fails inside undoes itself alone, so its error may be caught and the rest go on. Tasks may share it.
        While one of them is in a transaction inside this one, the others must wait: they would be undone with it.
        """
        async with self._sessions.transaction() as sessions:
            yield self._over(sessions, self._redaction)

    async def close(self) -> None:
        """Close the connections that `open` made; those in use are closed when their calls end.

        A repository over a session factory has no connections of its own, and stays usable.
        """
        await self._sessions.close()

    def __await__(self) -> Generator[object, None, Self]:
        """Prepare the schema now; return the repository itself."""
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        """Prepare the schema; return the repository itself."""
        await self._sessions.make_ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def create(self, pattern: ErrorPattern) -> ErrorPattern:
        """Store a new pattern without its `fingerprint`; raise `PatternAlreadyExistsError` if its id is stored."""
        return await self._sessions.write(crud.create, pattern)

    async def create_many(self, patterns: Iterable[ErrorPattern]) -> int:
        """Store new patterns from any iterable, all or none, in batches; return their number.

        Raises `PatternAlreadyExistsError` for an id that is stored already or stands twice among them.
        """
        return await self._sessions.write(crud.create_many, patterns)

    async def get(self, pattern_id: str) -> ErrorPattern | None:
        """Return the pattern with this id, in any spelling of it; None if there is none."""
        return await self._sessions.read(crud.get, pattern_id)

    async def update(self, pattern: ErrorPattern) -> ErrorPattern:
        """Write the fields that you set or changed, and no others; return the stored pattern.

        A list keeps what you and others added or removed since you read the pattern. Your own object stays as it is.
        Raises `PatternNotFoundError`.
        """
        return await self._sessions.write(update.update, pattern)

    async def add_checks(self, pattern_id: str, checks: Sequence[str]) -> ErrorPattern:
        """Add preventive checks that a stored pattern does not have, atomically; return the stored pattern.

        Raises `PatternNotFoundError`, or `pydantic.ValidationError` if one breaks a rule or there is no room.
        """
        return await self._sessions.write(update.add_checks, pattern_id, checks)

    async def add_keywords(self, pattern_id: str, keywords: Sequence[str]) -> ErrorPattern:
        """Add keywords that a stored pattern does not have, atomically; return the stored pattern.

        Raises `PatternNotFoundError`, or `pydantic.ValidationError` if one breaks a rule or there is no room.
        """
        return await self._sessions.write(update.add_keywords, pattern_id, keywords)

    async def delete(self, pattern_id: str) -> bool:
        """Delete a pattern; return False if there was none with this id."""
        return await self._sessions.write(crud.delete, pattern_id)

    async def list_all(self, *, limit: int | None = None, offset: int = 0) -> list[ErrorPattern]:
        """List all patterns, or a page of them: newest `last_seen` first, ties by id."""
        return await self._sessions.read(crud.list_all, limit=limit, offset=offset)

    async def stream_all(self, *, batch_size: int = 1_000) -> AsyncIterator[ErrorPattern]:
        """Iterate over all patterns in the order of their ids; each batch is a call of its own (keyset pagination)."""
        last = ""
        while batch := await self._sessions.read(crud.list_after, last, batch_size=batch_size):
            last = batch[-1].pattern_id
            for pattern in batch:
                yield pattern

    async def match_context(self, context: str, *, limit: int | None = 10) -> list[ErrorPattern]:
        """Return the patterns that the context resembles, best first; None as `limit` gives all."""
        return await self._sessions.read(match.match_context, context, limit=limit)

    async def rank_context(self, context: str, *, limit: int | None = 10, min_score: float = 0.0) -> list[PatternMatch]:
        """Return the patterns that the context resembles, best first, with scores and the evidence for them.

        `limit` bounds their number, None gives all; matches that score less than `min_score` are left out.
        """
        return await self._sessions.read(match.rank_context, context, limit=limit, min_score=min_score)

    async def guidance_for(self, context: str, *, limit: int = 5, max_characters: int = 2000) -> str:
        """Render what to check before acting on the context, as Markdown for a prompt; empty if nothing is known.

        It covers at most `limit` patterns, each with a score of at least `RELEVANT_SCORE`, in at most `max_characters`.
        """
        return await self._sessions.read(match.guidance_for, context, limit=limit, max_characters=max_characters)

    async def count(self) -> int:
        """Count the patterns."""
        return await self._sessions.read(statistics.count)

    async def statistics(self, *, top: int = 10) -> PatternStatistics:
        """Compute the totals of the memory, with the `top` most frequent patterns and most common keywords."""
        return await self._sessions.read(statistics.statistics, top=top)

    async def check_index(self, *, progress: Callable[[int], object] | None = None) -> int:
        """Compare the index with the patterns; return the number of patterns for which it is wrong.

        `progress` is called after each batch with the number of its patterns.
        """
        return await self._sessions.in_batches(False, reindex.CHECK, progress)

    async def reindex(self, *, progress: Callable[[int], object] | None = None) -> int:
        """Repair the index; return the number of patterns for which it was wrong.

        `progress` is called after each batch with the number of its patterns.
        """
        return await self._sessions.in_batches(True, reindex.REINDEX, progress)

    async def refingerprint(self, *, progress: Callable[[int], object] | None = None) -> int:
        """Recompute the fingerprints that an older version of this package made; return the number of patterns changed.

        Patterns that have equal fingerprints now are merged. `progress` is called after each batch with its size.
        """
        return await self._sessions.in_batches(True, [maintenance.refingerprint], progress)

    async def prune(self, *, not_seen_since: datetime, keep_with_checks: bool = True) -> int:
        """Delete the patterns that were last seen before a moment; return their number.

        A naive moment is taken as UTC. By default, patterns with a preventive check stay.
        """
        return await self._sessions.write(
            maintenance.prune, not_seen_since=not_seen_since, keep_with_checks=keep_with_checks
        )

    async def merge(self, into: str, others: Sequence[str]) -> ErrorPattern:
        """Merge patterns that turn out to be one failure into the one with the id `into`; return it.

        Frequencies are added up, lists are joined as far as there is room, and the others are deleted. Raises
        `PatternNotFoundError`, or ValueError if `into` is among the others.
        """
        return await self._sessions.write(maintenance.merge, into, others)

    async def record_failure(
        self,
        failure: str | BaseException,
        *,
        context: str | None = None,
        keywords: Sequence[str] | None = None,
        extra_keywords: Sequence[str] = (),
        preventive_checks: Sequence[str] = (),
    ) -> ErrorPattern:
        """Count a failure for its pattern, or store it as a new pattern; return that pattern.

        The failure is an exception, or the text of a traceback or of a tool's error output. `context` is what was being
        attempted. Secrets are removed before anything is stored. `keywords` replace those drawn from the text of a new
        failure, `extra_keywords` are added. A known pattern gets the checks that it does not have. Raises
        `pydantic.ValidationError` if the failure is empty or an item breaks a rule.
        """
        given = record.Given(context, keywords, extra_keywords, preventive_checks)
        return await self._sessions.write(record.record_failure, record.observe(failure, given, self._redaction))
