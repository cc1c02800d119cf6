"""`record_failure`: a failure is read, and then counted under its fingerprint in one statement."""

import functools
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, ScalarSelect, bindparam, case, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert
from sqlmodel import col

from error_patterns.models import ErrorPattern, keyword_index
from error_patterns.models import fingerprint_aliases as merged_fingerprints
from error_patterns.models.fields import KEPT_FAILURES, MAX_CHECKS, MAX_KEYWORDS
from error_patterns.operations import update as changes
from error_patterns.operations.crud import insert_in, row_of
from error_patterns.redaction import Redaction


class Observation(NamedTuple):
    """A failure, read and redacted.

    Attributes:
        pattern: What it makes if it is not known.
        is_named: Whether its keywords are the caller's, and not drawn from its text.
    """

    pattern: ErrorPattern
    is_named: bool


def observe(
    failure: str | BaseException,
    *,
    keywords: Sequence[str] | None,
    preventive_checks: Sequence[str],
    redaction: Redaction,
) -> Observation:
    """Read a failure. Without a session, as it can take long, and other writers would wait."""
    from error_patterns import failures  # noqa: PLC0415 - compiles a hundred expressions, for this call alone

    text = failures.text_of(failure, redaction)
    reading = failures.read(text)
    pattern = ErrorPattern.model_validate(
        {
            "pattern": reading.headline,
            "keywords": reading.keywords if keywords is None else keywords,
            "historical_failures": [text],
            "preventive_checks": preventive_checks,
            "fingerprint": reading.fingerprint,
        }
    )
    return Observation(pattern, is_named=keywords is not None)


def record_failure(session: Session, observation: Observation) -> ErrorPattern:
    """Count a failure under its fingerprint, or make it a new pattern."""
    new = observation.pattern
    stored = None
    while stored is None:  # once, unless what it was merged into is merged itself, or deleted, at this moment
        stored = _upsert(session, new) or _count_merged(session, new)
    if stored.pattern_id == new.pattern_id:
        keyword_index.write(session, [stored])
        return stored
    failures = [*stored.historical_failures, *new.historical_failures]
    changes.put(stored.historical_failures, failures[-KEPT_FAILURES:])
    changes.join(stored.preventive_checks, new.preventive_checks, MAX_CHECKS)
    if observation.is_named:
        changes.join(stored.keywords, new.keywords, MAX_KEYWORDS)
    with changes.locked(session, stored):
        session.flush()
    return stored


def _upsert(session: Session, new: ErrorPattern) -> ErrorPattern | None:
    """Insert the pattern, or count it where its fingerprint is known: one statement, which also locks the row.

    None where the pattern that had the fingerprint was merged into another.
    """
    statement = _upsert_in(session.get_bind().dialect.name)
    row = {f"new_{name}": value for name, value in row_of(new).items()}
    stored = session.scalars(statement, row, execution_options=_REFRESHED).one_or_none()
    if stored is None or stored.pattern_id != new.pattern_id or not session.scalar(select(_owner_of_new()), row):
        return stored
    # The merge ended while the statement waited for it, so that this one did not see it.
    session.delete(stored)
    session.flush()
    return None


def _count_merged(session: Session, new: ErrorPattern) -> ErrorPattern | None:
    """Count a failure for the pattern into which its own was merged; None if that is gone by now."""
    counted = _counted(_new("last_seen"))
    statement = update(ErrorPattern).where(col(ErrorPattern.pattern_id) == _owner_of_new()).values(counted)
    row = {"new_fingerprint": new.fingerprint, "new_last_seen": new.last_seen}
    return session.scalars(statement.returning(ErrorPattern), row, execution_options=_REFRESHED).one_or_none()


_REFRESHED = {"populate_existing": True, "synchronize_session": False}


def _new(name: str) -> BindParameter[Any]:  # Any: the type of whichever field is named
    return bindparam(f"new_{name}", type_=ErrorPattern.metadata.tables["error_patterns"].columns[name].type)


def _owner_of_new() -> ScalarSelect[str]:
    return merged_fingerprints.owner_of(_new("fingerprint"))


def _counted(seen: ColumnElement[datetime]) -> dict[str, ColumnElement[object]]:
    stored = col(ErrorPattern.last_seen)
    return {"frequency": col(ErrorPattern.frequency) + 1, "last_seen": case((stored < seen, seen), else_=stored)}


@functools.cache
def _upsert_in(dialect: str) -> ReturningInsert[ErrorPattern]:
    """The statement, made once for each database."""
    names = list(ErrorPattern.model_fields)
    new = select(*map(_new, names)).where(_owner_of_new().is_(None))
    statement = insert_in(dialect).from_select(names, new)
    return (
        statement.on_conflict_do_update(
            index_elements=[col(ErrorPattern.fingerprint)], set_=_counted(statement.excluded.last_seen)
        )
        .returning(ErrorPattern)
        .execution_options(dml_strategy="orm")  # by itself, SQLAlchemy takes the parameters for rows to insert
    )
