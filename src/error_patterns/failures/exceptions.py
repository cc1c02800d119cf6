"""What exceptions know beside their message: the command or the request that failed, and how. Total.

The classes of `httpx` and `requests` are recognised by their attributes, so that neither is imported.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_OUTPUT_CHARACTERS = 4_000
"""The most characters of a command's output that count, its last ones."""

_MAX_CAUSES = 100
_OUTPUT_TITLE = "Output of the failed command:"
# Behind other text alone, so that the failure is never empty.
_OUTPUT_MARK = re.compile(rf"(?<=\S)\s*\n{_OUTPUT_TITLE}\n")
_REQUEST_LINE = re.compile(
    r"(?<=\S)\s*\nFailed request: (?P<method>[A-Z]{1,20}) (?P<path>/\S*) \(status (?P<status>\d{3})\)\Z"
)
_METHOD = re.compile(r"[A-Z]{1,20}")


class Circumstances(NamedTuple):
    """What was attempted when an exception was raised, and what is told of it behind its traceback."""

    attempt: str = ""
    details: str = ""


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
    output = next(filter(str.strip, map(_decoded, (error.stderr, error.output))), "").rstrip()
    if len(output) > MAX_OUTPUT_CHARACTERS:
        cut_line, _, whole_lines = output[-MAX_OUTPUT_CHARACTERS:].partition("\n")
        output = whole_lines or cut_line
    return Circumstances(_shell_text(error.cmd), f"\n{_OUTPUT_TITLE}\n{output}" if output else "")


def _decoded(output: object) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output if isinstance(output, str) else ""


def _shell_text(command: object) -> str:
    if isinstance(command, str | bytes | os.PathLike):
        return os.fsdecode(command)
    return shlex.join(map(os.fsdecode, command)) if isinstance(command, list | tuple) else ""


def _request_circumstances(error: BaseException) -> Circumstances | None:
    response = getattr(error, "response", None)
    request = getattr(error, "request", None) or getattr(response, "request", None)
    status, method = getattr(response, "status_code", None), getattr(request, "method", None)
    path = urlsplit(str(getattr(request, "url", ""))).path
    if not (isinstance(status, int) and 100 <= status <= 999 and isinstance(method, str) and path.startswith("/")):
        return None
    method, path = method.upper(), "%20".join(path.split())
    if not _METHOD.fullmatch(method):
        return None
    return Circumstances(f"{method} {path}", f"\nFailed request: {method} {path} (status {status:d})")
