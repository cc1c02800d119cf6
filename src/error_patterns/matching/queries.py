"""The queries of matching, each one statement that goes by an index.

The statements are made once: SQLAlchemy takes longer to make one than SQLite takes to answer it. Lists are sent as one
JSON parameter each, as databases limit the number of those.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BindParameter, Row, Select, bindparam, func, literal, select
from sqlalchemy.orm import Session
from sqlmodel import col

from error_patterns.database.dialects import aggregated, elements
from error_patterns.models import ErrorPattern
from error_patterns.models.checked_list import JSON_ARRAY
from error_patterns.models.keyword_index import keyword_index as index


class Phrase(NamedTuple):
    """A term, the id of a pattern that has a phrase with it, and the number of words of that phrase."""

    term: str
    pattern_id: str
    words: int


CandidateRow = Row[str, int, datetime, list[tuple[str, int, int]] | None]
"""A pattern's id, frequency, `last_seen`, and the term, position and words of all its phrases."""

_AT_MOST: BindParameter[int] = bindparam("at_most")
_ASKED: Select[str] = select(elements(bindparam("asked", type_=JSON_ARRAY)))
_TERM = _ASKED.subquery("asked").c.value
_IS_ASKED = col(ErrorPattern.pattern_id).in_(_ASKED)


def document_frequencies(session: Session, terms: Iterable[str], *, at_most: int) -> dict[str, int]:
    """Count the phrases of each term that the index has, up to `at_most`."""
    # In the order of the index: neighbours are in pages that were just read.
    found = session.execute(_FREQUENCIES, {"asked": sorted(terms), "at_most": at_most}).all()
    return dict(found)


def _frequencies() -> Select[str, int]:
    phrases = select(literal(1)).where(index.c.term == _TERM)
    some = phrases.limit(_AT_MOST).correlate(_TERM.table).subquery()
    counted = select(func.count()).select_from(some).scalar_subquery()
    return select(_TERM, counted).where(phrases.correlate(_TERM.table).exists())


_FREQUENCIES = _frequencies()


def fetch_phrases(session: Session, terms: Iterable[str]) -> list[Phrase]:
    """Fetch all phrases with these terms."""
    found = session.execute(_PHRASES, {"asked": list(terms)})
    return [Phrase(term, pattern_id, words) for term, phrases in found for pattern_id, words in phrases or ()]


# Not as a join: PostgreSQL would rather read all of the index than believe that it is asked for so little of it.
_PHRASES = select(
    _TERM,
    select(aggregated(index.c.pattern_id, index.c.words))
    .where(index.c.term == _TERM)
    .correlate(_TERM.table)
    .scalar_subquery(),
)


def fetch_ids(session: Session, terms: Iterable[str]) -> Sequence[str]:
    """Fetch the ids of all patterns that have phrases with these terms."""
    return session.scalars(_PATTERNS_WITH, {"asked": list(terms)}).all()


_PATTERNS_WITH = select(index.c.pattern_id).where(index.c.term.in_(_ASKED)).distinct()


def fetch_newest_phrases(session: Session, term: str, *, at_most: int) -> list[Phrase]:
    """Fetch the phrases with this term of the newest ids."""
    found = session.execute(_NEWEST_PHRASES, {"asked": term, "at_most": at_most})
    return [Phrase(term, pattern_id, words) for pattern_id, words in found]


_NEWEST_PHRASES = (
    select(index.c.pattern_id, index.c.words)
    .where(index.c.term == bindparam("asked"))
    .order_by(index.c.pattern_id.desc(), index.c.position.desc())
    .limit(_AT_MOST)
)


def fetch_candidate_rows(session: Session, pattern_ids: Iterable[str]) -> Sequence[CandidateRow]:
    """Fetch the values that the scores of these patterns and their order depend on."""
    return session.execute(_CANDIDATE_ROWS, {"asked": list(pattern_ids)}).all()


_CANDIDATE_ROWS = select(
    col(ErrorPattern.pattern_id),
    col(ErrorPattern.frequency),
    col(ErrorPattern.last_seen),
    select(aggregated(index.c.term, index.c.position, index.c.words))
    .where(index.c.pattern_id == col(ErrorPattern.pattern_id))
    .correlate(ErrorPattern)
    .scalar_subquery(),
).where(_IS_ASKED)


def fetch_phrase_texts(session: Session, pattern_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Fetch the keywords of the patterns and, behind them at `PATTERN_TEXT`, which is -1, their own text."""
    found = session.execute(_PHRASE_TEXTS, {"asked": list(pattern_ids)})
    return {pattern_id: (*keywords, pattern) for pattern_id, pattern, keywords in found}


_PHRASE_TEXTS = select(col(ErrorPattern.pattern_id), col(ErrorPattern.pattern), col(ErrorPattern.keywords)).where(
    _IS_ASKED
)


def fetch_patterns(session: Session, pattern_ids: Iterable[str]) -> dict[str, ErrorPattern]:
    """Fetch the patterns themselves; those that another transaction deleted in the meantime are missing."""
    found = session.scalars(_PATTERNS, {"asked": list(pattern_ids)})
    return {pattern.pattern_id: pattern for pattern in found}


_PATTERNS = select(ErrorPattern).where(_IS_ASKED)
