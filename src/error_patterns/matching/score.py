"""The score of a pattern: the estimated probability that it is worth telling.

Four kinds of evidence are judged apart, and the strongest one counts, so that none drowns another:

- the same failure: the context shows a failure with the pattern's fingerprint;
- recurrence: what the failure said is in the context;
- foresight: what is about to be attempted resembles what was attempted when it failed, or what the failure said;
- keywords: phrases that someone chose, beside the words of the failure itself, are in the context.
"""

import functools
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Literal, NamedTuple

from error_patterns.matching.evidence import (
    ATTEMPT_FORESIGHT,
    FAILURE_FORESIGHT,
    KEYWORDS,
    RECURRENCE,
    Shown,
    attempt_foresight_features,
    failure_foresight_features,
    recurrence_features,
)
from error_patterns.matching.index import IndexedPattern
from error_patterns.matching.phrases import ATTEMPTS, FAILURE
from error_patterns.matching.weights import Bag, dampen, phrase_weight, sum_of
from error_patterns.text.words import TERM_WORDS, Words, phrases_of

Kind = Literal["same failure", "recurrence", "foresight", "keywords"]

RELEVANT_SCORE = 0.28
"""The probability from which a match is worth an agent's attention.

`evaluation/fit_evidence.py` prints what is told, and what alarms, at this score and at others. At this one the alarms
before contexts that are near, and will not fail, stay at a fifth.
"""

SAME_FAILURE_SCORE = 1.0
"""The score of a pattern whose failure is in the context, by its fingerprint."""


class Evidence(NamedTuple):
    """One kind of evidence: its probability, and the words it rests on."""

    kind: Kind
    score: float
    words: Collection[str]


_NONE = Evidence("recurrence", 0.0, ())


class Question(NamedTuple):
    """What is asked of the candidates.

    Attributes:
        words: The words of the context.
        shown: What the context shows, weighed.
        frequencies: The terms of the context that the index has, with their numbers of postings.
        same: The id of the pattern whose failure the context shows.
    """

    words: Words
    shown: Shown
    frequencies: Mapping[str, int]
    same: str | None = None


class Candidate:
    """A pattern that seems to match: of a long phrase, the index knows the first words only.

    Attributes:
        pattern_id: Its id.
        evidence: The strongest evidence.
        unverified: The positions of keywords of which only the first words are known to occur.
        sort_key: The smaller, the better: by score and weight found.
    """

    def __init__(self, indexed: IndexedPattern, question: Question) -> None:
        """Find the phrases that begin with terms of the context, and judge the evidence."""
        self.pattern_id: str = indexed.pattern_id
        self._question = question
        self._occurring: dict[int, float] = {}
        self._given: dict[int, str] = {}
        self.unverified: set[int] = set()
        failure: list[str] = []
        keywords: set[str] = set()
        attempts: list[tuple[str, int]] = []
        postings = Counter(term for term, *_ in indexed.phrases)
        for term, position, length, is_given in indexed.phrases:
            if position == FAILURE:
                failure.append(term)
            elif position == ATTEMPTS:
                attempts.append((term, length))
            else:
                keywords.add(term)
                if term in question.frequencies:
                    # No word weighs more than 1, so that a long phrase weighs no more than this once it is verified.
                    weight = phrase_weight(term) if length <= TERM_WORDS else float(length)
                    self._add(term, weight, position, is_given=bool(is_given))
                    if length > TERM_WORDS:
                        self.unverified.add(position)
        known = Bag(failure)
        self._recurrence = _judge_recurrence(question, known, keywords, postings)
        self._foresight = _judge_foresight(question.shown, known, attempts)
        self._judge()

    @property
    def score(self) -> float:
        """The probability that it is worth telling, above 0 where anything occurs."""
        return self.evidence.score

    @property
    def occurs(self) -> bool:
        """Whether any keyword, or any word of the failure or of an attempt, is in the context."""
        return self._found > 0

    def verify(self, phrase_texts: Sequence[str]) -> None:
        """Search the context for the long phrases; `phrase_texts` are the keywords, and the pattern's own text last."""
        for position in self.unverified:
            # Another transaction may have changed the pattern between two of our queries.
            text = phrase_texts[position] if -len(phrase_texts) <= position < len(phrase_texts) else ""
            is_given = position in self._given
            del self._occurring[position]
            self._given.pop(position, None)
            for words in filter(self._question.words.contains, phrases_of(text)):
                phrase = " ".join(words)
                self._add(phrase, phrase_weight(phrase), position, is_given=is_given)
        self.unverified.clear()
        self._judge()

    def keyword_positions(self) -> list[int]:
        """Return the positions of the keywords that occur, in order."""
        return sorted(position for position in self._occurring if position >= 0)

    def _add(self, phrase: str, weight: float, position: int, *, is_given: bool) -> None:
        if weight > self._occurring.get(position, 0.0):
            self._occurring[position] = weight
            if is_given:
                self._given[position] = phrase

    def _judge(self) -> None:
        recurrence = self._recurrence if self._recurrence.words or self._occurring else _NONE
        judged = [recurrence, self._foresight]
        if self._given:
            chosen = {phrase: self._occurring[position] for position, phrase in self._given.items()}
            score = KEYWORDS.probability((math.fsum(chosen.values()),))
            judged.append(Evidence("keywords", score, chosen))
        self.evidence: Evidence = max(judged, key=attrgetter("score"))
        if self.pattern_id == self._question.same:
            self.evidence = self.evidence._replace(kind="same failure", score=SAME_FAILURE_SCORE)
        weights = (*self._occurring.values(), sum_of(recurrence.words), *(evidence.score for evidence in judged))
        self._found: float = math.fsum(weights)
        self.sort_key: tuple[float, float] = (-self.score, -self._found)


def _judge_recurrence(
    question: Question, failure: Bag, keywords: Collection[str], postings: Mapping[str, int]
) -> Evidence:
    """Judge whether the failure is in the context.

    The index counts postings. The patterns that have a word are estimated as if all had it as often as this one.
    """
    shown, frequencies = question.shown, question.frequencies

    def dampen_word(word: str) -> float:
        return dampen(frequencies.get(word, 1) / max(1, postings[word]))

    features = recurrence_features(shown, failure, keywords, dampen_word)
    return Evidence("recurrence", RECURRENCE.probability(features), shown.words.words & failure.words)


def _judge_foresight(shown: Shown, failure: Bag, attempts: Sequence[tuple[str, int]]) -> Evidence:
    """Judge whether an attempt is about to be repeated, or the failure about to happen.

    Each word of the attempts has a bit for each attempt that has it.
    """
    about = shown.attempt.words
    said = about & failure.words
    best = Evidence("foresight", 0.0, ())
    if said:
        best = best._replace(
            score=FAILURE_FORESIGHT.probability(failure_foresight_features(shown, failure)), words=said
        )
    for earlier in _attempts_to_judge(attempts, about, with_others=bool(said)):
        score = ATTEMPT_FORESIGHT.probability(attempt_foresight_features(shown, failure, earlier))
        if score > best.score:
            best = best._replace(score=score, words=said | (about & earlier.words))
    return best


def _attempts_to_judge(
    attempts: Sequence[tuple[str, int]], about: Collection[str], *, with_others: bool
) -> Iterator[Bag]:
    """Make the bags of the attempts that share words with what is about to be attempted.

    The others score the same as one another, so that one of them stands for all. They score only by what the failure
    said.
    """
    sharing = 0
    words_of: dict[int, list[str]] = defaultdict(list)
    for word, which in attempts:
        if word in about:
            sharing |= which
        for bit in _bits(which):
            words_of[bit].append(word)
    yield from (Bag(words) for bit, words in words_of.items() if bit & sharing)
    others = (Bag(words) for bit, words in words_of.items() if with_others and not bit & sharing)
    yield from itertools.islice(others, 1)


@functools.lru_cache(maxsize=1_024)
def _bits(which: int) -> Sequence[int]:
    return [1 << number for number in range(which.bit_length()) if which >> number & 1]
