r"""What was attempted, and what it printed: shell transcripts and logs of jobs, split. Pure, total, linear time.

These lines begin a command:

- behind a prompt: `$ make`, `ada@host:~/shop$ make`, `[root@host shop]# make`, `PS C:\shop> make`, `C:\shop>make`;
- in the trace of a shell: `+ make`;
- the step of a GitHub job: `Run make`, with the block that describes it;
- a statement of Python: `>>> import shop`.

A bare `#` or `%` is no prompt, as headings, comments and progress tables begin with them.
"""

import bisect
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from error_patterns.failures.log_prefix import split_log_prefix
from error_patterns.failures.programs import program_of

_MAX_COMMAND_LINES = 200

_MAY_BEGIN_COMMAND = re.compile(r"[$#%+>\u276f] ?\S|Run \S")
_PROMPT = re.compile(
    r"(?:\([\w.-]{1,40}\) ?)?"  # a virtual environment
    r"(?:\$ {1,4}(?![ \d{])(?!(?!R(?:script)? )[A-Z][A-Za-z]+ [^-])"  # `$ 5` and `$ USD 5` are prices
    r"|[\w.-]{1,64}@[\w.-]{1,253}:[^\s$#%]{0,200}[$#%] "
    r"|[\w.-]{1,64}@[\w.-]{1,253} [^\s$#%]{1,200} % "  # of zsh
    r"|\[[\w.-]{1,64}@[\w.-]{1,253} [^\]\s]{1,200}\][$#%] "
    r"|(?:ba|z|k|da)?sh-\d[\d.]{0,8}[$#] "
    r"|\u276f "  # of prompts such as Starship's
    r"|PS (?:[A-Za-z]:\\|[/~])[^>\n]{0,300}> ?"
    r"|[A-Za-z]:\\[^<>|\"\n]{0,300}>(?=\w))"
    r"(?P<command>\S.*)$"
)
_PYTHON_PROMPT = re.compile(r">>> (?P<command>\S.*)$")
_PYTHON_CONTINUED = re.compile(r"\.\.\.(?: (?P<command>.*))?$")
# The first word must be able to name a program, and the second be no version, as in a list of packages.
_TRACE = re.compile(
    r"\+{1,8} (?P<command>(?:(?:[\w.~-]{0,80}/)*[a-z][\w.+-]{1,80}|[A-Za-z_]\w{0,80}=.*|'?\[\[?'?|:)"
    r"(?P<arguments> (?!v?\d+\.\d).*)?)$"
)
_DIFF = re.compile(r"^(?:@@ |--- |\+\+\+ |\? +[\^+-]|diff --git |\+ .*\n-(?: |$)|-(?: .*)?\n\+ )", re.MULTILINE)
_STEP = re.compile(r"Run (?P<command>\S.*)$")
_STEP_OPTION = re.compile(r"(?:  )?(?:shell: |(?:env|with):$)")
_STEP_VALUE = " " * 4
_GROUP = "##[group]"
_GROUP_END = "##[endgroup]"
_GROUP_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{8,20}Z (?=##\[)")
_HEREDOC = re.compile(r"(?<!<)<<-? {0,4}['\"\\]?(?P<end>[A-Za-z_]\w{0,80})")
_QUOTE_OR_ESCAPED = re.compile(r"\\.|['\"]")
_SECOND_PROMPT = "> "

_ERROR = re.compile(
    r"(?i)(?<!\bno )(?<!\b0 )(?:\berr(?:or|ors)?\b|error\b|\bfatal\b|\bfail(?:ed|s|ures?)?\b|exception\b|\btraceback\b"
    r"|\bpanic(?:ked)?\b|\bdenied\b|\brefused\b|\bcannot\b|\bcan(?:'|\u2019)?t\b|\bcould(?:n't| not)\b|\bunable\b"
    r"|\binvalid\b|\billegal\b|\bunknown\b|\bunrecognized\b|\bunexpected\b|\bmissing\b|\bno such\b"
    r"|\bnot (?:found|permitted|allowed|recognized|installed|authorized)\b|\babort(?:ed)?\b|\bundefined\b"
    r"|\bunresolved\b|\brejected\b|\btimed? ?out\b|\bsegmentation fault\b|\bkilled\b|\bforbidden\b"
    r"|^usage:|^ *[\u2717\u2716\u00d7] )"
)
_EXIT_CODE = re.compile(r"(?i)\bexit(?:ed)?(?: with)? (?:code|status) [1-9]")
# One of these is in every text that the two expressions find. To look for them takes a tenth of the time.
_SIGNS = (
    *("err", "fatal", "fail", "exception", "traceback", "panic", "denied", "refused", "cannot", "can't", "can\u2019t"),
    *("could", "unable", "invalid", "illegal", "unknown", "unrecognized", "unexpected", "missing", "no such", "not "),
    *("abort", "undefined", "unresolved", "rejected", "time", "segmentation", "killed", "forbidden", "usage:", "exit"),
    *("\u2717", "\u2716", "\u00d7"),
)


class Step(NamedTuple):
    """A command in a text, as it was shown, with the lines behind it. The lines before the first command have none."""

    command: str
    shown: Sequence[str]
    output: Sequence[str]


class Attempt(NamedTuple):
    """What was attempted and what it printed.

    Attributes:
        command: The command that failed, without its prompt; empty where the text shows none.
        program: The name of its program; empty for a statement of Python.
        output: What it printed, stripped. Without a command, the whole text.
    """

    command: str
    program: str
    output: str


def split_attempt(text: str) -> Attempt:
    """Split a text into the last command whose output has an error, and that output."""
    steps = split_steps(text)
    with_error = [step for step in steps if any(map(has_error, step.output))]
    with_output = [step for step in steps if step.command and any(map(str.strip, step.output))]
    failed = (with_error or with_output or steps)[-1]
    if not failed.command:
        return Attempt("", "", text)
    program = "" if _PYTHON_PROMPT.match(_bare(failed.shown[0])) else program_of(failed.command)
    return Attempt(failed.command, program, "\n".join(failed.output).strip())


def error_line(lines: Sequence[str]) -> str:
    """Return the first of the lines that names an error, and not only an exit code; or else the first."""
    telling = (line for line in lines if _ERROR.search(line) and not _EXIT_CODE.search(line))
    return next(telling, lines[0])


def has_error(line: str) -> bool:
    """Return whether a line names an error."""
    lowered = line.lower()
    if not any(sign in lowered for sign in _SIGNS):
        return False
    return bool(_ERROR.search(line) or _EXIT_CODE.search(line))


def split_steps(text: str) -> list[Step]:
    """Split a text at its commands. The lines of all steps, one after the other, are those of the text."""
    lines = text.splitlines()
    bare = [_bare(line) for line in lines]
    reader = _Reader(bare)
    steps: list[Step] = []
    begin, shown_until, command = 0, 0, ""
    number = 0
    while number < len(lines):
        found = reader.read_command(number)
        if found is None:
            number += 1
            continue
        steps.append(Step(command, lines[begin:shown_until], lines[shown_until:number]))
        begin, (command, shown_until) = number, found
        number = shown_until
    steps.append(Step(command, lines[begin:shown_until], lines[shown_until:]))
    return steps


def _bare(line: str) -> str:
    """Return the line without the prefix of a log, where a command can follow it."""
    if not _MAY_BEGIN_COMMAND.search(line):
        return line
    return _without_prefix(line)


def _without_prefix(line: str) -> str:
    if time := _GROUP_TIME.match(line):
        return line[time.end() :]
    return split_log_prefix(line)[1]


class _Reader:
    """Reads the commands in lines that have no prefix of a log."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._is_trace = _has_trace(lines)
        self._places: dict[str, list[int]] | None = None

    def read_command(self, number: int) -> tuple[str, int] | None:
        """Return the command that begins in a line, and the number of the line behind it; None if none does."""
        line = self._lines[number]
        if not _MAY_BEGIN_COMMAND.search(line):
            return None
        if statement := _PYTHON_PROMPT.match(line):
            return self._read_statement(statement["command"], number + 1)
        if step := _STEP.match(line.removeprefix(_GROUP)):
            read = self._read_group if line.startswith(_GROUP) else self._read_step
            return read(step["command"], number + 1)
        if command := self._match_shell(line):
            return self._read_shell(command["command"], number + 1)
        return None

    def _match_shell(self, line: str) -> re.Match[str] | None:
        return _PROMPT.match(line) or (_TRACE.match(line) if self._is_trace else None)

    def _read_statement(self, first: str, number: int) -> tuple[str, int]:
        command = [first]
        while number < len(self._lines) and (more := _PYTHON_CONTINUED.match(self._lines[number])):
            command.append(more["command"] or "")
            number += 1
        return "\n".join(command).rstrip(), number

    def _read_group(self, first: str, number: int) -> tuple[str, int]:
        """Read a step of a GitHub job from its raw log: its script or its action, without the options behind it."""
        script: list[str] = []
        for place, raw in enumerate(self._lines[number : number + _MAX_COMMAND_LINES], start=number + 1):
            line = _without_prefix(raw)
            if line.startswith(_GROUP):
                break
            if line == _GROUP_END:
                return _script_of(script) or first, place
            script.append(line)
        return first, number  # the end of the group is missing

    def _read_step(self, first: str, number: int) -> tuple[str, int] | None:
        """Read a step of a GitHub job as its page shows it; None for a sentence that begins with Run."""
        block: list[str] = []
        has_options = False
        for line in self._lines[number : number + _MAX_COMMAND_LINES]:
            is_option = _STEP_OPTION.match(line) is not None
            if not line.startswith(_STEP_VALUE if has_options and not is_option else "  "):
                break
            has_options |= is_option
            block.append(line.removeprefix("  "))
        return (_script_of(block) or first, number + len(block)) if has_options else None

    def _read_shell(self, first: str, number: int) -> tuple[str, int]:
        """Read a command to its end: lines that end with a backslash, open quotes, and here-documents go on."""
        command = [first]
        while command[-1].endswith("\\") and number < len(self._lines) and len(command) < _MAX_COMMAND_LINES:
            command.append(self._lines[number].removeprefix(_SECOND_PROMPT))
            number += 1
        if heredoc := _HEREDOC.search(command[-1]):
            end = self._find_line(heredoc["end"], number)
        else:
            end = self._find_closing_quote("\n".join(command), number)
        if end is not None:
            command += [line.removeprefix(_SECOND_PROMPT) for line in self._lines[number:end]]
            number = end
        return "\n".join(command).rstrip(), number

    def _find_line(self, content: str, number: int) -> int | None:
        """Return the number behind the first line of this content, from a line on."""
        if self._places is None:
            self._places = {}
            for place, line in enumerate(self._lines):
                self._places.setdefault(line.removeprefix(_SECOND_PROMPT).strip(), []).append(place)
        places = self._places.get(content, [])
        place = bisect.bisect_left(places, number)
        return places[place] + 1 if place < len(places) else None

    def _find_closing_quote(self, command: str, number: int) -> int | None:
        """Return the number behind the line that closes the quotes; None if none is open, or never closed."""
        quote = _open_quote(command, "")
        for place in range(number, min(number + _MAX_COMMAND_LINES, len(self._lines))):
            if not quote or self._match_shell(self._lines[place]):
                break
            quote = _open_quote(self._lines[place], quote)
            if not quote:
                return place + 1
        return None


def _script_of(block: Iterable[str]) -> str:
    return "\n".join(itertools.takewhile(lambda line: not _STEP_OPTION.match(line), block)).rstrip()


def _has_trace(lines: Sequence[str]) -> bool:
    """Return whether lines with a plus are the trace of a shell, and no diff and no list."""
    traces = filter(None, map(_TRACE.match, lines))
    return any(trace["arguments"] for trace in traces) and not _DIFF.search("\n".join(lines))


def _open_quote(line: str, quote: str) -> str:
    """Return the quote that is open behind a line, given the one that is open before it."""
    for found in _QUOTE_OR_ESCAPED.findall(line):
        closing = found[-1] if quote == "'" else found  # in single quotes a backslash is one
        if quote and closing == quote:
            quote = ""
        elif not quote and found in {"'", '"'}:
            quote = found
    return quote
