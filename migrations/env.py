"""Alembic's environment, for the command line (alembic.ini) and for `error_patterns.migrate`."""

import os

from alembic import context
from sqlalchemy import Connection

from error_patterns import migrate
from error_patterns.database import create_engine


def run_migrations(connection: Connection) -> None:
    """Run them in the transaction that the connection is in."""
    context.configure(
        connection=connection,
        target_metadata=migrate.declared_metadata(),
        version_table=migrate.VERSION_TABLE,
        include_name=migrate.is_ours,
        render_item=migrate.render_type,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def database_url() -> str:
    """From `-x url=…`, or the environment, or alembic.ini, in this order."""
    given = context.get_x_argument(as_dictionary=True).get("url") or os.environ.get("ERROR_PATTERNS_DATABASE_URL")
    return given or context.config.get_main_option("sqlalchemy.url", "sqlite:///error_patterns.db")


def main() -> None:
    """Migrate on the connection that was handed over, or on one of our own, while nobody else migrates."""
    if context.is_offline_mode():
        raise SystemExit("error_patterns has no offline migrations: run alembic without --sql")
    given_connection = context.config.attributes.get("connection")
    if given_connection is not None:
        run_migrations(given_connection)
        return
    engine = create_engine(database_url())
    with migrate.exclusive(engine) as own_connection:
        run_migrations(own_connection)
    engine.dispose()


main()
