"""The same calls as somebody writes them by hand with SQLModel, on the table of this package.

The listeners of the table keep the index here too, and `error_patterns.failures` reads the failures, so that
the same is done.
"""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from itertools import islice

from sqlmodel import Session, col, create_engine, func, select

from benchmarks.stores import Store
from benchmarks.subjects import PAGE, Call
from error_patterns import ErrorPattern, failures
from error_patterns.models.fields import utc_now


class Handwritten:
    """A plain session for each call."""

    def __init__(self, store: Store) -> None:
        self._engine = create_engine(store.url)

    def get(self, pattern_id: str) -> Call:
        return partial(self._get, pattern_id)

    def create(self, pattern: ErrorPattern) -> Call:
        return partial(self._create, pattern)

    def record_failure(self, text: str) -> Call:
        return partial(self._record_failure, text)

    def update(self, pattern_id: str, checks: list[str]) -> Call:
        return partial(self._update, pattern_id, checks)

    def list_all(self) -> Call:
        return self._list_all

    def statistics(self) -> Call:
        return self._statistics

    def create_many(self, patterns: Iterable[ErrorPattern]) -> Call:
        return partial(self._create_many, list(patterns))

    def close(self) -> None:
        self._engine.dispose()

    def _get(self, pattern_id: str) -> ErrorPattern | None:
        with Session(self._engine) as session:
            return session.get(ErrorPattern, pattern_id)

    def _create(self, pattern: ErrorPattern) -> ErrorPattern:
        with Session(self._engine) as session:
            session.add(pattern)
            session.commit()
            session.refresh(pattern)
            return pattern

    def _record_failure(self, failure: str) -> ErrorPattern:
        text = failures.failure_text(failure)
        headline, fingerprint, keywords, _ = failures.parse_failure(text)
        with Session(self._engine) as session:
            pattern = session.exec(select(ErrorPattern).where(ErrorPattern.fingerprint == fingerprint)).first()
            if pattern is None:
                pattern = ErrorPattern(pattern=headline, keywords=keywords, fingerprint=fingerprint)
                session.add(pattern)
            else:
                pattern.frequency += 1
                pattern.last_seen = utc_now()
            pattern.historical_failures.append(text)
            session.commit()
            session.refresh(pattern)
            return pattern

    def _update(self, pattern_id: str, checks: list[str]) -> ErrorPattern:
        with Session(self._engine) as session:
            pattern = session.get_one(ErrorPattern, pattern_id)
            pattern.preventive_checks = checks
            session.commit()
            session.refresh(pattern)
            return pattern

    def _list_all(self) -> list[ErrorPattern]:
        newest_first = select(ErrorPattern).order_by(col(ErrorPattern.last_seen).desc(), col(ErrorPattern.pattern_id))
        with Session(self._engine) as session:
            return list(session.exec(newest_first.limit(PAGE)).all())

    def _statistics(self) -> tuple[object, ...]:
        most_frequent = select(ErrorPattern).order_by(
            col(ErrorPattern.frequency).desc(), col(ErrorPattern.last_seen).desc(), col(ErrorPattern.pattern_id)
        )
        with Session(self._engine) as session:
            totals = session.exec(
                select(
                    func.count(col(ErrorPattern.pattern_id)),
                    func.sum(ErrorPattern.frequency),
                    func.min(ErrorPattern.created_at),
                    func.max(ErrorPattern.last_seen),
                )
            ).one()
            keywords = Counter(
                keyword for keywords in session.exec(select(ErrorPattern.keywords)) for keyword in keywords
            )
            return (totals, session.exec(most_frequent.limit(10)).all(), keywords.most_common(10))

    def _create_many(self, patterns: list[ErrorPattern]) -> None:
        remaining = iter(patterns)
        with Session(self._engine) as session:
            while chunk := list(islice(remaining, 1_000)):
                session.add_all(chunk)
                session.flush()
            session.commit()
