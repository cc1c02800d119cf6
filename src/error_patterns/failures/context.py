"""A context, read before an act: what is about to be attempted, and the failure that it shows, if any. Pure, total."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from error_patterns.failures.attempt import has_error, split_steps
from error_patterns.failures.parse import ParsedFailure, clean_text, parse_failure
from error_patterns.failures.stacks import parse_stacks
from error_patterns.matching.phrases import ATTEMPT_CHARACTERS
from error_patterns.redaction import EVERY_RULE, NO_REDACTION
from error_patterns.text.sanitize import last_part

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
    tail = last_part(clean_text(text, NO_REDACTION), _FAILURE_CHARACTERS)
    first, *steps = split_steps(tail)
    if steps and not any(map(str.strip, first.output)):
        printed = any(map(str.strip, steps[-1].output))
        return ReadContext("", _parse(tail)) if printed else ReadContext(steps[-1].command)
    attempt = last_part(tail, ATTEMPT_CHARACTERS)
    report = _REPORT.search(tail)
    if report is None:
        return ReadContext(attempt, _parse(tail) if any(map(has_error, tail.splitlines())) else ())
    begin = tail.rfind("\n", 0, report.end()) + 1
    is_report = bool(_REPORT.search(attempt) or parse_stacks(attempt.splitlines()))
    return ReadContext("" if is_report else attempt, _parse(tail, tail[begin:]))


def _parse(*texts: str) -> list[ParsedFailure]:
    """Parse texts without their secrets, as recorded failures have none."""
    return [parse_failure(text) for text in dict.fromkeys(map(EVERY_RULE.redact, texts))]
