"""The keyword index: one row for each phrase of a pattern, so that a context finds its patterns by look-up.

It is derived from `ErrorPattern.keywords` and `ErrorPattern.pattern`, and written in the same transaction as they are:
by the listeners below for every session that writes an `ErrorPattern`, by `write` for statements that bypass them.
"""

from collections.abc import Iterable, Sequence
from typing import TypedDict

from sqlalchemy import (
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    delete,
    event,
    insert,
    literal,
)
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.schema import conv
from sqlmodel import SQLModel

from error_patterns.models.error_pattern import ErrorPattern
from error_patterns.models.fields import ULID_CHARACTERS
from error_patterns.text import MAX_TERM_CHARACTERS, phrases_of, term_of

MAX_WORDS = 2**15 - 1  # of the column; compatibility forms such as ㌖ are several words a character
PATTERN_TEXT = -1
"""The position of the pattern's own text; keywords stand at their positions in the list, from 0."""

keyword_index: Table = Table(
    "error_pattern_keywords",
    SQLModel.metadata,
    Column("term", String(MAX_TERM_CHARACTERS), nullable=False),
    Column("pattern_id", String(ULID_CHARACTERS), nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("words", SmallInteger, nullable=False),
    PrimaryKeyConstraint("term", "pattern_id", "position", name=conv("pk_error_pattern_keywords")),
    ForeignKeyConstraint(
        ["pattern_id"],
        ["error_patterns.pattern_id"],
        name=conv("fk_error_pattern_keywords_pattern_id"),
        ondelete="CASCADE",
    ),
    # With `words`, and the primary key that SQLite adds, it has all that matching asks of a pattern's rows.
    Index(conv("ix_error_pattern_keywords_pattern_id"), "pattern_id", "words"),
    sqlite_with_rowid=False,
)


class Posting(TypedDict):
    """One row of the index: the term of a phrase, where the phrase stands, and how many words it has in all."""

    term: str
    pattern_id: str
    position: int
    words: int


def postings_of(pattern_id: str, pattern: str, keywords: Sequence[str]) -> list[Posting]:
    """The rows of the index that a pattern must have."""
    longest: dict[tuple[str, int], int] = {}
    for position, phrase_text in enumerate((pattern, *keywords), start=PATTERN_TEXT):
        for phrase in phrases_of(phrase_text):
            place = (term_of(phrase), position)
            longest[place] = max(len(phrase), longest.get(place, 0))
    return [
        Posting(term=term, pattern_id=pattern_id, position=position, words=min(words, MAX_WORDS))
        for (term, position), words in longest.items()
    ]


def write(connection: Connection | Session, patterns: Iterable[ErrorPattern]) -> None:
    """Add the rows of patterns that the index does not have yet."""
    insert_rows(connection, [row for p in patterns for row in postings_of(p.pattern_id, p.pattern, p.keywords)])


def insert_rows(connection: Connection | Session, rows: list[Posting]) -> None:
    """Add rows that the index does not have yet."""
    if not rows:
        return
    bind = connection if isinstance(connection, Connection) else connection.connection()
    statement = insert(keyword_index)
    if bind.dialect.name == "postgresql":
        # RETURNING makes SQLAlchemy send many rows a statement. Without it, psycopg makes a pipeline, in which a task
        # that is cancelled at the wrong moment leaves the connection.
        statement = statement.returning(literal(1))
    connection.execute(statement, rows)


def erase(connection: Connection | Session, *pattern_ids: str) -> None:
    """Remove the rows of patterns."""
    connection.execute(delete(keyword_index).where(keyword_index.c.pattern_id.in_(pattern_ids)))


@event.listens_for(ErrorPattern, "after_insert")
def _after_insert(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    write(connection, [target])


@event.listens_for(ErrorPattern, "after_update")
def _after_update(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    attributes = sa_inspect(target).attrs
    if attributes.keywords.history.has_changes() or attributes.pattern.history.has_changes():
        erase(connection, target.pattern_id)
        write(connection, [target])


@event.listens_for(ErrorPattern, "before_delete")
def _before_delete(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    # Not left to ON DELETE CASCADE: SQLite has foreign keys switched off in engines that are not ours.
    erase(connection, target.pattern_id)
