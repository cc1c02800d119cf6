"""How common words are in ordinary developer text: a shipped table of shares of documents. Pure.

The table has some thousand words, as `error_patterns.text.words` writes them: one stem for a word and its plural.
Each line has a level and the words of that level. A level is a quarter of an octave: words of level 8 are in a quarter
of all documents, words of level 12 in an eighth. `evaluation/document_frequencies.py` makes the table.
"""

import functools
import importlib.resources
from collections.abc import Mapping
from types import MappingProxyType

TABLE = "developer_words.txt"
"""The name of the table's file, in the folder of this module."""

STEPS_PER_OCTAVE = 4

RAREST_LEVEL = 48
"""The last level of the table. Rarer words are left out, as counts of so few documents tell little."""

UNKNOWN_SHARE = 2 ** -(RAREST_LEVEL / STEPS_PER_OCTAVE + 1)
"""The share of a word that is not in the table: half that of the rarest words. All that is known is that it is less."""


def document_share(word: str) -> float:
    """Return the share of ordinary documents of about 1,000 characters that have the word, above 0 and at most 1."""
    return _shares().get(word, UNKNOWN_SHARE)


@functools.cache
def _shares() -> Mapping[str, float]:
    """Read the table, once."""
    text = importlib.resources.files("error_patterns.text").joinpath(TABLE).read_text(encoding="utf-8")
    shares: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            level, _, words = line.partition("\t")
            shares.update(dict.fromkeys(words.split(), 2 ** (-int(level) / STEPS_PER_OCTAVE)))
    return MappingProxyType(shares)
