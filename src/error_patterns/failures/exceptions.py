"""What exceptions know beside their message: the command or the request that failed, and how. Total.

The classes of `httpx` and `requests` are recognised by their attributes, so that neither is imported.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from error_patterns.redaction import EVERY_RULE

MAX_OUTPUT_CHARACTERS = 4_000
"""The most characters of a command's output that count, its last ones."""

_MAX_CAUSES = 100
_OUTPUT_TITLE = "Output of the failed command:"
# Behind other text alone, so that the failure is never empty.
_OUTPUT_MARK = re.compile(rf"(?<=\S)\s*\n{_OUTPUT_TITLE}\n")
_REQUEST_LINE = re.compile(
    r"(?<=\S)\s*\nFailed request: (?P<method>[A-Z]{1,20}) (?P<path>/\S*) \(status (?P<status>\d{3})\)\Z"
)
_TYPOGRAPHIC = str.maketrans("'\"", "\u2019\u201d")
_PATH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://[^/?#]*([^?#]*).*", re.DOTALL)
_METHOD = re.compile(r"[A-Z]{1,20}")


class Circumstances(NamedTuple):
    """What was attempted when an exception was raised, without secrets.

    Attributes:
        attempt: The command or the request.
        details: What is told of it behind the traceback.
        printed: The list of arguments as Python prints it in the message: no rule finds the secrets of all programs.
    """

    attempt: str = ""
    details: str = ""
    printed: str = ""

    def complete(self, text: str) -> str:
        """Complete the traceback of the exception."""
        return (text.replace(self.printed, self.attempt) if self.printed else text) + self.details


class Details(NamedTuple):
    """What stands behind the traceback in a text: a request with the status of its answer, or a command's output."""

    method: str = ""
    path: str = ""
    status: str = ""
    output: str = ""


def circumstances_of(error: BaseException) -> Circumstances:
    """Return those of the exception, or of the nearest of its causes that has any."""
    for each in _chain(error):
        try:
            found = _command_circumstances(each) or _request_circumstances(each)
        except Exception:  # noqa: S112 - an attribute of another library's class may raise anything
            continue
        if found is not None:
            return found
    return Circumstances()


def split_details(text: str) -> tuple[str, Details]:
    """Split a text that `circumstances_of` completed into the text before and the details."""
    if mark := _OUTPUT_MARK.search(text):
        return text[: mark.start()], Details(output=text[mark.end() :])
    if request := _REQUEST_LINE.search(text):
        return text[: request.start()], Details(*request.group("method", "path", "status"))
    return text, Details()


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Iterate over an exception and its causes, the one that was raised last first."""
    each: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if each is None:
            return
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _command_circumstances(error: BaseException) -> Circumstances | None:
    if not isinstance(error, subprocess.CalledProcessError | subprocess.TimeoutExpired):
        return None
    # Redacted before it is cut: what is left of a secret would not look like one.
    output = EVERY_RULE.redact(next(filter(str.strip, map(_decoded, (error.stderr, error.output))), "").rstrip())
    if len(output) > MAX_OUTPUT_CHARACTERS:
        cut_line, _, whole_lines = output[-MAX_OUTPUT_CHARACTERS:].partition("\n")
        output = whole_lines or cut_line
    details = f"\n{_OUTPUT_TITLE}\n{output}" if output else ""
    if not isinstance(error.cmd, list | tuple):
        return Circumstances(_decoded_command(error.cmd), details)
    arguments = list(map(os.fsdecode, error.cmd))
    command, redacted = shlex.join(arguments), _redact_arguments(arguments)
    return Circumstances(redacted or command, details, str(error.cmd) if redacted else "")


def _decoded_command(command: object) -> str:
    return os.fsdecode(command) if isinstance(command, str | bytes | os.PathLike) else ""


def _redact_arguments(arguments: Sequence[str]) -> str:
    """Return a command without its secrets; empty if it has none.

    Quotes in an argument become typographic ones, at which no rule takes a secret to end.
    """
    command = shlex.join(argument.translate(_TYPOGRAPHIC) for argument in arguments)
    redacted = EVERY_RULE.redact(command)
    return redacted if redacted != command else ""


def _decoded(output: object) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output if isinstance(output, str) else ""


def _request_circumstances(error: BaseException) -> Circumstances | None:
    response = getattr(error, "response", None)
    request = getattr(error, "request", None) or getattr(response, "request", None)
    status, method = getattr(response, "status_code", None), getattr(request, "method", None)
    url = EVERY_RULE.redact(str(getattr(request, "url", "")))  # some secrets are known by their host
    path = _PATH.sub(r"\1", url) if _PATH.match(url) else ""
    if not (isinstance(status, int) and 100 <= status <= 999 and isinstance(method, str) and path.startswith("/")):
        return None
    method, path = method.upper(), "%20".join(path.split())
    if not _METHOD.fullmatch(method):
        return None
    return Circumstances(f"{method} {path}", f"\nFailed request: {method} {path} (status {status:d})")
