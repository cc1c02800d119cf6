"""A database that an async repository opened by its URL: an engine, and the schema made ready once."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from error_patterns.database import create_async_engine, is_in_memory


class AsyncDatabase:
    """The engine behind `AsyncErrorPatternRepository.open`."""

    def __init__(self, url: str | URL, *, migrate: bool) -> None:
        """Make the engine; nothing is opened yet. Raises `DatabaseUnavailableError` for a URL that cannot be used."""
        self.engine: AsyncEngine = create_async_engine(url)
        self._url = url
        self._migrates = migrate
        self._is_ready = False
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[AsyncSession]:
        """A new session, on a database that is ready."""
        await self.make_ready()
        async with AsyncSession(self.engine) as session:
            yield session

    async def make_ready(self) -> None:
        """Migrate the schema, or check it, unless that was done. Raises what `ErrorPatternRepository.open` raises."""
        if self._is_ready:
            return
        async with self._turn:
            if not self._is_ready:
                await self._prepare()
                self._is_ready = True

    async def close(self) -> None:
        """Close the connections."""
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
