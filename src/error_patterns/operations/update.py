"""What a caller changed in a pattern, and how it joins what others wrote in the meantime."""

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, event, select
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import Mapper, Session, object_session
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import col

from error_patterns.models import ErrorPattern
from error_patterns.models.checked_list import CheckedList

FIXED_FIELDS = frozenset({"pattern_id", "created_at", "fingerprint"})
"""What an update never writes."""

_LOCKED = "error_patterns.locked"  # the key in Session.info


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
    for name in changed(pattern):
        setattr(stored, name, _joined(pattern, name, getattr(stored, name)))


def changed(pattern: ErrorPattern) -> set[str]:
    """The names of the fields that an update writes."""
    state = sa_inspect(pattern)
    if not state.has_identity:
        return pattern.model_fields_set - FIXED_FIELDS
    return {
        name for name in type(pattern).model_fields.keys() - FIXED_FIELDS if state.attrs[name].history.has_changes()
    }


def join(held: list[str], more: Iterable[str], most: int) -> None:
    """Add to a list of a stored pattern what it does not have in any case, as far as there is room."""
    items = list(held)
    had = {item.casefold() for item in items}
    for item in more:
        if item.casefold() not in had and len(items) < most:
            had.add(item.casefold())
            items.append(item)
    put(held, items)


def put(held: list[str], items: list[str]) -> None:
    """Change a list of a stored pattern to items of which each was checked when it was written.

    Rules of today would refuse the whole list for an item that older ones allowed.
    """
    if items != held:
        cast("CheckedList", held).put(items)  # which the columns make of every list of a stored pattern


@contextmanager
def locked(session: Session, stored: ErrorPattern) -> Generator[None]:
    """The row of `stored` is locked, and `stored` shows it as it is: nothing can have been written beside it."""
    session.info[_LOCKED] = stored
    try:
        yield
    finally:
        del session.info[_LOCKED]


@event.listens_for(ErrorPattern, "before_update")
def _join_what_others_wrote(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    """The same for a pattern that belongs to a session, whichever writes it: an admin page, or `in_session`."""
    session, state = object_session(target), sa_inspect(target)
    if session is not None and session.info.get(_LOCKED) is target:
        return
    names = [name for name in type(target).model_fields if state.attrs[name].history.has_changes()]
    row = select(*(getattr(ErrorPattern, name) for name in names)).where(
        col(ErrorPattern.pattern_id) == stored_id(target)
    )
    stored = connection.execute(row.with_for_update()).mappings().one_or_none() if names else None
    for name, value in (stored or {}).items():
        if name in FIXED_FIELDS:
            set_committed_value(target, name, value)
        elif (joined := _joined(target, name, value)) != getattr(target, name):
            setattr(target, name, joined)


def _joined(pattern: ErrorPattern, name: str, stored: object) -> object:
    """What becomes of a field that the caller changed, where the database has this value."""
    state, wanted = sa_inspect(pattern), getattr(pattern, name)
    if not state.has_identity:
        return wanted
    before = next(iter(state.attrs[name].history.deleted or ()), wanted)  # a list changed in place has no other before
    return _merged(before.stored if isinstance(before, CheckedList) else before, wanted, stored)


def _merged(base: object, wanted: object, current: object) -> object:
    """What both sides made of the base; what the caller wants where there is no base to compare with."""
    if isinstance(base, tuple) and isinstance(wanted, list) and isinstance(current, list):
        return _merged_lists(base, wanted, current)
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
