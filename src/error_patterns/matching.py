"""Which patterns a context resembles, and how much. The rules of what matches are those of `error_patterns.text`.

A pattern matches when any of its keywords, or its own text, occurs in the context. Its score is a / (a + √m): a is the
weight of what occurs, m the number of its keywords that do not. A phrase of w words whose index term stands n times in
the index weighs (1 + ln w) / (1 + ln n), n counted no further than `COMMON_TERM`: less the more it is shared, more the
longer it is, and the same however many patterns are stored, so that a match keeps its score while the memory grows.

Every look-up is by index: the terms of the context, then the phrases found. A question with a limit follows no more
than `FOLLOWED` phrases to their patterns, or as many as the limit: all of a term, from the rarest term on (equally rare
ones in the order of their text), while they fit in; then of each further term those of the newest ids. Of the patterns
that these lead to, it scores the `CANDIDATES`, or as many as the limit, of which they weigh most, the newest of equals,
and gives no others. What it gives has its exact score, with the common terms that were not followed.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from operator import attrgetter

from sqlalchemy import ColumnElement, Integer, Row, Select, SQLColumnExpression, and_, func, literal, select
from sqlalchemy.orm import Session
from sqlmodel import col

from error_patterns.fields import JSON_ARRAY
from error_patterns.keyword_index import MAX_WORDS, PATTERN_TEXT, keyword_index
from error_patterns.models import ErrorPattern
from error_patterns.results import PatternMatch
from error_patterns.text import TERM_WORDS, Words, phrases_of, term_of

RELEVANT_SCORE = 0.4
"""The score from which a match is worth an agent's attention.

Chosen on labelled failures: of 92 occurrences of known failed shell commands it keeps 90 %, of 178 unrelated texts it
alarms on 1.7 %. Of 98 outputs of the same commands that failed in another way it alarms on 63 %: they share nearly all
of their words with the failure that is known, and no score of words, of those below either, tells them apart.

What was tried, with the share of contexts whose pattern came first, of 92 failed commands and of 368 failed tests of
Java, and the alarms at the threshold that keeps 90 % (near misses, unrelated texts):

====================================================================  ========  ====  ====  =========
score                                                                 commands  Java  near  unrelated
====================================================================  ========  ====  ====  =========
a / (a + b), b the weight of the keywords that do not occur               0.94  0.66  0.61       0.05
a / (a + √b)                                                              0.95  0.72  0.65       0.02
a / (a + √m), counting terms up to 1,000                                  0.92  0.71  0.63       0.02
a / (a + √m), counting terms up to 100: chosen                            0.91  0.71  0.63       0.02
====================================================================  ========  ====  ====  =========

√b finds little more than √m, and asks for all keywords of the candidates and how common each is: most of the time of a
match. BM25 on the same data: 0.88 and 0.57.
"""

COMMON_TERM = 100
"""From so many phrases on, a term counts as common and is not counted any further."""

FOLLOWED = 1_000
"""How many phrases found a question with a limit follows to their patterns."""

CANDIDATES = 200
"""How many patterns a question with a limit scores. (With 100 or 500 the evaluation gives the same.)"""

GLANCE = 8
"""How far all the terms of a context are counted; further only those that may matter: of long texts, very few."""

_LOOKED_AT = 16
"""How many candidates a verification looks at; each further one looks at twice as many."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

_Posting = Row[str, str, int, int]


class _Candidate:
    """A pattern of which something seems to occur: a phrase of many words is known by its first ones only."""

    def __init__(self, stored: Row[str, int, int, datetime]) -> None:
        self.pattern_id: str
        self.keywords: int
        self.pattern_id, self.keywords, frequency, last_seen = stored
        self._ties = (-frequency, _END_OF_TIME - last_seen, self.pattern_id)
        self.weights: dict[int, float] = {}
        self.unverified: set[int] = set()

    def add(self, position: int, weight: float, *, is_whole: bool) -> None:
        self.weights[position] = max(weight, self.weights.get(position, 0.0))
        if not is_whole:
            self.unverified.add(position)

    def verify(self, words: Words, phrase_texts: Sequence[str], frequencies: dict[str, int]) -> None:
        """Look for the rest of the long phrases; `phrase_texts` are the keywords, and the pattern's own text last."""
        for position in self.unverified:
            text = _at(phrase_texts, position) or ""
            occurring = [phrase for phrase in phrases_of(text) if words.contains(phrase)]
            del self.weights[position]
            if occurring:
                self.weights[position] = max(
                    _weight(frequencies.get(term_of(p), 1), min(len(p), MAX_WORDS)) for p in occurring
                )
        self.unverified.clear()
        self.weigh()

    def weigh(self) -> "_Candidate":
        """Take note of the score and the place that the weights make."""
        particular = math.fsum(self.weights.values())
        missing = self.keywords - len(self.weights) + (PATTERN_TEXT in self.weights)
        self.score = particular / (particular + math.sqrt(max(0, missing))) if self.weights else 0.0
        self.place = (-self.score, -particular, self._ties)  # the smaller, the better
        return self


def rank(session: Session, context: str, *, limit: int | None, min_score: float) -> list[PatternMatch]:
    """The patterns that the context resembles, best first: by score, weight found, frequency, last_seen, id."""
    words = Words(context)
    frequencies = _document_frequencies(session, words.terms(), up_to=min(GLANCE, COMMON_TERM))
    if limit is None:
        _count_on(session, frequencies, set(frequencies))
        postings = _phrases_with(session, frequencies)
    else:
        postings = _within_bounds(session, frequencies, max(FOLLOWED, limit), max(CANDIDATES, limit))
    _count_on(session, frequencies, {term for term, *_ in postings})
    candidates = _candidates(session, postings, frequencies)

    def verify(doubtful: list[_Candidate]) -> None:
        texts = _phrase_texts(session, doubtful)
        for candidate in doubtful:
            candidate.verify(words, texts.get(candidate.pattern_id, ()), frequencies)

    return _loaded(session, _best(candidates, verify, limit, min_score))


def elements(session: Session, array: SQLColumnExpression[list[str]]) -> ColumnElement[str]:
    """The column of the elements of a JSON array, as a table that joins what stands beside it."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    expand = func.jsonb_array_elements_text if is_postgresql else func.json_each
    return expand(array).table_valued("value", joins_implicitly=True).c.value


def _length(session: Session, array: SQLColumnExpression[list[str]]) -> ColumnElement[int]:
    """The number of elements of a JSON array."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return (func.jsonb_array_length if is_postgresql else func.json_array_length)(array, type_=Integer)


def listed(session: Session, values: Iterable[str]) -> Select[str]:
    """A subquery of the values, sent as one parameter: databases limit the number of those."""
    return select(elements(session, literal(list(values), JSON_ARRAY)))


def _document_frequencies(session: Session, terms: Collection[str], *, up_to: int) -> dict[str, int]:
    """For each term that the index has: the number of its phrases, or `up_to` if there are more."""
    if not terms:
        return {}
    # In their order, in which the index has them too: neighbours are in pages that were just read.
    term = listed(session, sorted(terms)).subquery("asked").c.value
    phrases = select(literal(1)).where(keyword_index.c.term == term)
    some = phrases.limit(up_to).correlate(term.table).subquery()
    counted = select(func.count()).select_from(some).scalar_subquery()
    found = session.execute(select(term, counted).where(phrases.correlate(term.table).exists()))
    return {term: n for term, n in found}  # noqa: C416 - a Result has keys(), so dict() takes it for a mapping


def _count_on(session: Session, frequencies: dict[str, int], terms: set[str]) -> None:
    """Count those of the terms up to `COMMON_TERM` of which there are more than a glance told."""
    unsure = {term for term in terms if frequencies[term] == GLANCE < COMMON_TERM}
    frequencies |= _document_frequencies(session, unsure, up_to=COMMON_TERM)


def _within_bounds(session: Session, frequencies: dict[str, int], budget: int, candidates: int) -> set[_Posting]:
    """What occurs of the candidates, which are found by following no more phrases than the budget."""
    if sum(n for n in frequencies.values() if n < GLANCE) < budget:
        _count_on(session, frequencies, set(frequencies))
    rarest_first = sorted(frequencies, key=lambda term: (frequencies[term], term))
    affordable = _affordable(rarest_first, frequencies, budget)
    followed = _phrases_with(session, affordable)
    rest = rarest_first[len(affordable) :]
    budget -= len(followed)
    for term in rest:
        if budget <= 0:
            break
        phrases = select(keyword_index).where(keyword_index.c.term == term)
        newest_first = phrases.order_by(keyword_index.c.pattern_id.desc(), keyword_index.c.position.desc())
        more = session.execute(newest_first.limit(budget)).all()
        budget -= len(more)
        followed.update(more)
    _count_on(session, frequencies, {term for term, *_ in followed})
    chosen = _heaviest(followed, frequencies, candidates)
    of_chosen = {row for row in followed if row[1] in chosen}
    return of_chosen | _phrases_of(session, chosen, rest) if rest else of_chosen


def _affordable(rarest_first: list[str], frequencies: dict[str, int], budget: int) -> list[str]:
    """The terms of which all phrases are followed."""
    for count, term in enumerate(rarest_first):
        budget -= frequencies[term]
        if budget < 0 or frequencies[term] >= COMMON_TERM:
            return rarest_first[:count]
    return rarest_first


def _heaviest(postings: Iterable[_Posting], frequencies: dict[str, int], most: int) -> set[str]:
    """The patterns of which the postings weigh most, the newest of equals."""
    weights: dict[str, list[float]] = defaultdict(list)
    for term, pattern_id, _, length in postings:
        weights[pattern_id].append(_weight(frequencies[term], length))
    return set(heapq.nlargest(most, weights, key=lambda pattern_id: (math.fsum(weights[pattern_id]), pattern_id)))


def _phrases_with(session: Session, terms: Collection[str]) -> set[_Posting]:
    if not terms:
        return set()
    return set(session.execute(select(keyword_index).where(keyword_index.c.term.in_(listed(session, terms)))))


def _phrases_of(session: Session, pattern_ids: Collection[str], terms: Collection[str]) -> set[_Posting]:
    """The phrases of these patterns with these terms, of which there may be very many elsewhere."""
    # Materialized, or else databases may read all patterns of the common terms; without `words`, which the index of
    # the pattern ids does not hold, until few rows are left.
    place = (keyword_index.c.term, keyword_index.c.pattern_id, keyword_index.c.position)
    of_patterns = select(*place).where(keyword_index.c.pattern_id.in_(listed(session, pattern_ids)))
    theirs = of_patterns.cte("theirs").prefix_with("MATERIALIZED")
    again = and_(*(column == theirs.c[column.name] for column in place))
    rows = select(keyword_index).join(theirs, again)
    return set(session.execute(rows.where(theirs.c.term.in_(listed(session, terms)))))


def _candidates(
    session: Session, postings: Collection[_Posting], frequencies: dict[str, int]
) -> Collection[_Candidate]:
    if not postings:
        return ()
    columns = select(
        col(ErrorPattern.pattern_id),
        _length(session, col(ErrorPattern.keywords)),
        col(ErrorPattern.frequency),
        col(ErrorPattern.last_seen),
    )
    pattern_ids = {pattern_id for _, pattern_id, _, _ in postings}
    stored = session.execute(columns.where(col(ErrorPattern.pattern_id).in_(listed(session, pattern_ids))))
    candidates = {row.pattern_id: _Candidate(row) for row in stored}
    for term, pattern_id, position, length in postings:
        if pattern_id in candidates:
            weight = _weight(frequencies[term], length)
            candidates[pattern_id].add(position, weight, is_whole=length <= TERM_WORDS)
    return [candidate.weigh() for candidate in candidates.values()]


def _weight(document_frequency: int, words: int) -> float:
    return (1 + math.log(words)) / (1 + math.log(document_frequency))


def _best(
    candidates: Collection[_Candidate],
    verify: Callable[[list[_Candidate]], object],
    limit: int | None,
    min_score: float,
) -> list[_Candidate]:
    """The best in their order. Long phrases are verified only where they would bring a candidate among the best."""
    looked_at = len(candidates) if limit is None else max(min(limit, len(candidates)), _LOOKED_AT)
    while True:
        candidates = sorted((c for c in candidates if c.weights and c.score >= min_score), key=attrgetter("place"))
        best = candidates[:limit]
        if not any(candidate.unverified for candidate in best):
            return best
        verify([candidate for candidate in candidates[:looked_at] if candidate.unverified])
        looked_at *= 2


def _phrase_texts(session: Session, candidates: Iterable[_Candidate]) -> dict[str, tuple[str, ...]]:
    """The keywords of the patterns, and at `PATTERN_TEXT`, which is -1, their own text."""
    wanted = listed(session, [candidate.pattern_id for candidate in candidates])
    columns = select(col(ErrorPattern.pattern_id), col(ErrorPattern.pattern), col(ErrorPattern.keywords))
    stored = session.execute(columns.where(col(ErrorPattern.pattern_id).in_(wanted)))
    return {pattern_id: (*keywords, pattern) for pattern_id, pattern, keywords in stored}


def _loaded(session: Session, best: list[_Candidate]) -> list[PatternMatch]:
    """The candidates as matches; those that another transaction deleted in the meantime are left out."""
    if not best:
        return []
    wanted = listed(session, [candidate.pattern_id for candidate in best])
    stored = session.scalars(select(ErrorPattern).where(col(ErrorPattern.pattern_id).in_(wanted)))
    patterns = {pattern.pattern_id: pattern for pattern in stored}
    return [_match(patterns[c.pattern_id], c) for c in best if c.pattern_id in patterns]


def _match(pattern: ErrorPattern, candidate: _Candidate) -> PatternMatch:
    positions = sorted(position for position in candidate.weights if position != PATTERN_TEXT)
    keywords = (_at(pattern.keywords, position) for position in positions)
    found = tuple(keyword for keyword in keywords if keyword is not None)
    return PatternMatch(pattern=pattern, score=candidate.score, matched_keywords=found)


def _at(items: Sequence[str], position: int) -> str | None:
    """The item, or None where another transaction changed the pattern between two of our queries."""
    return items[position] if -len(items) <= position < len(items) else None
