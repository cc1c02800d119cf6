"""The keyword index: one posting for each phrase of a pattern, so that a context finds its patterns by look-up.

It is derived from `ErrorPattern.keywords` and `ErrorPattern.pattern`.
"""

from collections.abc import Sequence
from typing import TypedDict

from sqlalchemy import Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, SmallInteger, String, Table
from sqlalchemy.schema import conv
from sqlmodel import SQLModel

from error_patterns.models.fields import ULID_CHARACTERS
from error_patterns.text.words import MAX_TERM_CHARACTERS, phrases_of, term_of

MAX_WORDS = 2**15 - 1  # of the column; compatibility forms such as ㌖ are several words a character
PATTERN_TEXT = -1
"""The position of the pattern's own text; those of the keywords are their places in the list, from 0."""

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
    # With `words`, and the primary key that SQLite adds, this index covers what matching reads of a pattern.
    Index(conv("ix_error_pattern_keywords_pattern_id"), "pattern_id", "words"),
    sqlite_with_rowid=False,
)


class Posting(TypedDict):
    """One row of the index: the term of a phrase, the position of the phrase, and its number of words."""

    term: str
    pattern_id: str
    position: int
    words: int


def postings_of(pattern_id: str, pattern: str, keywords: Sequence[str]) -> list[Posting]:
    """Make the postings of a pattern from its text and its keywords."""
    longest: dict[tuple[str, int], int] = {}
    for position, phrase_text in enumerate((pattern, *keywords), start=PATTERN_TEXT):
        for phrase in phrases_of(phrase_text):
            key = (term_of(phrase), position)
            longest[key] = max(len(phrase), longest.get(key, 0))
    return [
        Posting(term=term, pattern_id=pattern_id, position=position, words=min(words, MAX_WORDS))
        for (term, position), words in longest.items()
    ]
