"""A failure text in parts: its headline, its fingerprint, and its keywords. Pure and total."""

import hashlib
import itertools
import re
import traceback
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from error_patterns.failures.attempt import Attempt, error_line, has_error, split_attempt
from error_patterns.failures.exceptions import Details, circumstances_of, split_details
from error_patterns.failures.normalize import MAX_LINE_CHARACTERS, normalize, strip_escapes
from error_patterns.failures.python_messages import canonical_message
from error_patterns.failures.stacks import parse_stacks
from error_patterns.failures.stacks.base import Stack
from error_patterns.failures.stacks.jvm_js_dotnet import simple_name
from error_patterns.failures.stacks.python import has_python_frames
from error_patterns.failures.tool_output import error_lines, is_pytest_output
from error_patterns.matching.weights import weight_of
from error_patterns.redaction import EVERY_RULE, Redaction
from error_patterns.text.sanitize import storable
from error_patterns.text.words import camel_parts, single_words

FINGERPRINT_PREFIX = "4:"
"""The version of the parser, in front of each fingerprint. A parser that yields other fingerprints gets a new one."""

MAX_MESSAGE_KEYWORDS = 24
"""The most keywords from the messages of a failure. Those of its command and of qualified functions come on top."""

_MAX_KEYWORD_CHARACTERS = 80

# Words of grammar, and of the frame that interpreters put around any failure.
_STOP_WORDS = frozenset(
    "a an and are as at be been but by can could couldn did didn do does doesn don for from had has have how if in "
    "into is isn it its may might must no not of on or should so some such t than that the their them then there these "
    "they this those to using via was wasn were what when where which while will with won would you your "
    "redacted call last most recent traceback during handling another occurred".split()
)
_OPTIONAL_MODULE = re.compile(r"^(?:builtins|exceptions|__main__)\.")  # some ways of printing leave these out
_PLACEHOLDER = re.compile(r"<\w+>")
_DECORATION = re.compile(r"\W*$|[=_*#-]{3}|E {2,8}\[ ?\d+%\]")
_ADVICE = re.compile(r"\W*(?:hint|note|help|tip|usage|see)\b:?", re.IGNORECASE)
_QUALIFIER = re.compile(r"[./$]+|::")
_NAME = re.compile(r"[^\W\d][\w.]*\w|[^\W\d]")


class ParsedFailure(NamedTuple):
    """The parts of a failure text. None of them is cut to the limits of a pattern.

    Attributes:
        headline: The line that names the failure. Of stack traces it is the exception that ended the program. Of a
            traceback without its exception it is the last line, of anything else the first line that names an error,
            or else the first with words.
        fingerprint: A hash, equal for two occurrences that differ only in paths, numbers, times and the like. Of a
            command's output it also depends on the program, and not on its arguments.
        keywords: The words that identify the failure. First come those of its messages, without varying parts and
            common words. Then comes the program. Then come the class and method names of qualified functions, the
            outermost function first: most often it is the failed test or job, and the parts of its names count too.
        attempt: The command that failed, if the text shows it.
    """

    headline: str
    fingerprint: str
    keywords: list[str]
    attempt: str


class _Report(NamedTuple):
    """A text without a command: its stacks, and the lines of each, or else the lines of the text that name errors."""

    lines: list[str]
    stacks: list[Stack]
    messages: list[list[str]]


def clean_text(text: str, redaction: Redaction = EVERY_RULE) -> str:
    """Return a text without secrets, escape sequences and what databases cannot hold."""
    return redaction.redact(strip_escapes(storable(text))).strip()


def failure_text(failure: str | BaseException, redaction: Redaction = EVERY_RULE) -> str:
    """Return the text of a failure without secrets.

    Of an exception it is the traceback with the causes, as Python prints them, and the details of a failed command or
    request.
    """
    if isinstance(failure, BaseException):
        failure = circumstances_of(failure).complete("".join(traceback.format_exception(failure)))
    return clean_text(failure, redaction)


def parse_failure(text: str) -> ParsedFailure:
    """Parse a text that `failure_text` returned."""
    before, details = split_details(text)
    attempt = split_attempt(before)
    reports = [_read(attempt.output or attempt.command)]
    if details.output:
        reports.append(_read(split_attempt(details.output).output))
    request = _request_line(details)
    head = [f"$ {attempt.program}"] if attempt.program and attempt.output else []
    essence = itertools.chain(head, *map(_essence, reports), request)
    fingerprint = hashlib.blake2b("\n".join(essence).encode(), digest_size=16).hexdigest()
    return ParsedFailure(
        _headline(reports[0], attempt),
        f"{FINGERPRINT_PREFIX}{fingerprint}",
        _keywords(reports, request, attempt),
        attempt.command,
    )


def _read(text: str) -> _Report:
    lines = text.splitlines()
    stacks = [] if is_pytest_output(lines) else parse_stacks(lines)
    messages = [
        [normalize(canonical_message(stack.message[:MAX_LINE_CHARACTERS])), *map(normalize, stack.details)]
        for stack in stacks
    ]
    return _Report(lines, stacks, messages or [error_lines(lines) or [""]])


def _request_line(details: Details) -> list[str]:
    """Return the line that tells one failed request from another: parts of its path vary, as ids do."""
    if not details.method:
        return []
    return [f"{details.method} {'/'.join(map(normalize, details.path.split('/')))} {details.status}"]


def _headline(report: _Report, attempt: Attempt) -> str:
    if report.stacks:
        return report.stacks[-1].line.strip()
    with_text = [line for line in report.lines if line.strip()] or [""]
    if has_python_frames(report.lines):
        return with_text[-1].strip()
    if attempt.command and not attempt.output:
        return with_text[0].strip()
    telling = [line for line in with_text if not _DECORATION.match(line)]
    return error_line(telling or with_text).strip()


def _essence(report: _Report) -> Iterable[str]:
    """Return the lines of a report that are equal for two occurrences of one failure."""
    parts = [
        (*(f"in {function}" for function in stack.functions), _OPTIONAL_MODULE.sub("", stack.kind), *lines)
        for stack, lines in zip(report.stacks, report.messages, strict=False)
    ]
    # Each stack counts once, as retries repeat it.
    return itertools.chain.from_iterable(dict.fromkeys(parts) or report.messages)


def _keywords(reports: Iterable[_Report], request: Sequence[str], attempt: Attempt) -> list[str]:
    lines: list[str] = []
    methods: list[tuple[str, ...]] = []
    for report in map(_without_advice, reports):
        for stack, (first, *rest) in itertools.zip_longest(report.stacks, report.messages):
            functions = stack.functions if stack else ()
            lines += [function for function in functions if not _QUALIFIER.search(function)]
            lines += [f"{simple_name(stack.kind)}: {first}" if stack else first, *rest]
            methods += [_class_and_method(function) for function in functions if _QUALIFIER.search(function)]
    from_messages = _heaviest(_words([*lines, *request]))
    return list(_deduplicate((*from_messages, *_words([attempt.program]), *_method_keywords(methods))))


def _without_advice(report: _Report) -> _Report:
    """Return the report of a tool without its hints, the lines that name errors last: the last line counts first."""
    if report.stacks:
        return report
    ((*lines,),) = report.messages
    telling = [line for line in lines if not _ADVICE.match(line)]
    return report._replace(messages=[sorted(telling or lines, key=has_error)])


def _heaviest(words: Iterable[str]) -> list[str]:
    """Return the words that weigh most in developer text, each once and in their order."""
    distinct = list(_deduplicate(words))
    weights = {word: max(map(weight_of, single_words(word)), default=0.0) for word in distinct}
    kept = set(sorted(distinct, key=weights.__getitem__, reverse=True)[:MAX_MESSAGE_KEYWORDS])
    return [word for word in distinct if word in kept]


def _words(lines: Sequence[str]) -> Iterator[str]:
    """Return the words of lines that can be keywords, those of the last line first."""
    words = (word for line in reversed(lines) for word in _NAME.findall(_PLACEHOLDER.sub(" ", line)))
    return filter(_is_keyword, words)


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
