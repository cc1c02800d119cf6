"""Which exceptions are news, what they say, and what becomes of those that cannot be recorded.

Locals are not kept: an exception becomes text, without its frames of this folder, before anything waits. That it was
recorded is noted in its own `__dict__`, as built-in exceptions take no weak references, and a table of ids would take a
new exception for the one whose memory it got. The note goes with the exception through pickling and so between
processes, and ends with it.
"""

import logging
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TypeGuard

from error_patterns.errors import ErrorPatternsError
from error_patterns.models import ErrorPattern

_IS_RECORDED = "_error_patterns_is_recorded"  # the key in the `__dict__` of an exception
_OWN_FOLDER = Path(__file__).parent
_logger = logging.getLogger("error_patterns")


def is_news(error: BaseException | None) -> TypeGuard[Exception]:
    """Whether it is a failure that was neither recorded yet nor waits to be; whoever is told so is to record it.

    Threads and tasks that wait for one future get the same exception, and ask this at once.
    """
    claim: list[object] = []  # a value that can be pickled, and is nobody else's
    return isinstance(error, Exception) and vars(error).setdefault(_IS_RECORDED, claim) is claim


def give_back(error: BaseException | None) -> None:
    """Let it be news again, as it could not be recorded."""
    with suppress(Exception):  # of an exception without a readable `__dict__`
        vars(error).pop(_IS_RECORDED, None)


def mark(error: Exception, pattern: ErrorPattern | None = None) -> None:
    """Note in the exception that it is recorded, and as which pattern if that is known already."""
    vars(error)[_IS_RECORDED] = True
    if pattern is not None:
        times = "1 time" if pattern.frequency == 1 else f"{pattern.frequency} times"
        with suppress(Exception):  # of an exception that cannot be changed, such as a frozen dataclass
            error.add_note(f"error_patterns: recorded as {pattern.pattern_id}, seen {times}")


def text_of(error: Exception) -> str:
    """The exception with its traceback and causes as Python prints them, as if it had not been captured.

    The frames of the decorator would make another failure of it, and their names keywords.
    """
    told = traceback.TracebackException.from_exception(error)
    untold = [told]
    while untold:
        each = untold.pop()
        each.stack[:] = [frame for frame in each.stack if Path(frame.filename).parent != _OWN_FOLDER]
        untold += [other for other in (each.__cause__, each.__context__, *(each.exceptions or ())) if other is not None]
    return "".join(told.format())


class Trouble:
    """Why failures cannot be recorded: a warning for the first that could not, and none for the others."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self._first = threading.Lock()  # never released: one thread alone gets it

    def warn(self, error: Exception) -> None:
        """Log it if it is the first.

        The text of the error is told if it is one of this package, where no secret is; others may hold anything, and a
        traceback would have that of the failure as its context.
        """
        if not self._first.acquire(blocking=False):
            return
        reason = f": {error}" if isinstance(error, ErrorPatternsError) else ""
        with suppress(Exception):  # of a handler of the caller's
            _logger.warning(
                "a failure was not recorded (%s%s); this is said once, whatever becomes of the next ones",
                type(error).__name__,
                reason,
            )
