"""After a write, the caller's own object shows what is stored; after a rollback, its changes count as changes again."""

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import Mapper, Session, SessionTransaction, make_transient, make_transient_to_detached
from sqlalchemy.orm.attributes import flag_modified, set_committed_value

from error_patterns.models import ErrorPattern
from error_patterns.models.checked_list import CheckedList
from error_patterns.operations.update import changed

_ADOPTED = "error_patterns.adopted"  # the key in Session.info


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


class _Adopted:
    """What a pattern had changed when it was written, until its transaction is committed."""

    def __init__(self, pattern: ErrorPattern, session: Session) -> None:
        state = sa_inspect(pattern)
        self.transaction = _innermost(session)
        self._pattern = pattern
        self._is_new = not state.has_identity
        self._changes: dict[str, tuple[Any, Any]] = {}  # Any: the types of the fields
        for name in changed(pattern):
            wanted, before = getattr(pattern, name), state.attrs[name].history.deleted
            if isinstance(wanted, CheckedList):
                self._changes[name] = wanted.stored, list(wanted)
            else:
                self._changes[name] = before[0] if before else None, wanted

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
            elif stored is None:
                flag_modified(self._pattern, name)
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
