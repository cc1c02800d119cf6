"""The documented rules of matching in a loop over all patterns, and what to try them on."""

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from error_patterns import ErrorPattern
from error_patterns.matching import CANDIDATES, COMMON_TERM
from error_patterns.text import Words, phrases_of, term_of

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Match(NamedTuple):
    pattern_id: str
    score: float
    matched_keywords: tuple[str, ...]


class Reference:
    """A memory that looks at each of its patterns."""

    def __init__(self, patterns: list[ErrorPattern], *, common: int = COMMON_TERM) -> None:
        self.patterns = patterns
        self.common = common
        self.phrases = sorted(  # the newest ids first
            (
                (one.pattern_id, term)
                for one in patterns
                for text in (one.pattern, *one.keywords)
                for term in {*map(term_of, phrases_of(text))}
            ),
            reverse=True,
        )
        self.phrases_with = Counter(term for _, term in self.phrases)

    def weight(self, words: Words, text: str) -> float:
        """The weight of a keyword or of a pattern's own text; 0 where it does not occur."""
        return max(
            (
                (1 + math.log(len(phrase))) / (1 + math.log(min(self.common, self.phrases_with[term_of(phrase)])))
                for phrase in phrases_of(text)
                if words.contains(phrase)
            ),
            default=0,
        )

    def rank(self, context: str) -> list[Match]:
        """Every pattern that matches, the best first."""
        words = Words(context)
        found = []
        for one in self.patterns:
            keywords = tuple(keyword for keyword in one.keywords if self.weight(words, keyword))
            particular = math.fsum([self.weight(words, text) for text in (one.pattern, *keywords)])
            if particular:
                score = particular / (particular + math.sqrt(len(one.keywords) - len(keywords)))
                order = (-score, -particular, -one.frequency, -one.last_seen.timestamp(), one.pattern_id)
                found.append((order, Match(one.pattern_id, score, keywords)))
        return [match for _, match in sorted(found)]

    def followed(self, context: str, *, candidates: int = CANDIDATES) -> set[str]:
        """The patterns that a question with a limit looks at."""
        terms = Words(context).terms() & self.phrases_with.keys()
        rarest_first = sorted(terms, key=lambda term: (min(self.common, self.phrases_with[term]), term))
        pattern_ids: set[str] = set()
        for term in rarest_first:
            newest = [pattern_id for pattern_id, of in self.phrases if of == term][:candidates]
            pattern_ids.update(newest)
            candidates -= len(newest)
        return pattern_ids


WORDS = "port Port ports import ImportError import_module error 中 中文 文 की é e\u0301 % >>> > 🔥 x b".split()
PHRASE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
PATTERN = st.builds(
    ErrorPattern,
    pattern=PHRASE,
    keywords=st.lists(PHRASE, max_size=4),
    frequency=st.integers(0, 2),
    last_seen=st.integers(0, 2).map(lambda hours: NOON + timedelta(hours=hours)),
)
CONTEXT = st.lists(st.sampled_from([*WORDS, "\n", "_", ", "]), max_size=12).map(" ".join) | st.text(max_size=20)
