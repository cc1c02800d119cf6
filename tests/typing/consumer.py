"""What a caller writes, under `mypy --strict` and pyright: no cast, no ignore. Checked, never run."""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Literal, assert_type

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from error_patterns import (
    RELEVANT_SCORE,
    AsyncErrorPatternRepository,
    ErrorPattern,
    ErrorPatternRepository,
    FailureHandler,
    PatternMatch,
    PatternStatistics,
    capture_failures,
    render_guidance,
)


def by_url(url: str) -> str:
    with ErrorPatternRepository.open(url) as repository:
        assert_type(repository, ErrorPatternRepository)
        pattern = repository.create(ErrorPattern(pattern="Port in use", keywords=["EADDRINUSE"], frequency=0))
        pattern.preventive_checks.append("Stop the old server first.")
        assert_type(repository.update(pattern), ErrorPattern)
        assert_type(pattern.keywords, list[str])
        assert_type(pattern.last_seen, datetime)
        assert_type(pattern.fingerprint, str | None)
        assert_type(repository.get(pattern.pattern_id), ErrorPattern | None)
        assert_type(repository.create_many(new_patterns()), int)
        assert_type(repository.list_all(limit=3), list[ErrorPattern])
        assert_type(repository.match_context("a plan"), list[ErrorPattern])
        assert_type(pattern.historical_contexts, list[str])
        assert_type(repository.record_failure(ValueError("port")), ErrorPattern)
        assert_type(repository.record_failure("port", context="start it", extra_keywords=["bind"]), ErrorPattern)
        assert_type(repository.guidance_for("a plan", limit=3, max_characters=500), str)
        assert_type(repository.statistics(), PatternStatistics)
        assert_type(repository.delete(pattern.pattern_id), bool)
        matches = repository.rank_context("a plan", min_score=RELEVANT_SCORE)
        assert_type(matches, list[PatternMatch])
        assert_type(matches[0].evidence, Literal["same failure", "recurrence", "foresight", "keywords"])
        assert_type(matches[0].words, dict[str, float])
        return render_guidance(matches)


def new_patterns() -> Iterator[ErrorPattern]:
    yield ErrorPattern(pattern="Disk full")


def by_session_factory(url: str) -> None:
    engine = create_engine(url)
    repository = ErrorPatternRepository(sessionmaker(engine))
    with repository.transaction() as together:
        assert_type(together, ErrorPatternRepository)
    with Session(engine) as session:
        assert_type(ErrorPatternRepository.in_session(session).count(), int)


async def by_url_async(url: str) -> str:
    async with AsyncErrorPatternRepository.open(url) as repository:
        assert_type(repository, AsyncErrorPatternRepository)
        pattern = await repository.create(ErrorPattern(pattern="Port in use", keywords=["EADDRINUSE"], frequency=0))
        assert_type(await repository.update(pattern), ErrorPattern)
        assert_type(await repository.get(pattern.pattern_id), ErrorPattern | None)
        assert_type(await repository.create_many(new_patterns()), int)
        assert_type(await repository.list_all(limit=3), list[ErrorPattern])
        assert_type(await repository.match_context("a plan"), list[ErrorPattern])
        assert_type(await repository.record_failure(ValueError("port")), ErrorPattern)
        assert_type(await repository.record_failure("port", context="start it", extra_keywords=["bind"]), ErrorPattern)
        assert_type(await repository.guidance_for("a plan", limit=3, max_characters=500), str)
        assert_type(await repository.statistics(), PatternStatistics)
        assert_type(await repository.delete(pattern.pattern_id), bool)
        matches = await repository.rank_context("a plan", min_score=RELEVANT_SCORE)
        assert_type(matches, list[PatternMatch])
        return render_guidance(matches)


async def by_async_session_factory(url: str) -> None:
    assert_type(await AsyncErrorPatternRepository.open(url), AsyncErrorPatternRepository)
    engine = create_async_engine(url)
    repository = AsyncErrorPatternRepository(async_sessionmaker(engine))
    async with repository.transaction() as together:
        assert_type(together, AsyncErrorPatternRepository)
    async with AsyncSession(engine) as session:
        assert_type(await AsyncErrorPatternRepository.in_session(session).count(), int)


def captured(repository: ErrorPatternRepository) -> None:
    @capture_failures(repository, keywords=["port"], preventive_checks=["Stop the old server first."])
    def parse(text: str, *, base: int = 10) -> int:
        return int(text, base)

    def attempt(text: str, base: int) -> str:
        return f"parse {text} to base {base}"

    @capture_failures(repository, context=attempt)
    def parse_again(text: str, base: int) -> int:
        return int(text, base)

    assert_type(parse("ff", base=16), int)
    assert_type(parse_again("ff", 16), int)
    with capture_failures(repository), capture_failures(repository, context="parse the number"):
        parse("10")
    handler = FailureHandler(repository, queue_size=100, timeout=None, level=logging.ERROR)
    assert_type(handler.dropped + handler.failed, int)
    logging.getLogger().addHandler(handler)


async def captured_async(repository: ErrorPatternRepository, async_repository: AsyncErrorPatternRepository) -> None:
    @capture_failures(repository)
    async def in_a_thread(text: str, *, base: int = 10) -> int:
        return int(text, base)

    @capture_failures(async_repository)
    async def awaited(text: str, *, base: int = 10) -> int:
        return int(text, base)

    assert_type(await in_a_thread("ff", base=16), int)
    assert_type(await awaited("ff", base=16), int)
    async with capture_failures(repository), capture_failures(async_repository):
        await awaited("10")
