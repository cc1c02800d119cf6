"""The documented rules of matching in a loop over all patterns, and what to try them on."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from error_patterns import ErrorPattern
from error_patterns.matching import CANDIDATES, COMMON_TERM, FOLLOWED
from error_patterns.text.words import Words, phrases_of, term_of

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Match(NamedTuple):
    pattern_id: str
    score: float
    matched_keywords: tuple[str, ...]


class Phrase(NamedTuple):
    number: int  # grows with each pattern stored
    position: int
    term: str
    words: int


def phrases_in(number: int, pattern: ErrorPattern) -> list[Phrase]:
    """A phrase for each term at each place of the pattern: the longest, where two begin with the same words."""
    longest: dict[tuple[int, str], int] = {}
    for position, text in enumerate((pattern.pattern, *pattern.keywords), start=-1):
        for phrase in phrases_of(text):
            place = (position, term_of(phrase))
            longest[place] = max(longest.get(place, 0), len(phrase))
    return [Phrase(number, position, term, words) for (position, term), words in longest.items()]


class Reference:
    """A memory that looks at each of its patterns."""

    def __init__(self, patterns: list[ErrorPattern], *, common: int = COMMON_TERM) -> None:
        self.patterns = patterns
        self.common = common
        phrases = (phrase for numbered in enumerate(patterns) for phrase in phrases_in(*numbered))
        self.phrases = sorted(phrases, reverse=True)  # newest first
        self.phrases_with = Counter(phrase.term for phrase in self.phrases)

    def weight_of(self, term: str, words: int) -> float:
        return (1 + math.log(words)) / (1 + math.log(min(self.common, self.phrases_with[term])))

    def weight(self, words: Words, text: str) -> float:
        """The weight of a keyword or of a pattern's own text; 0 where it does not occur."""
        return self.heaviest(phrase for phrase in phrases_of(text) if words.contains(phrase))

    def heaviest(self, phrases: Iterable[tuple[str, ...]]) -> float:
        return max((self.weight_of(term_of(phrase), len(phrase)) for phrase in phrases), default=0)

    def rank(self, context: str) -> list[Match]:
        """Every pattern that matches, the best first."""
        words = Words(context)
        found = []
        for one in self.patterns:
            keywords = tuple(keyword for keyword in one.keywords if self.weight(words, keyword))
            particular = math.fsum([self.weight(words, text) for text in (one.pattern, *keywords)])
            phrases = (phrases_of(keyword) for keyword in one.keywords if keyword not in keywords)
            missing = [self.heaviest(forms) for forms in phrases if forms]  # white space alone has none
            if particular:
                score = particular / (particular + (len(missing) * math.fsum(missing)) ** 0.25)
                order = (-score, -particular, -one.frequency, -one.last_seen.timestamp(), one.pattern_id)
                found.append((order, Match(one.pattern_id, score, keywords)))
        return [match for _, match in sorted(found)]

    def candidates(self, context: str, *, followed: int = FOLLOWED, candidates: int = CANDIDATES) -> set[str]:
        """The patterns that a question with a limit scores."""

        def rank_of(term: str) -> tuple[bool, float, str]:
            return self.phrases_with[term] >= self.common, -self.weight_of(term, term.count(" ") + 1), term

        weights: dict[int, int] = defaultdict(int)
        for term in sorted(Words(context).terms() & self.phrases_with.keys(), key=rank_of):
            newest = [phrase for phrase in self.phrases if phrase.term == term][:followed]
            followed -= len(newest)
            for phrase in newest:
                weights[phrase.number] += round(1_000_000 * self.weight_of(term, term.count(" ") + 1))
        heaviest_first = sorted(weights, key=lambda number: (weights[number], number), reverse=True)
        return {self.patterns[number].pattern_id for number in heaviest_first[:candidates]}


WORDS = "port Port ports import ImportError import_module error 中 中文 文 की é e\u0301 % >>> > 🔥 x b".split()
WORDS.append("\x1c")  # white space, but not to pydantic
PHRASE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
PATTERN = st.builds(
    ErrorPattern,
    pattern=PHRASE,
    keywords=st.lists(PHRASE, max_size=4),
    frequency=st.integers(0, 2),
    last_seen=st.integers(0, 2).map(lambda hours: NOON + timedelta(hours=hours)),
)
CONTEXT = st.lists(st.sampled_from([*WORDS, "\n", "_", ", "]), max_size=12).map(" ".join) | st.text(max_size=20)
