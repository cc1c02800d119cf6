"""The common form of every language's stack traces: an exception or a panic, and the functions that it passed."""

from collections.abc import Sequence
from typing import NamedTuple

MAX_DETAILS = 300
"""The most lines of a message that count. What follows is data that was printed with it."""


class Stack(NamedTuple):
    """An exception or a panic, with the functions that it passed."""

    line: str  # it names the exception, and has no prefix of a log
    kind: str  # the type of the exception as the line has it; "panic" in Go and Rust
    message: str  # the rest of that line, behind the type
    details: tuple[str, ...]  # other lines that tell one such failure from another
    functions: tuple[str, ...]  # those that tell failures apart, in the order of the trace


class Frame(NamedTuple):
    """A function in a stack trace. Standard libraries and test runners are platform."""

    function: str
    is_platform: bool


def relevant_functions(frames: Sequence[Frame]) -> tuple[str, ...]:
    """Return the functions that tell failures apart: without the platform's, unless there are no others.

    The platform's functions differ between its versions. Each function counts once, as the depth of a recursion varies.
    """
    own = [frame for frame in frames if not frame.is_platform]
    return tuple(dict.fromkeys(frame.function for frame in own or frames))
