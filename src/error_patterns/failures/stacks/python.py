"""Tracebacks of Python, also behind the prefix of a log, indented in what another program prints, or in a group."""

import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from error_patterns.failures.normalize import split_log_prefix
from error_patterns.failures.stacks.base import MOST_DETAILS, Frame, Stack, functions_that_count

_FRAME = re.compile(r'File "(?P<file>[^"\n]*)", line \d+(?:, in (?P<function>\S.*))?$')
_BEGINS = "Traceback (most recent call last):"
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_MEMBER = re.compile(r"(?P<indent> *(?:\+-)?)\+-{2,} (?:\d+|\.{3}) -+$")
_RAISED = re.compile(r"(?P<kind>[^\W\d](?:[\w.]|<locals>)*)(?::(?: (?P<message>.*))?)?$")
_LIBRARY = re.compile(
    r"^<frozen |^PYTHON_LIB:"  # as friendly-traceback calls it
    r"|[\\/]lib(?:64)?[\\/](?:python|pypy)\d[\d.]*[\\/]|[\\/]python[\d.-]*[\\/]lib[\\/]|[\\/]python\d+\.zip\b",
    re.IGNORECASE,
)
# Python 3.12 shows no frames for these.
_COMPREHENSIONS = {"<listcomp>", "<dictcomp>", "<setcomp>"}
_DIGIT = re.compile(r"\d")


def has_frames(lines: Sequence[str]) -> bool:
    """Whether one of the lines is that of a frame in a traceback of Python."""
    return any(map(_FRAME.search, lines))


def python_stacks(lines: Sequence[str]) -> list[Stack]:
    """The exceptions of all tracebacks, in the order of the text."""
    found: list[Stack] = []
    frames: list[Frame] = []
    lead: str | None = None  # what stands in front of the exception that is waited for
    source = ""
    for number, line in enumerate(lines):
        if frame := _FRAME.search(line):
            lead = _DIGIT.sub("0", line[: frame.start()].removesuffix("  "))
            if frame["function"] is None:
                source = lines[number + 1].strip() if number + 1 < len(lines) else ""
            elif frame["function"] not in _COMPREHENSIONS:
                of_library = bool(_LIBRARY.search(frame["file"])) and "-packages" not in frame["file"]
                frames.append(Frame(frame["function"], of_library))
        elif member := _MEMBER.match(line):
            lead, frames = f"{' ' * member.end('indent')}| ", []
        elif line.endswith(_BEGINS):
            lead, frames, source = None, [], ""  # the one before was cut off
        elif lead is not None and _is_behind(lead, line) and (raised := _RAISED.match(line, len(lead))):
            message = raised["message"] or ""
            after = lines[number + 1 : number + MOST_DETAILS]
            more = (line[len(lead) :] for line in itertools.takewhile(functools.partial(_is_behind, lead), after))
            details = [source] if source else _details(raised[0], message, more)
            found.append(Stack(raised[0], raised["kind"], message, tuple(details), functions_that_count(frames)))
            lead, frames, source = None, [], ""
    return found


def _is_behind(lead: str, line: str) -> bool:
    return _DIGIT.sub("0", line[: len(lead)]) == lead


_VALIDATION = re.compile(r"\d+ validation errors? for ")
_BROKEN_RULE = re.compile(r" .*[\[(]type=([\w.]{1,100})")


def _details(line: str, message: str, lines: Iterable[str]) -> Iterator[str]:
    if _VALIDATION.match(message):
        return _fields(lines)
    told = list(itertools.takewhile(_may_go_on, itertools.islice(lines, _MOST_CONTINUED)))
    return itertools.filterfalse(
        _OF_ONE_RUN.match, _announced(told) if line.rstrip().endswith(":") else _continued(told)
    )


def _fields(lines: Iterable[str]) -> Iterator[str]:
    """The fields in which pydantic found errors, and which rules these break."""
    told = (line for line in lines if not line.startswith("    For further information"))
    for field, rule in zip(told, told, strict=False):  # each takes the next line
        broken = _BROKEN_RULE.match(rule)
        if broken is None or field.startswith(" "):
            return
        yield from (field, broken[1])


_MOST_CONTINUED = 20  # lines
_GOES_ON = re.compile(r"\s+\S|\[SQL: |: [\w.]+(?:Exception|Error)\b")  # indented, of SQLAlchemy, of Py4J
# Of SQLAlchemy the values of a statement and a link to its documentation, of Py4J the frames of Java.
_OF_ONE_RUN = re.compile(r"\[parameters: |\(Background on this error|\s+at \S")


def _may_go_on(line: str) -> bool:
    return not (line.endswith(_BEGINS) or line.startswith(_CHAINED) or _FRAME.search(line) or split_log_prefix(line)[0])


def _announced(lines: Sequence[str]) -> Iterable[str]:
    """The next lines with text, where the message ends with a colon, or all of it stands there."""
    return itertools.takewhile(str.strip, itertools.dropwhile(lambda line: not line.strip(), lines))


def _continued(lines: Sequence[str]) -> Iterator[str]:
    """The lines that go on with a message: indented, or between two of those. Others can be what was printed next."""
    was_indented = False
    for line, following in itertools.pairwise([*lines, ""]):
        is_indented = _GOES_ON.match(line) is not None
        if not is_indented and not (was_indented and line.strip() and _GOES_ON.match(following)):
            return
        yield line
        was_indented = is_indented
