"""Tracebacks of Python: also behind the prefix of a log, indented by another program, or in an exception group."""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from error_patterns.failures.log_prefix import split_log_prefix
from error_patterns.failures.stacks.base import MAX_DETAILS, Frame, Stack, relevant_functions

_FRAME = re.compile(r'File "(?P<file>[^"\n]*)", line \d+(?:, in (?P<function>\S.*))?$')
_TRACEBACK_HEADER = "Traceback (most recent call last):"
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_GROUP_MEMBER = re.compile(r"(?P<indent> *(?:\+-)?)\+-{2,} (?:\d+|\.{3}) -+$")
_EXCEPTION_LINE = re.compile(r"(?P<kind>[^\W\d](?:[\w.]|<locals>)*)(?::(?: (?P<message>.*))?)?$")
_STANDARD_LIBRARY = re.compile(
    r"(?i)^<frozen |^PYTHON_LIB:"  # as friendly-traceback calls it
    r"|[\\/]lib(?:64)?[\\/](?:python|pypy)\d[\d.]*[\\/]|[\\/]python[\d.-]*[\\/]lib[\\/]|[\\/]python\d+\.zip\b"
)
# Since 3.12 these have no frames.
_COMPREHENSIONS = {"<listcomp>", "<dictcomp>", "<setcomp>"}
_DIGIT = re.compile(r"\d")
_VALIDATION_ERROR = re.compile(r"\d+ validation errors? for ")
_BROKEN_RULE = re.compile(r" .*[\[(]type=([\w.]{1,100})")
_CONTINUATION = re.compile(r"\s+\S|\[SQL: |: [\w.]+(?:Exception|Error)\b")  # indented, of SQLAlchemy, of Py4J
# Of SQLAlchemy the values of a statement and a link to its documentation, of Py4J the frames of Java.
_VARYING_DETAIL = re.compile(r"\[parameters: |\(Background on this error|\s+at \S")


def has_python_frames(lines: Sequence[str]) -> bool:
    """Return whether one of the lines is a frame in a traceback of Python."""
    return any(map(_FRAME.search, lines))


def parse_python_stacks(lines: Sequence[str]) -> list[Stack]:
    """Return the exceptions of all tracebacks, in the order of the text."""
    stacks: list[Stack] = []
    frames: list[Frame] = []
    prefix: str | None = None  # of the exception line to come; None outside a traceback
    invalid_source = ""  # the code of a SyntaxError
    for number, line in enumerate(lines):
        if frame := _FRAME.search(line):
            prefix = _DIGIT.sub("0", line[: frame.start()].removesuffix("  "))
            if frame["function"] is None:
                invalid_source = lines[number + 1].strip() if number + 1 < len(lines) else ""
            elif frame["function"] not in _COMPREHENSIONS:
                is_library = bool(_STANDARD_LIBRARY.search(frame["file"])) and "-packages" not in frame["file"]
                frames.append(Frame(frame["function"], is_library))
        elif member := _GROUP_MEMBER.match(line):
            prefix, frames = f"{' ' * member.end('indent')}| ", []
        elif line.endswith(_TRACEBACK_HEADER):
            prefix, frames, invalid_source = None, [], ""  # the traceback before was cut off
        elif prefix is not None and (raised := _EXCEPTION_LINE.match(next(_strip_prefix([line], prefix), ""))):
            following = _strip_prefix(lines[number + 1 : number + MAX_DETAILS], prefix)
            details = [invalid_source] if invalid_source else _parse_details(raised, following)
            message = raised["message"] or ""
            stacks.append(Stack(raised[0], raised["kind"], message, tuple(details), relevant_functions(frames)))
            prefix, frames, invalid_source = None, [], ""
    return stacks


def _strip_prefix(lines: Iterable[str], prefix: str) -> Iterator[str]:
    """Remove a prefix from lines, up to the first that has another one. Digits may differ, as the times of a log do."""
    for line in lines:
        if _DIGIT.sub("0", line[: len(prefix)]) != prefix:
            return
        yield line[len(prefix) :]


def _parse_details(exception: re.Match[str], following: Iterable[str]) -> Iterator[str]:
    if _VALIDATION_ERROR.match(exception["message"] or ""):
        return _invalid_fields(following)
    lines = itertools.takewhile(_can_continue, itertools.islice(following, 20))
    details = _announced_lines(lines) if exception[0].rstrip().endswith(":") else _continuation_lines(lines)
    return itertools.filterfalse(_VARYING_DETAIL.match, details)


def _invalid_fields(lines: Iterable[str]) -> Iterator[str]:
    """Return the fields in which pydantic found errors, each with the rule that it breaks."""
    lines = (line for line in lines if not line.startswith("    For further information"))
    for field, rule in zip(lines, lines, strict=False):  # both take from one generator: pairs of lines
        broken = _BROKEN_RULE.match(rule)
        if broken is None or field.startswith(" "):
            return
        yield from (field, broken[1])


def _can_continue(line: str) -> bool:
    is_traceback = line.endswith(_TRACEBACK_HEADER) or line.startswith(_CHAINED) or _FRAME.search(line)
    return not (is_traceback or split_log_prefix(line)[0])


def _announced_lines(lines: Iterable[str]) -> Iterator[str]:
    """Return the next lines with text: the rest of a message that ends with a colon, or all of it."""
    return itertools.takewhile(str.strip, itertools.dropwhile(lambda line: not line.strip(), lines))


def _continuation_lines(lines: Iterable[str]) -> Iterator[str]:
    """Return the indented lines that follow, and single lines between two of those. Others can be later output."""
    was_indented = False
    for line, following in itertools.pairwise([*lines, ""]):
        is_indented = _CONTINUATION.match(line) is not None
        if not is_indented and not (was_indented and line.strip() and _CONTINUATION.match(following)):
            return
        yield line
        was_indented = is_indented
