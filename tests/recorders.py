"""A stand-in for a repository where recording must fail, or take as long as a test needs."""

import threading
from collections.abc import Callable, Sequence

from error_patterns import ErrorPattern


class Recorder:
    """A recorder that calls a function, waits for an event, and then raises an error or keeps the text."""

    def __init__(
        self,
        error: BaseException | None = None,
        *,
        until: threading.Event | None = None,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self.error = error
        self.before = before
        self.until = until
        self.entered = threading.Event()
        self.texts: list[str] = []
        self.contexts: list[str | None] = []
        self.threads: list[int] = []

    def record_failure(
        self,
        failure: str | BaseException,
        *,
        context: str | None = None,
        keywords: Sequence[str] | None = None,
        extra_keywords: Sequence[str] = (),
        preventive_checks: Sequence[str] = (),
    ) -> ErrorPattern:
        self.threads.append(threading.get_ident())
        self.entered.set()
        self.before()
        if self.until is not None:
            self.until.wait(30)
        if self.error is not None:
            raise self.error
        self.texts.append(str(failure))
        self.contexts.append(context)
        return ErrorPattern(pattern=str(failure))
