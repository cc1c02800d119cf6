"""Connections beside those of a repository."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import URL, Engine, make_url
from sqlalchemy import create_engine as sa_create_engine

from error_patterns.database import create_engine

ASYNCIO_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}


def asyncio_url(url: str | URL) -> URL:
    """Name the driver that SQLAlchemy needs for asyncio, for an engine of the caller's own."""
    parsed = make_url(url)
    return parsed.set(drivername=ASYNCIO_DRIVERS[parsed.get_backend_name()])


@contextmanager
def engine_of(url: str) -> Generator[Engine]:
    """An engine of the package's, for as long as it is used."""
    made = create_engine(url)
    try:
        yield made
    finally:
        made.dispose()


@contextmanager
def locked(url: str) -> Generator[None]:
    """Keep every other writer of a database waiting."""
    engine = sa_create_engine(url)
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE" if url.startswith("sqlite") else "LOCK TABLE error_patterns")
        yield
    engine.dispose()
