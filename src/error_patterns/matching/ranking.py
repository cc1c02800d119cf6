"""The patterns that a context resembles, best first.

Every look-up is by index: the terms of the context, then the phrases found. A question with a limit follows at most
`FOLLOWED` phrases to their patterns, or as many as the limit. It takes terms in the order of their weight, heaviest
first, ties by their text, common terms last. It follows all phrases of a term while they fit in, and then those of the
newest ids. Of the patterns found it scores the `CANDIDATES`, or as many as the limit, with the heaviest phrases, the
newest of equals. Their scores are exact: terms that were not followed count as well.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy.orm import Session

from error_patterns.matching import queries
from error_patterns.matching.queries import Phrase
from error_patterns.matching.score import COMMON_TERM, Candidate, weigh
from error_patterns.models import PatternMatch
from error_patterns.text.words import Words

FOLLOWED = 1_000
"""The number of phrases that a question with a limit follows to their patterns."""

CANDIDATES = 100
"""The number of patterns that a question with a limit scores. 200 find no more of the labelled failures first."""

_FIRST_VERIFIED = 16
"""The number of candidates that the first verification looks at; each further one looks at twice as many."""

_BATCH_SIZE = 1_000
"""The number of patterns that are scored at a time."""


class _Question(NamedTuple):
    """The words of a context, how often the index has their terms, and the bounds of the answer."""

    words: Words
    frequencies: dict[str, int]
    limit: int | None
    min_score: float


def rank(session: Session, context: str, *, limit: int | None, min_score: float) -> list[PatternMatch]:
    """Return the patterns that the context resembles, by score, weight found, frequency, `last_seen`, id."""
    words = Words(context)
    frequencies = queries.document_frequencies(session, words.terms(), at_most=COMMON_TERM)
    question = _Question(words, frequencies, limit, min_score)
    pattern_ids = _find_candidates(session, question)
    best: list[Candidate] = []
    for start in range(0, len(pattern_ids), _BATCH_SIZE):
        more = _score_best(session, question, pattern_ids[start : start + _BATCH_SIZE])
        best = sorted([*best, *more], key=attrgetter("sort_key"))[:limit]
    patterns = queries.fetch_patterns(session, [candidate.pattern_id for candidate in best])
    return [c.match(patterns[c.pattern_id]) for c in best if c.pattern_id in patterns]


def _find_candidates(session: Session, question: _Question) -> Sequence[str]:
    """Return the ids of all patterns that have one of the terms, or of those that a question with a limit scores."""
    _, frequencies, limit, _ = question
    if limit is None:
        return queries.fetch_ids(session, frequencies)
    followed = _follow(session, frequencies, max(FOLLOWED, limit))
    return _select_heaviest(followed, frequencies, max(CANDIDATES, limit))


def _follow(session: Session, frequencies: dict[str, int], budget: int) -> list[Phrase]:
    """Fetch the phrases that a question with a limit follows."""

    def order(term: str) -> tuple[bool, float, str]:
        frequency = frequencies[term]
        return frequency >= COMMON_TERM, -weigh(frequency, term.count(" ") + 1), term

    heaviest_first = heapq.nsmallest(budget, frequencies, key=order)  # each has a phrase at least
    affordable = _select_affordable(heaviest_first, frequencies, budget)
    followed = [*queries.fetch_phrases(session, affordable)]
    for term in heaviest_first[len(affordable) :]:
        if len(followed) >= budget:
            break
        followed += queries.fetch_newest_phrases(session, term, at_most=budget - len(followed))
    return followed


def _select_affordable(heaviest_first: list[str], frequencies: dict[str, int], budget: int) -> list[str]:
    """Return the terms of which all phrases are followed."""
    for count, term in enumerate(heaviest_first):
        budget -= frequencies[term]
        if budget < 0 or frequencies[term] >= COMMON_TERM:
            return heaviest_first[:count]
    return heaviest_first


def _select_heaviest(phrases: Iterable[Phrase], frequencies: dict[str, int], most: int) -> list[str]:
    """Return the patterns with the heaviest phrases, the newest of equals."""
    weights: dict[str, list[float]] = defaultdict(list)
    for term, pattern_id, length in phrases:
        weights[pattern_id].append(weigh(frequencies[term], length))
    heaviest_first = sorted(((math.fsum(each), pattern_id) for pattern_id, each in weights.items()), reverse=True)
    return [pattern_id for _, pattern_id in heaviest_first[:most]]


def _score_best(session: Session, question: _Question, pattern_ids: Sequence[str]) -> list[Candidate]:
    """Score these patterns; return the best in their order.

    Long phrases are verified only if they would bring a candidate among the best.
    """
    words, frequencies, limit, min_score = question
    rows = queries.fetch_candidate_rows(session, pattern_ids)
    terms = frequencies.keys()
    others = {term for *_, phrases in rows for term, _, _ in phrases or ()} - terms
    frequencies = frequencies | queries.document_frequencies(session, others, at_most=COMMON_TERM)
    candidates = [Candidate(row, terms, frequencies) for row in rows]
    looked_at = len(candidates) if limit is None else max(min(limit, len(candidates)), _FIRST_VERIFIED)
    while True:
        candidates = sorted((c for c in candidates if c.occurring and c.score >= min_score), key=attrgetter("sort_key"))
        best = candidates[:limit]
        if not any(candidate.unverified for candidate in best):
            return best
        doubtful = [candidate for candidate in candidates[:looked_at] if candidate.unverified]
        texts = queries.fetch_phrase_texts(session, [candidate.pattern_id for candidate in doubtful])
        for candidate in doubtful:
            candidate.verify(words, texts.get(candidate.pattern_id, ()), frequencies)
        looked_at *= 2
