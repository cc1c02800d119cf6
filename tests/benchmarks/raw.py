"""The same calls in the plainest SQL, on one connection that stays open; rows to be written are made beforehand."""

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import psycopg
from psycopg.types.json import Jsonb
from typing_extensions import override

from benchmarks.stores import Store
from benchmarks.subjects import PAGE, Call
from error_patterns import ErrorPattern, failures
from error_patterns.matching.phrases import Phrase, phrases_at

COLUMNS = tuple(ErrorPattern.model_fields)
_NAMES = ", ".join(COLUMNS)
_VALUES = ", ".join("?" * len(COLUMNS))
_INSERT = f"INSERT INTO error_patterns ({_NAMES}) VALUES ({_VALUES})"  # noqa: S608 - of names of our own
_INSERT_PHRASES = "INSERT INTO error_pattern_phrases (pattern_id, phrases) VALUES (?, ?)"
_INSERT_POSTING = """INSERT INTO error_pattern_postings (term, number, position)
    SELECT ?, number, ? FROM error_pattern_phrases WHERE pattern_id = ?"""
_SELECT = f"SELECT {_NAMES} FROM error_patterns"  # noqa: S608
_TOTALS = "SELECT count(*), sum(frequency), min(created_at), max(last_seen) FROM error_patterns"
_MOST_FREQUENT = f"{_SELECT} ORDER BY frequency DESC, last_seen DESC, pattern_id LIMIT 10"
_TOP_KEYWORDS = "SELECT value, count(*) FROM error_patterns, {} GROUP BY value ORDER BY count(*) DESC, value LIMIT 10"

Row = tuple[Any, ...]  # Any: whatever the driver makes of a column


class Cursor(Protocol):
    """What both drivers have."""

    def execute(self, statement: Any, parameters: Sequence[object] = ..., /) -> Any: ...
    def executemany(self, statement: Any, parameters: Iterable[Sequence[object]], /) -> Any: ...


class Raw(ABC):
    """What both databases share."""

    expanded_keywords: str
    upsert: str

    @abstractmethod
    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All that a query gives."""

    @abstractmethod
    def decoded(self, row: Row) -> Row:
        """The row of a pattern, with lists and moments."""

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[Cursor]: ...

    @abstractmethod
    def _encoded(self, value: object) -> object: ...

    @staticmethod
    def _sql(statement: str) -> str:
        return statement

    def patterns(self, pattern_ids: Sequence[str]) -> list[Row]:
        """The patterns with these ids, by one statement."""
        wanted = ", ".join("?" * len(pattern_ids))
        return [self.decoded(row) for row in self.rows(f"{_SELECT} WHERE pattern_id IN ({wanted})", pattern_ids)]

    def get(self, pattern_id: str) -> Call:
        return partial(self.patterns, [pattern_id])

    def create(self, pattern: ErrorPattern) -> Call:
        return self.create_many([pattern])

    def record_failure(self, text: str) -> Call:
        reading = failures.parse_failure(text)
        pattern = ErrorPattern(
            pattern=reading.headline,
            keywords=reading.keywords,
            historical_failures=[text],
            fingerprint=reading.fingerprint,
        )
        return partial(self._record_failure, self._row(pattern), _phrases(pattern), _postings(pattern))

    def update(self, pattern_id: str, checks: list[str]) -> Call:
        return partial(self._update, pattern_id, self._encoded(checks))

    def list_all(self) -> Call:
        return self._list_all

    def statistics(self) -> Call:
        return self._statistics

    def create_many(self, patterns: Iterable[ErrorPattern]) -> Call:
        patterns = list(patterns)
        return partial(
            self._create_many,
            [self._row(pattern) for pattern in patterns],
            [_phrases(pattern) for pattern in patterns],
            [posting for pattern in patterns for posting in _postings(pattern)],
        )

    def _create_many(self, rows: list[Row], phrases: list[Row], postings: list[Row]) -> None:
        with self._transaction() as cursor:
            if len(rows) == 1:
                cursor.execute(self._sql(_INSERT), rows[0])
            else:
                cursor.executemany(self._sql(_INSERT), rows)
            cursor.executemany(self._sql(_INSERT_PHRASES), phrases)
            cursor.executemany(self._sql(_INSERT_POSTING), postings)

    def _record_failure(self, row: Row, phrases: Row, postings: list[Row]) -> None:
        with self._transaction() as cursor:
            statement = f"{_INSERT} ON CONFLICT (fingerprint) DO UPDATE SET {self.upsert} RETURNING pattern_id"
            ((pattern_id,),) = cursor.execute(self._sql(statement), row).fetchall()
            if pattern_id == row[0]:
                cursor.execute(self._sql(_INSERT_PHRASES), phrases)
                cursor.executemany(self._sql(_INSERT_POSTING), postings)

    def _update(self, pattern_id: str, checks: object) -> None:
        with self._transaction() as cursor:
            statement = "UPDATE error_patterns SET preventive_checks = ? WHERE pattern_id = ?"
            cursor.execute(self._sql(statement), (checks, pattern_id))

    def _list_all(self) -> list[Row]:
        rows = self.rows(f"{_SELECT} ORDER BY last_seen DESC, pattern_id LIMIT {PAGE}")
        return [self.decoded(row) for row in rows]

    def _statistics(self) -> tuple[object, ...]:
        most_frequent = [self.decoded(row) for row in self.rows(_MOST_FREQUENT)]
        return self.rows(_TOTALS), most_frequent, self.rows(_TOP_KEYWORDS.format(self.expanded_keywords))

    def _row(self, pattern: ErrorPattern) -> Row:
        return tuple(self._encoded(getattr(pattern, name)) for name in COLUMNS)


class RawSQLite(Raw):
    """`sqlite3`, with a commit as durable as ours."""

    expanded_keywords = "json_each(keywords)"
    upsert = """frequency = frequency + 1, last_seen = excluded.last_seen, historical_failures = json_insert(
        CASE WHEN json_array_length(historical_failures) < 20 THEN historical_failures
            ELSE json_remove(historical_failures, '$[0]') END,
        '$[#]', json_extract(excluded.historical_failures, '$[0]'))"""

    def __init__(self, store: Store) -> None:
        self._connection = sqlite3.connect(store.path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")

    @override
    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(statement, parameters).fetchall()

    @override
    def decoded(self, row: Row) -> Row:
        moments = (datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in row[7:9])
        return (*row[:2], *map(json.loads, row[2:6]), row[6], *moments, row[9])

    @override
    def close(self) -> None:
        self._connection.close()

    @override
    @contextmanager
    def _transaction(self) -> Generator[Cursor]:
        cursor = self._connection.execute("BEGIN IMMEDIATE")
        yield cursor
        cursor.execute("COMMIT")

    @override
    def _encoded(self, value: object) -> object:
        if isinstance(value, list):
            return json.dumps(value)
        if isinstance(value, datetime):
            return value.replace(tzinfo=None).isoformat(" ", "microseconds")
        return value


class RawPostgreSQL(Raw):
    """psycopg."""

    expanded_keywords = "jsonb_array_elements_text(keywords) AS keyword (value)"
    upsert = """frequency = error_patterns.frequency + 1, last_seen = excluded.last_seen, historical_failures =
        CASE WHEN jsonb_array_length(error_patterns.historical_failures) < 20 THEN error_patterns.historical_failures
        ELSE error_patterns.historical_failures - 0 END || excluded.historical_failures"""

    def __init__(self, store: Store) -> None:
        url = store.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(url, autocommit=True)

    @override
    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(self._sql(statement).encode(), parameters).fetchall()

    @override
    def decoded(self, row: Row) -> Row:
        return row

    @override
    def close(self) -> None:
        self._connection.close()

    @override
    @contextmanager
    def _transaction(self) -> Generator[Cursor]:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            yield cursor

    @override
    def _encoded(self, value: object) -> object:
        return Jsonb(value) if isinstance(value, list) else value

    @override
    @staticmethod
    def _sql(statement: str) -> str:
        return statement.replace("?", "%s")


def opened(store: Store) -> Raw:
    return RawSQLite(store) if store.is_sqlite else RawPostgreSQL(store)


def _indexed(pattern: ErrorPattern) -> list[Phrase]:
    return phrases_at(pattern.pattern, pattern.keywords, pattern.historical_failures, pattern.historical_contexts)


def _phrases(pattern: ErrorPattern) -> Row:
    return pattern.pattern_id, json.dumps(_indexed(pattern))


def _postings(pattern: ErrorPattern) -> list[Row]:
    return [(phrase.term, phrase.position, pattern.pattern_id) for phrase in _indexed(pattern)]
