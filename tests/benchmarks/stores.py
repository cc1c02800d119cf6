"""Databases full of patterns, each made once in a run."""

import itertools
import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url

import servers
from benchmarks.language import Language
from error_patterns import ErrorPattern, ErrorPatternRepository

BACKENDS = ("SQLite", "PostgreSQL")
SAMPLED = 500
"""How many of the stored patterns the benchmarks know, at the most."""


@dataclass(frozen=True)
class Store:
    """A database and some of the patterns in it."""

    url: URL
    known: list[ErrorPattern]

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path:
        """The file of a SQLite database."""
        return Path(self.url.database or "")


class Stores:
    """Makes databases; keeps those that several benchmarks read."""

    def __init__(self, folder: Path, databases: servers.Databases, largest: int) -> None:
        self._folder = folder
        self._databases = databases
        self._numbers = itertools.count()
        self._kept: dict[tuple[str, int, str], Store] = {}
        self.largest = largest

    def kept(self, backend: str, patterns: int, purpose: str) -> Store:
        """The store of this size; those of different purposes do not see each other's writes."""
        key = (backend, patterns, purpose)
        if key not in self._kept:
            self._kept[key] = self._filled(self._empty(backend), patterns)
        return self._kept[key]

    @contextmanager
    def temporary(self, backend: str) -> Generator[Store]:
        """A store without patterns, removed afterwards."""
        store = Store(self._empty(backend), [])
        try:
            yield store
        finally:
            self.remove(store)

    def remove(self, store: Store) -> None:
        if store.is_sqlite:
            for path in self._folder.glob(f"{store.path.name}*"):
                path.unlink()
        else:
            self._databases.drop(store.url)

    def close(self) -> None:
        """Remove what was kept: gigabytes, which pytest would keep for three runs."""
        for store in self._kept.values():
            self.remove(store)

    def _empty(self, backend: str) -> URL:
        if backend == "PostgreSQL":
            return self._databases.copy()
        url = make_url(f"sqlite:///{self._folder / f'store{next(self._numbers)}.db'}")
        ErrorPatternRepository.open(url).close()
        return url

    @staticmethod
    def _filled(url: URL, patterns: int) -> Store:
        store = Store(url, [])
        with ErrorPatternRepository.open(url) as repository:
            repository.create_many(_sampled(Language().patterns(patterns), max(1, patterns // SAMPLED), store.known))
        analyse(store)
        return store


def analyse(store: Store) -> None:
    """Gather what the planner goes by, as an operator does after a large import."""
    if not store.is_sqlite:
        servers.execute(store.url, "VACUUM ANALYZE")
        return
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("ANALYZE")
        connection.commit()


def _sampled(patterns: Iterable[ErrorPattern], step: int, sample: list[ErrorPattern]) -> Iterator[ErrorPattern]:
    """The patterns, of which every so-manieth is also put into the sample."""
    for number, pattern in enumerate(patterns):
        if number % step == 0:
            sample.append(pattern)
        yield pattern
