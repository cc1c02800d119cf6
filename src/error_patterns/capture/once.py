"""Claims on exceptions, by which each is recorded once; their text and context; and the warning where recording fails.

An exception becomes text before anything waits, so that no frame and no local variable is kept. Its own `__dict__`
holds the mark that it is recorded: built-in exceptions take no weak references, and a table of ids would take a new
exception for an old one at the same address. The mark is pickled with the exception, and ends with it.
"""

import logging
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeGuard

from error_patterns.errors import ErrorPatternsError
from error_patterns.models import ErrorPattern

_MARK = "_error_patterns_is_recorded"  # the key in the `__dict__` of an exception
_OWN_FOLDER = Path(__file__).parent
_logger = logging.getLogger("error_patterns")


def claim(error: BaseException | None) -> TypeGuard[Exception]:
    """Claim an exception for recording; true for exactly one caller, false for what is no `Exception`.

    Several threads or tasks may claim it at once, as those do that wait for one future.
    """
    own_claim: list[object] = []  # a value that can be pickled, and is identical to no other
    return isinstance(error, Exception) and vars(error).setdefault(_MARK, own_claim) is own_claim


def release(error: BaseException | None) -> None:
    """Release the claim on an exception that could not be recorded."""
    with suppress(Exception):  # of an exception without a readable `__dict__`
        vars(error).pop(_MARK, None)


def mark_recorded(error: Exception, pattern: ErrorPattern | None = None) -> None:
    """Mark an exception as recorded, and add a note that names the pattern, if that is known already."""
    vars(error)[_MARK] = True
    if pattern is not None:
        times = "1 time" if pattern.frequency == 1 else f"{pattern.frequency} times"
        with suppress(Exception):  # of an exception that cannot be changed, such as a frozen dataclass
            error.add_note(f"error_patterns: recorded as {pattern.pattern_id}, seen {times}")


class Snapshot(NamedTuple):
    """What is recorded of an exception."""

    text: str
    context: str | None


def take_snapshot(error: Exception, read_context: Callable[[], object], warning: "RecordingWarning") -> Snapshot:
    """Read all that is recorded of an exception. Without a context, it is the command or request that failed.

    Where the context cannot be read, the warning is logged, as the failure matters more.
    """
    from error_patterns import failures  # noqa: PLC0415 - compiles a hundred expressions, for failures alone

    circumstances = failures.circumstances_of(error)
    context = ""
    try:
        context = _checked_context(read_context())
    except Exception as problem:  # of a callable of the caller's
        warning.warn(problem)
    return Snapshot(circumstances.complete(format_exception(error)), context.strip() or circumstances.attempt or None)


def _checked_context(context: object) -> str:
    if context is None:
        return ""
    if not isinstance(context, str):
        raise TypeError(f"context: must be a text, got {type(context).__name__}")
    return context


def format_exception(error: Exception) -> str:
    """Format an exception with its traceback and causes as Python prints them, without the frames of this folder.

    The frames of the decorator would change the fingerprint, and their names would become keywords.
    """
    formatted = traceback.TracebackException.from_exception(error)
    pending = [formatted]
    while pending:
        each = pending.pop()
        each.stack[:] = [frame for frame in each.stack if Path(frame.filename).parent != _OWN_FOLDER]
        linked = (each.__cause__, each.__context__, *(each.exceptions or ()))
        pending += [other for other in linked if other is not None]
    return "".join(formatted.format())


class RecordingWarning:
    """The warning that a failure, or its context, could not be recorded: logged for the first one alone."""

    def __init__(self, outcome: str = "a failure was not recorded") -> None:
        """Begin with no warning logged; a warning begins with the outcome."""
        self._outcome = outcome
        self._first = threading.Lock()  # never released: one thread alone gets it

    def warn(self, error: Exception) -> None:
        """Log the error that kept something from being recorded, if it is the first.

        The log has the text of errors of this package alone, which never hold a secret. It has no traceback, as that
        would show the failure as its context.
        """
        if not self._first.acquire(blocking=False):
            return
        reason = f"{type(error).__name__}: {error}" if isinstance(error, ErrorPatternsError) else type(error).__name__
        with suppress(Exception):  # of a handler of the caller's
            _logger.warning("%s (%s); later ones that cannot be recorded are not logged", self._outcome, reason)
