"""What the index holds of a pattern: its phrases, and the words of its failure and of what was attempted."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from error_patterns.matching.weights import heaviest_first, is_evidence
from error_patterns.text.sanitize import last_part
from error_patterns.text.words import phrases_of, single_words, term_of

MAX_WORDS = 2**15 - 1
"""The most words that are counted of a phrase. Compatibility forms such as ㌖ are several words a character."""

PATTERN_TEXT = -1
"""The position of the pattern's own text; those of the keywords are their places in the list, from 0."""

FAILURE = -2
"""The position of the words of the failure."""

ATTEMPTS = -3
"""The position of the words of what was attempted."""

ATTEMPT_CHARACTERS = 800
"""The length of the last part of a context, which tells what is attempted. The rest is what came before."""

MAX_TEXT_WORDS = 48
"""The most words of a failure or an attempt that are indexed, the heaviest."""


class Phrase(NamedTuple):
    """A phrase of a pattern, or a word of its failure or of an attempt.

    Attributes:
        term: Its index term.
        position: The position of its text.
        words: Its number of words. Of a word of attempts a bit for each that has it.
        is_given: 1 for the phrase of a keyword that says more than the failure itself: someone chose it. Otherwise 0.
    """

    term: str
    position: int
    words: int
    is_given: int


def phrases_at(
    pattern: str, keywords: Sequence[str], failures: Sequence[str] = (), contexts: Sequence[str] = ()
) -> list[Phrase]:
    """Make what the index holds of a pattern.

    Of each term and position it is the longest phrase.
    """
    failure_text = indexed_failure(failures)
    failure = single_words(failure_text)
    longest: dict[tuple[str, int], Phrase] = {}
    for position, text in enumerate((pattern, *keywords), start=PATTERN_TEXT):
        for phrase in phrases_of(text):
            term = term_of(phrase)
            is_of_failure = bool(failures) and (
                position == PATTERN_TEXT or failure.issuperset(phrase) or text in failure_text
            )
            made = Phrase(term, position, min(len(phrase), MAX_WORDS), int(not is_of_failure))
            longest[term, position] = max(made, longest.get((term, position), made))
    attempts: dict[str, int] = defaultdict(int)
    for number, context in enumerate(contexts):
        for word in _heaviest(single_words(last_part(context, ATTEMPT_CHARACTERS))):
            attempts[word] |= 1 << number
    return [
        *longest.values(),
        *(Phrase(word, FAILURE, 1, 0) for word in _heaviest(failure)),
        *(Phrase(word, ATTEMPTS, which, 0) for word, which in attempts.items()),
    ]


def indexed_failure(failures: Sequence[str]) -> str:
    """Return the shortest of the failures, ties by their text: they are occurrences of one, in any order."""
    return min(failures, key=lambda text: (len(text), text), default="")


def _heaviest(words: Collection[str]) -> list[str]:
    return heaviest_first(filter(is_evidence, words))[:MAX_TEXT_WORDS]
