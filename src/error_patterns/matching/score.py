"""The score of a pattern: how much of what identifies it occurs in a context.

A pattern matches when any of its keywords, or its own text, occurs in the context. Its score is a / (a + √c). a is the
weight of what occurs. c is the geometric mean of the number and of the weight of its keywords that do not occur; those
without words and symbols do not count. A phrase of w words whose index term stands n times in the index weighs
(1 + ln w) / (1 + ln n), with n capped at `COMMON_TERM`. It weighs less the more it is shared, more the longer it is,
and the same however many patterns are stored. So a match keeps its score while the memory grows.
"""

import functools
import math
from collections.abc import Collection, Mapping, Sequence

from error_patterns.matching.index import IndexedPattern
from error_patterns.matching.phrases import MAX_WORDS, PATTERN_TEXT
from error_patterns.text.words import TERM_WORDS, Words, phrases_of, term_of

RELEVANT_SCORE = 0.42
"""The score from which a match is worth an agent's attention.

It was chosen on labelled failures. Of 92 occurrences of known failed shell commands it keeps 91 %. Of 178 unrelated
texts it alarms on 1.1 %. Of 98 outputs of the same commands that failed in another way it alarms on 63 %: they share
nearly all of their words with the known failure, and none of the scores below tells them apart.

The alternatives, with the share of contexts whose pattern came first (of 92 failed commands and of 368 failed tests of
Java) and the alarms at the threshold that keeps 90 % (near misses, unrelated texts):

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
"""The number of phrases from which on a term counts as common and is not counted any further."""


@functools.lru_cache(maxsize=4_096)
def weigh(document_frequency: int, words: int) -> float:
    """Weigh a phrase of so many words, whose index term so many phrases share."""
    return (1 + math.log(max(words, 1))) / (1 + math.log(document_frequency))  # 0 words is a row of somebody else's


class Candidate:
    """A pattern that seems to match: of a long phrase, the index knows the first words only.

    Attributes:
        pattern_id: Its id.
        score: Its score, 0 if nothing occurs.
        occurring: The weights of the phrases that occur, by their positions.
        unverified: The positions of those of which only the first words are known to occur.
        sort_key: The smaller, the better: by score and weight found.
    """

    def __init__(self, indexed: IndexedPattern, terms: Collection[str], frequencies: Mapping[str, int]) -> None:
        """Weigh all phrases, and find those that begin with terms of the context."""
        self.pattern_id: str = indexed.pattern_id
        self._weights: dict[int, float] = {}  # by position, whether it occurs or not
        self.occurring: dict[int, float] = {}
        self.unverified: set[int] = set()
        for term, position, length in indexed.phrases:
            weight = weigh(frequencies.get(term, 1), length)
            self._weights[position] = max(weight, self._weights.get(position, 0.0))
            if term in terms:
                self.occurring[position] = max(weight, self.occurring.get(position, 0.0))
                if length > TERM_WORDS:
                    self.unverified.add(position)
        self._compute_score()

    def verify(self, words: Words, phrase_texts: Sequence[str], frequencies: Mapping[str, int]) -> None:
        """Search the context for the long phrases; `phrase_texts` are the keywords, and the pattern's own text last."""
        for position in self.unverified:
            # Another transaction may have changed the pattern between two of our queries.
            text = phrase_texts[position] if -len(phrase_texts) <= position < len(phrase_texts) else ""
            found = [phrase for phrase in phrases_of(text) if words.contains(phrase)]
            del self.occurring[position]
            if found:
                self.occurring[position] = max(
                    weigh(frequencies.get(term_of(p), 1), min(len(p), MAX_WORDS)) for p in found
                )
        self.unverified.clear()
        self._compute_score()

    def keyword_positions(self) -> list[int]:
        """Return the positions of the keywords that occur, in order."""
        return sorted(position for position in self.occurring if position >= 0)

    def _compute_score(self) -> None:
        found = math.fsum(self.occurring.values())
        missing = self._weights.keys() - self.occurring.keys() - {PATTERN_TEXT}
        missing_weight = math.fsum(self._weights[position] for position in missing)
        self.score: float = found / (found + (len(missing) * missing_weight) ** 0.25) if self.occurring else 0.0
        self.sort_key: tuple[float, float] = (-self.score, -found)
