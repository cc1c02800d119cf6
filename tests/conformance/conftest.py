"""Every promise of the repository, on each database, sync and async: the tests beside this file are written once."""

import asyncio
from collections.abc import Generator
from typing import NamedTuple

import pytest
from sqlalchemy import AsyncAdaptedQueuePool, Engine, QueuePool, create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from blocking import blocking, opened
from calls import Order, WatchedSession
from connections import asyncio_url
from error_patterns import AsyncErrorPatternRepository, ErrorPattern, ErrorPatternRepository


@pytest.fixture(params=["file", "memory", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a database of the test's own."""
    found = request.getfixturevalue(f"{request.param}_url")
    assert isinstance(found, str)
    return found


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which of the two repositories the test runs on."""
    return str(request.param)


@pytest.fixture
def repository(kind: str, url: str, runner: asyncio.Runner) -> Generator[ErrorPatternRepository]:
    """A repository on that database; the async one does without `await` here."""
    with opened(kind, url, runner) as made:
        yield made


@pytest.fixture
def redis(repository: ErrorPatternRepository) -> ErrorPattern:
    """A stored pattern."""
    return repository.create(ErrorPattern(pattern="Redis is gone", keywords=["redis"]))


@pytest.fixture
def engine(url: str, repository: ErrorPatternRepository) -> Generator[Engine]:
    """The caller's engine, with no settings of the package, on the database of the repository."""
    plain = create_engine(url, poolclass=QueuePool)
    Order.metadata.create_all(plain)
    yield plain
    plain.dispose()


class Joined(NamedTuple):
    """The caller's session, a repository inside it, and one over a factory that returns it."""

    session: Session
    repository: ErrorPatternRepository
    over_factory: ErrorPatternRepository


@pytest.fixture
def session_and_joined(kind: str, engine: Engine, runner: asyncio.Runner) -> Generator[Joined]:
    """The caller's session, and a repository inside it."""
    if kind == "sync":
        with WatchedSession(engine) as plain:
            yield Joined(plain, ErrorPatternRepository.in_session(plain), ErrorPatternRepository(lambda: plain))
        return
    async_engine = create_async_engine(asyncio_url(engine.url), poolclass=AsyncAdaptedQueuePool)
    async_session = AsyncSession(async_engine, sync_session_class=WatchedSession)
    joined = AsyncErrorPatternRepository.in_session(async_session)
    with blocking(async_session, Session, runner) as session:
        over_factory = AsyncErrorPatternRepository(lambda: async_session)
        yield Joined(
            session,
            blocking(joined, ErrorPatternRepository, runner),
            blocking(over_factory, ErrorPatternRepository, runner),
        )
    runner.run(async_engine.dispose())


@pytest.fixture
def session(session_and_joined: Joined) -> Session:
    """The caller's session."""
    return session_and_joined.session


@pytest.fixture
def joined(session_and_joined: Joined) -> ErrorPatternRepository:
    """A repository inside the caller's session."""
    return session_and_joined.repository


@pytest.fixture
def over_factory(session_and_joined: Joined) -> ErrorPatternRepository:
    """A repository over a factory that returns the caller's session."""
    return session_and_joined.over_factory
