"""Every operation once, on a plain `sqlalchemy.orm.Session`. They flush; they never commit, roll back or close."""

import itertools
from collections.abc import Iterable, Iterator

from sqlalchemy import bindparam, collate, func, select
from sqlalchemy import delete as delete_from
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import col

from error_patterns import adoption, matching
from error_patterns.database import dialects as json_sql
from error_patterns.database.cancellation import stop_if_cancelled
from error_patterns.errors import PatternAlreadyExistsError, PatternNotFoundError
from error_patterns.guidance import render_guidance
from error_patterns.matching import RELEVANT_SCORE
from error_patterns.models import ErrorPattern, keyword_index
from error_patterns.models import fingerprint_aliases as merged_fingerprints
from error_patterns.models.fields import known_id
from error_patterns.models.results import KeywordCount, PatternMatch, PatternStatistics
from error_patterns.operations import update as changes

_BATCH = 1_000
_MAX_BOUND = 2**63 - 1  # of LIMIT and OFFSET in both databases


# Made once: SQLAlchemy takes longer to make a statement than SQLite to answer it.
_BY_ID = select(ErrorPattern).where(col(ErrorPattern.pattern_id) == bindparam("pattern_id"))
_PAGE = (
    select(ErrorPattern)
    .order_by(col(ErrorPattern.last_seen).desc(), col(ErrorPattern.pattern_id))
    .offset(bindparam("offset"))
)
_BOUNDED_PAGE = _PAGE.limit(bindparam("limit"))


def create(session: Session, pattern: ErrorPattern) -> ErrorPattern:
    """Store a new pattern."""
    stored = pattern if sa_inspect(pattern).transient else pattern.model_copy()
    stored.fingerprint = None
    if session.identity_key(ErrorPattern, stored.pattern_id) in session.identity_map:
        raise PatternAlreadyExistsError(stored.pattern_id)
    session.add(stored)
    try:
        session.flush()
    except IntegrityError as error:
        if _is_taken_id(error):
            raise PatternAlreadyExistsError(pattern.pattern_id) from error
        raise
    return stored


def create_many(session: Session, patterns: Iterable[ErrorPattern]) -> int:
    """Store new patterns, a batch at a time."""
    created = 0
    for batch in _batches(patterns):
        stop_if_cancelled(session)
        _insert_new(session, batch)
        keyword_index.write(session, batch)
        created += len(batch)
    return created


def get(session: Session, pattern_id: str) -> ErrorPattern | None:
    """The pattern with this id."""
    known = known_id(pattern_id)
    return None if known is None else session.scalars(_BY_ID, {"pattern_id": known}).one_or_none()


def update(session: Session, pattern: ErrorPattern) -> ErrorPattern:
    """Write what the caller set or changed; the same object, as it is stored now."""
    pattern_id = changes.stored_id(pattern)
    try:
        session.flush()
        stored = session.get(ErrorPattern, pattern_id, populate_existing=True, with_for_update=True)
        if stored is None:
            raise PatternNotFoundError(pattern_id)
        if stored is pattern:
            return stored
        changes.apply(pattern, stored)
        with changes.locked(session, stored):
            session.flush()
    except StaleDataError as error:
        raise PatternNotFoundError(pattern_id) from error
    return adoption.adopt(session, pattern, stored)


def delete(session: Session, pattern_id: str) -> bool:
    """Remove a pattern and its keywords."""
    known = known_id(pattern_id)
    if known is None:
        return False
    statement = delete_from(ErrorPattern).where(col(ErrorPattern.pattern_id) == known)
    deleted = session.scalars(statement.returning(col(ErrorPattern.pattern_id))).all()
    # After the row, which every writer locks first: two writers that lock in different orders wait for each other.
    keyword_index.erase(session, known)
    merged_fingerprints.erase(session, known)
    return bool(deleted)


def list_all(session: Session, *, limit: int | None = None, offset: int = 0) -> list[ErrorPattern]:
    """All patterns, newest `last_seen` first, ties by id."""
    bounds = {"offset": _checked_bound("offset", offset)}
    if limit is None:
        return list(session.scalars(_PAGE, bounds))
    return list(session.scalars(_BOUNDED_PAGE, bounds | {"limit": _checked_bound("limit", limit)}))


def list_after(session: Session, pattern_id: str, *, batch_size: int) -> list[ErrorPattern]:
    """The patterns whose ids come next, in the order of their ids."""
    limit = _checked_bound("batch_size", batch_size, least=1)
    by_id = select(ErrorPattern).order_by(col(ErrorPattern.pattern_id)).limit(limit)
    return list(session.scalars(by_id.where(col(ErrorPattern.pattern_id) > pattern_id)))


def match_context(session: Session, context: str, *, limit: int | None = 10) -> list[ErrorPattern]:
    """The patterns that the context resembles, best first."""
    return [match.pattern for match in rank_context(session, context, limit=limit)]


def rank_context(
    session: Session, context: str, *, limit: int | None = 10, min_score: float = 0.0
) -> list[PatternMatch]:
    """The patterns that the context resembles, best first, with score and reason."""
    if limit is not None:
        _checked_bound("limit", limit)
    return matching.rank(session, context, limit=limit, min_score=min_score)


def guidance_for(session: Session, context: str, *, limit: int = 5, max_characters: int = 2000) -> str:
    """What to check before acting on the context, for a prompt."""
    matches = rank_context(session, context, limit=limit, min_score=RELEVANT_SCORE)
    return render_guidance(matches, max_characters=max_characters)


def count(session: Session) -> int:
    """The number of patterns."""
    return session.scalar(select(func.count()).select_from(ErrorPattern)) or 0


def statistics(session: Session, *, top: int = 10) -> PatternStatistics:
    """What the memory holds."""
    top = _checked_bound("top", top)
    totals = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(col(ErrorPattern.frequency)), 0),
            func.min(col(ErrorPattern.created_at)),
            func.max(col(ErrorPattern.last_seen)),
        ).select_from(ErrorPattern)
    ).one()
    most_frequent_first = select(ErrorPattern).order_by(
        col(ErrorPattern.frequency).desc(), col(ErrorPattern.last_seen).desc(), col(ErrorPattern.pattern_id)
    )
    return PatternStatistics(
        total_patterns=totals[0],
        total_occurrences=int(totals[1]),
        first_created=totals[2],
        last_seen=totals[3],
        most_frequent=tuple(session.scalars(most_frequent_first.limit(top))),
        top_keywords=_top_keywords(session, top),
    )


def insert_in(dialect: str) -> postgresql.Insert | sqlite.Insert:
    """The INSERT of the database that knows ON CONFLICT."""
    return postgresql.insert(ErrorPattern) if dialect == "postgresql" else sqlite.insert(ErrorPattern)


def row_of(pattern: ErrorPattern) -> dict[str, object]:
    """The values of a pattern by the names of their columns."""
    return {name: getattr(pattern, name) for name in type(pattern).model_fields}


def _batches(patterns: Iterable[ErrorPattern]) -> Iterator[list[ErrorPattern]]:
    iterator = iter(patterns)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


def _insert_new(session: Session, patterns: list[ErrorPattern]) -> None:
    """Insert them all; raise for an id that stands twice among them, or that is stored."""
    statement = insert_in(session.get_bind().dialect.name).on_conflict_do_nothing(
        index_elements=[col(ErrorPattern.pattern_id)]
    )
    rows = [row_of(pattern) | {"fingerprint": None} for pattern in patterns]
    inserted = set(session.scalars(statement.returning(col(ErrorPattern.pattern_id)), rows))
    for pattern in patterns:
        if pattern.pattern_id not in inserted:
            raise PatternAlreadyExistsError(pattern.pattern_id)
        inserted.remove(pattern.pattern_id)


def _is_taken_id(error: IntegrityError) -> bool:
    """Whether the primary key was violated; PostgreSQL names the constraint, SQLite the column."""
    reason = str(error.orig)
    return "pk_error_patterns" in reason or "error_patterns.pattern_id" in reason


def _checked_bound(name: str, value: int, *, least: int = 0) -> int:
    if not least <= value <= _MAX_BOUND:
        raise ValueError(f"{name}: must be from {least} to {_MAX_BOUND}, got {value}")
    return value


def _top_keywords(session: Session, top: int) -> tuple[KeywordCount, ...]:
    keyword = json_sql.elements(col(ErrorPattern.keywords))
    patterns = func.count()
    in_code_points = collate(keyword, "C" if session.get_bind().dialect.name == "postgresql" else "BINARY")
    counted = select(keyword, patterns).select_from(ErrorPattern).group_by(keyword)
    rows = session.execute(counted.order_by(patterns.desc(), in_code_points).limit(top))
    return tuple(KeywordCount(keyword, patterns) for keyword, patterns in rows)
