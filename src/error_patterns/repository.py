"""`ErrorPatternRepository`: every call with its promise. The operations are in `error_patterns.operations`."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session, sessionmaker

from error_patterns.database.engines import create_engine
from error_patterns.database.sync_sessions import SyncSessions
from error_patterns.models import ErrorPattern, PatternMatch, PatternStatistics
from error_patterns.operations import crud, maintenance, match, record, reindex, statistics, update
from error_patterns.redaction import EVERY_RULE, Redaction

SessionFactory = Callable[[], Session]
"""A callable that returns a session: a `sessionmaker`, a `scoped_session`, or a function of the caller's."""


def prepare_schema(database: str | URL | Engine, *, migrate: bool) -> None:
    """Migrate the schema of a database, or check that it is up to date."""
    from error_patterns import migrate as migrations  # noqa: PLC0415 - loads Alembic, for this call alone

    (migrations.upgrade if migrate else migrations.require_head)(database)


class ErrorPatternRepository:
    """The durable memory of error patterns in a database.

    Each call is one transaction on one session from the factory: committed on success, rolled back on an error, and
    always closed. Patterns that a call returns are detached and complete: read them, edit them, pass them to `update`.
    Nothing is kept between calls, so a write by another process shows in the next call. Threads may share a repository.
    A session that comes with a transaction is the caller's: calls join it as those of `in_session` do.

    Every call raises `DatabaseUnavailableError` when the database cannot be used, and `DatabaseRejectedError` when it
    refuses a statement; the error of the driver is the `__cause__`. A negative bound, such as `limit`, is a ValueError.

    Example:
        >>> with ErrorPatternRepository.open("sqlite:///errors.db") as repository:
        ...     pattern = repository.record_failure("ConnectionRefusedError: [Errno 111] Connection refused")
        ...     [match.pattern.pattern for match in repository.rank_context("connection refused by the broker")]
        ['ConnectionRefusedError: [Errno 111] Connection refused']
    """

    def __init__(self, session_factory: SessionFactory, *, redaction: Redaction = EVERY_RULE) -> None:
        """Work on sessions from the factory, such as `sessionmaker(engine)`; the schema must exist.

        Args:
            session_factory: Any callable without arguments that returns a `sqlalchemy.orm.Session`. The repository
                never ends a transaction that it did not begin. It leaves a session open that holds the caller's work.
            redaction: The secrets that `record_failure` removes. The default applies every rule, `NO_REDACTION` none.
        """
        self._sessions = SyncSessions.of_factory(session_factory)
        self._redaction = redaction

    @classmethod
    def open(cls, url: str | URL, *, migrate: bool = True, redaction: Redaction = EVERY_RULE) -> Self:
        """Open a database by its URL, with an engine of its own; close it with `close()` or a `with` statement.

        Args:
            url: A SQLAlchemy URL, such as `sqlite:///errors.db`, or `sqlite://` for a database in memory.
            migrate: Create the schema, or upgrade it to the newest revision. False refuses an out-of-date one instead.
            redaction: As in the constructor.

        Raises:
            SchemaOutOfDateError: `migrate` is False and migrations are missing.
            SchemaTooNewError: A newer version of the package migrated the database.
            DatabaseUnavailableError: The database cannot be used; the message says why.
        """
        engine = create_engine(url)
        try:
            prepare_schema(engine, migrate=migrate)
        except BaseException:
            engine.dispose()
            raise
        return cls._over(SyncSessions.of_factory(sessionmaker(engine), engine), redaction)

    @classmethod
    def in_session(cls, session: Session, *, redaction: Redaction = EVERY_RULE) -> Self:
        """Make a repository inside the caller's session: a unit of work with the caller's own tables.

        Each call flushes, in a savepoint. It never commits, rolls back or closes the session. Patterns that a call
        returns belong to the session.

        Example:
            >>> with Session(engine) as session, session.begin():
            ...     session.add(order)
            ...     ErrorPatternRepository.in_session(session).record_failure("OutOfStock: 0 left")
        """
        return cls._over(SyncSessions.of_session(session), redaction)

    @classmethod
    def _over(cls, sessions: SyncSessions, redaction: Redaction) -> Self:
        repository = cls.__new__(cls)
        repository._sessions, repository._redaction = sessions, redaction
        return repository

    @contextmanager
    def transaction(self) -> Generator[Self]:
        """Open a repository whose calls share one transaction: all of them are committed at the end, or none.

        A call that fails inside undoes itself alone, so its error may be caught and the rest go on.

        Example:
            >>> with repository.transaction() as together:
            ...     together.delete(old.pattern_id)
            ...     together.create(ErrorPattern(pattern="Port in use", keywords=["EADDRINUSE"]))
        """
        with self._sessions.transaction() as sessions:
            yield self._over(sessions, self._redaction)

    def close(self) -> None:
        """Close the connections that `open` made; those in use are closed when their calls end.

        A repository over a session factory has no connections of its own, and stays usable.
        """
        self._sessions.close()

    def __enter__(self) -> Self:
        """Return the repository itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def create(self, pattern: ErrorPattern) -> ErrorPattern:
        """Store a new pattern without its `fingerprint`, which `record_failure` alone sets.

        Raises:
            PatternAlreadyExistsError: A pattern with this id is stored.
        """
        return self._sessions.write(crud.create, pattern)

    def create_many(self, patterns: Iterable[ErrorPattern]) -> int:
        """Store new patterns from any iterable, all or none, in batches; return their number.

        After a conflict with another transaction, the call is repeated if the patterns are a collection.

        Raises:
            PatternAlreadyExistsError: An id is stored already or stands twice among the patterns.
        """
        return self._sessions.write(crud.create_many, patterns)

    def get(self, pattern_id: str) -> ErrorPattern | None:
        """Return the pattern with this id, in any spelling of it; None if there is none."""
        return self._sessions.read(crud.get, pattern_id)

    def update(self, pattern: ErrorPattern) -> ErrorPattern:
        """Write the fields that you set or changed, and no others; return the stored pattern.

        The row is locked. A list keeps what you and others added or removed since you read the pattern. Any other field
        is written as it is. `pattern_id`, `created_at` and `fingerprint` are never written. Your own object stays as it
        is: continue with the one returned. A pattern that belongs to a session is written by that session's flush.

        Raises:
            PatternNotFoundError: No pattern with this id is stored.
            pydantic.ValidationError: A list has no room for the items of both sides.
        """
        return self._sessions.write(update.update, pattern)

    def add_checks(self, pattern_id: str, checks: Sequence[str]) -> ErrorPattern:
        """Add preventive checks to a stored pattern, atomically; return the stored pattern.

        Checks that it has already, in any case, are left out.

        Raises:
            PatternNotFoundError: No pattern with this id is stored.
            pydantic.ValidationError: A check breaks a rule of `ErrorPattern`, or there is no room for all of them.
        """
        return self._sessions.write(update.add_checks, pattern_id, checks)

    def add_keywords(self, pattern_id: str, keywords: Sequence[str]) -> ErrorPattern:
        """Add keywords to a stored pattern, by the rules and with the errors of `add_checks`."""
        return self._sessions.write(update.add_keywords, pattern_id, keywords)

    def delete(self, pattern_id: str) -> bool:
        """Delete a pattern; return False if there was none with this id."""
        return self._sessions.write(crud.delete, pattern_id)

    def list_all(self, *, limit: int | None = None, offset: int = 0) -> list[ErrorPattern]:
        """List all patterns, or a page of them: newest `last_seen` first, ties by id."""
        return self._sessions.read(crud.list_all, limit=limit, offset=offset)

    def stream_all(self, *, batch_size: int = 1_000) -> Iterator[ErrorPattern]:
        """Iterate over all patterns in the order of their ids, which is that of their creation; hold one batch.

        Each batch is a call of its own (keyset pagination), so that no transaction is open while you work. Patterns
        that are created or deleted meanwhile may be missing; every other one comes once.
        """
        last = ""
        while batch := self._sessions.read(crud.list_after, last, batch_size=batch_size):
            last = batch[-1].pattern_id
            yield from batch

    def match_context(self, context: str, *, limit: int | None = 10) -> list[ErrorPattern]:
        """Return the patterns that the context resembles, best first; `rank_context` adds scores and reasons."""
        return self._sessions.read(match.match_context, context, limit=limit)

    def rank_context(self, context: str, *, limit: int | None = 10, min_score: float = 0.0) -> list[PatternMatch]:
        """Return the patterns that the context resembles, best first, each with its score and the evidence for it.

        Args:
            context: Any text: a plan, a command, a log, a traceback. It need not quote a failure.
            limit: The number of matches at most; None for all. With a limit, few patterns are scored: those with the
                heaviest terms of the context, by the rule of `error_patterns.matching.ranking`.
            min_score: Leave out matches with a lower score. `RELEVANT_SCORE` keeps those worth an agent's attention.
        """
        return self._sessions.read(match.rank_context, context, limit=limit, min_score=min_score)

    def guidance_for(self, context: str, *, limit: int = 5, max_characters: int = 2000) -> str:
        """Render what to check before acting on the context, as Markdown for a prompt; empty if nothing is known.

        It covers at most `limit` patterns, each with a score of at least `RELEVANT_SCORE`, in the form of
        `render_guidance` and in at most `max_characters`.

        Example:
            >>> prompt = [repository.guidance_for(task), task]
        """
        return self._sessions.read(match.guidance_for, context, limit=limit, max_characters=max_characters)

    def count(self) -> int:
        """Count the patterns."""
        return self._sessions.read(statistics.count)

    def statistics(self, *, top: int = 10) -> PatternStatistics:
        """Compute the totals of the memory, with the `top` most frequent patterns and most common keywords."""
        return self._sessions.read(statistics.statistics, top=top)

    def check_index(self, *, progress: Callable[[int], object] | None = None) -> int:
        """Compare the index with the patterns; return the number of patterns for which it is wrong.

        Only statements that bypass the unit of work of a session can make it wrong. Each batch of patterns is a call of
        its own; `progress` is called behind it with the number of its patterns.
        """
        return self._sessions.in_batches(False, reindex.CHECK, progress)

    def reindex(self, *, progress: Callable[[int], object] | None = None) -> int:
        """Repair the index; return the number of patterns for which it was wrong. See `check_index`."""
        return self._sessions.in_batches(True, reindex.REINDEX, progress)

    def refingerprint(self, *, progress: Callable[[int], object] | None = None) -> int:
        """Recompute the fingerprints that an older version of this package made; return the number of patterns changed.

        Otherwise their failures make new patterns when they come again. Patterns that have equal fingerprints now are
        merged. Patterns whose stored failures are all cut off stay as they are. Each batch is a call of its own;
        `progress` is called behind it with the number of patterns that had an older fingerprint.
        """
        return self._sessions.in_batches(True, [maintenance.refingerprint], progress)

    def prune(self, *, not_seen_since: datetime, keep_with_checks: bool = True) -> int:
        """Delete the patterns that were last seen before a moment; return their number.

        A naive moment is taken as UTC. By default, patterns with a preventive check stay: somebody's work is in them.
        """
        return self._sessions.write(maintenance.prune, not_seen_since=not_seen_since, keep_with_checks=keep_with_checks)

    def merge(self, into: str, others: Sequence[str]) -> ErrorPattern:
        """Merge patterns that turn out to be one failure, all or none; return the surviving pattern.

        The pattern with the id `into` survives and keeps its text. The others are deleted, and their failures count for
        it from now on. Frequencies are added up. Lists are joined as far as there is room: keywords and checks those of
        `into` first, of failures and contexts the newest.

        Raises:
            PatternNotFoundError: There is no pattern with one of the ids.
            ValueError: `into` is among the others.
        """
        return self._sessions.write(maintenance.merge, into, others)

    def record_failure(
        self,
        failure: str | BaseException,
        *,
        context: str | None = None,
        keywords: Sequence[str] | None = None,
        extra_keywords: Sequence[str] = (),
        preventive_checks: Sequence[str] = (),
    ) -> ErrorPattern:
        """Count a failure for its pattern, or store it as a new pattern; return that pattern.

        Two failures are the same if they differ only in paths, numbers, times and the like. Secrets are removed first,
        by the `Redaction` of the repository. N processes that record one failure M times make its frequency N·M.

        Args:
            failure: The exception, or the text of a traceback or of a tool's error output.
            context: What was being attempted: a plan, command or prompt. None takes the command that the failure shows.
            keywords: The words that identify the failure; None draws them from the text of a new one.
            extra_keywords: Words that are added to those.
            preventive_checks: What to do so that it does not come back. A known pattern gets the new ones that fit.

        Raises:
            pydantic.ValidationError: The failure is empty, or a keyword or check breaks a rule of `ErrorPattern`.
        """
        given = record.Given(context, keywords, extra_keywords, preventive_checks)
        return self._sessions.write(record.record_failure, record.observe(failure, given, self._redaction))
