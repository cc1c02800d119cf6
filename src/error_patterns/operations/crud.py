"""Create, read and delete patterns, one by one and in batches."""

import itertools
from collections.abc import Iterable, Iterator

from sqlalchemy import bindparam, select
from sqlalchemy import delete as delete_from
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import col

from error_patterns.database.derived_rows import erase_derived, insert_index
from error_patterns.database.dialects import insert_on_conflict
from error_patterns.database.sessions import BATCH_SIZE
from error_patterns.errors import PatternAlreadyExistsError
from error_patterns.models import ErrorPattern
from error_patterns.models.fields import known_id

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
        _insert_new(session, batch)
        insert_index(session, batch)
        created += len(batch)
    return created


def get(session: Session, pattern_id: str) -> ErrorPattern | None:
    """Return the pattern with this id."""
    known = known_id(pattern_id)
    return None if known is None else session.scalars(_BY_ID, {"pattern_id": known}).one_or_none()


def delete(session: Session, pattern_id: str) -> bool:
    """Delete a pattern and the rows derived from it."""
    known = known_id(pattern_id)
    if known is None:
        return False
    erase_derived(session, [known])
    statement = delete_from(ErrorPattern).where(col(ErrorPattern.pattern_id) == known)
    deleted = session.scalars(statement.returning(col(ErrorPattern.pattern_id))).all()
    return bool(deleted)


def list_all(session: Session, *, limit: int | None = None, offset: int = 0) -> list[ErrorPattern]:
    """List all patterns, newest `last_seen` first, ties by id."""
    bounds = {"offset": check_bound("offset", offset)}
    if limit is None:
        return list(session.scalars(_PAGE, bounds))
    return list(session.scalars(_BOUNDED_PAGE, bounds | {"limit": check_bound("limit", limit)}))


def list_after(session: Session, pattern_id: str, *, batch_size: int) -> list[ErrorPattern]:
    """List the patterns behind an id, in the order of their ids: keyset pagination."""
    limit = check_bound("batch_size", batch_size, least=1)
    by_id = select(ErrorPattern).order_by(col(ErrorPattern.pattern_id)).limit(limit)
    return list(session.scalars(by_id.where(col(ErrorPattern.pattern_id) > pattern_id)))


def check_bound(name: str, value: int, *, least: int = 0) -> int:
    """Return the value of an argument if databases can count to it; raise ValueError if not."""
    if not least <= value <= _MAX_BOUND:
        raise ValueError(f"{name}: must be from {least} to {_MAX_BOUND}, got {value}")
    return value


def row_values(pattern: ErrorPattern) -> dict[str, object]:
    """Return the values of a pattern by the names of their columns."""
    return {name: getattr(pattern, name) for name in type(pattern).model_fields}


def _batches(patterns: Iterable[ErrorPattern]) -> Iterator[list[ErrorPattern]]:
    iterator = iter(patterns)
    while batch := list(itertools.islice(iterator, BATCH_SIZE)):
        yield batch


def _insert_new(session: Session, patterns: list[ErrorPattern]) -> None:
    """Insert a batch; raise for an id that stands twice in it, or that is stored."""
    statement = insert_on_conflict(session.get_bind().dialect.name, ErrorPattern).on_conflict_do_nothing(
        index_elements=[col(ErrorPattern.pattern_id)]
    )
    rows = [row_values(pattern) | {"fingerprint": None} for pattern in patterns]
    inserted = set(session.scalars(statement.returning(col(ErrorPattern.pattern_id)), rows))
    for pattern in patterns:
        if pattern.pattern_id not in inserted:
            raise PatternAlreadyExistsError(pattern.pattern_id)
        inserted.remove(pattern.pattern_id)


def _is_taken_id(error: IntegrityError) -> bool:
    """Tell whether the primary key was violated; PostgreSQL names the constraint, SQLite the column."""
    reason = str(error.orig)
    return "pk_error_patterns" in reason or "error_patterns.pattern_id" in reason
