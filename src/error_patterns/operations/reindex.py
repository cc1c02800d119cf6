"""Check and rebuild the keyword index: statements that bypass the unit of work leave it out of date."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, select
from sqlalchemy.orm import Session
from sqlmodel import col

from error_patterns.database.derived_rows import erase_postings, insert_postings
from error_patterns.database.sessions import BATCH_SIZE, BatchResult
from error_patterns.models import ErrorPattern
from error_patterns.models.keyword_index import Posting, postings_of
from error_patterns.models.keyword_index import keyword_index as index

_Indexed = Row[str, str, list[str]]


def check_index(session: Session, after: str) -> BatchResult:
    """Count the next patterns whose postings are wrong."""
    patterns = session.execute(_next(after)).all()
    last_id = _last_id(patterns)
    orphans = session.scalars(select(index.c.pattern_id).where(_is_orphan(after, last_id)).distinct()).all()
    return BatchResult(len(patterns), len(_wrong(session, patterns)) + len(orphans), last_id)


def reindex(session: Session, after: str) -> BatchResult:
    """Rewrite the postings of the next patterns where they are wrong."""
    patterns = session.execute(_next(after).with_for_update()).all()
    last_id = _last_id(patterns)
    wrong = _wrong(session, patterns)
    for pattern_id in wrong:
        erase_postings(session, [pattern_id])
    insert_postings(session, [posting for postings in wrong.values() for posting in postings])
    erased = session.scalars(delete(index).where(_is_orphan(after, last_id)).returning(index.c.pattern_id)).all()
    return BatchResult(len(patterns), len(wrong) + len(set(erased)), last_id)


def _next(after: str) -> Select[str, str, list[str]]:
    columns = select(col(ErrorPattern.pattern_id), col(ErrorPattern.pattern), col(ErrorPattern.keywords))
    return columns.where(col(ErrorPattern.pattern_id) > after).order_by(col(ErrorPattern.pattern_id)).limit(BATCH_SIZE)


def _last_id(patterns: Sequence[_Indexed]) -> str | None:
    return patterns[-1].pattern_id if len(patterns) == BATCH_SIZE else None


def _is_orphan(after: str, last_id: str | None) -> ColumnElement[bool]:
    """Match postings in a range of ids whose pattern is missing. SQLite may have foreign keys switched off."""
    has_pattern = exists().where(col(ErrorPattern.pattern_id) == index.c.pattern_id)
    return and_(_is_between(after, last_id), ~has_pattern)


def _is_between(after: str, last_id: str | None) -> ColumnElement[bool]:
    begins = index.c.pattern_id > after
    return begins if last_id is None else and_(begins, index.c.pattern_id <= last_id)


def _wrong(session: Session, patterns: Sequence[_Indexed]) -> dict[str, list[Posting]]:
    """Return the patterns whose postings are wrong, with the right ones."""
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
        pattern_id: postings
        for pattern_id, postings in needed.items()
        if stored[pattern_id] != {(p["term"], p["position"], p["words"]) for p in postings}
    }
