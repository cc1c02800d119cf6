"""What a caller changed in a pattern, and how it joins what others wrote in the meantime."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import inspect as sa_inspect

from error_patterns.fields import CheckedList
from error_patterns.models import ErrorPattern

FIXED_FIELDS = frozenset({"pattern_id", "created_at", "fingerprint"})
"""What an update never writes."""


def stored_id(pattern: ErrorPattern) -> str:
    """The id under which the pattern is stored, whatever its field says: an id never changes."""
    identity = sa_inspect(pattern).identity
    return pattern.pattern_id if identity is None else str(identity[0])


def apply(pattern: ErrorPattern, stored: ErrorPattern) -> None:
    """Write to `stored` what the caller set or changed in `pattern`, and nothing else.

    For a pattern that came from the database this is a three-way merge, so that what a concurrent `record_failure`
    wrote stays: counts add up, the later `last_seen` wins, lists keep what each side added and lose what each removed.
    A pattern that the caller made has no such base: each field that was set is written as it is.
    """
    state = sa_inspect(pattern)
    for name in changed(pattern):
        wanted = getattr(pattern, name)
        if state.has_identity:
            before = state.attrs[name].history.deleted
            wanted = _merged(before[0] if before else None, wanted, getattr(stored, name))
        setattr(stored, name, wanted)


def changed(pattern: ErrorPattern) -> set[str]:
    """The names of the fields that an update writes."""
    state = sa_inspect(pattern)
    if not state.has_identity:
        return pattern.model_fields_set - FIXED_FIELDS
    return {
        name for name in type(pattern).model_fields.keys() - FIXED_FIELDS if state.attrs[name].history.has_changes()
    }


def _merged(base: object, wanted: object, current: object) -> object:
    """What both sides made of the base; what the caller wants where there is no base to compare with."""
    if isinstance(wanted, CheckedList) and isinstance(current, CheckedList) and wanted.stored is not None:
        return _merged_lists(wanted.stored, wanted, current)
    if isinstance(base, int) and isinstance(wanted, int) and isinstance(current, int):
        return max(0, current + wanted - base)
    if isinstance(base, datetime) and isinstance(wanted, datetime) and isinstance(current, datetime):
        return wanted if current == base else max(wanted, current)
    return wanted


def _merged_lists(base: Sequence[str], wanted: Sequence[str], current: Sequence[str]) -> list[str]:
    """What is wanted, without what others removed, and behind it what they added. Equal items count one by one."""
    removed = Counter(base) - Counter(current)
    added = Counter(current) - Counter(base) - (Counter(wanted) - Counter(base))
    return _without(wanted, removed) + _without(current, Counter(current) - added)


def _without(items: Sequence[str], left_out: Counter[str]) -> list[str]:
    remaining = left_out.copy()
    kept = []
    for item in items:
        if remaining[item] > 0:
            remaining[item] -= 1
        else:
            kept.append(item)
    return kept
