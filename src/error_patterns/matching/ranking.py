"""The patterns that a context resembles, best first.

Every look-up is by index: the terms of the context, then the postings found. A question with a limit follows at most
`FOLLOWED` postings to their patterns, or as many as the limit. It takes terms in the order of their weight, heaviest
first, ties by their text, common terms last. It follows all postings of a term while they fit in, and then the newest.
Of the patterns found it scores the `CANDIDATES`, or as many as the limit, whose postings weigh most, the newest of
equals. A posting weighs as much as its term, in whole millionths. Scores are exact: terms that were not followed count
as well.
"""

import heapq
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from error_patterns.matching.index import Followed, Index, Seen
from error_patterns.matching.score import COMMON_TERM, Candidate, weigh
from error_patterns.text.words import Words

FOLLOWED = 1_000
"""The number of postings that a question with a limit follows to their patterns."""

CANDIDATES = 100
"""The number of patterns that a question with a limit scores. 200 find no more of the labelled failures first."""

_FIRST_VERIFIED = 16
"""The number of candidates that the first verification looks at; each further one looks at twice as many."""

_BATCH_SIZE = 1_000
"""The number of patterns that are scored at a time."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_GONE = Seen(0, _END_OF_TIME)  # deleted by another transaction since its phrases were fetched


class Found(NamedTuple):
    """A pattern that a context resembles, its score, and the positions of the keywords that occur, in order."""

    pattern_id: str
    score: float
    positions: Sequence[int]


class _Question(NamedTuple):
    """The words of a context, how often the index has their terms, and the bounds of the answer."""

    words: Words
    frequencies: dict[str, int]
    limit: int | None
    min_score: float


def rank(index: Index, context: str, *, limit: int | None, min_score: float) -> list[Found]:
    """Return the patterns that the context resembles, by score, weight found, frequency, `last_seen`, id."""
    words = Words(context)
    frequencies = index.document_frequencies(words.terms(), at_most=COMMON_TERM)
    question = _Question(words, frequencies, limit, min_score)
    numbers = _find_candidates(index, question)
    best: list[Candidate] = []
    for start in range(0, len(numbers), _BATCH_SIZE):
        more = _score_best(index, question, numbers[start : start + _BATCH_SIZE])
        best = _select_best(sorted([*best, *more], key=attrgetter("sort_key")), limit)
    best = _order_equals(index, best)[:limit]
    return [Found(candidate.pattern_id, candidate.score, candidate.keyword_positions()) for candidate in best]


def _find_candidates(index: Index, question: _Question) -> Sequence[int]:
    """Return all patterns that have one of the terms, or those that a question with a limit scores."""
    _, frequencies, limit, _ = question
    if not frequencies:
        return []
    if limit is None:
        return index.find_all(frequencies)
    return index.find_heaviest(_choose_followed(frequencies, max(FOLLOWED, limit)), at_most=max(CANDIDATES, limit))


def _choose_followed(frequencies: dict[str, int], budget: int) -> Followed:
    """Choose the postings that a question with a limit follows."""

    def order(term: str) -> tuple[bool, float, str]:
        return frequencies[term] >= COMMON_TERM, -_weight_of(term, frequencies), term

    whole: dict[str, int] = {}
    newest: dict[str, int] = {}
    remaining = uncovered = budget
    for term in heapq.nsmallest(budget, frequencies, key=order):  # each has a posting at least
        frequency, weight = frequencies[term], round(_weight_of(term, frequencies) * 1_000_000)
        if not newest and frequency < COMMON_TERM and frequency <= remaining:
            whole[term] = weight
            remaining -= frequency
        else:
            newest[term] = weight
        uncovered -= frequency  # a common term may have more
        if uncovered <= 0:
            break
    return Followed(whole, newest, remaining)


def _weight_of(term: str, frequencies: dict[str, int]) -> float:
    return weigh(frequencies[term], term.count(" ") + 1)


def _score_best(index: Index, question: _Question, numbers: Sequence[int]) -> list[Candidate]:
    """Score these patterns; return the best by `sort_key`, and all that equal the last of them.

    Long phrases are verified only if they would bring a candidate among the best.
    """
    words, frequencies, limit, min_score = question
    patterns = index.fetch_phrases(numbers)
    terms = frequencies.keys()
    others = {term for pattern in patterns for term, _, _ in pattern.phrases} - terms
    frequencies = frequencies | index.document_frequencies(others, at_most=COMMON_TERM)
    candidates = [Candidate(pattern, terms, frequencies) for pattern in patterns]
    looked_at = len(candidates) if limit is None else max(min(limit, len(candidates)), _FIRST_VERIFIED)
    while True:
        candidates = sorted((c for c in candidates if c.occurring and c.score >= min_score), key=attrgetter("sort_key"))
        best = _select_best(candidates, limit)
        if not any(candidate.unverified for candidate in best):
            return best
        doubtful = [candidate for candidate in candidates[: max(looked_at, len(best))] if candidate.unverified]
        texts = index.fetch_texts([candidate.pattern_id for candidate in doubtful])
        for candidate in doubtful:
            candidate.verify(words, texts.get(candidate.pattern_id, ()), frequencies)
        looked_at *= 2


def _select_best(candidates: list[Candidate], limit: int | None) -> list[Candidate]:
    """Return the first of candidates in their order, and all that equal the last of them."""
    if not limit or len(candidates) <= limit:
        return candidates[:limit]
    worst = candidates[limit - 1].sort_key
    return [candidate for candidate in candidates if candidate.sort_key <= worst]


def _order_equals(index: Index, candidates: list[Candidate]) -> list[Candidate]:
    """Order candidates of the same score and weight by frequency, `last_seen` and id: only these are looked up."""
    count = Counter(candidate.sort_key for candidate in candidates)
    equals = [candidate.pattern_id for candidate in candidates if count[candidate.sort_key] > 1]
    if not equals:
        return candidates
    seen = index.fetch_seen(equals)

    def order(candidate: Candidate) -> tuple[tuple[float, float], int, timedelta, str]:
        frequency, last_seen = seen.get(candidate.pattern_id, _GONE)
        return candidate.sort_key, -frequency, _END_OF_TIME - last_seen, candidate.pattern_id

    return sorted(candidates, key=order)
