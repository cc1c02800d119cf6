"""A failure text in parts: its headline, its fingerprint, and its keywords. Pure and total."""

import hashlib
import itertools
import re
import traceback
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from error_patterns.failures.normalize import MAX_LINE_CHARACTERS, normalize, strip_escapes
from error_patterns.failures.python_messages import canonical_message
from error_patterns.failures.stacks import parse_stacks
from error_patterns.failures.stacks.base import Stack
from error_patterns.failures.stacks.jvm_js_dotnet import simple_name
from error_patterns.failures.stacks.python import has_python_frames
from error_patterns.failures.tool_output import error_lines, is_pytest_output
from error_patterns.redaction import EVERY_RULE, Redaction
from error_patterns.text.sanitize import storable
from error_patterns.text.words import camel_parts

FINGERPRINT_PREFIX = "3:"
"""The version of the parser, in front of each fingerprint. A parser that yields other fingerprints gets a new one."""

MAX_MESSAGE_KEYWORDS = 24
"""The most keywords from the messages of a failure. The names of qualified functions come on top."""

_MAX_KEYWORD_CHARACTERS = 80

# Placeholders, and words that are in so many failures that they identify none.
_STOP_WORDS = frozenset(
    "redacted url user email time uuid id address hash path temporary amount number "
    "a an and are as at be but by for from has have in into is it its no not of on or that the this to was were "
    "with while when you your line file call last most recent traceback during handling another occurred".split()
)
_OPTIONAL_MODULE = re.compile(r"^(?:builtins|exceptions|__main__)\.")  # some ways of printing leave these out
_PLACEHOLDER = re.compile(r"<\w+>")
_QUALIFIER = re.compile(r"[./$]+|::")
_NAME = re.compile(r"[^\W\d][\w.]*\w|[^\W\d]")


class ParsedFailure(NamedTuple):
    """The parts of a failure text. None of them is cut to the limits of a pattern.

    Attributes:
        headline: The line that names the failure. Of stack traces it is the exception that ended the program. Of a
            traceback without its exception it is the last line, of anything else the first line with text.
        fingerprint: A hash, equal for two occurrences that differ only in paths, numbers, times and the like.
        keywords: The words that identify the failure. First come those of its messages, without varying parts and
            common words. Then come the class and method names of qualified functions, the outermost function first:
            most often it is the failed test or job, and the parts of its names count too.
    """

    headline: str
    fingerprint: str
    keywords: list[str]


def failure_text(failure: str | BaseException, redaction: Redaction = EVERY_RULE) -> str:
    """Return the text of a failure without secrets; of an exception, its traceback and causes as Python prints them."""
    if isinstance(failure, BaseException):
        failure = "".join(traceback.format_exception(failure))
    return redaction.redact(strip_escapes(storable(failure))).strip()


def parse_failure(text: str) -> ParsedFailure:
    """Parse a text that `failure_text` returned."""
    lines = text.splitlines()
    stacks = [] if is_pytest_output(lines) else parse_stacks(lines)
    messages = [
        [normalize(canonical_message(stack.message[:MAX_LINE_CHARACTERS])), *map(normalize, stack.details)]
        for stack in stacks
    ] or [error_lines(lines) or [""]]
    with_text = [line for line in lines if line.strip()] or [""]
    headline = stacks[-1].line if stacks else with_text[-1 if has_python_frames(lines) else 0]
    return ParsedFailure(headline.strip(), _fingerprint(stacks, messages), _keywords(stacks, messages))


def _fingerprint(stacks: Sequence[Stack], messages: Sequence[Sequence[str]]) -> str:
    parts = [
        (*(f"in {function}" for function in stack.functions), _OPTIONAL_MODULE.sub("", stack.kind), *lines)
        for stack, lines in zip(stacks, messages, strict=False)
    ]
    # Each stack counts once, as retries repeat it.
    essence = "\n".join(itertools.chain.from_iterable(dict.fromkeys(parts) or messages))
    return f"{FINGERPRINT_PREFIX}{hashlib.blake2b(essence.encode(), digest_size=16).hexdigest()}"


def _keywords(stacks: Sequence[Stack], messages: Sequence[Sequence[str]]) -> list[str]:
    lines: list[str] = []
    methods: list[tuple[str, ...]] = []
    for stack, (first, *rest) in itertools.zip_longest(stacks, messages):
        functions = stack.functions if stack else ()
        lines += [function for function in functions if not _QUALIFIER.search(function)]
        lines += [f"{simple_name(stack.kind)}: {first}" if stack else first, *rest]
        methods += [_class_and_method(function) for function in functions if _QUALIFIER.search(function)]
    words = (word for line in reversed(lines) for word in _NAME.findall(_PLACEHOLDER.sub(" ", line)))
    from_messages = itertools.islice(_deduplicate(filter(_is_keyword, words)), MAX_MESSAGE_KEYWORDS)
    return list(_deduplicate((*from_messages, *_method_keywords(methods))))


def _method_keywords(methods: Sequence[tuple[str, ...]]) -> Iterator[str]:
    for number, names in enumerate(reversed(methods)):
        yield from (*names, ".".join(names))
        if number == 0:  # the outermost function
            parts = (part for name in names for part in camel_parts(name))
            yield from (part for part in parts if part.isalpha() and len(part) > 1 and _is_keyword(part))


def _class_and_method(function: str) -> tuple[str, ...]:
    """Return the last two names of a qualified function, without those that are no identifiers."""
    names = _QUALIFIER.split(function)[-2:]
    return tuple(name for name in names if name.isidentifier() and len(name) <= _MAX_KEYWORD_CHARACTERS)


def _is_keyword(word: str) -> bool:
    return word.casefold() not in _STOP_WORDS and len(word) <= _MAX_KEYWORD_CHARACTERS


def _deduplicate(words: Iterable[str]) -> Iterator[str]:
    seen = {""}
    for word in words:
        if word.casefold() not in seen:
            seen.add(word.casefold())
            yield word
