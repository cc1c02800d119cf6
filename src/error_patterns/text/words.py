"""Text as words: what counts as one, when two are the same, and where a phrase occurs. Pure and total.

The rules of matching stand here once. Both a keyword and a context become a sequence of words:

- NFKC and casefold: any case, any width of letter;
- a word is a run of letters, digits and combining marks; white space, punctuation and `_` only separate;
- a camel-case run counts whole and by its parts: `ImportError` is `importerror`, and `import` `error`;
- a plain plural counts as its singular: `modules` is `module`;
- in scripts written without spaces each character is a word, so that a phrase is a run of characters;
- a phrase without any word (`%`, `>>>`, an emoji) matches as a run of those very characters, white space left out.
"""

import functools
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator

from error_patterns.text.sanitize import storable

# Han with its iteration marks, kana, Thai, Lao, Tibetan, Myanmar, Khmer.
_UNSPACED = (
    "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u3040-\u30ff\u31f0-\u31ff\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"
)
# Words that end like a plural and are none, where the singular would be another word or the plural another stem.
_NO_PLURALS = frozenset("alias always atlas bias canvas chaos does gas https lens news pandas series this".split())


TERM_WORDS = 3
"""How many words of a phrase its index term holds; what is left of a longer phrase is verified in the text."""


@functools.cache
def _mark_runs() -> re.Pattern[str]:
    """Runs of more than 30 combining marks, the most that Unicode's Stream-Safe Text Format allows (UAX 15, 13)."""
    every = (chr(code) for code in range(0x300, 0x20000))
    marks = "".join(c for c in every if all(map(unicodedata.combining, unicodedata.normalize("NFKD", c))))
    return re.compile(f"([{marks}]{{30}})[{marks}]+")


def _normal(text: str) -> str:
    """The text in NFKC, which takes quadratic time where very many combining marks follow one another."""
    if text.isascii():
        return storable(text)
    shortened = _LONG_BEYOND_ASCII.sub(lambda run: _mark_runs().sub(r"\1", run[0]), storable(text))
    return unicodedata.normalize("NFKC", shortened)


_LONG_BEYOND_ASCII = re.compile("[^\x00-\x7f]{31,}")  # where alone such a run can be: looking is slow
_ASCII_RUNS = re.compile(r"[^\W_]+")


def _runs_of(normal: str) -> list[str]:
    """The runs of characters that make words."""
    return (_ASCII_RUNS if normal.isascii() else _any_runs()).findall(normal)


@functools.cache
def _any_runs() -> re.Pattern[str]:
    """`re` counts no combining mark as part of a word, though Hindi and others need it."""
    marks = [chr(code) for code in range(0x300, 0x20000) if unicodedata.category(chr(code))[0] == "M"]
    spaced = f"(?![{_UNSPACED}])[^\\W_]"
    return re.compile(f"[{_UNSPACED}]|{spaced}(?:{spaced}|(?![{_UNSPACED}])[{''.join(marks)}])*")


# The last capital of several begins the next part (HTTPServer); a digit stays with the letters before it (utf8).
_CAMEL_SHAPE = re.compile("U+(?=Ul)|U?[ld]+|U+d*|[^Uld]+")
_SYMBOLS = re.compile(r"[\W_]+")


def _symbol_runs(text: str) -> list[str]:
    """What stands between the words, each once and without its white space."""
    return list(
        dict.fromkeys("".join(run.split()) for run in dict.fromkeys(_SYMBOLS.findall(text)) if not run.isspace())
    )


def camel_parts(run: str) -> list[str]:
    """The parts of a camel-case run: `HTTPServerError` gives HTTP, Server, Error; other runs are one part."""
    if run.islower() or run.isupper() or run[1:].islower() or run.isdigit():
        return [run]
    shape = "".join("U" if c.isupper() else "d" if c.isdigit() else "l" for c in run)
    return [run[part.start() : part.end()] for part in _CAMEL_SHAPE.finditer(shape)]


def singular(word: str) -> str:
    """One stem for a word and its plain plural; the stem need not be a word (`cache`, `caches`: `cach`).

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
    """A run as one word, and as the words of its parts."""
    return _short_word_forms(run) if len(run) <= 64 else _any_word_forms(run)  # a cache of bounded size in memory


def _any_word_forms(run: str) -> tuple[str, tuple[str, ...]]:
    if len(run) > 2 and run[-1] == "s" and run[:-1].isupper():  # APIs, IDs
        run = run[:-1]
    return singular(_folded(run)), tuple(singular(_folded(part)) for part in camel_parts(run))


_short_word_forms = functools.lru_cache(maxsize=65_536)(_any_word_forms)


def _folded(run: str) -> str:
    return unicodedata.normalize("NFKC", run.casefold())  # casefold takes some letters apart


class Words:
    """A text as a lattice of words: the parts of its runs one after the other, and past them each run as a whole.

    Behind the words come its symbols, one a place, with an empty place wherever a run of them ends.
    """

    def __init__(self, text: str) -> None:
        """Read the text; any text will do."""
        text = _normal(text)
        self._parts: list[str] = []
        self._wholes: dict[int, tuple[str, int]] = {}  # at the place of its first part; with the place behind it
        runs = _runs_of(text)
        forms = {run: _word_forms(run) for run in set(runs)}
        for run in runs:
            whole, parts = forms[run]
            if len(parts) > 1:
                self._wholes[len(self._parts)] = (whole, len(self._parts) + len(parts))
            self._parts.extend(parts)
        self._words = self._parts.copy()
        self._symbol_runs = _symbol_runs(text)
        for run in self._symbol_runs:
            self._parts.append("")
            self._parts.extend(run)

    def terms(self) -> set[str]:
        """The index term of every phrase that can begin anywhere in the text."""
        # Most texts are one path of words, whose phrases are quickly made; others begin near a branch of it.
        terms: set[str] = set()
        for path in (self._words, *self._symbol_runs):
            for length in range(1, TERM_WORDS + 1):
                phrases = set(zip(*(path[first:] for first in range(length)), strict=False))
                terms.update(map(" ".join, phrases))
        near_branches = {place - before for place in self._wholes for before in range(TERM_WORDS) if place >= before}
        for place in near_branches:
            terms.update(self._phrases_from(place))
        too_long = {term for term in terms if len(term) > MAX_TERM_CHARACTERS}
        return (terms - too_long) | {_bounded(term) for term in too_long}

    def contains(self, phrase: tuple[str, ...]) -> bool:
        """Whether the words of the phrase stand one after the other somewhere in the text.

        All beginnings are followed at once, a bit for each place: the shift-and algorithm of Baeza-Yates and Gonnet
        (1992, "A new approach to text searching"), with the branches of the lattice as further shifts.
        """
        reached = -1
        for word in phrase:
            after = 0
            for length, places in self._places_of(word):
                after |= (reached & places) << length
            if not after:
                return False
            reached = after
        return True

    def _steps(self, place: int) -> Iterator[tuple[str, int]]:
        """The words that begin at a place, each with the place behind it."""
        if place < len(self._parts) and self._parts[place]:
            yield self._parts[place], place + 1
            if place in self._wholes:
                yield self._wholes[place]

    def _phrases_from(self, place: int) -> Iterator[str]:
        phrases = list(self._steps(place))
        for _ in range(TERM_WORDS):
            yield from (phrase for phrase, _ in phrases)
            phrases = [(f"{phrase} {word}", after) for phrase, at in phrases for word, after in self._steps(at)]

    @functools.cached_property
    def _places_of(self) -> Callable[[str], list[tuple[int, int]]]:
        """For a word: the places at which it begins as bits of a number, for each number of parts that it spans."""
        beginnings: dict[str, dict[int, list[int]]] = {}
        for place in range(len(self._parts)):
            for word, after in self._steps(place):
                beginnings.setdefault(word, {}).setdefault(after - place, []).append(place)

        def as_bits(places: list[int]) -> int:
            bits = bytearray(len(self._parts) // 8 + 1)
            for place in places:
                bits[place // 8] |= 1 << place % 8
            return int.from_bytes(bits, "little")

        @functools.lru_cache(maxsize=64)  # a number has as many bits as the text has places
        def places_of(word: str) -> list[tuple[int, int]]:
            return [(length, as_bits(places)) for length, places in beginnings.get(word, {}).items()]

        return places_of


def phrases_of(text: str) -> tuple[tuple[str, ...], ...]:
    """The sequences of words that stand for a keyword: with its camel-case runs by their parts, and whole.

    One for most keywords, two for `ImportError`, none for white space. A text without words is its symbols.
    """
    normal = _normal(text)
    forms = [_word_forms(run) for run in _runs_of(normal)]
    if not forms:
        return tuple(tuple(run) for run in _symbol_runs(normal))
    parts = tuple([part for _, run_parts in forms for part in run_parts])  # quicker than of a generator
    whole = tuple([whole for whole, _ in forms])
    return (parts,) if parts == whole else (parts, whole)


MAX_TERM_CHARACTERS = 120


def term_of(phrase: tuple[str, ...]) -> str:
    """The text under which the index keeps a phrase: its first words, as a digest where they are very long."""
    return _bounded(" ".join(phrase[:TERM_WORDS]))


def _bounded(term: str) -> str:
    if len(term) <= MAX_TERM_CHARACTERS:
        return term
    return f"#{hashlib.blake2b(term.encode(), digest_size=16).hexdigest()}"
