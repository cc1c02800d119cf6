"""A made-up language: patterns and contexts of words whose frequencies follow Zipf's law, the same in every run."""

import functools
import itertools
import random
from collections.abc import Iterator, Sequence

from error_patterns import ErrorPattern

SEED = 4711
VOCABULARY = 50_000
EMBEDDED_KEYWORDS = 5
"""How many keywords of stored patterns stand in each context, besides those that occur by chance."""

_CONSONANTS, _VOWELS, _ENDINGS = "bcdfghjklmnprtvw", "aeiou", "klmnrt"


class Language:
    """Where words, patterns, failures and contexts come from."""

    def __init__(self, seed: int = SEED) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret depends on it

    def words(self, count: int) -> list[str]:
        vocabulary, cumulative_weights = _vocabulary()
        return self._random.choices(vocabulary, cum_weights=cumulative_weights, k=count)

    def keywords(self) -> list[str]:
        return [" ".join(self.words(self._random.randint(1, 3))) for _ in range(self._random.randint(1, 6))]

    def pattern(self) -> ErrorPattern:
        words = self.words(self._random.randint(3, 8))
        return ErrorPattern(
            pattern=f"{words[0].title()}Error: {' '.join(words[1:])}",
            keywords=self.keywords(),
            historical_failures=[
                f"{words[0].title()}Error: {' '.join(words[1:])} at line {self._random.randint(1, 999)}"
            ],
            historical_contexts=[self.attempt()],
            preventive_checks=[" ".join(self.words(8))],
            frequency=self._random.randint(1, 1_000),
        )

    def attempt(self) -> str:
        """A plan, and a command."""
        return f"{' '.join(self.words(12))}\n$ {' '.join(self.words(6))}"

    def patterns(self, count: int) -> Iterator[ErrorPattern]:
        return (self.pattern() for _ in range(count))

    def failure(self) -> str:
        """A traceback of a failure that was hardly ever seen before."""
        names = self.words(5)
        frames = "".join(
            f'  File "/srv/app/{name}.py", line {self._random.randint(1, 999)}, in {name}_{other}\n'
            f"    {other}({name})\n"
            for name, other in itertools.pairwise(names)
        )
        error = f"{names[0].title()}Error: {' '.join(self.words(8))}"
        return f"Traceback (most recent call last):\n{frames}{error}"

    def contexts(self, count: int, characters: int, known: Sequence[ErrorPattern]) -> list[str]:
        """Texts of this length in which keywords of known patterns stand."""
        return [self._context(characters, known) for _ in range(count)]

    def _context(self, characters: int, known: Sequence[ErrorPattern]) -> str:
        words = self.words(characters // 5)
        for pattern in self._random.sample(known, EMBEDDED_KEYWORDS):
            words[self._random.randrange(characters // 20)] = self._random.choice(pattern.keywords)
        lines = (
            "; ".join([" ".join(words[at : at + 6]), " ".join(words[at + 6 : at + 12])])
            for at in itertools.count(0, 12)
        )
        text = ""
        while len(text) < characters:
            text += next(lines) + "\n"
        return text[:characters]


@functools.cache
def _vocabulary() -> tuple[list[str], list[float]]:
    """The words, most frequent first, and the sums of their frequencies."""
    source = random.Random(SEED)  # noqa: S311 - as above
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        syllables = (source.choice(_CONSONANTS) + source.choice(_VOWELS) for _ in range(source.randint(2, 3)))
        words["".join(syllables) + source.choice(_ENDINGS)] = None
    return list(words), list(itertools.accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
