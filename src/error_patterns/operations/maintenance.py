"""Maintenance of the memory: prune stale patterns, merge duplicates, and recompute fingerprints of older versions."""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter

from sqlalchemy import ColumnElement, and_, delete, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import col

from error_patterns.database import dialects
from error_patterns.database.derived_rows import erase_derived
from error_patterns.database.sessions import BATCH_SIZE, BatchResult
from error_patterns.errors import PatternNotFoundError
from error_patterns.models import ErrorPattern
from error_patterns.models.fields import (
    KEPT_FAILURES,
    MAX_CHECKS,
    MAX_FREQUENCY,
    MAX_KEYWORDS,
    as_utc,
    known_id,
    newest_contexts,
)
from error_patterns.operations import aliases
from error_patterns.operations.update import join_distinct, set_unvalidated
from error_patterns.text.sanitize import is_cut


def prune(session: Session, *, not_seen_since: datetime, keep_with_checks: bool = True) -> int:
    """Delete the patterns that were last seen before a moment."""
    is_stale: ColumnElement[bool] = col(ErrorPattern.last_seen) < as_utc(not_seen_since)
    if keep_with_checks:
        is_stale = and_(is_stale, dialects.length(col(ErrorPattern.preventive_checks)) == 0)
    pattern_id = col(ErrorPattern.pattern_id)
    pruned = 0
    next_stale = select(pattern_id).where(is_stale).order_by(pattern_id).limit(BATCH_SIZE).with_for_update()
    while stale := session.scalars(next_stale).all():
        erase_derived(session, stale)
        session.execute(
            delete(ErrorPattern).where(pattern_id.in_(stale)), execution_options={"synchronize_session": "fetch"}
        )
        pruned += len(stale)
    return pruned


def merge(session: Session, into: str, others: Sequence[str]) -> ErrorPattern:
    """Merge patterns into one of them, which counts the failures of all from now on."""
    if isinstance(others, str):
        raise TypeError(f"others: must be a list of ids, got the text {others!r}")
    others = list(others)
    if known_id(into) in {known_id(other) for other in others} - {None}:
        raise ValueError(f"others: {into!r} is the pattern that they are to be merged into")
    return _merge_into(session, *_lock_all(session, [into, *others]))


def refingerprint(session: Session, after: str) -> BatchResult:
    """Give fingerprints of this version to the next patterns that have those of another; merge those that are equal."""
    from error_patterns import failures  # noqa: PLC0415 - compiles a hundred expressions, for this call alone

    version = failures.FINGERPRINT_PREFIX
    pattern_id, fingerprint = col(ErrorPattern.pattern_id), col(ErrorPattern.fingerprint)
    is_old = ~fingerprint.startswith(version, autoescape=True) | pattern_id.in_(
        aliases.select_targets_of_other_versions(version)
    )
    old_ones = select(ErrorPattern).where(pattern_id > after, is_old).order_by(pattern_id).limit(BATCH_SIZE)
    old = session.scalars(old_ones.with_for_update(), execution_options={"populate_existing": True}).all()
    last_id = old[-1].pattern_id if len(old) == BATCH_SIZE else None
    changed = 0
    for pattern in old:
        whole = (failure for failure in reversed(pattern.historical_failures) if not is_cut(failure))
        if fingerprints := list(dict.fromkeys(failures.parse_failure(failure).fingerprint for failure in whole)):
            _replace_fingerprints(session, pattern, fingerprints, version)
            changed += 1
    return BatchResult(len(old), changed, last_id)


def _replace_fingerprints(session: Session, pattern: ErrorPattern, fingerprints: Sequence[str], version: str) -> None:
    """Replace a pattern's fingerprints of other versions by these, the newest first; the others become aliases."""
    if pattern.fingerprint is not None and not pattern.fingerprint.startswith(version):
        pattern = _assign_fingerprint(session, pattern, fingerprints[0])
    aliases.remove_aliases_of_other_versions(session, pattern.pattern_id, version)
    for fingerprint in fingerprints:
        if _lock_owner(session, fingerprint) is None:
            aliases.point_aliases(session, [fingerprint], pattern.pattern_id)


def _assign_fingerprint(session: Session, pattern: ErrorPattern, fingerprint: str) -> ErrorPattern:
    """Assign a fingerprint; if another pattern owns it, merge into that one. Return the pattern that has it now."""
    owner = _lock_owner(session, fingerprint)
    if owner is pattern:
        aliases.remove_alias(session, pattern.pattern_id, fingerprint)
    elif owner is not None:
        return _merge_into(session, owner, pattern)
    try:
        with session.begin_nested():
            pattern.fingerprint = fingerprint
            session.flush()
    except IntegrityError:  # another transaction recorded such a failure, and was committed while this one waited
        owner = _lock_owner(session, fingerprint)
        if owner is None:
            raise
        return _merge_into(session, owner, pattern)
    return pattern


def _lock_owner(session: Session, fingerprint: str) -> ErrorPattern | None:
    """Lock the pattern that counts the failures of a fingerprint."""
    is_its_owner = (col(ErrorPattern.fingerprint) == fingerprint) | (
        col(ErrorPattern.pattern_id) == aliases.select_target(literal(fingerprint))
    )
    return session.scalars(select(ErrorPattern).where(is_its_owner).with_for_update()).one_or_none()


def _merge_into(session: Session, survivor: ErrorPattern, *merged: ErrorPattern) -> ErrorPattern:
    together = [survivor, *merged]
    survivor.frequency = min(sum(pattern.frequency for pattern in together), MAX_FREQUENCY)
    survivor.created_at = min(pattern.created_at for pattern in together)
    survivor.last_seen = max(pattern.last_seen for pattern in together)
    by_last_seen = sorted(together, key=attrgetter("last_seen"))
    failures = [text for pattern in by_last_seen for text in pattern.historical_failures]
    set_unvalidated(survivor, "historical_failures", failures[-KEPT_FAILURES:])
    contexts = [text for pattern in by_last_seen for text in pattern.historical_contexts]
    set_unvalidated(survivor, "historical_contexts", newest_contexts(contexts))
    keywords = (keyword for pattern in merged for keyword in pattern.keywords)
    set_unvalidated(survivor, "keywords", join_distinct(survivor.keywords, keywords, most=MAX_KEYWORDS))
    checks = (check for pattern in merged for check in pattern.preventive_checks)
    set_unvalidated(survivor, "preventive_checks", join_distinct(survivor.preventive_checks, checks, most=MAX_CHECKS))
    session.flush()
    aliases.move_aliases(session, merged, survivor.pattern_id)
    for pattern in merged:
        session.delete(pattern)
    session.flush()
    return survivor


def _lock_all(session: Session, pattern_ids: Sequence[str]) -> list[ErrorPattern]:
    """Lock patterns in the order of their ids, so that two calls cannot deadlock; return them in the given order."""
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
