"""The index as matching asks it: each question is one statement that goes by an index of the database."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.orm import Session
from sqlmodel import col
from typing_extensions import override

from error_patterns.database.dialects import is_element
from error_patterns.database.index_statements import as_json, statements_for
from error_patterns.matching.index import Followed, Index, IndexedPattern, Seen
from error_patterns.matching.phrases import ATTEMPTS
from error_patterns.models import ErrorPattern
from error_patterns.models.checked_list import JSON_ARRAY

# Made once: SQLAlchemy takes longer to make a statement than SQLite to answer it.
_ASKED: BindParameter[list[str]] = bindparam("asked", type_=JSON_ARRAY)
_PATTERN_ID = col(ErrorPattern.pattern_id)
_IS_ASKED = is_element(_PATTERN_ID, _ASKED)
_TEXTS = select(_PATTERN_ID, col(ErrorPattern.pattern), col(ErrorPattern.keywords)).where(_IS_ASKED)
_SEEN = select(_PATTERN_ID, col(ErrorPattern.frequency), col(ErrorPattern.last_seen)).where(_IS_ASKED)
_PATTERNS = select(ErrorPattern).where(_IS_ASKED)


class StoredIndex(Index):
    """The index in the database of a session."""

    def __init__(self, session: Session) -> None:
        """Ask in the transaction of the session."""
        self._session = session
        self._statements = statements_for(session)

    @override
    def document_frequencies(self, terms: Collection[str], *, at_most: int) -> dict[str, int]:
        # In the order of the index: neighbours are in pages that were just read.
        asked = {"terms": as_json(sorted(terms)), "at_most": at_most}
        return dict(self._session.execute(self._statements.frequencies, asked).all())

    @override
    def find_heaviest(self, followed: Followed, *, at_most: int) -> Sequence[int]:
        asked = {
            "whole": as_json(followed.whole),
            "newest": as_json(followed.newest),
            "remaining": followed.remaining,
            "attempts": ATTEMPTS,
            "attempted": as_json(sorted(followed.attempted)),
            "at_most": at_most,
        }
        return self._session.scalars(self._statements.heaviest, asked).all()

    @override
    def find_all(self, terms: Collection[str]) -> Sequence[int]:
        return self._session.scalars(self._statements.numbers, {"terms": as_json(sorted(terms))}).all()

    @override
    def fetch_phrases(self, numbers: Sequence[int]) -> Sequence[IndexedPattern]:
        rows = self._session.execute(self._statements.phrases, {"numbers": as_json(numbers)}).all()
        # Parsed at once: a parser that starts for each row takes three times as long.
        parsed = json.loads(f"[{','.join(phrases for _, phrases in rows)}]")
        return [IndexedPattern(pattern_id, own) for (pattern_id, _), own in zip(rows, parsed, strict=True)]

    @override
    def fetch_texts(self, pattern_ids: Collection[str]) -> Mapping[str, Sequence[str]]:
        found = self._session.execute(_TEXTS, {"asked": list(pattern_ids)})
        return {pattern_id: (*keywords, pattern) for pattern_id, pattern, keywords in found}

    @override
    def fetch_seen(self, pattern_ids: Collection[str]) -> Mapping[str, Seen]:
        found = self._session.execute(_SEEN, {"asked": list(pattern_ids)})
        return {pattern_id: Seen(frequency, last_seen) for pattern_id, frequency, last_seen in found}


def fetch_patterns(session: Session, pattern_ids: Iterable[str]) -> dict[str, ErrorPattern]:
    """Fetch patterns; those that another transaction deleted in the meantime are missing."""
    found = session.scalars(_PATTERNS, {"asked": list(pattern_ids)})
    return {pattern.pattern_id: pattern for pattern in found}


def count_postings(session: Session, pattern_ids: Collection[str]) -> dict[str, int]:
    """Count the postings that there are of the stored phrases of patterns; a pattern without any is missing."""
    asked = {"pattern_ids": as_json(list(pattern_ids))}
    return dict(session.execute(statements_for(session).count_postings, asked).all())
