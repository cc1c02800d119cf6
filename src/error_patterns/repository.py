"""`ErrorPatternRepository`: every operation in a transaction of its own. The operations are in `operations`."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session, sessionmaker
from tenacity import Retrying

from error_patterns.database.driver_errors import translated_errors
from error_patterns.database.engines import create_engine, retire
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

SessionFactory = Callable[[], Session]
"""Whatever makes a session: a `sessionmaker`, or a function of the caller's."""


class ErrorPatternRepository:
    """The durable memory of error patterns in a database.

    Each call is one transaction on one session from the factory: committed on success, rolled back on an error, closed
    in any case. Patterns that come back stand on their own: read them, change them, hand them to `update`. Nothing is
    kept between calls, so what another process writes shows in the next one. Threads may share a repository.

    Every call raises `DatabaseUnavailableError` when the database cannot be used, and `DatabaseRejectedError` when it
    refuses what it is asked; the error of the driver is the `__cause__`.

    Example:
        >>> with ErrorPatternRepository.open("sqlite:///errors.db") as repository:
        ...     pattern = repository.record_failure("ConnectionRefusedError: [Errno 111] Connection refused")
        ...     [match.pattern.pattern for match in repository.rank_context("connection refused by the broker")]
        ['ConnectionRefusedError: [Errno 111] Connection refused']
    """

    def __init__(self, session_factory: SessionFactory, *, redaction: Redaction = EVERY_RULE) -> None:
        """Work on sessions from the factory, such as `sessionmaker(engine)`; the schema must be there already.

        Args:
            session_factory: Any callable without arguments that returns a new `sqlalchemy.orm.Session`.
            redaction: Which secrets `record_failure` takes out, by default those of every rule; `NO_REDACTION`: none.
        """
        self._unit_of_work: UnitOfWork[AbstractContextManager[Session]] = in_transactions(session_factory)
        self._redaction = redaction
        self._engine: Engine | None = None

    @classmethod
    def open(cls, url: str | URL, *, migrate: bool = True, redaction: Redaction = EVERY_RULE) -> Self:
        """Open a database by its URL, with an engine of its own; close it with `close()` or a `with` statement.

        Args:
            url: A SQLAlchemy URL, such as `sqlite:///errors.db`, or `sqlite://` for one in memory.
            migrate: Make the schema, or bring it to the newest revision; False refuses an out-of-date one instead.
            redaction: As for the repository over a session factory.

        Raises:
            SchemaOutOfDateError: `migrate` is False and migrations are missing.
            SchemaTooNewError: A newer version of the package migrated the database.
            DatabaseUnavailableError: The database cannot be used; the message says why.
        """
        from error_patterns import migrate as migrations  # noqa: PLC0415 - loads Alembic, for this call alone

        engine = create_engine(url)
        try:
            (migrations.upgrade if migrate else migrations.require_head)(engine)
        except BaseException:
            engine.dispose()
            raise
        repository = cls(sessionmaker(engine), redaction=redaction)
        repository._engine = engine
        return repository

    @classmethod
    def in_session(cls, session: Session, *, redaction: Redaction = EVERY_RULE) -> Self:
        """A repository inside the caller's session and transaction: a unit of work with the caller's own tables.

        It flushes, each call in a savepoint, and never commits, rolls back or closes the session. Patterns that come
        back belong to the session.

        Example:
            >>> from sqlalchemy.orm import Session
            >>> with Session(engine) as session, session.begin():
            ...     session.add(order)
            ...     ErrorPatternRepository.in_session(session).record_failure("OutOfStock: 0 left")
        """
        return cls._sharing(session, redaction, detaches=False)

    @classmethod
    def _sharing(cls, session: Session, redaction: Redaction, *, detaches: bool) -> Self:
        repository = cls(lambda: session, redaction=redaction)
        repository._unit_of_work = in_savepoints(lambda: nullcontext(session), detaches=detaches)
        return repository

    @contextmanager
    def transaction(self) -> Generator[Self]:
        """A repository whose calls share one transaction: all of them are committed at the end, or none.

        A call that fails inside undoes itself alone, so its error may be caught and the rest go on.

        Example:
            >>> with repository.transaction() as together:
            ...     together.delete(old.pattern_id)
            ...     together.create(ErrorPattern(pattern="Port in use", keywords=["EADDRINUSE"]))
        """
        outer = self._unit_of_work
        with outer.sessions() as session, outer.scope(session, True):
            together = self._sharing(session, self._redaction, detaches=outer.detaches)
            try:
                yield together
            finally:
                together._unit_of_work = over("the transaction")

    def close(self) -> None:
        """Close the connections that `open` made, those of calls that still run when they end.

        A repository over a session factory has no connections of its own, and goes on.
        """
        if self._engine is not None:
            self._unit_of_work = over("the repository")
            retire(self._engine)
            self._engine.dispose()

    def __enter__(self) -> Self:
        """The repository itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def create(self, pattern: ErrorPattern) -> ErrorPattern:
        """Store a new pattern. Its `fingerprint` is left out: that is for `record_failure` alone.

        Raises:
            PatternAlreadyExistsError: A pattern with this id is stored.
        """
        return self._write(operations.create, pattern)

    def create_many(self, patterns: Iterable[ErrorPattern]) -> int:
        """Store new patterns, all or none, from any iterable, in batches; how many they were.

        After a conflict with another transaction, it is repeated if the patterns are a collection, such as a list.

        Raises:
            PatternAlreadyExistsError: An id is stored already or stands twice among the patterns.
        """
        return self._write(operations.create_many, patterns)

    def get(self, pattern_id: str) -> ErrorPattern | None:
        """The pattern with this id, in any spelling of it; None if there is none."""
        return self._read(operations.get, pattern_id)

    def update(self, pattern: ErrorPattern) -> ErrorPattern:
        """Write what you set or changed in the pattern, and nothing else; the same object, as it is stored now.

        What others wrote since you got the pattern stays: counts of both sides add up, the later `last_seen` wins, and
        lists keep what each side added. `pattern_id`, `created_at` and `fingerprint` are never written. For a pattern
        that you made yourself, every field that you set is written as it is. A pattern that belongs to a session is
        written so whenever that session flushes it.

        Raises:
            PatternNotFoundError: No pattern with this id is stored.
        """
        return self._write(operations.update, pattern)

    def delete(self, pattern_id: str) -> bool:
        """Remove a pattern; False if there was none with this id."""
        return self._write(operations.delete, pattern_id)

    def list_all(self, *, limit: int | None = None, offset: int = 0) -> list[ErrorPattern]:
        """All patterns, or a page of them: newest `last_seen` first, ties by id.

        Raises:
            ValueError: `limit` or `offset` is negative, or more than databases can count to.
        """
        return self._read(operations.list_all, limit=limit, offset=offset)

    def stream_all(self, *, batch_size: int = 1_000) -> Iterator[ErrorPattern]:
        """All patterns in the order of their ids, which is that of their making, without holding more than a batch.

        Each batch is a call of its own, so that no transaction is open while you work. Patterns that are made or
        deleted meanwhile may or may not come; every other one comes once.

        Raises:
            ValueError: `batch_size` is less than 1.
        """
        last = ""
        while batch := self._read(operations.list_after, last, batch_size=batch_size):
            last = batch[-1].pattern_id
            yield from batch

    def match_context(self, context: str, *, limit: int | None = 10) -> list[ErrorPattern]:
        """The patterns that the context resembles, best first; `rank_context` says how much, and why.

        Raises:
            ValueError: `limit` is negative.
        """
        return self._read(operations.match_context, context, limit=limit)

    def rank_context(self, context: str, *, limit: int | None = 10, min_score: float = 0.0) -> list[PatternMatch]:
        """The patterns of which a keyword, or the text, occurs in the context, best first.

        Args:
            context: Any text: a plan, a command, a log, a traceback.
            limit: How many at most; None for all. With a limit, no more than some hundred patterns are scored: those
                of which the most particular keywords that occur say most, which `error_patterns.matching` defines.
            min_score: Leave out matches that score less; `RELEVANT_SCORE` keeps those worth an agent's attention.

        Raises:
            ValueError: `limit` is negative.
        """
        return self._read(operations.rank_context, context, limit=limit, min_score=min_score)

    def guidance_for(self, context: str, *, limit: int = 5, max_characters: int = 2000) -> str:
        """What to check before acting on the context, as Markdown for an agent's prompt; empty if nothing is known.

        The patterns that score at least `RELEVANT_SCORE`, as `render_guidance` tells them.

        Args:
            context: Any text: a plan, a command, a log, a traceback.
            limit: Of how many patterns at most.
            max_characters: The length of the result at most.

        Raises:
            ValueError: `limit` or `max_characters` is negative.

        Example:
            >>> prompt = [repository.guidance_for(task), task]
        """
        return self._read(operations.guidance_for, context, limit=limit, max_characters=max_characters)

    def count(self) -> int:
        """The number of patterns."""
        return self._read(operations.count)

    def statistics(self, *, top: int = 10) -> PatternStatistics:
        """What the memory holds, with the `top` most frequent patterns and most common keywords.

        Raises:
            ValueError: `top` is negative.
        """
        return self._read(operations.statistics, top=top)

    def check_index(self, *, progress: Callable[[int], object] | None = None) -> int:
        """Compare the keyword index with the patterns; for how many patterns it is wrong.

        It can be wrong only where statements passed the unit of work of a session by. Each batch of patterns is a call
        of its own.

        Args:
            progress: Is called after each batch, with the number of its patterns.
        """
        sweep = Sweep(progress)
        while sweep.goes_on:
            sweep.add(self._read(index_check.check, sweep.after))
        return sweep.found

    def reindex(self, *, progress: Callable[[int], object] | None = None) -> int:
        """Mend the keyword index where it is wrong; for how many patterns it was. Otherwise like `check_index`."""
        sweep = Sweep(progress)
        while sweep.goes_on:
            sweep.add(self._write(index_check.mend, sweep.after))
        return sweep.found

    def refingerprint(self, *, progress: Callable[[int], object] | None = None) -> int:
        """Carry fingerprints over that an older version of this package made; how many patterns that were.

        Without it, their failures make new patterns when they come again. Patterns whose failures are one for this
        version are merged. Left as they are: patterns whose newest failure is stored cut off. Each batch of patterns is
        a call of its own.

        Args:
            progress: Is called after each batch, with the number of patterns that had an older fingerprint.
        """
        sweep = Sweep(progress)
        while sweep.goes_on:
            sweep.add(self._write(upkeep.carry_over, sweep.after))
        return sweep.found

    def prune(self, *, not_seen_since: datetime, keep_with_checks: bool = True) -> int:
        """Delete the patterns that were last seen before a moment; how many they were.

        Args:
            not_seen_since: Patterns seen then or later stay; a naive value is taken as UTC.
            keep_with_checks: Whether patterns with a preventive check stay, as somebody's work is in them.
        """
        return self._write(upkeep.prune, not_seen_since=not_seen_since, keep_with_checks=keep_with_checks)

    def merge(self, into: str, others: Sequence[str]) -> ErrorPattern:
        """Join patterns that are one failure after all, all or none; the one that lives on, as it is then.

        Frequencies are added up, lists joined as far as there is room (keywords and checks those of `into` first, of
        failures the newest); the pattern's own text stays. The others are deleted, and what they counted is counted for
        the one that lives on from now on.

        Args:
            into: The id of the pattern that lives on.
            others: The ids of those that go.

        Raises:
            PatternNotFoundError: There is no pattern with one of the ids.
            ValueError: `into` is among the others.
        """
        return self._write(upkeep.merge, into, others)

    def record_failure(
        self,
        failure: str | BaseException,
        *,
        keywords: Sequence[str] | None = None,
        preventive_checks: Sequence[str] = (),
    ) -> ErrorPattern:
        """Count a failure: one more for its pattern if it was seen before, otherwise a new pattern.

        Two failures are the same if they differ only in paths, numbers, times, addresses and the like. Secrets are
        taken out before anything is stored, hashed or logged, as the `Redaction` of the repository says. N processes
        that record one failure M times make its frequency N·M.

        Args:
            failure: The exception, or the text of a traceback or of a tool's error output.
            keywords: What gives the failure away; None draws them from the text. Those of a known pattern are added to.
            preventive_checks: What to do so that it does not come back; added to those of a known pattern, as far as
                there is room for them.

        Raises:
            pydantic.ValidationError: The failure is empty, or a keyword or check breaks a rule of `ErrorPattern`.
        """
        observation = recording.observe(
            failure, keywords=keywords, preventive_checks=preventive_checks, redaction=self._redaction
        )
        return self._write(recording.record_failure, observation)

    def _read(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return self._run(False, operation, *args, **kwargs)

    def _write(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return self._run(True, operation, *args, **kwargs)

    def _run(self, writes: bool, operation: Operation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        unit_of_work = self._unit_of_work

        def once() -> R:
            with (
                unit_of_work.sessions() as session,
                unit_of_work.scope(session, writes),
                translated_errors(session),
            ):
                return operation(session, *args, **kwargs)

        return unit_of_work.repeating(Retrying, args)(once)
