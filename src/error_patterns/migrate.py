"""Migrations from code: upgrade, current and check without alembic.ini and without the source repository."""

import functools
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.runtime.environment import NameFilterParentNames, NameFilterType
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import JSON, URL, Connection, Engine, MetaData, make_url
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import AutoString, UTCDateTime

from error_patterns.database.driver_errors import translated_errors
from error_patterns.database.engines import create_engine, switch_to_wal
from error_patterns.errors import DatabaseRejectedError, SchemaOutOfDateError, SchemaTooNewError
from error_patterns.models import ErrorPattern
from error_patterns.models.fingerprint_aliases import fingerprint_aliases
from error_patterns.models.pattern_index import indexed_phrases, postings

VERSION_TABLE = "error_patterns_alembic_version"
"""Not Alembic's default: the database may have migrations of the caller's own."""

_ALEMBIC = threading.Lock()  # alembic.context and alembic.op are one for the whole process

_ADVISORY_LOCK = 5_728_401_963_174  # a number that no other program is likely to lock


def upgrade(database: str | URL | Engine) -> None:
    """Bring the schema of a database to the newest revision; make it if there is none.

    Any number of processes may call this at once: one migrates under a lock, the others wait and find it done.

    Args:
        database: A SQLAlchemy URL, or an engine, which stays open.

    Raises:
        SchemaTooNewError: A newer version of the package migrated the database; nothing was changed.
        DatabaseUnavailableError: The database cannot be used; the message says why.
    """
    with _engine(database) as engine:
        if _checked_revision(engine) != head():
            with _ALEMBIC, exclusive(engine) as connection:
                context = _context(connection)
                # SQLModel.metadata.create_all makes our tables along with the caller's, as they are declared.
                made_by_create_all = context.get_current_revision() is None and not _differences(context)
                adopt = command.stamp if made_by_create_all else command.upgrade
                adopt(_config(connection), "head")


def current(database: str | URL | Engine) -> str | None:
    """Return the revision of the schema of a database, or None if it has none.

    Raises:
        DatabaseUnavailableError: The database cannot be used; the message says why.
    """
    with _engine(database) as engine, engine.connect() as connection:
        return _context(connection).get_current_revision()


def head() -> str:
    """Return the revision that this version of the package needs."""
    return _revisions()[0]


def require_head(database: str | URL | Engine) -> None:
    """Refuse a database whose schema is not the one that this version of the package needs.

    Raises:
        SchemaOutOfDateError: Migrations are missing; the message has the command that runs them.
        SchemaTooNewError: A newer version of the package migrated the database.
        DatabaseUnavailableError: The database cannot be used; the message says why.
    """
    with _engine(database) as engine:
        found = _checked_revision(engine)
        if found != head():
            raise SchemaOutOfDateError(found, head())


def check(database: str | URL | Engine) -> list[str]:
    """List the differences between the tables of a database and the declared ones, one line each.

    Tables that are not of this package do not count. CHECK constraints are not compared.

    Raises:
        SchemaOutOfDateError, SchemaTooNewError, DatabaseUnavailableError: As in `require_head`.
    """
    with _engine(database) as engine:
        require_head(engine)
        with engine.connect() as connection:
            return _differences(_context(connection))


def declared_metadata() -> MetaData:
    """Return the tables of this package alone: `SQLModel.metadata` may hold the caller's as well."""
    metadata = MetaData()
    for table in (ErrorPattern.metadata.tables["error_patterns"], indexed_phrases, postings, fingerprint_aliases):
        table.to_metadata(metadata)
    return metadata


def is_ours(name: str | None, kind: NameFilterType, parents: NameFilterParentNames) -> bool:
    """Return whether a name in the database belongs to this package; this is Alembic's `include_name`."""
    return kind != "table" or name in declared_metadata().tables


def render_type(kind: str, item: object, context: AutogenContext) -> str | Literal[False]:
    """Render our types as types of SQLAlchemy, which stay what they are; this is Alembic's `render_item`."""
    postgresql = make_url("postgresql://").get_dialect()()
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.{item.impl_instance!r}"
    if kind == "type" and isinstance(item, JSON) and isinstance(item.dialect_impl(postgresql), JSONB):
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return False


@contextmanager
def exclusive(engine: Engine) -> Generator[Connection]:
    """Open a transaction that excludes other migrations: committed on success, rolled back on an error."""
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            switch_to_wal(connection)
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
        yield connection


@contextmanager
def _engine(database: str | URL | Engine) -> Generator[Engine]:
    engine = database if isinstance(database, Engine) else create_engine(database)
    try:
        with translated_errors(engine):
            yield engine
    except CommandError as error:
        raise DatabaseRejectedError(f"migrations: {error}") from error
    finally:
        if engine is not database:
            engine.dispose()


def _checked_revision(engine: Engine) -> str | None:
    found = current(engine)
    if found is not None and found not in _revisions():
        raise SchemaTooNewError(found, head())
    return found


def _context(connection: Connection) -> MigrationContext:
    options = {"version_table": VERSION_TABLE, "include_name": is_ours, "compare_type": True}
    return MigrationContext.configure(connection, opts=options)


def _differences(context: MigrationContext) -> list[str]:
    return [str(difference) for difference in compare_metadata(context, declared_metadata())]


def _config(connection: Connection | None = None) -> Config:
    folder = Path(__file__).parent / "migrations"  # in a wheel
    if not folder.is_dir():
        folder = Path(__file__).parents[2] / "migrations"  # in an editable installation
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@functools.cache
def _revisions() -> tuple[str, ...]:
    """Return all revisions that this version of the package knows, newest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())
