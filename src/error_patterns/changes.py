"""What a caller changed in a pattern, and how it joins what others wrote in the meantime."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import Mapper, Session, SessionTransaction, make_transient, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value

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
    for name in _changed(pattern):
        wanted = getattr(pattern, name)
        if state.has_identity:
            before = state.attrs[name].history.deleted
            wanted = _merged(before[0] if before else None, wanted, getattr(stored, name))
        setattr(stored, name, wanted)


def _changed(pattern: ErrorPattern) -> set[str]:
    """The fields that an update writes."""
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


@event.listens_for(ErrorPattern, "after_insert")
@event.listens_for(ErrorPattern, "after_update")
def _note_what_is_stored(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    for value in (target.keywords, target.historical_failures, target.preventive_checks):
        if isinstance(value, CheckedList):
            value.stored = tuple(value)


def adopt(session: Session, pattern: ErrorPattern, stored: ErrorPattern) -> ErrorPattern:
    """Make the caller's own object show what is stored now, so that its next update starts from there.

    If the transaction is rolled back, what the object had changed counts as changed again.
    """
    session.info.setdefault(_ADOPTED, []).append(_Adopted(pattern, session))
    if not sa_inspect(pattern).has_identity:
        make_transient_to_detached(pattern)
    for name in type(pattern).model_fields:
        value, mine = getattr(stored, name), getattr(pattern, name)
        if isinstance(mine, CheckedList):
            mine.now_stored(value)
            value = mine
        set_committed_value(pattern, name, value)
    return pattern


_ADOPTED = "error_patterns.adopted"


class _Adopted:
    """What a pattern had changed when it was written, until its transaction is committed."""

    def __init__(self, pattern: ErrorPattern, session: Session) -> None:
        state = sa_inspect(pattern)
        self.transaction = _innermost(session)
        self._pattern = pattern
        self._is_new = not state.has_identity
        self._changes: dict[str, tuple[Any, Any]] = {}  # Any: the types of the fields
        for name in _changed(pattern):
            wanted, before = getattr(pattern, name), state.attrs[name].history.deleted
            if isinstance(wanted, CheckedList):
                self._changes[name] = wanted.stored, list(wanted)
            else:
                self._changes[name] = before[0] if before else wanted, wanted

    def give_back(self) -> None:
        """Make the changes count as changes again."""
        if self._is_new:
            make_transient(self._pattern)
        attributes = sa_inspect(self._pattern).attrs
        for name, (stored, wanted) in self._changes.items():
            value = getattr(self._pattern, name)
            latest = value if attributes[name].history.has_changes() else wanted  # it may have been changed again
            if isinstance(value, CheckedList):
                value[:] = list(latest)
                value.stored = stored
            else:
                set_committed_value(self._pattern, name, stored)
                setattr(self._pattern, name, latest)


def _innermost(session: Session) -> SessionTransaction | None:
    return session.get_nested_transaction() or session.get_transaction()


@event.listens_for(Session, "after_commit")
def _pass_on(session: Session) -> None:
    """A savepoint that is released leaves what was written in it to the transaction around it."""
    committed = _innermost(session)
    for adopted in session.info.get(_ADOPTED, ()):
        if committed is not None and adopted.transaction is committed:
            adopted.transaction = committed.parent
    _keep(session)


@event.listens_for(Session, "after_transaction_end")
def _give_back(session: Session, ended: SessionTransaction) -> None:
    for adopted in reversed(session.info.get(_ADOPTED, ())):
        if adopted.transaction is ended:
            adopted.transaction = None
            adopted.give_back()
    _keep(session)


def _keep(session: Session) -> None:
    if _ADOPTED in session.info:
        session.info[_ADOPTED] = [adopted for adopted in session.info[_ADOPTED] if adopted.transaction is not None]
