"""Engines for asyncio, and the database that an async repository opened by its URL."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from sqlalchemy import URL, AsyncAdaptedQueuePool, Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine as sa_create_async_engine

from error_patterns.database.cancellation import to_its_end
from error_patterns.database.engines import is_in_memory, made, parsed_url, retire, set_up

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}


def create_async_engine(url: str | URL) -> AsyncEngine:
    """What `error_patterns.database.create_engine` makes, for asyncio: aiosqlite, or psycopg 3, from the same URLs.

    Raises:
        DatabaseUnavailableError: The URL names no database that can be used. The message has no password.
    """
    engine = made(sa_create_async_engine, parsed_url(url), _DRIVERS, AsyncAdaptedQueuePool)
    if engine.dialect.name == "sqlite":
        from error_patterns.database import async_sqlite  # noqa: PLC0415 - needs aiosqlite, which PostgreSQL does without

        @event.listens_for(engine.sync_engine, "do_connect")
        def _connect(dialect: object, record: object, args: object, options: dict[str, object]) -> None:
            options["async_creator_fn"] = async_sqlite.connect

    set_up(engine.sync_engine)
    return engine


class AsyncDatabase:
    """The engine behind `AsyncErrorPatternRepository.open`, and the schema, which is made ready once."""

    def __init__(self, url: str | URL, *, migrate: bool) -> None:
        """Make the engine; nothing is opened yet. Raises `DatabaseUnavailableError` for a URL that cannot be used."""
        self.engine: AsyncEngine = create_async_engine(url)
        self._url = url
        self._migrates = migrate
        self._preparation: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[AsyncSession]:
        """A new session, on a database that is ready."""
        await self.make_ready()
        async with AsyncSession(self.engine) as session:
            yield session

    async def make_ready(self) -> None:
        """Migrate the schema, or check it, unless that was done. Raises what `ErrorPatternRepository.open` raises.

        All who wait for it wait for one task, which goes on when one of them is cancelled.
        """
        preparation = self._preparation = self._preparation or asyncio.create_task(self._prepare())
        try:
            await asyncio.shield(preparation)
        except BaseException:
            if preparation.done() and preparation is self._preparation:
                self._preparation = None  # it failed: the next call tries again
            raise

    async def close(self) -> None:
        """Close the connections, once nobody prepares the database any more."""
        await to_its_end(self._close())

    async def _close(self) -> None:
        if self._preparation is not None:
            await asyncio.wait([self._preparation])
        retire(self.engine.sync_engine)
        await self.engine.dispose()

    async def _prepare(self) -> None:
        """In a thread, as migrations may have to wait for other processes, and Alembic does one at a time."""
        from error_patterns import migrate as migrations  # noqa: PLC0415 - loads Alembic, for this call alone

        step = migrations.upgrade if self._migrates else migrations.require_head
        if is_in_memory(self.engine.url):
            await asyncio.to_thread(lambda: asyncio.run(self._on_the_one_connection(step)))
        else:
            await asyncio.to_thread(step, self._url)

    async def _on_the_one_connection(self, step: Callable[[Engine], None]) -> None:
        async with AsyncSession(self.engine) as session:
            await session.run_sync(lambda _: step(self.engine.sync_engine))
