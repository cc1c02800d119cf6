"""What keeps the memory useful: forgetting what happens no more, and joining what is one failure after all."""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter

from sqlalchemy import ColumnElement, and_, delete, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import col

from error_patterns.database import dialects as json_sql
from error_patterns.database.cancellation import stop_if_cancelled
from error_patterns.errors import PatternNotFoundError
from error_patterns.models import ErrorPattern, keyword_index
from error_patterns.models import fingerprint_aliases as merged_fingerprints
from error_patterns.models.fields import KEPT_FAILURES, MAX_CHECKS, MAX_FREQUENCY, MAX_KEYWORDS, as_utc, known_id
from error_patterns.operations import update as changes
from error_patterns.operations.batches import BATCH, Swept
from error_patterns.text import is_cut


def prune(session: Session, *, not_seen_since: datetime, keep_with_checks: bool = True) -> int:
    """Delete the patterns that were last seen before a moment."""
    is_stale: ColumnElement[bool] = col(ErrorPattern.last_seen) < as_utc(not_seen_since)
    if keep_with_checks:
        is_stale = and_(is_stale, json_sql.length(col(ErrorPattern.preventive_checks)) == 0)
    pattern_id = col(ErrorPattern.pattern_id)
    pruned = 0
    while stale := session.scalars(select(pattern_id).where(is_stale).order_by(pattern_id).limit(BATCH)).all():
        stop_if_cancelled(session)
        # Asked once more, as another transaction may have seen one of them meanwhile.
        deleted = session.scalars(
            delete(ErrorPattern).where(pattern_id.in_(stale), is_stale).returning(pattern_id),
            execution_options={"synchronize_session": "fetch"},
        ).all()
        keyword_index.erase(session, *deleted)
        merged_fingerprints.erase(session, *deleted)
        pruned += len(deleted)
    return pruned


def merge(session: Session, into: str, others: Sequence[str]) -> ErrorPattern:
    """Join patterns: the first one lives on, with what all of them were."""
    if isinstance(others, str):
        raise TypeError(f"others: must be a list of ids, got the text {others!r}")
    if known_id(into) in {known_id(other) for other in others} - {None}:
        raise ValueError(f"others: {into!r} is the pattern that they are to be merged into")
    return _merged(session, *_locked(session, [into, *others]))


def carry_over(session: Session, after: str) -> Swept:
    """Give this version's fingerprints to the next patterns that have those of another, and join what is one now."""
    from error_patterns import failures  # noqa: PLC0415 - compiles a hundred expressions, for this call alone

    pattern_id, fingerprint = col(ErrorPattern.pattern_id), col(ErrorPattern.fingerprint)
    is_old = ~fingerprint.startswith(failures.FINGERPRINT_PREFIX, autoescape=True) | pattern_id.in_(
        merged_fingerprints.owners(all_but=failures.FINGERPRINT_PREFIX)
    )
    old_ones = select(ErrorPattern).where(pattern_id > after, is_old).order_by(pattern_id).limit(BATCH)
    old = session.scalars(old_ones.with_for_update(), execution_options={"populate_existing": True}).all()
    last_id = old[-1].pattern_id if len(old) == BATCH else None
    carried = 0
    for pattern in old:
        whole = (failure for failure in reversed(pattern.historical_failures) if not is_cut(failure))
        if readings := list(dict.fromkeys(failures.read(failure).fingerprint for failure in whole)):
            _lead_to(session, pattern, readings, failures.FINGERPRINT_PREFIX)
            carried += 1
    return Swept(len(old), carried, last_id)


def _lead_to(session: Session, pattern: ErrorPattern, readings: Sequence[str], version: str) -> None:
    """Have the fingerprints of a pattern's failures, the newest first, lead to it, or to what has the first of them."""
    if pattern.fingerprint is not None and not pattern.fingerprint.startswith(version):
        pattern = _given(session, pattern, readings[0])
    merged_fingerprints.forget_all_but(session, pattern.pattern_id, version)
    for reading in readings:
        if _owner(session, reading) is None:
            merged_fingerprints.lead(session, [reading], pattern.pattern_id)


def _given(session: Session, pattern: ErrorPattern, fingerprint: str) -> ErrorPattern:
    """The pattern with this fingerprint as its own, or the one that has it already, with this one merged into it."""
    owner = _owner(session, fingerprint)
    if owner is pattern:
        merged_fingerprints.forget(session, pattern.pattern_id, fingerprint=fingerprint)
    elif owner is not None:
        return _merged(session, owner, pattern)
    try:
        with session.begin_nested():
            pattern.fingerprint = fingerprint
            with changes.locked(session, pattern):
                session.flush()
    except IntegrityError:  # another transaction recorded such a failure, and was committed while this one waited
        owner = _owner(session, fingerprint)
        if owner is None:
            raise
        return _merged(session, owner, pattern)
    return pattern


def _owner(session: Session, fingerprint: str) -> ErrorPattern | None:
    is_its_owner = (col(ErrorPattern.fingerprint) == fingerprint) | (
        col(ErrorPattern.pattern_id) == merged_fingerprints.owner_of(literal(fingerprint))
    )
    return session.scalars(select(ErrorPattern).where(is_its_owner).with_for_update()).one_or_none()


def _merged(session: Session, survivor: ErrorPattern, *merged: ErrorPattern) -> ErrorPattern:
    together = [survivor, *merged]
    survivor.frequency = min(sum(pattern.frequency for pattern in together), MAX_FREQUENCY)
    survivor.created_at = min(pattern.created_at for pattern in together)
    survivor.last_seen = max(pattern.last_seen for pattern in together)
    by_last_seen = sorted(together, key=attrgetter("last_seen"))
    failures = [text for pattern in by_last_seen for text in pattern.historical_failures]
    changes.put(survivor.historical_failures, failures[-KEPT_FAILURES:])
    for pattern in merged:
        changes.join(survivor.keywords, pattern.keywords, MAX_KEYWORDS)
        changes.join(survivor.preventive_checks, pattern.preventive_checks, MAX_CHECKS)
    with changes.locked(session, survivor):
        session.flush()
    merged_fingerprints.hand_over(session, merged, survivor.pattern_id)
    for pattern in merged:
        session.delete(pattern)
    session.flush()
    return survivor


def _locked(session: Session, pattern_ids: Sequence[str]) -> list[ErrorPattern]:
    """The patterns in the given order, locked in that of their ids: in another, two calls could wait for each other."""
    known = list(map(known_id, pattern_ids))
    locked = (
        select(ErrorPattern)
        .where(col(ErrorPattern.pattern_id).in_([pattern_id for pattern_id in known if pattern_id is not None]))
        .order_by(col(ErrorPattern.pattern_id))
        .with_for_update()
    )
    found = {p.pattern_id: p for p in session.scalars(locked, execution_options={"populate_existing": True})}
    for given, pattern_id in zip(pattern_ids, known, strict=True):
        if pattern_id not in found:
            raise PatternNotFoundError(given)
    return [found[pattern_id] for pattern_id in dict.fromkeys(known) if pattern_id is not None]
