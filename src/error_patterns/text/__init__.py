"""Text as words, and text that is safe to store and to show."""

from error_patterns.text.sanitize import cut, is_cut, is_storable, one_line, storable, visible
from error_patterns.text.words import (
    MAX_TERM_CHARACTERS,
    TERM_WORDS,
    Words,
    camel_parts,
    phrases_of,
    singular,
    term_of,
)

__all__ = [
    "MAX_TERM_CHARACTERS",
    "TERM_WORDS",
    "Words",
    "camel_parts",
    "cut",
    "is_cut",
    "is_storable",
    "one_line",
    "phrases_of",
    "singular",
    "storable",
    "term_of",
    "visible",
]
