"""The table of fingerprint aliases: further fingerprints that a pattern counts, such as those of merged ones."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, String, Table
from sqlalchemy.schema import conv
from sqlmodel import SQLModel

from error_patterns.models.fields import MAX_FINGERPRINT_CHARACTERS, ULID_CHARACTERS

fingerprint_aliases: Table = Table(
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
