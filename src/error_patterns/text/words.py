"""Text as words: which runs count as words, which words are equal, and where a phrase occurs. Pure and total.

These are the rules of matching, for keywords and contexts alike:

- NFKC and casefold: any case, any width of letter.
- A word is a run of letters, digits and combining marks. White space, punctuation and `_` only separate.
- A camel-case run counts by its parts and whole: `ImportError` is `import` `error`, and `importerror`. All runs of a
  phrase count by their parts, or all count whole: `importerror open file` does not occur in `ImportError openFile`.
- A plain plural counts as its singular: `modules` is `module`.
- In scripts written without spaces each character is a word, so that a phrase is a run of characters.
- A phrase without any word (`%`, `>>>`, an emoji) matches as a run of those very characters, white space left out.
"""

import functools
import hashlib
import itertools
import re
import unicodedata

from error_patterns.text.sanitize import storable

# Han with its iteration marks, kana, Thai, Lao, Tibetan, Myanmar, Khmer.
_UNSPACED = (
    "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u3040-\u30ff\u31f0-\u31ff\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"
)
_ASCII_RUNS = re.compile(r"[^\W_]+")
_SYMBOLS = re.compile(r"[\W_]+")
_LONG_BEYOND_ASCII = re.compile("[^\x00-\x7f]{31,}")  # the search for marks is slow, and they can stand nowhere else
# The last capital of several begins the next part (HTTPServer); a digit stays with the letters before it (utf8).
_CAMEL_SHAPE = re.compile("U+(?=Ul)|U?[ld]+|U+d*|[^Uld]+")
# Words that end like a plural and are none. Their stem would be another word, or another stem than their plural's.
_NO_PLURALS = frozenset("alias always atlas bias canvas chaos does gas https lens news pandas series this".split())

TERM_WORDS = 3
"""The number of words in an index term. The rest of a longer phrase is verified in the text."""

MAX_TERM_CHARACTERS = 120
"""The most characters of an index term. A longer one is replaced by its digest."""


@functools.cache
def _mark_runs() -> re.Pattern[str]:
    """Compile the expression for runs of over 30 combining marks, the limit of Unicode's Stream-Safe Text Format."""
    characters = (chr(code) for code in range(0x300, 0x20000))
    marks = "".join(c for c in characters if all(map(unicodedata.combining, unicodedata.normalize("NFKD", c))))
    return re.compile(f"([{marks}]{{30}})[{marks}]+")


def _normalize(text: str) -> str:
    """Return the text in NFKC. Long runs of combining marks are shortened, as NFKC takes quadratic time for them."""
    if text.isascii():
        return storable(text)
    shortened = _LONG_BEYOND_ASCII.sub(lambda run: _mark_runs().sub(r"\1", run[0]), storable(text))
    return unicodedata.normalize("NFKC", shortened)


@functools.cache
def _unicode_runs() -> re.Pattern[str]:
    """Compile the expression for words with combining marks, which Hindi and others need and `re` leaves out."""
    marks = [chr(code) for code in range(0x300, 0x20000) if unicodedata.category(chr(code))[0] == "M"]
    spaced = f"(?![{_UNSPACED}])[^\\W_]"
    return re.compile(f"[{_UNSPACED}]|{spaced}(?:{spaced}|(?![{_UNSPACED}])[{''.join(marks)}])*")


def _symbol_runs(normal: str) -> list[str]:
    """Return the runs of characters between the words, each once and without its white space."""
    runs = dict.fromkeys(_SYMBOLS.findall(normal))
    return list(dict.fromkeys("".join(run.split()) for run in runs if not run.isspace()))


def camel_parts(run: str) -> list[str]:
    """Split a camel-case run: `HTTPServerError` gives HTTP, Server, Error. Other runs are one part."""
    if run.islower() or run.isupper() or run[1:].islower() or run.isdigit():
        return [run]
    shape = "".join("U" if c.isupper() else "d" if c.isdigit() else "l" for c in run)
    return [run[part.start() : part.end()] for part in _CAMEL_SHAPE.finditer(shape)]


def stem(word: str) -> str:
    """Return one stem for a word and its plain plural. The stem need not be a word (`cache`, `caches`: `cach`).

    After the S stemmer of Harman (1991, "How effective is suffixing?"), with the final e of sibilants dropped
    on both sides, as `caches` and `matches` cannot be told apart by their ending.
    """
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) and word not in _NO_PLURALS:
        word = word[:-1]
    if word.endswith("ie") and len(word) > 3:
        word = f"{word[:-2]}y"
    if word.endswith(("sse", "che", "she", "xe", "ze")) or (word.endswith("se") and len(word) > 4):
        return word[:-1]
    return word


def _word_forms(run: str) -> tuple[str, tuple[str, ...]]:
    """Return a run as one word, and as the words of its parts."""
    if len(run) > 2 and run[-1] == "s" and run[:-1].isupper():  # APIs, IDs
        run = run[:-1]
    # NFKC, as casefold decomposes some letters.
    folded = (unicodedata.normalize("NFKC", each.casefold()) for each in (run, *camel_parts(run)))
    whole, *parts = map(stem, folded)
    return whole, tuple(parts)


_cached_word_forms = functools.lru_cache(maxsize=65_536)(_word_forms)


def _word_sequences(normal: str) -> list[list[str]]:
    """Return the runs of a text by their parts, and whole where that differs. A text without words has no sequence."""
    runs = (_ASCII_RUNS if normal.isascii() else _unicode_runs()).findall(normal)
    # Long runs are left out of the cache, to bound its memory.
    forms = [(_cached_word_forms if len(run) <= 64 else _word_forms)(run) for run in runs]
    parts = [part for _, run_parts in forms for part in run_parts]
    wholes = [whole for whole, _ in forms]
    if not runs:
        return []
    return [parts] if parts == wholes else [parts, wholes]


class Words:
    """A text as two sequences of words (its runs by their parts, its runs whole), and as runs of symbols."""

    def __init__(self, text: str) -> None:
        """Split the text into words; any text will do."""
        normal = _normalize(text)
        self._words = _word_sequences(normal)
        self._sequences = (*self._words, *_symbol_runs(normal))

    def single(self) -> frozenset[str]:
        """Return the words, of each run its parts and the whole. Words that are too long for a term are left out."""
        return frozenset(word for word in itertools.chain(*self._words) if len(word) <= MAX_TERM_CHARACTERS)

    def terms(self) -> set[str]:
        """Return the index term of every phrase that can begin anywhere in the text."""
        terms: set[str] = set()
        for sequence in self._sequences:
            phrases = list(sequence)
            terms.update(phrases)
            for length in range(1, TERM_WORDS):
                phrases = [f"{phrase} {word}" for phrase, word in zip(phrases, sequence[length:], strict=False)]
                terms.update(phrases)
        too_long = [term for term in terms if len(term) > MAX_TERM_CHARACTERS]
        terms.difference_update(too_long)
        terms.update(map(_shorten, too_long))
        return terms

    def contains(self, phrase: tuple[str, ...]) -> bool:
        """Return whether the words of the phrase follow one another somewhere in the text."""
        return f" {' '.join(phrase)} " in self._searchable  # two-way search: linear time for any phrase

    @functools.cached_property
    def _searchable(self) -> str:
        """The sequences as one string. Its separators are white space, which no word holds."""
        return "\n".join(f" {' '.join(sequence)} " for sequence in self._sequences)


def phrases_of(text: str) -> tuple[tuple[str, ...], ...]:
    """Split a keyword into the phrases that stand for it: its runs by their parts, and its runs whole.

    Most keywords have one phrase, `ImportError` has two, white space has none. A text without words is its symbols.
    """
    normal = _normalize(text)
    return tuple(map(tuple, _word_sequences(normal) or _symbol_runs(normal)))


def term_of(phrase: tuple[str, ...]) -> str:
    """Return the index term of a phrase: its first words, or their digest where they are very long."""
    return _shorten(" ".join(phrase[:TERM_WORDS]))


def _shorten(term: str) -> str:
    if len(term) <= MAX_TERM_CHARACTERS:
        return term
    return f"#{hashlib.blake2b(term.encode(), digest_size=16).hexdigest()}"


def single_words(text: str) -> frozenset[str]:
    """Return the single words of a text."""
    return Words(text).single()
