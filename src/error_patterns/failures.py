"""What a failure text says: its headline, its fingerprint, and the keywords that give it away. Pure and total."""

import hashlib
import itertools
import re
import traceback
from collections.abc import Iterator

from error_patterns.fields import MAX_KEYWORDS, MAX_PATTERN_CHARACTERS
from error_patterns.redaction import redact
from error_patterns.text import camel_parts, cut, storable

FINGERPRINT_VERSION = 1
"""Stands in front of each fingerprint; another way of normalising gets another number."""

_LONGEST_NAME = 80

DRAWN_WORDS = 24
"""The most words of a failure's essence that become keywords; names of Java's frames come on top of them."""


_FRAME = re.compile(r'^[\s|]*File "(?P<file>.*?)", line \d+(?:, in (?P<function>.+))?$')
_RAISED = re.compile(r"^(?:(?:\s*\|)+ ?)?(?P<type>[A-Za-z_](?:[\w.]|<locals>)*)(?:: (?P<message>.*))?$")
# Of Java and its kin. A class loader and a module may stand before the name of the class, a library behind the frame.
_JVM_FRAME = re.compile(
    r"^[ \t]*at (?:[^\s(/]*/)*(?P<type>[\w.$]+)\.(?P<method>[\w$<>]+)\([^()\n]*\)(?: ~?\[[^]\n]*\])?", re.MULTILINE
)
_JVM_PLATFORM = tuple(
    "java. javax. jdk. sun. com.sun. kotlin. kotlinx. scala. junit. org.junit. org.testng. org.scalatest. "
    "org.gradle. worker.org.gradle. org.apache.maven. org.apache.tools.ant. org.eclipse. com.intellij. sbt. "
    "org.springframework.test.".split()
)
_JVM_CAUSE = re.compile(r"^[ \t]*(?:Caused by|Suppressed): ", re.MULTILINE)
_JVM_REST = re.compile(r"^[ \t]*\.\.\. \d+ (?:more|common frames omitted)", re.MULTILINE)
_GROUP_MEMBER = re.compile(r"^[\s|]*\+[-+]+ \d+ -+$")
_HINTS = re.compile(r"[.;]? (?:Did you mean|Did you forget|Perhaps you forgot|Maybe you meant)\b.*")

# In this order: what contains other kinds comes before them. Each placeholder is one word, which is no keyword.
_VOLATILE = tuple(
    (re.compile(expression, re.IGNORECASE), placeholder)
    for expression, placeholder in (
        (r"\x1b\[[0-9;?]*[ -/]*[@-~]", ""),
        (r"\b[a-z][a-z0-9+.-]{1,30}://[^\s\"'<>]+", "<url>"),
        (r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b", "<email>"),
        (r"\b\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:z|[+-]\d\d:?\d\d)?)?", "<time>"),
        (r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b", "<time>"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uuid>"),
        (r"\b(?=[0-9a-hjkmnp-tv-z]{0,25}\d)[0-7][0-9a-hjkmnp-tv-z]{25}\b", "<id>"),
        (r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b", "<address>"),
        (r"\b0x[0-9a-f]+\b", "<hex>"),
        (r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,}\b", "<hex>"),
        (r"(?<![\w.])(?:[a-z]:)?(?:~|\.{1,2})?[\\/](?:[\w.@+-]+[\\/])*[\w.@+-]*", "<path>"),
        (r"\b\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s|secs?|seconds?|minutes?|hours?|[kmgt]i?b|bytes)\b", "<amount>"),
        (r"(?<![\w.])[+-]?\d+(?:[.,]\d+)*(?![\w])", "<number>"),
    )
)

# Placeholders, and words that so many failures have that they give none of them away.
_NO_KEYWORDS = frozenset(
    "url email time uuid id address hex path amount number "
    "a an and are as at be but by for from has have in into is it its no not of on or that the this to was were "
    "with while when you your line file call last most recent traceback during handling another occurred".split()
)
_NAME = re.compile(r"[^\W\d][\w.]*\w|[^\W\d]")


def text_of(failure: str | BaseException) -> str:
    """The text of a failure: an exception with its traceback and causes as Python prints them, without secrets."""
    if isinstance(failure, BaseException):
        failure = "".join(traceback.format_exception(failure))
    return redact(storable(failure)).strip()


def normalised(text: str) -> str:
    """The text with placeholders for what differs between two occurrences of one failure."""
    for expression, placeholder in _VOLATILE:
        text = expression.sub(placeholder, text)
    return " ".join(text.split())


def essence(text: str) -> list[str]:
    """What makes a failure the one it is, normalised: its functions and exceptions, or else each of its lines."""
    lines = text.splitlines()
    found: list[str] = []
    is_traceback = False
    in_frames = False
    for line in lines:
        if frame := _FRAME.match(line):
            is_traceback = in_frames = True
            found.append(f"in {frame['function'] or '<module>'}")
        elif _GROUP_MEMBER.match(line):
            in_frames = True
        elif in_frames and (raised := _RAISED.match(line)):
            in_frames = False
            message = _HINTS.sub("", raised["message"] or "")
            found.append(f"{raised['type'].rpartition('.')[2]}: {normalised(message)}")
    if is_traceback and not in_frames:
        return found
    return [normalised(_HINTS.sub("", line)) for line in lines if line.strip()]


def fingerprint(text: str) -> str:
    """A stable hash of the failure: equal for two occurrences that differ in paths, numbers, times and the like."""
    digest = hashlib.blake2b("\n".join(essence(text)).encode(), digest_size=16).hexdigest()
    return f"{FINGERPRINT_VERSION}:{digest}"


def headline(text: str) -> str:
    """The line that names the failure: the last exception of a traceback, otherwise the first line with text."""
    lines = [line for line in text.splitlines() if line.strip()]
    chosen = lines[0] if lines else ""
    in_frames = False
    for line in lines:
        if _FRAME.match(line):
            in_frames = True
        elif in_frames and (raised := _RAISED.match(line)):
            in_frames, chosen = False, line[raised.start("type") :]
    if in_frames:  # the traceback was cut off before its exception
        chosen = lines[-1]
    return cut(chosen.strip(), MAX_PATTERN_CHARACTERS)


def keywords_of(text: str) -> list[str]:
    """The words that give the failure away: of its essence, without what changes and without common words.

    A stack trace of Java gives the classes and methods of its own frames besides, after these words. The outermost one,
    which most often is the test or the job that failed, comes first of them, and counts by the parts of its names too.
    """
    told = text
    for of_java in (_JVM_FRAME, _JVM_REST, _JVM_CAUSE):
        told = of_java.sub("", told)
    words: dict[str, str] = {}
    for part in reversed(essence(told)):
        for name in _NAME.findall(re.sub(r"<\w+>", " ", part)):
            if name.casefold() not in _NO_KEYWORDS and len(name) <= _LONGEST_NAME:
                words.setdefault(name.casefold(), name)
    words = dict(itertools.islice(words.items(), DRAWN_WORDS))
    for name in _jvm_names(text):
        words.setdefault(name.casefold(), name)
    return list(words.values())[:MAX_KEYWORDS]


def _jvm_names(text: str) -> Iterator[str]:
    outermost = _jvm_own_frames(_JVM_CAUSE.split(text, maxsplit=1)[0])[-1:]
    for names in outermost:
        yield from _with_both(names)
        parts = (part for name in names for part in camel_parts(name))
        yield from (part for part in parts if part.isalpha() and len(part) > 1 and part.casefold() not in _NO_KEYWORDS)
    for names in reversed(_jvm_own_frames(text)):
        yield from _with_both(names)


def _with_both(names: tuple[str, ...]) -> tuple[str, ...]:
    return (*names, ".".join(names))


def _jvm_own_frames(text: str) -> list[tuple[str, ...]]:
    """The class and the method of each frame, as far as they have names, without those of the platform."""
    frames = [frame.group("type", "method") for frame in _JVM_FRAME.finditer(text)]
    own = [frame for frame in frames if not frame[0].startswith(_JVM_PLATFORM)] or frames
    named = [(*re.split("[.$]", qualified.rstrip("$"))[-1:], method) for qualified, method in own]
    shown = [tuple(name for name in names if name.isidentifier() and len(name) <= _LONGEST_NAME) for names in named]
    return [names for names in shown if names]
