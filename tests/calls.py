"""Calls that write, calls that fail, and what they leave behind: for tests of transactions."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session, registry
from sqlmodel import Field, SQLModel

from error_patterns import ErrorPattern, ErrorPatternRepository, PatternAlreadyExistsError, PatternNotFoundError

WORDS = ["broker", "kafka", "postgres", "redis"]


class CallersTable(SQLModel, registry=registry()):
    """Tables of the caller's, with metadata of their own."""


class Order(CallersTable, table=True):
    """A table of the caller's."""

    __tablename__ = "orders"

    number: int = Field(primary_key=True)
    customer: str = Field(unique=True)


class Undo(Exception):  # noqa: N818 - it is no error: it ends a transaction
    """Raised by the tests to undo a transaction."""


class WatchedSession(Session):
    """A session that tells what was asked of it."""

    asked: list[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: passed on unread, from AsyncSession too
        super().__init__(*args, **kwargs)
        self.asked = []

    def commit(self) -> None:
        self.asked.append("commit")
        super().commit()

    def rollback(self) -> None:
        self.asked.append("rollback")
        super().rollback()

    def close(self) -> None:
        self.asked.append("close")
        super().close()


def keywords_found(repository: ErrorPatternRepository) -> list[str]:
    return [word for word in WORDS if repository.match_context(word)]


def memory(repository: ErrorPatternRepository) -> object:
    """All patterns and, through their scores, all of the index."""
    found = [[match.model_dump() for match in repository.rank_context(word)] for word in WORDS]
    return [pattern.model_dump() for pattern in repository.list_all()], found


def a_pattern(keyword: str) -> ErrorPattern:
    return ErrorPattern(pattern="p", keywords=[keyword])


def broken() -> Iterator[ErrorPattern]:
    yield from (a_pattern("kafka") for _ in range(1_500))
    raise OSError


def edited(repository: ErrorPatternRepository, pattern: ErrorPattern) -> ErrorPattern:
    pattern = repository.get(pattern.pattern_id) or pattern
    pattern.keywords = ["postgres"]
    return repository.update(pattern)


Call = Callable[[Any, ErrorPattern], Any]
"""A call of either repository, about a pattern that is stored: Any, as the async one gives something to await."""

READS: dict[str, Call] = {
    "get": lambda repository, pattern: repository.get(pattern.pattern_id),
    "list_all": lambda repository, _: repository.list_all(),
    "match_context": lambda repository, _: repository.match_context(" ".join(WORDS)),
    "rank_context": lambda repository, _: repository.rank_context(" ".join(WORDS)),
    "count": lambda repository, _: repository.count(),
    "statistics": lambda repository, _: repository.statistics(),
}
SINGLE_WRITES: dict[str, Call] = {
    "create": lambda repository, _: repository.create(a_pattern("kafka")),
    "create_many": lambda repository, _: repository.create_many([a_pattern("kafka"), a_pattern("kafka")]),
    "update of another object": lambda repository, pattern: repository.update(
        ErrorPattern(pattern_id=pattern.pattern_id, pattern="p", keywords=["postgres"])
    ),
    "delete": lambda repository, pattern: repository.delete(pattern.pattern_id),
    "record_failure": lambda repository, _: repository.record_failure("BrokerError: gone", context="publish"),
}

Write = Callable[[ErrorPatternRepository, ErrorPattern], object]
WRITES: dict[str, Write] = {
    "update": edited,
    "merge": lambda repository, pattern: repository.merge(
        pattern.pattern_id, [repository.record_failure("BrokerError: gone", keywords=["kafka"]).pattern_id]
    ),
    **SINGLE_WRITES,
    "record_failure again": lambda repository, _: [
        repository.record_failure("BrokerError: gone", context=f"publish {n}") for n in range(2)
    ],
}
Failing = tuple[type[Exception], Write]
FAILING: dict[str, Failing] = {
    "create": (PatternAlreadyExistsError, lambda repository, pattern: repository.create(pattern)),
    "create_many": (OSError, lambda repository, _: repository.create_many(broken())),
    "update": (PatternNotFoundError, lambda repository, _: repository.update(ErrorPattern(pattern="p"))),
    "merge": (PatternNotFoundError, lambda repository, pattern: repository.merge(pattern.pattern_id, ["nobody"])),
    "list_all": (ValueError, lambda repository, _: repository.list_all(limit=-1)),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
each_failing = pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
