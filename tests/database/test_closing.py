"""Closing a repository while calls run: they come to their end, and no connection is left open."""

import asyncio
from collections.abc import Iterator

from sqlalchemy import make_url

import servers
from error_patterns import AsyncErrorPatternRepository, ErrorPattern, ErrorPatternRepository, RepositoryClosedError

NO_OTHERS = "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class TestClosing:
    def test_while_a_call_runs_closes_its_connection_when_it_ends(self, postgresql_url: str) -> None:
        repository = ErrorPatternRepository.open(postgresql_url)

        def closing() -> Iterator[ErrorPattern]:
            repository.close()
            yield ErrorPattern(pattern="Port in use")

        repository.create_many(closing())
        servers.wait_until(make_url(postgresql_url), NO_OTHERS, seconds=5)

    def test_while_a_call_runs_lets_it_finish(self, postgresql_url: str) -> None:
        repository = ErrorPatternRepository.open(postgresql_url)

        def closing() -> Iterator[ErrorPattern]:
            repository.close()
            yield ErrorPattern(pattern="Port in use")

        assert repository.create_many(closing()) == 1

    def test_while_tasks_call_leaves_no_connection_open(self, postgresql_url: str, runner: asyncio.Runner) -> None:
        repository = AsyncErrorPatternRepository.open(postgresql_url)

        calls: list[int] = []

        async def call_until_closed() -> None:
            while True:
                calls.append(await repository.count())

        async def check() -> list[object]:
            calling = [asyncio.create_task(call_until_closed()) for _ in range(6)]
            while len(calls) < 60:
                await asyncio.sleep(0.005)
            await repository.close()
            return list(await asyncio.gather(*calling, return_exceptions=True))

        ends = runner.run(check())
        assert {type(end) for end in ends} == {RepositoryClosedError}
        servers.wait_until(make_url(postgresql_url), NO_OTHERS, seconds=5)
