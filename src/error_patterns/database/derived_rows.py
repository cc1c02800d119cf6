"""The rows that are derived from a pattern: its phrases and postings in the index, and its fingerprint aliases.

Mapper events write them in the transaction of the pattern, for every session that writes an `ErrorPattern`. Statements
that bypass the unit of work call the functions below.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import BindParameter, Connection, bindparam, delete, event, select
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import AttributeState, Mapper, Session
from sqlmodel import col

from error_patterns.database.dialects import is_element
from error_patterns.database.index_statements import as_json, dialect_of, statements_for
from error_patterns.matching.phrases import Phrase, indexed_failure, phrases_at
from error_patterns.models import ErrorPattern
from error_patterns.models.checked_list import JSON_ARRAY
from error_patterns.models.fingerprint_aliases import fingerprint_aliases
from error_patterns.models.pattern_index import indexed_phrases

_ASKED: BindParameter[list[str]] = bindparam("asked", type_=JSON_ARRAY)
_PATTERN_ID = col(ErrorPattern.pattern_id)
_LOCK = select(_PATTERN_ID).where(is_element(_PATTERN_ID, _ASKED)).order_by(_PATTERN_ID).with_for_update()
_ERASE_PHRASES = delete(indexed_phrases).where(is_element(indexed_phrases.c.pattern_id, _ASKED))
_ERASE_ALIASES = delete(fingerprint_aliases).where(is_element(fingerprint_aliases.c.pattern_id, _ASKED))


def insert_index(connection: Connection | Session, patterns: Iterable[ErrorPattern]) -> None:
    """Write the phrases of patterns that have no other phrases yet, and the postings of these."""
    write_phrases(
        connection,
        {
            p.pattern_id: phrases_at(p.pattern, p.keywords, p.historical_failures, p.historical_contexts)
            for p in patterns
        },
    )


def write_phrases(connection: Connection | Session, phrases: Mapping[str, Sequence[Phrase]]) -> None:
    """Write the phrases of patterns by their ids, and insert the postings; those of other phrases stay."""
    if phrases:
        rows = as_json(list(phrases.items()))
        connection.execute(statements_for(connection).write_phrases, {"rows": rows})
        insert_postings(connection, phrases)


def insert_postings(connection: Connection | Session, pattern_ids: Collection[str]) -> None:
    """Insert the postings of the stored phrases of patterns, where they are missing."""
    connection.execute(statements_for(connection).insert_postings, {"pattern_ids": as_json(list(pattern_ids))})


def erase_postings(connection: Connection | Session, pattern_ids: Collection[str]) -> None:
    """Delete the postings of the stored phrases of patterns."""
    statement = statements_for(connection).erase_postings
    if dialect_of(connection) != "sqlite":
        connection.execute(statement, {"pattern_ids": as_json(list(pattern_ids))})
    elif pattern_ids:
        connection.execute(statement, [{"pattern_id": pattern_id} for pattern_id in pattern_ids])


def erase_derived(connection: Connection | Session, pattern_ids: Collection[str]) -> None:
    """Lock patterns that are about to be deleted, and delete the derived rows that would stay behind.

    ON DELETE CASCADE does not find the postings. On SQLite it finds nothing at all in engines that are not ours, where
    foreign keys are switched off.
    """
    asked = {"asked": list(pattern_ids)}
    is_sqlite = dialect_of(connection) == "sqlite"
    if not is_sqlite:  # every writer locks the pattern first: in different orders, two would wait for each other
        connection.execute(_LOCK, asked)
    erase_postings(connection, pattern_ids)
    if is_sqlite:
        connection.execute(_ERASE_PHRASES, asked)
        connection.execute(_ERASE_ALIASES, asked)


@event.listens_for(ErrorPattern, "after_insert")
def _index_inserted(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    insert_index(connection, [target])


@event.listens_for(ErrorPattern, "after_update")
def _index_updated(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    attributes = sa_inspect(target).attrs
    indexed = (attributes.pattern, attributes.keywords, attributes.historical_contexts)
    if any(attribute.history.has_changes() for attribute in indexed) or _is_other_failure(
        attributes.historical_failures
    ):
        erase_postings(connection, [target.pattern_id])
        insert_index(connection, [target])


def _is_other_failure(failures: AttributeState) -> bool:
    """Return whether the failure whose words are indexed is another one than before."""
    before, after = list(failures.history.deleted or ()), list(failures.history.added or ())
    return bool(after) and _indexed(after[0]) != _indexed(before[0] if before else ())


def _indexed(failures: Sequence[str]) -> tuple[bool, str]:
    """Return whether there is a failure, and the one whose words are indexed."""
    return bool(failures), indexed_failure(failures)


@event.listens_for(ErrorPattern, "before_delete")
def _erase_deleted(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    erase_derived(connection, [target.pattern_id])
