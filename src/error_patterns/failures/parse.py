"""What a failure text says: its headline, its fingerprint, and the keywords that give it away. Pure and total."""

import hashlib
import itertools
import re
import traceback
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from error_patterns.failures.normalize import LONGEST_LINE, normalised, without_escapes
from error_patterns.failures.python_messages import reworded
from error_patterns.failures.stacks.base import Stack
from error_patterns.failures.stacks.formats import stacks_of
from error_patterns.failures.stacks.jvm_js_dotnet import unqualified
from error_patterns.failures.stacks.python import has_frames
from error_patterns.failures.tool_output import is_of_pytest, telling_lines
from error_patterns.models.fields import MAX_KEYWORDS, MAX_PATTERN_CHARACTERS
from error_patterns.redaction.redactor import EVERY_RULE, Redaction
from error_patterns.text import camel_parts, cut, storable

FINGERPRINT_PREFIX = "3:"
"""The version of the way in which failures are read, in front of each fingerprint; another way gets another number."""

DRAWN_WORDS = 24
"""The most words of what a failure says that become keywords; names of qualified functions come on top of them."""

_LONGEST_NAME = 80

# Placeholders, and words that so many failures have that they give none of them away.
_NO_KEYWORDS = frozenset(
    "redacted url user email time uuid id address hash path temporary amount number "
    "a an and are as at be but by for from has have in into is it its no not of on or that the this to was were "
    "with while when you your line file call last most recent traceback during handling another occurred".split()
)
_MODULES_OF_NONE = re.compile(r"^(?:builtins|exceptions|__main__)\.")  # which not every way of printing names
_PLACEHOLDER = re.compile(r"<\w+>")
_NAME = re.compile(r"[^\W\d][\w.]*\w|[^\W\d]")


class Reading(NamedTuple):
    """What a failure text says.

    Attributes:
        headline: The line that names the failure: of stack traces the exception that they ended with, of a traceback
            that is cut off before its exception the last line, of anything else the first line with text.
        fingerprint: A hash, equal for two occurrences that differ in paths, numbers, times and the like.
        keywords: The words that give it away: of what it says, without what changes and without common words. Functions
            that a trace names with their class give the names of both besides, after these words. The outermost of
            them, most often the test or the job that failed, comes first, and counts by the parts of its names too.
    """

    headline: str
    fingerprint: str
    keywords: list[str]


def text_of(failure: str | BaseException, redaction: Redaction = EVERY_RULE) -> str:
    """The text of a failure: an exception with its traceback and causes as Python prints them, without secrets."""
    if isinstance(failure, BaseException):
        failure = "".join(traceback.format_exception(failure))
    return redaction.redact(without_escapes(storable(failure))).strip()


def read(text: str) -> Reading:
    """Read a failure text as `text_of` gives it."""
    lines = text.splitlines()
    stacks = [] if is_of_pytest(lines) else stacks_of(lines)
    said = [_said(stack) for stack in stacks] or [telling_lines(lines) or [""]]
    return Reading(_headline(lines, stacks), _fingerprint(stacks, said), _keywords(stacks, said))


def _headline(lines: Sequence[str], stacks: Sequence[Stack]) -> str:
    with_text = [line for line in lines if line.strip()] or [""]
    chosen = stacks[-1].line if stacks else with_text[-1 if has_frames(lines) else 0]
    return cut(chosen.strip(), MAX_PATTERN_CHARACTERS)


def _said(stack: Stack) -> list[str]:
    return [normalised(reworded(stack.message[:LONGEST_LINE])), *map(normalised, stack.details)]


def _fingerprint(stacks: Sequence[Stack], said: Sequence[Sequence[str]]) -> str:
    parts = [
        (*(f"in {function}" for function in stack.functions), _MODULES_OF_NONE.sub("", stack.kind), *lines)
        for stack, lines in zip(stacks, said, strict=False)
    ]
    # Each stack once, as whoever tries again fails again.
    essence = "\n".join(itertools.chain.from_iterable(dict.fromkeys(parts) or said))
    return f"{FINGERPRINT_PREFIX}{hashlib.blake2b(essence.encode(), digest_size=16).hexdigest()}"


def _keywords(stacks: Sequence[Stack], said: Sequence[Sequence[str]]) -> list[str]:
    lines: list[str] = []
    in_classes: list[tuple[str, ...]] = []
    for stack, (first, *rest) in itertools.zip_longest(stacks, said):
        functions = stack.functions if stack else ()
        lines += [function for function in functions if not _BETWEEN_NAMES.search(function)]
        lines += [f"{unqualified(stack.kind)}: {first}" if stack else first, *rest]
        in_classes += [_class_and_method(function) for function in functions if _BETWEEN_NAMES.search(function)]
    words = (word for line in reversed(lines) for word in _NAME.findall(_PLACEHOLDER.sub(" ", line)))
    drawn = itertools.islice(_distinct(filter(_tells, words)), DRAWN_WORDS)
    return list(_distinct((*drawn, *_of_functions(in_classes))))[:MAX_KEYWORDS]


def _of_functions(in_classes: Sequence[tuple[str, ...]]) -> Iterator[str]:
    for outermost in in_classes[-1:]:
        yield from (*outermost, ".".join(outermost))
        parts = (part for name in outermost for part in camel_parts(name))
        yield from (part for part in parts if part.isalpha() and len(part) > 1 and _tells(part))
    for names in reversed(in_classes):
        yield from (*names, ".".join(names))


_BETWEEN_NAMES = re.compile(r"[./$]+|::")


def _class_and_method(function: str) -> tuple[str, ...]:
    """The last two names of a function that has more, as far as they are names."""
    return tuple(
        name for name in _BETWEEN_NAMES.split(function)[-2:] if name.isidentifier() and len(name) <= _LONGEST_NAME
    )


def _tells(word: str) -> bool:
    return word.casefold() not in _NO_KEYWORDS and len(word) <= _LONGEST_NAME


def _distinct(words: Iterable[str]) -> Iterator[str]:
    seen = {""}
    for word in words:
        if word.casefold() not in seen:
            seen.add(word.casefold())
            yield word
