"""Engines for asyncio, and the database that an async repository opens by its URL."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from sqlalchemy import URL, AsyncAdaptedQueuePool, Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine as sa_create_async_engine

from error_patterns.database.cancellation import run_to_completion
from error_patterns.database.engines import build_engine, close_on_return, configure_connections, is_in_memory


def create_async_engine(url: str | URL) -> AsyncEngine:
    """Make the asyncio counterpart of `error_patterns.database.create_engine`, from the same URLs.

    Raises:
        DatabaseUnavailableError: The URL names no database that can be used. The message has no password.
    """
    engine = build_engine(sa_create_async_engine, url, "aiosqlite", AsyncAdaptedQueuePool)
    if engine.dialect.name == "sqlite":
        from error_patterns.database import async_sqlite  # noqa: PLC0415 - needs aiosqlite, which PostgreSQL does without

        @event.listens_for(engine.sync_engine, "do_connect")
        def _connect(dialect: object, record: object, args: object, options: dict[str, object]) -> None:
            options["async_creator_fn"] = async_sqlite.connect

    configure_connections(engine.sync_engine)
    return engine


class AsyncDatabase:
    """The engine behind `AsyncErrorPatternRepository.open`, whose schema is prepared once."""

    def __init__(self, url: str | URL, *, prepare: Callable[[str | URL | Engine], None]) -> None:
        """Make the engine; nothing is opened yet. `prepare` migrates the schema, or checks it.

        Raises:
            DatabaseUnavailableError: The URL names no database that can be used.
        """
        self.engine: AsyncEngine = create_async_engine(url)
        self._url = url
        self._prepare = prepare
        self._preparation: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[AsyncSession]:
        """Open a session on the prepared database."""
        await self.make_ready()
        async with AsyncSession(self.engine) as session:
            yield session

    async def make_ready(self) -> None:
        """Prepare the schema, unless that is done. Raises the errors of `ErrorPatternRepository.open`.

        All callers wait for one task, which is shielded from their cancellation.
        """
        preparation = self._preparation = self._preparation or asyncio.create_task(self._prepared())
        try:
            await asyncio.shield(preparation)
        except BaseException:
            if preparation.done() and preparation is self._preparation:
                self._preparation = None  # it failed: the next call tries again
            raise

    async def close(self) -> None:
        """Close the connections, after a preparation that still runs."""
        await run_to_completion(self._close())

    async def _close(self) -> None:
        if self._preparation is not None:
            await asyncio.wait([self._preparation])
        close_on_return(self.engine.sync_engine)
        await self.engine.dispose()

    async def _prepared(self) -> None:
        # In a thread: a migration may wait for those of other processes and threads.
        if is_in_memory(self.engine.url):
            await asyncio.to_thread(lambda: asyncio.run(self._prepare_in_memory()))
        else:
            await asyncio.to_thread(self._prepare, self._url)

    async def _prepare_in_memory(self) -> None:
        async with AsyncSession(self.engine) as session:
            await session.run_sync(lambda _: self._prepare(self.engine.sync_engine))
