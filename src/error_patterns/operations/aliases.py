"""Fingerprint aliases: which pattern counts the failures of a fingerprint that is not its own."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, ScalarSelect, Select, delete, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from error_patterns.database.dialects import insert_on_conflict
from error_patterns.models import ErrorPattern
from error_patterns.models.fingerprint_aliases import fingerprint_aliases as aliases


def select_target(fingerprint: ColumnElement[str | None]) -> ScalarSelect[str]:
    """Select the id of the pattern that a fingerprint is an alias of."""
    target = select(col(ErrorPattern.pattern_id)).where(
        col(ErrorPattern.pattern_id) == aliases.c.pattern_id, aliases.c.fingerprint == fingerprint
    )
    return target.scalar_subquery()


def find_pattern(session: Session, fingerprints: Iterable[str]) -> str | None:
    """Return the id of the pattern that counts the failures of the first fingerprint that is known."""
    asked = list(fingerprints)
    own = select(col(ErrorPattern.fingerprint), col(ErrorPattern.pattern_id))
    alias = select(aliases.c.fingerprint, aliases.c.pattern_id)
    found = dict(
        session.execute(
            own.where(col(ErrorPattern.fingerprint).in_(asked)).union_all(alias.where(aliases.c.fingerprint.in_(asked)))
        ).all()
    )
    return next((found[fingerprint] for fingerprint in asked if fingerprint in found), None)


def select_targets_of_other_versions(version: str) -> Select[str]:
    """Select the ids of the patterns that have an alias which does not begin with the version."""
    return select(aliases.c.pattern_id).where(~_is_of(version))


def point_aliases(session: Session, fingerprints: Iterable[str], pattern_id: str) -> None:
    """Point these fingerprints at a pattern, replacing earlier targets."""
    insert = insert_on_conflict(session.get_bind().dialect.name, aliases)
    for fingerprint in fingerprints:
        row = insert.values(fingerprint=fingerprint, pattern_id=pattern_id)
        session.execute(row.on_conflict_do_update(index_elements=["fingerprint"], set_={"pattern_id": pattern_id}))


def move_aliases(session: Session, sources: Iterable[ErrorPattern], pattern_id: str) -> None:
    """Point the fingerprints and the aliases of these patterns at another one."""
    sources = list(sources)
    is_theirs = aliases.c.pattern_id.in_([source.pattern_id for source in sources])
    session.execute(update(aliases).where(is_theirs).values(pattern_id=pattern_id))
    point_aliases(session, [s.fingerprint for s in sources if s.fingerprint is not None], pattern_id)


def remove_alias(session: Session, pattern_id: str, fingerprint: str) -> None:
    """Remove one alias of a pattern."""
    session.execute(delete(aliases).where(aliases.c.pattern_id == pattern_id, aliases.c.fingerprint == fingerprint))


def remove_aliases_of_other_versions(session: Session, pattern_id: str, version: str) -> None:
    """Remove the aliases of a pattern that do not begin with the version."""
    session.execute(delete(aliases).where(aliases.c.pattern_id == pattern_id, ~_is_of(version)))


def _is_of(version: str) -> ColumnElement[bool]:
    return aliases.c.fingerprint.startswith(version, autoescape=True)
