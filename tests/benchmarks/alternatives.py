"""Other ways to find the patterns that a context resembles, of those that one would think of first."""

import heapq
import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing
from functools import partial

from ahocorasick_rs import AhoCorasick
from sqlmodel import Session, create_engine, select

from benchmarks.raw import Raw, Row
from benchmarks.stores import Store
from benchmarks.subjects import Call
from error_patterns import ErrorPattern

BEST = 10
_EVERYTHING = "SELECT pattern_id, keywords, pattern FROM error_patterns"
_WORD = re.compile(r"\w+")


class Loop:
    """Load everything with SQLModel, and look for each keyword among the words of the context."""

    def __init__(self, store: Store) -> None:
        self._engine = create_engine(store.url)

    def close(self) -> None:
        self._engine.dispose()

    def rank_context(self, context: str) -> Call:
        return partial(self._rank, context)

    def _rank(self, context: str) -> list[tuple[float, str, ErrorPattern]]:
        words = _WORD.findall(context.lower())
        grams = {" ".join(words[at : at + length]) for length in (1, 2, 3) for at in range(len(words))}
        with Session(self._engine) as session:
            scored = (
                (sum(keyword.lower() in grams for keyword in one.keywords) / len(one.keywords), one.pattern_id, one)
                for one in session.exec(select(ErrorPattern))
            )
            return heapq.nlargest(BEST, (match for match in scored if match[0]))


class FullText:
    """FTS5 in a file beside the store."""

    def __init__(self, database: Raw, store: Store) -> None:
        self._database = database
        self._path = store.path.with_name(f"{store.path.name}.fts")
        self._connection = sqlite3.connect(self._path)
        self._connection.execute("CREATE VIRTUAL TABLE found USING fts5(pattern_id UNINDEXED, keywords, pattern)")
        rows = ((i, "; ".join(keywords), pattern) for i, keywords, pattern in _everything(database))
        with self._connection:
            self._connection.executemany("INSERT INTO found VALUES (?, ?, ?)", rows)
        with self._connection:
            self._connection.execute("INSERT INTO found (found) VALUES ('optimize')")

    def rank_context(self, context: str) -> Call:
        return partial(self._rank, context)

    def close(self) -> None:
        self._connection.close()
        self._path.unlink()

    def _rank(self, context: str) -> list[Row]:
        query = " OR ".join(f'"{word}"' for word in sorted(set(_WORD.findall(context.lower()))))
        statement = "SELECT pattern_id FROM found WHERE found MATCH ? ORDER BY bm25(found) LIMIT ?"
        with closing(self._connection.execute(statement, (query, BEST))) as best:
            return self._database.patterns([pattern_id for (pattern_id,) in best])


class Automaton:
    """All keywords in an automaton in memory, which knows nothing of what is written afterwards."""

    def __init__(self, database: Raw) -> None:
        self._database = database
        patterns_of: dict[str, list[str]] = defaultdict(list)
        for pattern_id, keywords, _ in _everything(database):
            for keyword in keywords:
                patterns_of[keyword.lower()].append(pattern_id)
        self._patterns = list(patterns_of.values())
        self._automaton = AhoCorasick(patterns_of)

    def rank_context(self, context: str) -> Call:
        return partial(self._rank, context)

    def scan_context(self, context: str) -> Call:
        """The least that any such code does: a pattern for each of ten keywords found, without any choice of them."""
        return partial(self._scan, context)

    def _rank(self, context: str) -> list[Row]:
        count: Counter[str] = Counter()
        for keyword in self._found(context):
            count.update(self._patterns[keyword])
        return self._database.patterns([pattern_id for pattern_id, _ in count.most_common(BEST)])

    def _scan(self, context: str) -> list[Row]:
        return self._database.patterns([self._patterns[keyword][0] for keyword in list(self._found(context))[:BEST]])

    def _found(self, context: str) -> set[int]:
        """The keywords that stand in the context, as whole words."""
        text = context.lower()
        return {
            keyword
            for keyword, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True)
            if not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum()
        }


def _everything(database: Raw) -> Iterable[tuple[str, list[str], str]]:
    for pattern_id, keywords, pattern in database.rows(_EVERYTHING):
        yield pattern_id, json.loads(keywords) if isinstance(keywords, str) else keywords, pattern
