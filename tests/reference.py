"""The documented rules of matching in a loop over all patterns, and what to try them on."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from error_patterns import ErrorPattern
from error_patterns.failures import failure_text, parse_failure, read_context
from error_patterns.matching import CANDIDATES, COMMON_TERM, FOLLOWED, SAME_FAILURE_SCORE
from error_patterns.matching.evidence import (
    ATTEMPT_FORESIGHT,
    FAILURE_FORESIGHT,
    KEYWORDS,
    RECURRENCE,
    Shown,
    attempt_foresight_features,
    failure_foresight_features,
    recurrence_features,
    shown_by,
)
from error_patterns.matching.weights import Bag, dampen, phrase_weight, weight_of
from error_patterns.text.sanitize import last_part
from error_patterns.text.words import Words, phrases_of, single_words, term_of

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SURE = SAME_FAILURE_SCORE
FAILURE, ATTEMPTS = -2, -3


class Match(NamedTuple):
    pattern_id: str
    score: float
    matched_keywords: tuple[str, ...]


class Row(NamedTuple):
    number: int  # grows with each pattern stored
    position: int
    term: str


def heaviest(text: str) -> list[str]:
    """The words of a failure or an attempt that are indexed."""
    telling = [word for word in single_words(text) if weight_of(word) >= 0.15]
    return sorted(telling, key=lambda word: (-weight_of(word), word))[:48]


def failure_of(pattern: ErrorPattern) -> str:
    return min(pattern.historical_failures, key=lambda text: (len(text), text), default="")


def rows_of(number: int, pattern: ErrorPattern) -> set[Row]:
    texts = enumerate((pattern.pattern, *pattern.keywords), start=-1)
    rows = {Row(number, position, term_of(phrase)) for position, text in texts for phrase in phrases_of(text)}
    rows |= {Row(number, FAILURE, word) for word in heaviest(failure_of(pattern))}
    return rows | {
        Row(number, ATTEMPTS, word) for text in pattern.historical_contexts for word in heaviest(last_part(text, 800))
    }


class Asked:
    """A context, as it is read."""

    def __init__(self, context: str) -> None:
        attempt, failures = read_context(context)
        failed = (word for keyword in (failures[-1].keywords if failures else ()) for word in single_words(keyword))
        self.words = Words(context)
        self.shown: Shown = shown_by(single_words(context), set(failed), single_words(attempt))
        short = [parse_failure(failure_text(context))] if len(context) <= 1_000 else []
        self.fingerprints = [failure.fingerprint for failure in failures or short]

    def weight(self, text: str) -> float:
        """The weight of a keyword or of a pattern's own text; 0 where it does not occur."""
        return max((phrase_weight(" ".join(phrase)) for phrase in self.occurring(text)), default=0)

    def occurring(self, text: str) -> list[tuple[str, ...]]:
        return [phrase for phrase in phrases_of(text) if self.words.contains(phrase)]


class Reference:
    """A memory that looks at each of its patterns."""

    def __init__(self, patterns: list[ErrorPattern], *, common: int = COMMON_TERM) -> None:
        self.patterns = patterns
        self.common = common
        self.rows = sorted((row for numbered in enumerate(patterns) for row in rows_of(*numbered)), reverse=True)
        self.rows_with = Counter(row.term for row in self.rows)

    def frequency(self, term: str) -> int:
        return min(self.common, self.rows_with[term])

    def rank(self, context: str, *, min_score: float = 0.0, among: Collection[str] | None = None) -> list[Match]:
        """Every pattern that matches, the best first."""
        asked = Asked(context)
        found, same = [], []
        known = {one.fingerprint for one in self.patterns}
        fingerprint = next((each for each in asked.fingerprints if each in known), None)
        for number, one in enumerate(self.patterns):
            keywords = tuple(keyword for keyword in one.keywords if asked.weight(keyword))
            score, weight = self.judge(asked, number, one)
            is_scored = weight > 0 and (among is None or one.pattern_id in among)
            if fingerprint and one.fingerprint == fingerprint and min_score <= SURE:
                same.append(Match(one.pattern_id, SURE, keywords if is_scored else ()))
            elif is_scored and score >= min_score:
                order = (-score, -weight, -one.frequency, -one.last_seen.timestamp(), one.pattern_id)
                found.append((order, Match(one.pattern_id, score, keywords)))
        return [*same, *(match for _, match in sorted(found))]

    def judge(self, asked: Asked, number: int, pattern: ErrorPattern) -> tuple[float, float]:
        """The score of a pattern, and the weight of all that was found of it: 0 where it does not match."""
        own = rows_of(number, pattern)
        times = Counter(row.term for row in own)
        shown, failure = asked.shown, Bag(row.term for row in own if row.position == FAILURE)
        weights = [weight for text in (pattern.pattern, *pattern.keywords) if (weight := asked.weight(text))]
        said = set(failure.words) & set(shown.words.words)
        expected = set(failure.words) & set(shown.attempt.words)
        recurrence = foresight = chosen = 0.0
        if said or weights:
            features = recurrence_features(
                shown,
                failure,
                {row.term for row in own if row.position > FAILURE},
                lambda word: dampen(self.frequency(word) / max(1, times[word])),  # as the pattern's own say nothing
            )
            recurrence = RECURRENCE.probability(features)
        if expected:
            foresight = FAILURE_FORESIGHT.probability(failure_foresight_features(shown, failure))
        for text in pattern.historical_contexts:
            earlier = Bag(heaviest(last_part(text, 800)))
            if earlier.words and (expected or set(earlier.words) & set(shown.attempt.words)):
                resembling = attempt_foresight_features(shown, failure, earlier)
                foresight = max(foresight, ATTEMPT_FORESIGHT.probability(resembling))
        if phrases := self.chosen(asked, pattern):
            chosen = KEYWORDS.probability([math.fsum(phrase_weight(phrase) for phrase in phrases)])
        scores = (recurrence, foresight, chosen)
        return max(scores), math.fsum([*weights, *map(weight_of, said), *scores])

    def chosen(self, asked: Asked, pattern: ErrorPattern) -> set[str]:
        """What occurs of the keywords that someone chose, each once; of a pattern by hand, of its text as well."""
        failure = failure_of(pattern)
        own = [] if pattern.historical_failures else [pattern.pattern]
        added = [
            keyword
            for keyword in pattern.keywords
            if keyword not in failure
            and any(not single_words(failure).issuperset(phrase) for phrase in asked.occurring(keyword))
        ]
        occurring = ([" ".join(phrase) for phrase in asked.occurring(text)] for text in (*own, *added))
        return {max(phrases, key=phrase_weight) for phrases in occurring if phrases}

    def candidates(self, context: str, *, followed: int = FOLLOWED, candidates: int = CANDIDATES) -> set[str]:
        """The patterns that a question with a limit scores."""

        def weight(term: str) -> float:
            return phrase_weight(term) * dampen(self.frequency(term))

        def rank_of(term: str) -> tuple[bool, float, str]:
            return self.frequency(term) == self.common, -weight(term), term

        attempted = Asked(context).shown.attempt.words
        weights: dict[int, int] = defaultdict(int)
        for term in sorted(Words(context).terms() & self.rows_with.keys(), key=rank_of):
            newest = [row for row in self.rows if row.term == term][:followed]
            followed -= len(newest)
            for row in newest:
                if row.position != ATTEMPTS or term in attempted:
                    weights[row.number] += round(1_000_000 * weight(term))
        heaviest_first = sorted(weights, key=lambda number: (weights[number], number), reverse=True)
        return {self.patterns[number].pattern_id for number in heaviest_first[:candidates]}


WORDS = "port Port ports import ImportError import_module error 中 中文 文 的 é e\u0301 % >>> > 🔥 x b the".split()
WORDS.append("\x1c")  # white space, but not to pydantic
FAILURES = [
    "ImportError: port 80",
    "ImportError: port 81",
    "$ import port\nerror: b",
    "Traceback (most recent call last):\n  File \"x.py\", line 1, in b\n    x\nKeyError: 'é'",
    "the 中文 port\nx",
]


def phrases(most: int, separators: Iterable[str] = ()) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from([*WORDS, *separators]), min_size=1, max_size=most).map(" ".join)


PHRASE = phrases(5)
TEXT = phrases(8, ["\n", "_", ", ", "error: ", "\n$ "])
PATTERN = st.builds(
    ErrorPattern,
    pattern=PHRASE,
    keywords=st.lists(PHRASE, max_size=4),
    historical_failures=st.lists(TEXT, max_size=2),
    historical_contexts=st.lists(TEXT, max_size=3),
    frequency=st.integers(0, 2),
    last_seen=st.integers(0, 2).map(lambda hours: NOON + timedelta(hours=hours)),
)
FAILURE_TEXT = st.sampled_from(FAILURES)
CONTEXT = phrases(12, ["\n", "_", ", ", "\nImportError: ", "\n$ "]) | FAILURE_TEXT | st.text(max_size=20)
