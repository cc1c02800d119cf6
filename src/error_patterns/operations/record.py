"""`record_failure`: parse a failure, and count it under its fingerprint by an upsert."""

import functools
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, ScalarSelect, bindparam, case, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert
from sqlmodel import col

from error_patterns.database.derived_rows import insert_index
from error_patterns.database.dialects import insert_on_conflict
from error_patterns.models import ErrorPattern
from error_patterns.models.fields import (
    KEPT_FAILURES,
    MAX_CHECKS,
    MAX_KEYWORDS,
    MAX_PATTERN_CHARACTERS,
    newest_contexts,
)
from error_patterns.operations import aliases
from error_patterns.operations.crud import row_values
from error_patterns.operations.update import join_distinct, set_unvalidated
from error_patterns.redaction import Redaction
from error_patterns.text.sanitize import cut


class Given(NamedTuple):
    """What the caller of `record_failure` knows beside the failure."""

    context: str | None
    keywords: Sequence[str] | None
    extra_keywords: Sequence[str]
    preventive_checks: Sequence[str]

    def all_keywords(self) -> Sequence[str]:
        """Return the keywords, then the extra ones. A text in place of a list stays one, for validation to refuse."""
        for keywords in (self.keywords, self.extra_keywords):
            if isinstance(keywords, str):
                return keywords
        return [*(self.keywords or ()), *self.extra_keywords]


class Observation(NamedTuple):
    """A failure, parsed and redacted.

    Attributes:
        pattern: The pattern to store if the failure is new.
        given_keywords: The keywords that the caller gave, which a known pattern gets as well.
    """

    pattern: ErrorPattern
    given_keywords: list[str]


def observe(failure: str | BaseException, given: Given, redaction: Redaction) -> Observation:
    """Parse a failure. This needs no session: it can take long, and other writers would wait."""
    from error_patterns import failures  # noqa: PLC0415 - compiles a hundred expressions, for this call alone

    text = failures.failure_text(failure, redaction)
    parsed = failures.parse_failure(text)
    context = failures.clean_text(given.context or "", redaction)
    if not context and isinstance(failure, BaseException):
        context = failures.clean_text(failures.circumstances_of(failure).attempt, redaction)
    fields = {
        "pattern": cut(parsed.headline, MAX_PATTERN_CHARACTERS),
        "keywords": given.all_keywords(),
        "historical_failures": [text],
        "historical_contexts": [context or parsed.attempt],
        "preventive_checks": given.preventive_checks,
        "fingerprint": parsed.fingerprint,
    }
    pattern = ErrorPattern.model_validate(fields)
    given_keywords = list(pattern.keywords)
    if given.keywords is None:
        # Of what is cut off nothing is drawn: the index would take it for a keyword that somebody chose.
        kept = pattern.historical_failures[0]
        drawn = [keyword for keyword in parsed.keywords if keyword in kept][: MAX_KEYWORDS - len(given_keywords)]
        pattern.keywords = [*drawn, *given_keywords]
    return Observation(pattern, given_keywords)


def record_failure(session: Session, observation: Observation) -> ErrorPattern:
    """Count a failure under its fingerprint, or store it as a new pattern."""
    new = observation.pattern
    stored = None
    while stored is None:  # twice only if the pattern of an alias is merged or deleted at this very moment
        stored = _upsert(session, new) or _count_for_alias(session, new)
    if stored.pattern_id == new.pattern_id:
        insert_index(session, [stored])
        return stored
    failures = [*stored.historical_failures, *new.historical_failures]
    set_unvalidated(stored, "historical_failures", failures[-KEPT_FAILURES:])
    contexts = [*stored.historical_contexts, *new.historical_contexts]
    set_unvalidated(stored, "historical_contexts", newest_contexts(contexts))
    checks = join_distinct(stored.preventive_checks, new.preventive_checks, most=MAX_CHECKS)
    set_unvalidated(stored, "preventive_checks", checks)
    keywords = join_distinct(stored.keywords, observation.given_keywords, most=MAX_KEYWORDS)
    set_unvalidated(stored, "keywords", keywords)
    session.flush()
    return stored


def _upsert(session: Session, new: ErrorPattern) -> ErrorPattern | None:
    """Insert the pattern, or count it if its fingerprint is known, in one statement, which also locks the row.

    Returns None if the fingerprint is an alias of another pattern.
    """
    statement = _upsert_in(session.get_bind().dialect.name)
    row = {f"new_{name}": value for name, value in row_values(new).items()}
    stored = session.scalars(statement, row, execution_options=_REFRESHED).one_or_none()
    if stored is None or stored.pattern_id != new.pattern_id or not session.scalar(select(_target_of_new()), row):
        return stored
    # A merge was committed while the statement waited for it, so that the statement did not see the alias.
    session.delete(stored)
    session.flush()
    return None


def _count_for_alias(session: Session, new: ErrorPattern) -> ErrorPattern | None:
    """Count a failure for the pattern that its fingerprint is an alias of; None if that is gone by now."""
    counted = _count_values(_new("last_seen"))
    statement = update(ErrorPattern).where(col(ErrorPattern.pattern_id) == _target_of_new()).values(counted)
    row = {"new_fingerprint": new.fingerprint, "new_last_seen": new.last_seen}
    return session.scalars(statement.returning(ErrorPattern), row, execution_options=_REFRESHED).one_or_none()


_REFRESHED = {"populate_existing": True, "synchronize_session": False}


def _new(name: str) -> BindParameter[Any]:  # Any: the type of whichever field is named
    return bindparam(f"new_{name}", type_=ErrorPattern.metadata.tables["error_patterns"].columns[name].type)


def _target_of_new() -> ScalarSelect[str]:
    return aliases.select_target(_new("fingerprint"))


def _count_values(seen: ColumnElement[datetime]) -> dict[str, ColumnElement[object]]:
    stored = col(ErrorPattern.last_seen)
    return {"frequency": col(ErrorPattern.frequency) + 1, "last_seen": case((stored < seen, seen), else_=stored)}


@functools.cache
def _upsert_in(dialect: str) -> ReturningInsert[ErrorPattern]:
    """Make the upsert, once for each dialect."""
    names = list(ErrorPattern.model_fields)
    new = select(*map(_new, names)).where(_target_of_new().is_(None))
    statement = insert_on_conflict(dialect, ErrorPattern).from_select(names, new)
    return (
        statement.on_conflict_do_update(
            index_elements=[col(ErrorPattern.fingerprint)], set_=_count_values(statement.excluded.last_seen)
        )
        .returning(ErrorPattern)
        .execution_options(dml_strategy="orm")  # by default, SQLAlchemy takes the parameters for rows to insert
    )
