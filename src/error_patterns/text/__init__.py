"""Text as words, and text that is safe to store and to display."""

from error_patterns.text.sanitize import cut, is_cut, is_storable, one_line, storable, visible
from error_patterns.text.words import (
    MAX_TERM_CHARACTERS,
    TERM_WORDS,
    Words,
    camel_parts,
    phrases_of,
    stem,
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
    "stem",
    "storable",
    "term_of",
    "visible",
]
