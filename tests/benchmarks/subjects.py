"""The calls that are compared, whoever answers them, and how this package answers them."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from benchmarks.stores import Store
from error_patterns import ErrorPattern, ErrorPatternRepository

Call = Callable[[], object]
PAGE = 100
"""How many patterns `list_all` is asked for."""


class Subject(Protocol):
    """Prepares calls on a store; what is prepared is not measured."""

    def get(self, pattern_id: str) -> Call: ...
    def create(self, pattern: ErrorPattern) -> Call: ...
    def record_failure(self, text: str) -> Call: ...
    def update(self, pattern_id: str, checks: list[str]) -> Call: ...
    def list_all(self) -> Call: ...
    def statistics(self) -> Call: ...
    def create_many(self, patterns: Iterable[ErrorPattern]) -> Call: ...
    def close(self) -> None: ...


class Ours:
    """This package."""

    def __init__(self, store: Store) -> None:
        self._repository = ErrorPatternRepository.open(store.url)

    def get(self, pattern_id: str) -> Call:
        return partial(self._repository.get, pattern_id)

    def create(self, pattern: ErrorPattern) -> Call:
        return partial(self._repository.create, pattern)

    def record_failure(self, text: str) -> Call:
        return partial(self._repository.record_failure, text)

    def update(self, pattern_id: str, checks: list[str]) -> Call:
        pattern = self._repository.get(pattern_id)
        assert pattern is not None
        pattern.preventive_checks = checks
        return partial(self._repository.update, pattern)

    def list_all(self) -> Call:
        return partial(self._repository.list_all, limit=PAGE)

    def statistics(self) -> Call:
        return self._repository.statistics

    def create_many(self, patterns: Iterable[ErrorPattern]) -> Call:
        return partial(self._repository.create_many, list(patterns))

    def rank_context(self, context: str) -> Call:
        return partial(self._repository.rank_context, context, limit=10)

    def close(self) -> None:
        self._repository.close()
