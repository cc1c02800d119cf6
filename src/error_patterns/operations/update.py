"""Edits of stored patterns: each locks the row, and keeps what other writers stored in the meantime."""

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_attribute

from error_patterns.errors import PatternNotFoundError
from error_patterns.models import ErrorPattern
from error_patterns.models.checked_list import CheckedList
from error_patterns.models.error_pattern import stored_id
from error_patterns.models.fields import MAX_CHECKS, MAX_KEYWORDS, known_id

_FIXED_FIELDS = frozenset({"pattern_id", "created_at", "fingerprint"})


def update(session: Session, pattern: ErrorPattern) -> ErrorPattern:
    """Write the fields that the caller set or changed, and no others; return the stored pattern."""
    stored = _lock(session, stored_id(pattern))
    if stored is not pattern:  # its session flushed it already
        for name, value in _collect_edits(pattern, stored).items():
            setattr(stored, name, value)
        session.flush()
    return stored


def add_checks(session: Session, pattern_id: str, checks: Sequence[str]) -> ErrorPattern:
    """Add preventive checks that the stored pattern does not have."""
    return _extend(session, pattern_id, "preventive_checks", checks, most=MAX_CHECKS)


def add_keywords(session: Session, pattern_id: str, keywords: Sequence[str]) -> ErrorPattern:
    """Add keywords that the stored pattern does not have."""
    return _extend(session, pattern_id, "keywords", keywords, most=MAX_KEYWORDS)


def join_distinct(items: Iterable[str], more: Iterable[str], *, most: int | None = None) -> list[str]:
    """Append the items that are not there in any case, as far as there is room."""
    together = list(items)
    present = {item.casefold() for item in together}
    for item in more:
        if item.casefold() not in present and (most is None or len(together) < most):
            present.add(item.casefold())
            together.append(item)
    return together


def set_unvalidated(stored: ErrorPattern, name: str, items: list[str]) -> None:
    """Assign a list whose items were validated when they were written.

    The rules of today could refuse the whole list for an item that older rules allowed.
    """
    if items != getattr(stored, name):
        set_attribute(stored, name, items)


def _lock(session: Session, pattern_id: str) -> ErrorPattern:
    known = known_id(pattern_id)
    stored = None
    if known is not None:
        stored = session.get(ErrorPattern, known, populate_existing=True, with_for_update=True)
    if stored is None:
        raise PatternNotFoundError(pattern_id)
    return stored


def _extend(session: Session, pattern_id: str, name: str, more: Sequence[str], *, most: int) -> ErrorPattern:
    stored = _lock(session, pattern_id)
    items = join_distinct(getattr(stored, name), stored.checked_list(name, more))
    assign = set_unvalidated if len(items) <= most else setattr  # which refuses them
    assign(stored, name, items)
    session.flush()
    return stored


def _collect_edits(pattern: ErrorPattern, stored: ErrorPattern) -> dict[str, object]:
    """Return the fields that an update writes, with their new values.

    A pattern that the caller made, instead of reading it, has no base to merge from: what was set is written as it is.
    """
    state = sa_inspect(pattern)
    editable = type(pattern).model_fields.keys() - _FIXED_FIELDS
    if not state.has_identity:
        return {name: getattr(pattern, name) for name in editable & pattern.model_fields_set}
    edited = [name for name in editable if state.attrs[name].history.has_changes()]
    return {name: _merge_values(getattr(pattern, name), getattr(stored, name)) for name in edited}


def _merge_values(mine: object, theirs: object) -> object:
    """Merge two versions of a field: a list keeps what each side added or removed, anything else is mine."""
    if not (isinstance(mine, CheckedList) and isinstance(theirs, CheckedList)) or mine.base is None:
        return mine
    removed = Counter(mine.base) - Counter(theirs) - (Counter(mine.base) - Counter(mine))
    added = Counter(theirs) - Counter(mine.base) - (Counter(mine) - Counter(mine.base))
    return _remove(mine, removed) + _remove(theirs, Counter(theirs) - added)


def _remove(items: Iterable[str], left_out: Counter[str]) -> list[str]:
    remaining = left_out.copy()
    kept = []
    for item in items:
        if remaining[item] > 0:
            remaining[item] -= 1
        else:
            kept.append(item)
    return kept
