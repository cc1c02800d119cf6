"""What every language's stack traces come to: an exception or a panic, and the functions that it came through."""

from collections.abc import Iterable
from typing import NamedTuple

MOST_DETAILS = 300
"""How many lines of a message can count: behind them is data that was printed with it."""


class Stack(NamedTuple):
    """An exception or a panic, with the functions that it came through.

    Attributes:
        line: The line that names it, without what a log puts in front.
        kind: The type of the exception as the line has it; "panic" in Go and Rust.
        message: What stands behind the type on that line.
        details: What tells one such failure from another, and stands on other lines.
        functions: The functions that count, in the order of the trace.
    """

    line: str
    kind: str
    message: str
    details: tuple[str, ...]
    functions: tuple[str, ...]


class Frame(NamedTuple):
    """A function in a stack trace, and whether it is one of the platform: a standard library or a test runner."""

    function: str
    of_platform: bool


def functions_that_count(frames: Iterable[Frame]) -> tuple[str, ...]:
    """The functions, each once, as the depth of a recursion differs; without the platform's if there are others.

    Those of the platform differ between its versions where the failure is the same.
    """
    frames = list(frames)
    own = [frame for frame in frames if not frame.of_platform]
    return tuple(dict.fromkeys(frame.function for frame in own or frames))
