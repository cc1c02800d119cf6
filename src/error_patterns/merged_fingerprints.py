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
    String,
    Table,
    delete,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.schema import conv
from sqlmodel import SQLModel, col

from error_patterns.fields import MAX_FINGERPRINT_CHARACTERS, ULID_CHARACTERS
from error_patterns.models import ErrorPattern

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


def hand_over(session: Session, patterns: Iterable[ErrorPattern], to: str) -> None:
    """Have the fingerprints of these patterns, and those that led to them, lead to another."""
    patterns = list(patterns)
    led_to_them = merged_fingerprints.c.pattern_id.in_([pattern.pattern_id for pattern in patterns])
    session.execute(update(merged_fingerprints).where(led_to_them).values(pattern_id=to))
    own = [{"fingerprint": p.fingerprint, "pattern_id": to} for p in patterns if p.fingerprint is not None]
    if own:
        session.execute(insert(merged_fingerprints), own)


def erase(connection: Connection | Session, *pattern_ids: str) -> None:
    """Remove what leads to these patterns."""
    connection.execute(delete(merged_fingerprints).where(merged_fingerprints.c.pattern_id.in_(pattern_ids)))


@event.listens_for(ErrorPattern, "before_delete")
def _before_delete(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    # Not left to ON DELETE CASCADE: SQLite has foreign keys switched off in engines that are not ours.
    erase(connection, target.pattern_id)
