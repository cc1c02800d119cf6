"""The tables of the index: it finds the patterns of a term by look-up, and reads all phrases of a pattern at once.

Both are derived from the rows of `error_patterns`, and the postings from the phrases: they are the same, inverted.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.schema import conv
from sqlmodel import SQLModel

from error_patterns.models.fields import ULID_CHARACTERS
from error_patterns.text.words import MAX_TERM_CHARACTERS

# Each time that phrases are written uses up a number on PostgreSQL. Only SQLite's INTEGER is its row id.
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")

indexed_phrases: Table = Table(
    "error_pattern_phrases",
    SQLModel.metadata,
    Column("number", _NUMBER, Identity(), nullable=False),  # grows with each pattern, and is shorter than its id
    Column("pattern_id", String(ULID_CHARACTERS), nullable=False),
    # Arrays of term, position and words. No JSONB: they are read whole, and nothing is searched in them.
    Column("phrases", JSON, nullable=False),
    CheckConstraint(
        "json_valid(phrases) AND json_type(phrases) = 'array'", name=conv("ck_error_pattern_phrases_phrases")
    ).ddl_if(dialect="sqlite"),
    CheckConstraint("json_typeof(phrases) = 'array'", name=conv("ck_error_pattern_phrases_phrases")).ddl_if(
        dialect="postgresql"
    ),
    PrimaryKeyConstraint("number", name=conv("pk_error_pattern_phrases")),
    UniqueConstraint("pattern_id", name=conv("uq_error_pattern_phrases_pattern_id")),
    ForeignKeyConstraint(
        ["pattern_id"],
        ["error_patterns.pattern_id"],
        name=conv("fk_error_pattern_phrases_pattern_id"),
        ondelete="CASCADE",
    ),
)

# The key is all that a posting has, so that reading is index-only. A foreign key would need an index on `number`, as
# large as the table: the postings of a pattern are found by its phrases instead.
postings: Table = Table(
    "error_pattern_postings",
    SQLModel.metadata,
    Column(
        "term", String(MAX_TERM_CHARACTERS).with_variant(String(MAX_TERM_CHARACTERS, "C"), "postgresql"), nullable=False
    ),
    Column("number", _NUMBER, nullable=False),
    Column("position", SmallInteger, nullable=False),
    PrimaryKeyConstraint("term", "number", "position", name=conv("pk_error_pattern_postings")),
    sqlite_with_rowid=False,
)
