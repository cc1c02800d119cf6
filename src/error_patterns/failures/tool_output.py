"""What tools print, reduced to the lines that tell what went wrong. Pure, total, linear time.

Of pytest the failed tests with their errors; of compilers and type checkers the errors, with the names of the files
but not their folders; of a log, and of pip, what is said at the level ERROR and above; of anything else all lines.
"""

import itertools
import re
from collections.abc import Iterator, Sequence

from error_patterns.failures.normalisation import normalised, split_log_prefix, without_log_prefix
from error_patterns.failures.wordings import reworded_line


def telling_lines(lines: Sequence[str]) -> list[str]:
    """The lines that tell what went wrong, normalised."""
    lines = [line.rstrip() for line in lines]
    bare = [without_log_prefix(line) for line in lines]  # as a job of continuous integration prints them
    ways = (_pytest, lines), (_compiler, lines), (_pytest, bare), (_compiler, bare), (_errors_of_a_log, lines)
    return next(filter(None, (list(read(given)) for read, given in (*ways, (_every, bare)))), [])


_PYTEST_TITLE = re.compile(r"_{2,} (?P<test>\S(?:.{0,300}\S)?) _{2,}$")
_PYTEST_ERROR = re.compile(r"E {1,8}(?P<said>\S.*)$")
_PYTEST_SUMMARY = re.compile(r"(?:FAILED|ERROR) (?P<test>\S+\.py(?:::\S+)?)(?: - (?P<said>.*))?$")


def _pytest(lines: Sequence[str]) -> Iterator[str]:
    """The titles of the tests that failed, each with the first line of each error; or else the summary's lines."""
    if any(_PYTEST_ERROR.match(line) for line in lines):
        is_first = True
        for line in lines:
            if title := _PYTEST_TITLE.match(line):
                yield f"in {normalised(title['test'])}"
            error = _PYTEST_ERROR.match(line)
            if error and is_first:
                yield normalised(error["said"])
            is_first = error is None
        return
    for line in lines:
        if summary := _PYTEST_SUMMARY.match(line):
            yield f"in {normalised(summary['test'].rpartition('::')[2])}"
            yield normalised(summary["said"] or "")


# gcc, clang, javac, tsc, mypy, MSVC, Maven: file, line, "error". rustc: the other way round.
_COMPILER = re.compile(
    r"(?:\[ERROR\] )?(?P<file>(?:[A-Za-z]:)?[^\s:(\[][^:(\[]{0,300})"
    r"(?:(?::\d+(?::\d+)?|\(\d+(?:,\d+)?\)): (?=(?:fatal |internal compiler )?error\b)|:\[\d+,\d+\] )(?P<said>.*)$"
)
_RUSTC = re.compile(r"(?P<said>error(?:\[E\d{4}\])?: .*)$")
_RUSTC_PLACE = re.compile(r" *--> (?P<file>[^:]{1,300}):\d+:\d+$")
_LINKER = re.compile(r".*(?P<said>undefined (?:reference to|symbol:?) .*)$")
_JAVAC_SYMBOL = re.compile(r" {2}(?P<said>(?:symbol|location): .*)$")


def _compiler(lines: Sequence[str]) -> Iterator[str]:
    has_errors = False
    for line, following in itertools.pairwise([*lines, ""]):
        place = error = _COMPILER.match(line)
        if error is None and (error := _RUSTC.match(line)):
            place = _RUSTC_PLACE.match(following)
        if error and place:
            has_errors = True
            yield f"{place['file'].replace(chr(92), '/').rpartition('/')[2]}: {normalised(error['said'])}"
        elif said := _LINKER.match(line) or (has_errors and _JAVAC_SYMBOL.match(line)):
            yield normalised(said["said"])


_SERIOUS = re.compile(r"\b(?:ERROR|SEVERE|CRITICAL|CRIT|FATAL|ALERT|EMERG|PANIC)\b|^E\d", re.IGNORECASE)


def _errors_of_a_log(lines: Sequence[str]) -> Iterator[str]:
    """The entries of these levels, each to an empty line or to the next entry."""
    is_serious = False
    for line in lines:
        prefix, said = split_log_prefix(line)
        if prefix.strip() or not said:
            is_serious = bool(_SERIOUS.search(prefix))
        if is_serious and said:
            yield _plain(said)


def _every(lines: Sequence[str]) -> Iterator[str]:
    return (_plain(line) for line in lines if line)


_SHELL = re.compile(r"(?:/\S{1,100}/)?-?(?:ba|z|da|k|a|fi)?sh: (?:(?:line )?\d{1,7}: )?")
_VERSIONS = re.compile(r" \(from versions: [^()\n]*\)")


def _plain(line: str) -> str:
    """The line normalised; which shell says it, and which versions pip knows besides, is not what went wrong."""
    return normalised(
        reworded_line(_VERSIONS.sub("", _SHELL.sub("sh: ", line, count=1) if "sh: " in line[:110] else line))
    )
