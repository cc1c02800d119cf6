"""Which patterns a context resembles, and how much. The rules of what matches are those of `error_patterns.text`.

A pattern matches when any of its keywords, or its own text, occurs in the context. Its score is a / (a + √c): a is the
weight of what occurs, c the geometric mean of the number and of the weight of its keywords that do not (without those
that have neither words nor symbols). A phrase of w words whose index term stands n times in the index weighs
(1 + ln w) / (1 + ln n), n counted no further than `COMMON_TERM`: less the more it is shared, more the longer it is, and
the same however many patterns are stored, so that a match keeps its score while the memory grows.

Every look-up is by index: the terms of the context, then the phrases found. A question with a limit follows no more
than `FOLLOWED` phrases to their patterns, or as many as the limit: all of a term, from the term of the greatest weight
on (as a phrase of its own words, of which a digest is one; those of equal weight in the order of their text, and common
terms after all others), while they fit in; then of each further term those of the newest ids. Of the patterns that
these lead to, it scores the `CANDIDATES`, or as many as the limit, of which the phrases weigh most, the newest of
equals. It gives no others, and these with their exact scores, to which the terms that were not followed add.
"""

import functools
import heapq
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy.orm import Session

from error_patterns.matching import queries as lookups
from error_patterns.matching.queries import Phrase, Stored
from error_patterns.models import ErrorPattern
from error_patterns.models.keyword_index import MAX_WORDS, PATTERN_TEXT
from error_patterns.models.results import PatternMatch
from error_patterns.text import TERM_WORDS, Words, phrases_of, term_of

RELEVANT_SCORE = 0.42
"""The score from which a match is worth an agent's attention.

Chosen on labelled failures: of 92 occurrences of known failed shell commands it keeps 91 %, of 178 unrelated texts it
alarms on 1.1 %. Of 98 outputs of the same commands that failed in another way it alarms on 64 %: they share nearly all
of their words with the failure that is known, and no score of words, of those below either, tells them apart.

What was tried, with the share of contexts whose pattern came first, of 92 failed commands and of 368 failed tests of
Java, and the alarms at the threshold that keeps 90 % (near misses, unrelated texts):

====================================================================  ========  ====  ====  =========
score: m the number, b the weight of the keywords that do not occur   commands  Java  near  unrelated
====================================================================  ========  ====  ====  =========
a / (a + b)                                                              0.935  0.68  0.61       0.02
a / (a + √b)                                                             0.946  0.68  0.64       0.01
a / (a + √m)                                                             0.913  0.71  0.63       0.02
a / (a + √c), c = √(m b): chosen                                         0.946  0.71  0.63       0.01
the same, with weights to the power of 0.75                              0.935  0.72
the same, with weights to the power of 1.25                              0.935  0.67
the same, without the weight of the pattern's own text                   0.946  0.70
the same, with twice its weight                                          0.946  0.70
====================================================================  ========  ====  ====  =========

BM25 on the same data: 0.880 and 0.57.
"""

COMMON_TERM = 100
"""From so many phrases on, a term counts as common and is not counted any further."""

FOLLOWED = 1_000
"""How many phrases found a question with a limit follows to their patterns."""

CANDIDATES = 100
"""How many patterns a question with a limit scores. (With 200 it finds as many of the labelled failures first.)"""

_LOOKED_AT = 16
"""How many candidates a verification looks at; each further one looks at twice as many."""

_BATCH = 1_000
"""How many patterns are scored at a time."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class _Candidate:
    """A pattern of which something seems to occur: a phrase of many words is known by its first ones only."""

    def __init__(self, stored: Stored, terms: Collection[str], frequencies: dict[str, int]) -> None:
        """Weigh all phrases, and see which of them begin with terms of the context."""
        self.pattern_id, frequency, last_seen, phrases = stored
        self._ties = (-frequency, _END_OF_TIME - last_seen, self.pattern_id)
        self._weights: dict[int, float] = {}  # by position, whether it occurs or not
        self.occurring: dict[int, float] = {}
        self.unverified: set[int] = set()
        for term, position, length in phrases or ():  # None where another transaction has deleted them
            weight = _weight(frequencies.get(term, 1), length)
            self._weights[position] = max(weight, self._weights.get(position, 0.0))
            if term in terms:
                self.occurring[position] = max(weight, self.occurring.get(position, 0.0))
                if length > TERM_WORDS:
                    self.unverified.add(position)
        self._weigh()

    def verify(self, words: Words, phrase_texts: Sequence[str], frequencies: dict[str, int]) -> None:
        """Look for the rest of the long phrases; `phrase_texts` are the keywords, and the pattern's own text last."""
        for position in self.unverified:
            text = _at(phrase_texts, position) or ""
            found = [phrase for phrase in phrases_of(text) if words.contains(phrase)]
            del self.occurring[position]
            if found:
                self.occurring[position] = max(
                    _weight(frequencies.get(term_of(p), 1), min(len(p), MAX_WORDS)) for p in found
                )
        self.unverified.clear()
        self._weigh()

    def _weigh(self) -> None:
        """Take note of the score, and of the place that it makes."""
        particular = math.fsum(self.occurring.values())
        missing = self._weights.keys() - self.occurring.keys() - {PATTERN_TEXT}
        lacking = math.fsum(self._weights[position] for position in missing)
        self.score = particular / (particular + (len(missing) * lacking) ** 0.25) if self.occurring else 0.0
        self.place = (-self.score, -particular, self._ties)  # the smaller, the better


class _Question(NamedTuple):
    """What is asked: about which words, of which the index has these terms so often, how many matches and how good."""

    words: Words
    frequencies: dict[str, int]
    limit: int | None
    min_score: float


def rank(session: Session, context: str, *, limit: int | None, min_score: float) -> list[PatternMatch]:
    """The patterns that the context resembles, best first: by score, weight found, frequency, last_seen, id."""
    words = Words(context)
    frequencies = lookups.document_frequencies(session, words.terms(), at_most=COMMON_TERM)
    question = _Question(words, frequencies, limit, min_score)
    worth_scoring = _worth_scoring(session, question)
    best: list[_Candidate] = []
    for start in range(0, len(worth_scoring), _BATCH):
        more = _best_of(session, question, worth_scoring[start : start + _BATCH])
        best = sorted([*best, *more], key=attrgetter("place"))[:limit]
    patterns = lookups.patterns(session, [candidate.pattern_id for candidate in best])
    return [_match(patterns[c.pattern_id], c) for c in best if c.pattern_id in patterns]


def _worth_scoring(session: Session, question: _Question) -> Sequence[str]:
    """The ids of all patterns that have one of the terms, or of those that a question with a limit scores."""
    _, frequencies, limit, _ = question
    if limit is None:
        return lookups.patterns_with(session, frequencies)
    followed = _followed(session, frequencies, max(FOLLOWED, limit))
    return _heaviest(followed, frequencies, max(CANDIDATES, limit))


def _followed(session: Session, frequencies: dict[str, int], budget: int) -> list[Phrase]:
    """The phrases that a question with a limit follows."""

    def order(term: str) -> tuple[bool, float, str]:
        frequency = frequencies[term]
        return frequency >= COMMON_TERM, -_weight(frequency, term.count(" ") + 1), term

    heaviest_first = heapq.nsmallest(budget, frequencies, key=order)  # each has a phrase at least
    affordable = _affordable(heaviest_first, frequencies, budget)
    followed = [*lookups.phrases_with(session, affordable)]
    for term in heaviest_first[len(affordable) :]:
        if len(followed) >= budget:
            break
        followed += lookups.newest_phrases(session, term, at_most=budget - len(followed))
    return followed


def _affordable(heaviest_first: list[str], frequencies: dict[str, int], budget: int) -> list[str]:
    """The terms of which all phrases are followed."""
    for count, term in enumerate(heaviest_first):
        budget -= frequencies[term]
        if budget < 0 or frequencies[term] >= COMMON_TERM:
            return heaviest_first[:count]
    return heaviest_first


def _heaviest(phrases: Iterable[Phrase], frequencies: dict[str, int], most: int) -> list[str]:
    """The patterns of which the phrases weigh most, the newest of equals."""
    weights: dict[str, list[float]] = defaultdict(list)
    for term, pattern_id, length in phrases:
        weights[pattern_id].append(_weight(frequencies[term], length))
    heaviest_first = sorted(((math.fsum(each), pattern_id) for pattern_id, each in weights.items()), reverse=True)
    return [pattern_id for _, pattern_id in heaviest_first[:most]]


@functools.lru_cache(maxsize=4_096)
def _weight(document_frequency: int, words: int) -> float:
    return (1 + math.log(max(words, 1))) / (1 + math.log(document_frequency))  # 0 words is what a foreign hand wrote


def _best_of(session: Session, question: _Question, pattern_ids: Sequence[str]) -> list[_Candidate]:
    """The best of these patterns in their order.

    Long phrases are verified only where they would bring a candidate among the best.
    """
    words, frequencies, limit, min_score = question
    stored = lookups.stored(session, pattern_ids)
    terms = frequencies.keys()
    others = {term for *_, phrases in stored for term, _, _ in phrases or ()} - terms
    frequencies = frequencies | lookups.document_frequencies(session, others, at_most=COMMON_TERM)
    candidates = [_Candidate(one, terms, frequencies) for one in stored]
    looked_at = len(candidates) if limit is None else max(min(limit, len(candidates)), _LOOKED_AT)
    while True:
        candidates = sorted((c for c in candidates if c.occurring and c.score >= min_score), key=attrgetter("place"))
        best = candidates[:limit]
        if not any(candidate.unverified for candidate in best):
            return best
        doubtful = [candidate for candidate in candidates[:looked_at] if candidate.unverified]
        texts = lookups.phrase_texts(session, [candidate.pattern_id for candidate in doubtful])
        for candidate in doubtful:
            candidate.verify(words, texts.get(candidate.pattern_id, ()), frequencies)
        looked_at *= 2


def _match(pattern: ErrorPattern, candidate: _Candidate) -> PatternMatch:
    positions = sorted(position for position in candidate.occurring if position != PATTERN_TEXT)
    keywords = (_at(pattern.keywords, position) for position in positions)
    found = tuple(keyword for keyword in keywords if keyword is not None)
    return PatternMatch(pattern=pattern, score=candidate.score, matched_keywords=found)


def _at(items: Sequence[str], position: int) -> str | None:
    """The item, or None where another transaction changed the pattern between two of our queries."""
    return items[position] if -len(items) <= position < len(items) else None
