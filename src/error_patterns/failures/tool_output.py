"""What tools print, reduced to the lines that tell what went wrong. Pure, total, linear time.

Of pytest the failed tests with their errors; of compilers and type checkers the errors, with the names of the files
but not their folders; of pip what it could not do, with the errors of what it ran for that; of a log what is said at
the level ERROR and above; of anything else all lines.
"""

import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from error_patterns.failures.normalize import LONGEST_LINE, normalised, split_log_prefix, without_log_prefix
from error_patterns.failures.python_messages import reworded_line


def telling_lines(lines: Sequence[str]) -> list[str]:
    """The lines that tell what went wrong, normalised."""
    lines = [line[:LONGEST_LINE].rstrip() for line in lines]
    bare = [without_log_prefix(line) for line in lines]  # as a job of continuous integration prints them
    of_tools = (read(given) for given in (lines, bare) for read in (_pip, _pytest, _pytest_summary, _compiler))
    return next(filter(None, (list(said) for said in (*of_tools, _errors_of_a_log(lines), _every(bare)))), [])


def _in_any_order(failed: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of tests and files that are worked on at once, and so fail in another order each time."""
    return itertools.chain.from_iterable(sorted(map(list, failed)))


_PYTEST_TITLE = re.compile(r"_{2,} (?P<test>\S(?:.{0,300}\S)?) _{2,}$")
_PYTEST_ERROR = re.compile(r"E {1,8}(?P<said>\S.*)$")
_PYTEST_SUMMARY = re.compile(
    r"(?:FAILED|ERROR) (?P<file>[^\s:]{1,300}\.py)(?:::(?P<test>[^\s\[]{1,300}(?:\[.{0,300}?\])?))?"
    r"(?: - (?P<said>.*))?$"
)


def is_of_pytest(lines: Sequence[str]) -> bool:
    """Whether pytest told of its failures: what tests print themselves, traces too, stands there besides."""
    return any(map(_PYTEST_TITLE.match, lines)) and any(map(_PYTEST_ERROR.match, lines))


def _pytest(lines: Sequence[str]) -> Iterator[str]:
    """The titles of the tests that failed, each with the first line of each error."""
    if not any(map(_PYTEST_ERROR.match, lines)):
        return iter(())
    failed: list[list[str]] = [[]]
    is_first = True
    for line in lines:
        if title := _PYTEST_TITLE.match(line):
            failed.append([f"in {normalised(title['test'])}"])
        error = _PYTEST_ERROR.match(line)
        if error and is_first:
            failed[-1].append(normalised(error["said"]))
        is_first = error is None
    return _in_any_order(failed)


def _pytest_summary(lines: Sequence[str]) -> Iterator[str]:
    failed = filter(None, map(_PYTEST_SUMMARY.match, lines))
    return _in_any_order((f"in {_name(each)}", normalised(each["said"] or "")) for each in failed)


def _name(failed: re.Match[str]) -> str:
    """The name of the test without its class, or of the file that could not be read."""
    test, bracket, parameters = (failed["test"] or failed["file"]).partition("[")
    return normalised(test.rpartition("::")[2] + bracket + parameters)


# gcc, clang, javac, tsc, mypy, MSVC, Maven: file, line, "error". Go leaves the word out. rustc: the other way round.
_COMPILER = re.compile(
    r"(?:\[ERROR\] )?(?P<file>(?:[A-Za-z]:)?[^\s:(\[][^:(\[]{0,300})"
    r"(?:(?::\d+(?::\d+)?|\(\d+(?:,\d+)?\))(?::| -) (?=(?:fatal |internal compiler )?error\b)|:\[\d+,\d+\] "
    r"|(?<=\.go):\d+:\d+: )(?P<said>.*)$"
)
_RUSTC = re.compile(r"(?P<said>error(?:\[E\d{4}\])?: .*)$")
_RUSTC_PLACE = re.compile(r" *--> (?P<file>[^:]{1,300}):\d+:\d+$")
_LINKER = re.compile(r".*(?P<said>undefined (?:reference to|symbol:?) .*)$")
# What javac, Go and tsc say besides, and what rustc writes beside what it points at.
_OF_AN_ERROR = re.compile(
    r"(?:\[ERROR\] )?(?: {2,12}|\t)"
    r"(?P<more>(?:symbol|location): .*|(?:have|want) \(.*|(?:Argument|Overload|Property|Types?) .*)$"
    r"|[ \d|_-]*\^[\^ |_-]*(?P<label>[\w`(].*)$"
)
_OF_ANOTHER = re.compile(r"(?:warning|error|note)\b")


def _compiler(lines: Sequence[str]) -> Iterator[str]:
    failed: list[list[str]] = []
    is_of_an_error = False
    for line, following in itertools.pairwise([*lines, ""]):
        place = error = _COMPILER.match(line)
        if error is None and (error := _RUSTC.match(line)):
            place = _RUSTC_PLACE.match(following)
        if error and place:
            is_of_an_error = True
            file = place["file"].replace("\\", "/").rpartition("/")[2]
            failed.append([f"{file}: {normalised(error['said'])}"])
        elif undefined := _LINKER.match(line):
            failed.append([normalised(undefined["said"])])
        elif is_of_an_error and (more := _OF_AN_ERROR.match(line)):
            failed[-1].append(normalised(more["more"] or more["label"]))
        elif _OF_ANOTHER.match(line):
            is_of_an_error = False
    return _in_any_order(failed)


_PIP_FAILED = re.compile(r" *\u00d7 (?P<said>.*)$")
_PIP_OUTPUT = re.compile(r" *╰─> \[\d+ lines? of output\]$")
_PIP_ERROR = re.compile(r"(?:fatal )?error: ", re.IGNORECASE)


def _pip(lines: Sequence[str]) -> Iterator[str]:
    """What pip could not do, and the errors of the program that it ran for that, or else the last line of that."""
    if not any(map(_PIP_OUTPUT.match, lines)):
        return
    output: list[str] | None = None
    for line in lines:
        if failed := _PIP_FAILED.match(line):
            yield normalised(failed["said"])
        elif _PIP_OUTPUT.match(line):
            output = []
        elif line.strip() == "[end of output]" and output is not None:
            yield from _of_output(output)
            output = None
        elif output is not None and line.strip():
            output.append(line.strip())
    yield from _of_output(output or [])  # that is cut off


def _of_output(lines: Sequence[str]) -> Iterable[str]:
    errors = [_plain(line) for line in lines if _PIP_ERROR.match(line)]
    return [*_compiler(lines), *errors] or map(_plain, lines[-1:])


_SERIOUS = re.compile(r"\b(?:ERROR|SEVERE|CRITICAL|CRIT|FATAL|ALERT|EMERG|PANIC)\b|^E\d", re.IGNORECASE)
# What a runner of jobs says of any command that failed.
_SAYS_NOTHING = re.compile(r"Process completed with exit code \d+\.$")
_RECENT = 3  # lines that were printed before it


def _errors_of_a_log(lines: Sequence[str]) -> Iterator[str]:
    """The entries of these levels, each to an empty line or to the next entry."""
    is_serious = says_something = False
    recent: deque[str] = deque(maxlen=_RECENT)
    for line in lines:
        prefix, said = split_log_prefix(line)
        if prefix.strip() or not said:
            is_serious = bool(_SERIOUS.search(prefix))
        if not said:
            continue
        if is_serious and not says_something and _SAYS_NOTHING.match(said):
            yield from map(_plain, recent)
        if is_serious:
            says_something = True
            yield _plain(said)
        recent.append(said)


def _every(lines: Sequence[str]) -> Iterator[str]:
    return (_plain(line) for line in lines if line)


_SHELL = re.compile(r"(?:/\S{1,100}/)?-?(?:ba|z|da|k|a|fi)?sh: (?:(?:line )?\d{1,7}: )?")
_VERSIONS = re.compile(r" \(from versions: [^()\n]*\)")


def _plain(line: str) -> str:
    """The line normalised; which shell says it, and which versions pip knows besides, is not what went wrong."""
    return normalised(
        reworded_line(_VERSIONS.sub("", _SHELL.sub("sh: ", line, count=1) if "sh: " in line[:110] else line))
    )
