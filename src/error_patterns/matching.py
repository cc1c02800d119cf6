"""Which patterns a context resembles, and how much. The rules of what matches are those of `error_patterns.text`.

A pattern matches when any of its keywords, or its own text, occurs in the context. Its score is the weight of what
occurs, divided by the weight of all its keywords (and of its text, where that occurs). A phrase of w words whose index
term stands n times in the index weighs (1 + ln w) / (1 + ln n): less the more it is shared, more the longer it is, and
the same however many patterns are stored, so that a match keeps its score while the memory grows around it.

Every look-up is by index: the terms of the context, then the phrases of the patterns found. A question with a limit
looks at no more than `CANDIDATES` phrases found, those of the rarest terms first: what very many patterns share raises
scores but is not followed to all of them.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Row, Select, SQLColumnExpression, func, literal, select
from sqlalchemy.orm import Session
from sqlmodel import col

from error_patterns.fields import JSON_ARRAY
from error_patterns.keyword_index import PATTERN_TEXT, keyword_index
from error_patterns.models import ErrorPattern
from error_patterns.results import PatternMatch
from error_patterns.text import TERM_WORDS, Words, phrases_of

RELEVANT_SCORE = 0.4
"""The score from which a match is worth an agent's attention.

Chosen on 92 labelled failures of shell commands and 178 unrelated ones: it keeps 86 % of the true matches, and 0.6 % of
the unrelated texts. (0.3: 91 % and 4.5 %; 0.5: 76 % and none.)
"""

COMMON_TERM = 1_000
"""From so many phrases on, a term counts as common and is not counted any further."""

CANDIDATES = 5_000
"""How many phrases found a question with a limit follows to their patterns."""


_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class _Candidate(NamedTuple):
    pattern_id: str
    score: float
    particular: float
    positions: tuple[int, ...]


def rank(session: Session, context: str, *, limit: int | None, min_score: float) -> list[PatternMatch]:
    """The patterns that the context resembles, best first: by score, weight found, frequency, last_seen, id."""
    words = Words(context)
    terms = words.terms()
    frequencies = _document_frequencies(session, terms)
    pattern_ids = _candidate_ids(session, frequencies, None if limit is None else CANDIDATES)
    found = [c for c in _scored(session, words, terms, pattern_ids, frequencies) if c.score >= min_score]
    return _loaded(session, found, limit)


def elements(session: Session, array: SQLColumnExpression[list[str]]) -> ColumnElement[str]:
    """The column of the elements of a JSON array, as a table that joins what stands beside it."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    expand = func.jsonb_array_elements_text if is_postgresql else func.json_each
    return expand(array).table_valued("value", joins_implicitly=True).c.value


def listed(session: Session, values: Iterable[str]) -> Select[str]:
    """A subquery of the values, sent as one parameter: databases limit the number of those."""
    return select(elements(session, literal(list(values), JSON_ARRAY)))


def _document_frequencies(session: Session, terms: Collection[str]) -> dict[str, int]:
    """For each term that the index has: the number of its phrases, or `COMMON_TERM` if there are more."""
    if not terms:
        return {}
    value = listed(session, terms).subquery("asked")
    some = select(literal(1)).where(keyword_index.c.term == value.c.value).limit(COMMON_TERM).correlate(value)
    counted = select(value.c.value, select(func.count()).select_from(some.subquery()).scalar_subquery().label("n"))
    rows = counted.subquery("counted")
    found = session.execute(select(rows.c.value, rows.c.n).where(rows.c.n > 0))
    return {term: n for term, n in found}  # noqa: C416 - a Result has keys(), so dict() takes it for a mapping


def _candidate_ids(session: Session, frequencies: dict[str, int], budget: int | None) -> set[str]:
    """The patterns behind the terms, the rarest terms first, until the budget of phrases is spent."""
    rarest_first = sorted(frequencies, key=lambda term: (frequencies[term], term))
    if budget is None:
        return set(session.scalars(_patterns_of(listed(session, rarest_first))))
    affordable: list[str] = []
    for term in rarest_first:
        if frequencies[term] >= COMMON_TERM or frequencies[term] > budget:
            break
        budget -= frequencies[term]
        affordable.append(term)
    found = set(session.scalars(_patterns_of(listed(session, affordable)))) if affordable else set()
    for term in rarest_first[len(affordable) :]:
        newest = select(keyword_index.c.pattern_id).where(keyword_index.c.term == term)
        if budget <= 0:
            break
        more = session.scalars(newest.order_by(keyword_index.c.pattern_id.desc()).limit(budget)).all()
        budget -= len(more)
        found.update(more)
    return found


def _patterns_of(terms: Select[str]) -> Select[str]:
    return select(keyword_index.c.pattern_id).where(keyword_index.c.term.in_(terms)).distinct()


def _scored(
    session: Session, words: Words, terms: set[str], pattern_ids: set[str], frequencies: dict[str, int]
) -> Iterator[_Candidate]:
    """The candidates of which something occurs in the context, with their scores."""
    if not pattern_ids:
        return
    of_candidates = keyword_index.c.pattern_id.in_(listed(session, pattern_ids))
    rows = session.execute(select(keyword_index).where(of_candidates)).all()
    frequencies |= _document_frequencies(session, {row.term for row in rows} - frequencies.keys())
    long = {(row.pattern_id, row.position) for row in rows if row.words > TERM_WORDS and row.term in terms}
    absent = _absent(session, words, long)
    phrases: dict[str, dict[int, tuple[float, bool]]] = defaultdict(dict)
    for pattern_id, position, term, length in ((r.pattern_id, r.position, r.term, r.words) for r in rows):
        weight, occurs = phrases[pattern_id].get(position, (0.0, False))
        here = term in terms and (pattern_id, position) not in absent
        phrases[pattern_id][position] = (max(weight, _weight(frequencies.get(term, 1), length)), occurs or here)
    for pattern_id, by_position in phrases.items():
        positions = tuple(sorted(position for position, (_, occurs) in by_position.items() if occurs))
        if not positions:
            continue
        particular = math.fsum(by_position[position][0] for position in positions)
        rest = math.fsum(w for at, (w, occurs) in by_position.items() if not occurs and at != PATTERN_TEXT)
        yield _Candidate(pattern_id, particular / (particular + rest), particular, positions)


def _weight(document_frequency: int, words: int) -> float:
    return (1 + math.log(words)) / (1 + math.log(document_frequency))


def _absent(session: Session, words: Words, long: set[tuple[str, int]]) -> set[tuple[str, int]]:
    """Those of the long phrases whose beginning occurs in the context, and whose rest does not."""
    if not long:
        return set()
    wanted = listed(session, {pattern_id for pattern_id, _ in long})
    columns = select(col(ErrorPattern.pattern_id), col(ErrorPattern.pattern), col(ErrorPattern.keywords))
    texts = {
        pattern_id: (*keywords, pattern)  # the pattern's own text at PATTERN_TEXT, which is -1
        for pattern_id, pattern, keywords in session.execute(columns.where(col(ErrorPattern.pattern_id).in_(wanted)))
    }
    absent = set()
    for pattern_id, position in long:
        phrase_text = _at(texts.get(pattern_id, ()), position)
        if phrase_text is None or not any(words.contains(phrase) for phrase in phrases_of(phrase_text)):
            absent.add((pattern_id, position))
    return absent


def _loaded(session: Session, found: list[_Candidate], limit: int | None) -> list[PatternMatch]:
    """The best of the candidates, with their patterns."""
    if not found:
        return []
    candidates = {candidate.pattern_id: candidate for candidate in found}
    columns = select(col(ErrorPattern.pattern_id), col(ErrorPattern.frequency), col(ErrorPattern.last_seen))
    rows = session.execute(columns.where(col(ErrorPattern.pattern_id).in_(listed(session, candidates)))).all()

    def order(row: Row[str, int, datetime]) -> tuple[float, float, int, timedelta, str]:
        pattern_id, frequency, last_seen = row
        candidate = candidates[pattern_id]
        return -candidate.score, -candidate.particular, -frequency, _END_OF_TIME - last_seen, pattern_id

    places = {row.pattern_id: place for place, row in enumerate(sorted(rows, key=order)[:limit])}
    best = session.scalars(select(ErrorPattern).where(col(ErrorPattern.pattern_id).in_(listed(session, places))))
    in_order = sorted(best, key=lambda pattern: places[pattern.pattern_id])
    return [_match(pattern, candidates[pattern.pattern_id]) for pattern in in_order]


def _match(pattern: ErrorPattern, candidate: _Candidate) -> PatternMatch:
    keywords = (_at(pattern.keywords, position) for position in candidate.positions if position != PATTERN_TEXT)
    found = tuple(keyword for keyword in keywords if keyword is not None)
    return PatternMatch(pattern=pattern, score=candidate.score, matched_keywords=found)


def _at(items: Sequence[str], position: int) -> str | None:
    """The item, or None where another transaction changed the pattern between two of our queries."""
    return items[position] if -len(items) <= position < len(items) else None
