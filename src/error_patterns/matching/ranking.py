"""The patterns that a context resembles, best first.

Every look-up is by index: the terms of the context, then the postings found. A question with a limit follows at most
`FOLLOWED` postings to their patterns, or as many as the limit. It takes terms in the order of their weight, heaviest
first, ties by their text, common terms last. It follows all postings of a term while they fit in, and then the newest.
Of the patterns found it scores the `CANDIDATES`, or as many as the limit, whose postings weigh most, the newest of
equals. A posting weighs as much as its term, in whole millionths; one of an attempt weighs nothing where its term is
not in what is about to be attempted. Scores are exact: terms that were not followed count as well.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from error_patterns.matching.evidence import shown_by
from error_patterns.matching.index import Followed, Index, Seen
from error_patterns.matching.score import SAME_FAILURE_SCORE, Candidate, Kind, Question
from error_patterns.matching.weights import COMMON_TERM, dampen, heaviest_first, phrase_weight
from error_patterns.text.words import Words, single_words

FOLLOWED = 1_000
"""The number of postings that a question with a limit follows to their patterns."""

CANDIDATES = 24
"""The number of patterns that a question with a limit scores."""

_FIRST_VERIFIED = 16
"""The number of candidates that the first verification looks at; each further one looks at twice as many."""

_BATCH_SIZE = 1_000
"""The number of patterns that are scored at a time."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_GONE = Seen(0, _END_OF_TIME)  # deleted by another transaction since its phrases were fetched


class Found(NamedTuple):
    """A pattern that a context resembles, and why.

    Attributes:
        pattern_id: Its id.
        score: The probability that it is worth telling.
        positions: The positions of the keywords that occur, in order.
        kind: The kind of the strongest evidence.
        words: The words that this evidence rests on, the heaviest first.
    """

    pattern_id: str
    score: float
    positions: Sequence[int]
    kind: Kind
    words: Sequence[str]


class Context(NamedTuple):
    """A context, as it was read.

    Attributes:
        text: All of it.
        attempt: The part that tells what is about to be attempted.
        failed: The words that a failure in it draws attention to; empty where it shows none.
        same: The id of the pattern whose fingerprint that failure has.
    """

    text: str
    attempt: str
    failed: Sequence[str] = ()
    same: str | None = None


class _Bounds(NamedTuple):
    limit: int | None
    min_score: float


def rank(index: Index, context: Context, *, limit: int | None, min_score: float) -> list[Found]:
    """Return the patterns that the context resembles, by score, weight found, frequency, `last_seen`, id."""
    words = Words(context.text)
    frequencies = index.document_frequencies(words.terms(), at_most=COMMON_TERM)
    failed = frozenset[str]().union(*map(single_words, context.failed))
    shown = shown_by(words.single(), failed, single_words(context.attempt))
    question = Question(words, shown, frequencies, context.same)
    bounds = _Bounds(limit, min_score)
    numbers = _find_candidates(index, question, limit)
    best: list[Candidate] = []
    for start in range(0, len(numbers), _BATCH_SIZE):
        more = _score_best(index, question, bounds, numbers[start : start + _BATCH_SIZE])
        best = _select_best(sorted([*best, *more], key=attrgetter("sort_key")), limit)
    found = [_found(candidate) for candidate in _order_equals(index, best)]
    is_first = bool(found) and found[0].pattern_id == context.same
    if context.same is not None and not is_first and min_score <= SAME_FAILURE_SCORE:  # other patterns share more
        found = [Found(context.same, SAME_FAILURE_SCORE, (), "same failure", ()), *found]
    return found[:limit]


def _found(candidate: Candidate) -> Found:
    """Tell what was found of a candidate, with its words in order."""
    kind, score, words = candidate.evidence
    return Found(candidate.pattern_id, score, candidate.keyword_positions(), kind, heaviest_first(words))


def _find_candidates(index: Index, question: Question, limit: int | None) -> Sequence[int]:
    """Return all patterns that have one of the terms, or those that a question with a limit scores."""
    if not question.frequencies:
        return []
    if limit is None:
        return index.find_all(question.frequencies)
    return index.find_heaviest(_choose_followed(question, max(FOLLOWED, limit)), at_most=max(CANDIDATES, limit))


def _choose_followed(question: Question, budget: int) -> Followed:
    """Choose the postings that a question with a limit follows."""
    frequencies = question.frequencies
    terms = [(frequency >= COMMON_TERM, -_weight_of(term, frequency), term) for term, frequency in frequencies.items()]
    terms.sort()
    whole: dict[str, int] = {}
    newest: dict[str, int] = {}
    remaining = uncovered = budget
    for is_common, weight, term in terms:
        in_millionths, frequency = round(-weight * 1_000_000), frequencies[term]
        if not newest and not is_common and frequency <= remaining:
            whole[term] = in_millionths
            remaining -= frequency
        else:
            newest[term] = in_millionths
        uncovered -= frequency  # a common term may have more
        if uncovered <= 0:
            break
    return Followed(whole, newest, remaining, question.shown.attempt.words & frequencies.keys())


def _weight_of(term: str, frequency: int) -> float:
    return phrase_weight(term) * dampen(frequency)


def _score_best(index: Index, question: Question, bounds: _Bounds, numbers: Sequence[int]) -> list[Candidate]:
    """Score these patterns; return the best by `sort_key`, and all that equal the last of them.

    Long phrases are verified only if they would bring a candidate among the best.
    """
    limit, min_score = bounds
    candidates = [Candidate(pattern, question) for pattern in index.fetch_phrases(numbers)]
    looked_at = len(candidates) if limit is None else max(min(limit, len(candidates)), _FIRST_VERIFIED)
    while True:
        candidates = sorted((c for c in candidates if c.occurs and c.score >= min_score), key=attrgetter("sort_key"))
        best = _select_best(candidates, limit)
        if not any(candidate.unverified for candidate in best):
            return best
        doubtful = [candidate for candidate in candidates[: max(looked_at, len(best))] if candidate.unverified]
        texts = index.fetch_texts([candidate.pattern_id for candidate in doubtful])
        for candidate in doubtful:
            candidate.verify(texts.get(candidate.pattern_id, ()))
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
