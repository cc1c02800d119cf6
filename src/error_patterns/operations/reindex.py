"""Check and rebuild the index: statements that bypass the unit of work leave it out of date.

Each takes two passes. The first goes through the patterns: their phrases, and the postings of these. The second counts
the postings of each number, and so finds those of no phrase.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, func, or_, select, true
from sqlalchemy.orm import Session
from sqlmodel import col

from error_patterns.database.derived_rows import erase_postings, insert_postings, write_phrases
from error_patterns.database.index_queries import count_postings
from error_patterns.database.sessions import BATCH_SIZE, BatchResult
from error_patterns.matching.phrases import Phrase, phrases_at
from error_patterns.models import ErrorPattern
from error_patterns.models.pattern_index import indexed_phrases as stored
from error_patterns.models.pattern_index import postings

_NUMBERS = 50_000  # of patterns that the second pass counts at a time: it reads all postings each time

_Pattern = Row[str, str, list[str], list[str], list[str]]


def check_patterns(session: Session, after: str) -> BatchResult:
    """Count the next patterns whose phrases or postings are wrong."""
    patterns = session.execute(_next(after)).all()
    last_id = _last_id(patterns)
    orphans = session.scalars(_orphans(after, last_id)).all()
    return BatchResult(len(patterns), len(_wrong(session, patterns)) + len(orphans), last_id)


def check_numbers(session: Session, after: str) -> BatchResult:
    """Count the next numbers that have postings of no phrase."""
    strays, last_number = _strays(session, after)
    return BatchResult(0, len(strays), last_number)


def reindex_patterns(session: Session, after: str) -> BatchResult:
    """Rewrite the phrases and postings of the next patterns where they are wrong."""
    patterns = session.execute(_next(after).with_for_update()).all()
    last_id = _last_id(patterns)
    wrong = _wrong(session, patterns)
    orphans = session.scalars(_orphans(after, last_id)).all()
    erase_postings(session, [*wrong, *orphans])
    write_phrases(session, wrong)
    session.execute(delete(stored).where(stored.c.pattern_id.in_(orphans)))
    return BatchResult(len(patterns), len(wrong) + len(orphans), last_id)


def reindex_numbers(session: Session, after: str) -> BatchResult:
    """Delete the postings of no phrase of the next numbers."""
    strays, last_number = _strays(session, after)
    if strays:
        of_strays = select(col(ErrorPattern.pattern_id)).join(stored).where(stored.c.number.in_(strays))
        pattern_ids = session.scalars(of_strays.with_for_update(of=ErrorPattern)).all()
        session.execute(delete(postings).where(postings.c.number.in_(strays)))
        insert_postings(session, pattern_ids)
    return BatchResult(0, len(strays), last_number)


CHECK = (check_patterns, check_numbers)
REINDEX = (reindex_patterns, reindex_numbers)


def _next(after: str) -> Select[str, str, list[str], list[str], list[str]]:
    columns = select(
        col(ErrorPattern.pattern_id),
        col(ErrorPattern.pattern),
        col(ErrorPattern.keywords),
        col(ErrorPattern.historical_failures),
        col(ErrorPattern.historical_contexts),
    )
    return columns.where(col(ErrorPattern.pattern_id) > after).order_by(col(ErrorPattern.pattern_id)).limit(BATCH_SIZE)


def _last_id(patterns: Sequence[_Pattern]) -> str | None:
    return patterns[-1].pattern_id if len(patterns) == BATCH_SIZE else None


def _orphans(after: str, last_id: str | None) -> Select[str]:
    """Select the ids in a range that have phrases and no pattern. SQLite may have foreign keys switched off."""
    has_pattern = exists().where(col(ErrorPattern.pattern_id) == stored.c.pattern_id)
    return select(stored.c.pattern_id).where(_is_between(stored.c.pattern_id, after, last_id), ~has_pattern)


def _is_between(column: ColumnElement[str], after: str, last: str | None) -> ColumnElement[bool]:
    return and_(column > after, true() if last is None else column <= last)


def _wrong(session: Session, patterns: Sequence[_Pattern]) -> dict[str, list[Phrase]]:
    """Return the patterns whose phrases or postings are wrong, with the right phrases."""
    needed = {
        one.pattern_id: phrases_at(one.pattern, one.keywords, one.historical_failures, one.historical_contexts)
        for one in patterns
    }
    if not patterns:
        return needed
    is_of_batch = stored.c.pattern_id.between(patterns[0].pattern_id, patterns[-1].pattern_id)
    found = {one.pattern_id: one.phrases for one in session.execute(select(stored).where(is_of_batch))}
    counted = count_postings(session, needed)
    return {
        pattern_id: phrases
        for pattern_id, phrases in needed.items()
        if found.get(pattern_id) != [list(phrase) for phrase in phrases] or counted.get(pattern_id, 0) != len(phrases)
    }


def _strays(session: Session, after: str) -> tuple[Sequence[int], str | None]:
    """Return the next numbers that have more postings than phrases, and the last number looked at; None at the end."""
    first = int(after) if after else None
    last: int | None = (first or 0) + _NUMBERS
    if session.scalar(select(stored.c.number).where(stored.c.number > last).limit(1)) is None:
        last = None
    is_next = [] if first is None else [postings.c.number > first]
    is_next += [] if last is None else [postings.c.number <= last]
    counted = select(postings.c.number, func.count().label("postings")).where(*is_next).group_by(postings.c.number)
    found = counted.subquery()
    is_stray = or_(stored.c.number.is_(None), found.c.postings > func.json_array_length(stored.c.phrases))
    strays = select(found.c.number).outerjoin(stored, stored.c.number == found.c.number).where(is_stray)
    return session.scalars(strays).all(), None if last is None else str(last)
