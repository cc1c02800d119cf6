"""Whether the keyword index is what it must be, and how it becomes that: for what was written past it."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, select
from sqlalchemy.orm import Session
from sqlmodel import col

from error_patterns.models import ErrorPattern, keyword_index
from error_patterns.models.keyword_index import Posting, postings_of
from error_patterns.models.keyword_index import keyword_index as index
from error_patterns.operations.batches import BATCH, Swept

_Indexed = Row[str, str, list[str]]


def check(session: Session, after: str) -> Swept:
    """Look at the next patterns."""
    patterns = session.execute(_next(after)).all()
    last_id = _last_id(patterns)
    gone = session.scalars(select(index.c.pattern_id).where(_of_nobody(after, last_id)).distinct()).all()
    return Swept(len(patterns), len(_wrong(session, patterns)) + len(gone), last_id)


def mend(session: Session, after: str) -> Swept:
    """Look at the next patterns, and write anew the rows that are wrong."""
    patterns = session.execute(_next(after).with_for_update()).all()
    last_id = _last_id(patterns)
    wrong = _wrong(session, patterns)
    for pattern_id in wrong:
        keyword_index.erase(session, pattern_id)
    keyword_index.insert_rows(session, [row for rows in wrong.values() for row in rows])
    erased = session.scalars(delete(index).where(_of_nobody(after, last_id)).returning(index.c.pattern_id)).all()
    return Swept(len(patterns), len(wrong) + len(set(erased)), last_id)


def _next(after: str) -> Select[str, str, list[str]]:
    columns = select(col(ErrorPattern.pattern_id), col(ErrorPattern.pattern), col(ErrorPattern.keywords))
    return columns.where(col(ErrorPattern.pattern_id) > after).order_by(col(ErrorPattern.pattern_id)).limit(BATCH)


def _last_id(patterns: Sequence[_Indexed]) -> str | None:
    return patterns[-1].pattern_id if len(patterns) == BATCH else None


def _of_nobody(after: str, last_id: str | None) -> ColumnElement[bool]:
    """The rows of a range of ids whose pattern is not there. Foreign keys may be switched off in SQLite."""
    is_there = exists().where(col(ErrorPattern.pattern_id) == index.c.pattern_id)
    return and_(_between(after, last_id), ~is_there)


def _between(after: str, last_id: str | None) -> ColumnElement[bool]:
    begins = index.c.pattern_id > after
    return begins if last_id is None else and_(begins, index.c.pattern_id <= last_id)


def _wrong(session: Session, patterns: Sequence[_Indexed]) -> dict[str, list[Posting]]:
    """The patterns whose rows are not what they must be, with the rows that they must have."""
    if not patterns:
        return {}
    stored: dict[str, set[tuple[object, ...]]] = defaultdict(set)
    for term, pattern_id, position, words in session.execute(
        select(index.c.term, index.c.pattern_id, index.c.position, index.c.words).where(
            index.c.pattern_id >= patterns[0].pattern_id, index.c.pattern_id <= patterns[-1].pattern_id
        )
    ):
        stored[pattern_id].add((term, position, words))
    needed = {p.pattern_id: postings_of(p.pattern_id, p.pattern, p.keywords) for p in patterns}
    return {
        pattern_id: rows
        for pattern_id, rows in needed.items()
        if stored[pattern_id] != {(row["term"], row["position"], row["words"]) for row in rows}
    }
