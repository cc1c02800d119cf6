"""The fingerprints of patterns that were merged into others: which pattern counts their failures now."""

from collections.abc import Iterable

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    ScalarSelect,
    Select,
    String,
    Table,
    delete,
    event,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.schema import conv
from sqlmodel import SQLModel, col

from error_patterns.models.error_pattern import ErrorPattern
from error_patterns.models.fields import MAX_FINGERPRINT_CHARACTERS, ULID_CHARACTERS

merged_fingerprints: Table = Table(
    "error_pattern_fingerprints",
    SQLModel.metadata,
    Column("fingerprint", String(MAX_FINGERPRINT_CHARACTERS), nullable=False),
    Column("pattern_id", String(ULID_CHARACTERS), nullable=False),
    PrimaryKeyConstraint("fingerprint", name=conv("pk_error_pattern_fingerprints")),
    ForeignKeyConstraint(
        ["pattern_id"],
        ["error_patterns.pattern_id"],
        name=conv("fk_error_pattern_fingerprints_pattern_id"),
        ondelete="CASCADE",
    ),
    Index(conv("ix_error_pattern_fingerprints_pattern_id"), "pattern_id"),
    sqlite_with_rowid=False,
)


def owner_of(fingerprint: ColumnElement[str | None]) -> ScalarSelect[str]:
    """The pattern that counts the failures of a fingerprint, if the one that had it was merged into another."""
    owner = select(col(ErrorPattern.pattern_id)).where(
        col(ErrorPattern.pattern_id) == merged_fingerprints.c.pattern_id,
        merged_fingerprints.c.fingerprint == fingerprint,
    )
    return owner.scalar_subquery()


def owners(*, all_but: str) -> Select[str]:
    """The patterns to which fingerprints lead that do not begin with the version."""
    return select(merged_fingerprints.c.pattern_id).where(~_is_of(all_but))


def _is_of(version: str) -> ColumnElement[bool]:
    return merged_fingerprints.c.fingerprint.startswith(version, autoescape=True)


def hand_over(session: Session, patterns: Iterable[ErrorPattern], to: str) -> None:
    """Have the fingerprints of these patterns, and those that led to them, lead to another."""
    patterns = list(patterns)
    led_to_them = merged_fingerprints.c.pattern_id.in_([pattern.pattern_id for pattern in patterns])
    session.execute(update(merged_fingerprints).where(led_to_them).values(pattern_id=to))
    lead(session, [p.fingerprint for p in patterns if p.fingerprint is not None], to)


def lead(session: Session, fingerprints: Iterable[str], to: str) -> None:
    """Have these fingerprints lead to a pattern, wherever they led before."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    for fingerprint in fingerprints:
        row = insert(merged_fingerprints).values(fingerprint=fingerprint, pattern_id=to)
        session.execute(row.on_conflict_do_update(index_elements=["fingerprint"], set_={"pattern_id": to}))


def forget(session: Session, pattern_id: str, *, fingerprint: str) -> None:
    """Have a fingerprint lead to the pattern no more."""
    leads = merged_fingerprints.c.pattern_id == pattern_id, merged_fingerprints.c.fingerprint == fingerprint
    session.execute(delete(merged_fingerprints).where(*leads))


def forget_all_but(session: Session, pattern_id: str, version: str) -> None:
    """Have the fingerprints that do not begin with the version lead to the pattern no more."""
    leads = merged_fingerprints.c.pattern_id == pattern_id, ~_is_of(version)
    session.execute(delete(merged_fingerprints).where(*leads))


def erase(connection: Connection | Session, *pattern_ids: str) -> None:
    """Remove what leads to these patterns."""
    connection.execute(delete(merged_fingerprints).where(merged_fingerprints.c.pattern_id.in_(pattern_ids)))


@event.listens_for(ErrorPattern, "before_delete")
def _before_delete(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    # Not left to ON DELETE CASCADE: SQLite has foreign keys switched off in engines that are not ours.
    erase(connection, target.pattern_id)
