"""A context, read before an act: what is about to be attempted, and the failure that it shows, if any. Pure, total."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from error_patterns.failures.attempt import has_error, split_steps
from error_patterns.failures.parse import ParsedFailure, clean_text, parse_failure
from error_patterns.failures.stacks import parse_stacks
from error_patterns.redaction import NO_REDACTION

ATTEMPT_CHARACTERS = 800
"""The length of the last part of a context, which tells what is about to be attempted. The rest is what came before."""

_FAILURE_CHARACTERS = 20_000  # the last ones, in which a failure is looked for: parsing takes time
# A line that only a failure begins with. A sentence that names an error in its middle is no report of it.
_REPORT = re.compile(
    r"^\W{0,4}(?:[\w./-]{1,80}: ){0,3}"
    r"(?:[\w.$]{0,200}(?:Error|Exception)(?:: |:?$)|(?:fatal )?error\b ?[:\[(]|fatal: |panic: |E {3,8}\S|FAILED "
    r"|npm ERR!|Caused by: |Traceback \()"
    r"|^\s+at [\w.$<>/]{1,200}[ (]|^ {1,8}File \"[^\"\n]{1,200}\", line \d",
    re.MULTILINE | re.IGNORECASE,
)


class ReadContext(NamedTuple):
    """The parts of a context.

    Attributes:
        attempt: What is about to be attempted: the last part of the text, or the last command of a transcript. Empty
            where the text ends with the report of a failure or the output of a command.
        failures: The failure that the text shows, parsed from all of it, and from the first line that only a failure
            begins with, if that is another one. None where it shows none.
    """

    attempt: str
    failures: Sequence[ParsedFailure] = ()


def read_context(text: str) -> ReadContext:
    """Read a context. Any text will do."""
    tail = _last_part(clean_text(text, NO_REDACTION), _FAILURE_CHARACTERS)
    first, *steps = split_steps(tail)
    if steps and not any(map(str.strip, first.output)):
        printed = any(map(str.strip, steps[-1].output))
        return ReadContext("", [parse_failure(tail)]) if printed else ReadContext(steps[-1].command)
    attempt = _last_part(tail, ATTEMPT_CHARACTERS)
    report = _REPORT.search(tail)
    if report is None:
        shows_failure = any(map(has_error, tail.splitlines()))
        return ReadContext(attempt, [parse_failure(tail)] if shows_failure else ())
    begin = tail.rfind("\n", 0, report.end()) + 1
    texts = dict.fromkeys((tail, tail[begin:]))
    is_report = bool(_REPORT.search(attempt) or parse_stacks(attempt.splitlines()))
    return ReadContext("" if is_report else attempt, list(map(parse_failure, texts)))


def _last_part(text: str, characters: int) -> str:
    """Return the last characters of a text, from the beginning of a line if there is one soon."""
    if len(text) <= characters:
        return text
    part = text[-characters:]
    cut_line, newline, whole_lines = part.partition("\n")
    return whole_lines if newline and len(cut_line) <= characters // 3 else part
