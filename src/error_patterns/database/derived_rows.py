"""The rows that are derived from a pattern: its postings in the keyword index, and its fingerprint aliases.

Mapper events write them in the transaction of the pattern, for every session that writes an `ErrorPattern`. Statements
that bypass the unit of work call the functions below.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, delete, event, insert, literal
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import Mapper, Session

from error_patterns.models import ErrorPattern
from error_patterns.models.fingerprint_aliases import fingerprint_aliases
from error_patterns.models.keyword_index import Posting, keyword_index, postings_of


def insert_index(connection: Connection | Session, patterns: Iterable[ErrorPattern]) -> None:
    """Insert the postings of patterns that have none yet."""
    insert_postings(connection, [row for p in patterns for row in postings_of(p.pattern_id, p.pattern, p.keywords)])


def insert_postings(connection: Connection | Session, postings: list[Posting]) -> None:
    """Insert postings that are not stored yet."""
    if not postings:
        return
    bind = connection if isinstance(connection, Connection) else connection.connection()
    statement = insert(keyword_index)
    if bind.dialect.name == "postgresql":
        # With RETURNING, SQLAlchemy sends many rows a statement. Without it, psycopg opens a pipeline; a task that is
        # cancelled in the middle of one leaves the connection unusable.
        statement = statement.returning(literal(1))
    connection.execute(statement, postings)


def erase_postings(connection: Connection | Session, pattern_ids: Collection[str]) -> None:
    """Delete the postings of patterns."""
    connection.execute(delete(keyword_index).where(keyword_index.c.pattern_id.in_(pattern_ids)))


def erase_derived(connection: Connection | Session, pattern_ids: Collection[str]) -> None:
    """Delete all rows that are derived from patterns.

    ON DELETE CASCADE alone would not do: SQLite has foreign keys switched off in engines that are not ours.
    """
    erase_postings(connection, pattern_ids)
    connection.execute(delete(fingerprint_aliases).where(fingerprint_aliases.c.pattern_id.in_(pattern_ids)))


@event.listens_for(ErrorPattern, "after_insert")
def _index_inserted(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    insert_index(connection, [target])


@event.listens_for(ErrorPattern, "after_update")
def _index_updated(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    attributes = sa_inspect(target).attrs
    if attributes.keywords.history.has_changes() or attributes.pattern.history.has_changes():
        erase_postings(connection, [target.pattern_id])
        insert_index(connection, [target])


@event.listens_for(ErrorPattern, "before_delete")
def _erase_deleted(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    erase_derived(connection, [target.pattern_id])
