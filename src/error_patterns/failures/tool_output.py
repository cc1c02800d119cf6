"""The errors in the output of tools, without everything else. Pure, total, linear time.

- pytest: the failed tests with their errors.
- Compilers and type checkers: the errors, with the names of the files but without their folders.
- pip: the step that failed, with the errors of the program that it ran.
- Logs: the entries of level ERROR and above.
- Anything else: all lines.
"""

import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from error_patterns.failures.log_prefix import split_log_prefix
from error_patterns.failures.normalize import MAX_LINE_CHARACTERS, normalize
from error_patterns.failures.python_messages import canonical_line

_PYTEST_TITLE = re.compile(r"_{2,} (?P<test>\S(?:.{0,300}\S)?) _{2,}$")
_PYTEST_ERROR = re.compile(r"E {1,8}(?P<message>\S.*)$")
_PYTEST_SUMMARY = re.compile(
    r"(?:FAILED|ERROR) (?P<file>[^\s:]{1,300}\.py)(?:::(?P<test>[^\s\[]{1,300}(?:\[.{0,300}?\])?))?"
    r"(?: - (?P<message>.*))?$"
)
_CLASSES = re.compile(r"^[^\[]*::")

# gcc, clang, javac, tsc, mypy, MSVC, Maven: file, line, "error". Go leaves the word out. rustc: the other way round.
_COMPILER = re.compile(
    r"(?:\[ERROR\] )?(?P<file>(?:[A-Za-z]:)?[^\s:(\[][^:(\[]{0,300})"
    r"(?:(?::\d+(?::\d+)?|\(\d+(?:,\d+)?\))(?::| -) (?=(?:fatal |internal compiler )?error\b)|:\[\d+,\d+\] "
    r"|(?<=\.go):\d+:\d+: )(?P<message>.*)$"
)
_RUSTC = re.compile(r"(?P<message>error(?:\[E\d{4}\])?: .*)$")
_RUSTC_LOCATION = re.compile(r" *--> (?P<file>[^:]{1,300}):\d+:\d+$")
_LINKER = re.compile(r".*(?P<message>undefined (?:reference to|symbol:?) .*)$")
# Lines that javac, Go and tsc add to an error, and labels of rustc beside its underlines.
_ERROR_DETAIL = re.compile(
    r"(?:\[ERROR\] )?(?: {2,12}|\t)"
    r"(?P<detail>(?:symbol|location): .*|(?:have|want) \(.*|(?:Argument|Overload|Property|Types?) .*)$"
    r"|[ \d|_-]*\^[\^ |_-]*(?P<label>[\w`(].*)$"
)
_NEXT_DIAGNOSTIC = re.compile(r"(?:warning|error|note)\b")

_PIP_FAILED = re.compile(r" *\u00d7 (?P<message>.*)$")
_PIP_OUTPUT = re.compile(r" *╰─> \[\d+ lines? of output\]$")
_PIP_OUTPUT_END = "[end of output]"
_PIP_ERROR = re.compile(r"(?:fatal )?error: ", re.IGNORECASE)

_ERROR_LEVEL = re.compile(r"\b(?:ERROR|SEVERE|CRITICAL|CRIT|FATAL|ALERT|EMERG|PANIC)\b|^E\d", re.IGNORECASE)
_EXIT_CODE_ONLY = re.compile(r"Process completed with exit code \d+\.$")  # printed by GitHub for any failed command
_SHELL = re.compile(r"(?:/\S{1,100}/)?-?(?:ba|z|da|k|a|fi)?sh: (?:(?:line )?\d{1,7}: )?")
_OTHER_VERSIONS = re.compile(r" \(from versions: [^()\n]*\)")


def error_lines(lines: Sequence[str]) -> list[str]:
    """Return the normalized lines with the errors of the tool that printed the text."""
    lines = [line[:MAX_LINE_CHARACTERS].rstrip() for line in lines]
    bare = [split_log_prefix(line)[1] for line in lines]  # a job of continuous integration prints its tools' output so
    for output in (lines, bare):
        for find_errors in (_pip_errors, _pytest_errors, _pytest_summary, _compiler_errors):
            if errors := list(find_errors(output)):
                return errors
    return list(_log_errors(lines)) or [_normalize_line(line) for line in bare if line]


def _sort_errors(errors: Iterable[Sequence[str]]) -> Iterator[str]:
    """Join the lines of errors in a stable order, as parallel tests and compilers fail in any order."""
    return itertools.chain.from_iterable(sorted(map(list, errors)))


def is_pytest_output(lines: Sequence[str]) -> bool:
    """Return whether pytest printed failures. Stack traces in its output can be printed by the tests themselves."""
    return any(map(_PYTEST_TITLE.match, lines)) and any(map(_PYTEST_ERROR.match, lines))


def _pytest_errors(lines: Sequence[str]) -> Iterator[str]:
    """Return the titles of the tests that failed, each with the first line of each error."""
    if not any(map(_PYTEST_ERROR.match, lines)):
        return iter(())
    failed_tests: list[list[str]] = [[]]
    for before, line in itertools.pairwise(["", *lines]):
        if title := _PYTEST_TITLE.match(line):
            failed_tests.append([f"in {normalize(title['test'])}"])
        elif (error := _PYTEST_ERROR.match(line)) and not _PYTEST_ERROR.match(before):
            failed_tests[-1].append(normalize(error["message"]))
    return _sort_errors(failed_tests)


def _pytest_summary(lines: Sequence[str]) -> Iterator[str]:
    """Return the tests without their classes, or the files that could not be collected, each with its error."""
    entries = filter(None, map(_PYTEST_SUMMARY.match, lines))
    return _sort_errors(
        (f"in {normalize(_CLASSES.sub('', entry['test'] or entry['file']))}", normalize(entry["message"] or ""))
        for entry in entries
    )


def _compiler_errors(lines: Sequence[str]) -> Iterator[str]:
    errors: list[list[str]] = []
    is_in_error = False
    for line, following in itertools.pairwise([*lines, ""]):
        location = error = _COMPILER.match(line)
        if error is None and (error := _RUSTC.match(line)):
            location = _RUSTC_LOCATION.match(following)
        if error and location:
            is_in_error = True
            file = location["file"].replace("\\", "/").rpartition("/")[2]
            errors.append([f"{file}: {normalize(error['message'])}"])
        elif undefined := _LINKER.match(line):
            errors.append([normalize(undefined["message"])])
        elif is_in_error and (detail := _ERROR_DETAIL.match(line)):
            errors[-1].append(normalize(detail["detail"] or detail["label"]))
        elif _NEXT_DIAGNOSTIC.match(line):
            is_in_error = False
    return _sort_errors(errors)


def _pip_errors(lines: Sequence[str]) -> Iterator[str]:
    """Return the steps that failed, each with the errors of the program that pip ran, or else its last line."""
    if not any(map(_PIP_OUTPUT.match, lines)):
        return
    output: list[str] | None = None
    for line in [*lines, _PIP_OUTPUT_END]:  # a text can be cut off
        if failed := _PIP_FAILED.match(line):
            yield normalize(failed["message"])
        elif _PIP_OUTPUT.match(line):
            output = []
        elif output is not None and line.strip() == _PIP_OUTPUT_END:
            errors = [_normalize_line(each) for each in output if _PIP_ERROR.match(each)]
            yield from [*_compiler_errors(output), *errors] or map(_normalize_line, output[-1:])
            output = None
        elif output is not None and line.strip():
            output.append(line.strip())


def _log_errors(lines: Sequence[str]) -> Iterator[str]:
    """Return the entries of level ERROR and above, each to an empty line or to the next entry.

    If the first of them is only an exit code, the lines before it come first.
    """
    is_error = has_message = False
    recent: deque[str] = deque(maxlen=3)
    for line in lines:
        prefix, message = split_log_prefix(line)
        if prefix.strip() or not message:
            is_error = bool(_ERROR_LEVEL.search(prefix))
        if is_error and message:
            if not has_message and _EXIT_CODE_ONLY.match(message):
                yield from map(_normalize_line, recent)
            has_message = True
            yield _normalize_line(message)
        if message:
            recent.append(message)


def _normalize_line(line: str) -> str:
    """Normalize a line, without the name of the shell and without the versions that pip offers instead."""
    line = _SHELL.sub("sh: ", line, count=1) if "sh: " in line[:110] else line
    return normalize(canonical_line(_OTHER_VERSIONS.sub("", line)))
