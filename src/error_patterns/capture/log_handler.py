"""`FailureHandler`: a logging handler that records the exceptions of log records in a thread of its own."""

import inspect
import logging
import os
import threading
import weakref
from collections import deque

from typing_extensions import override

from error_patterns.capture.once import RecordingWarning, Snapshot, claim, mark_recorded, release, take_snapshot
from error_patterns.capture.protocols import FailureRecorder
from error_patterns.models import ErrorPattern

_OWN_LOGGERS = {"error_patterns", "sqlalchemy", "alembic"}


class FailureHandler(logging.Handler):
    """A logging handler that records the exception of each log record that has one.

    Such records come from `logger.exception` and `exc_info`. The thread that logs formats the exception and appends the
    text to a queue. It never waits for the database, and no exception, frame or local variable is kept. One daemon
    thread records the texts; it starts with the first of them. A failure that finds the queue full is dropped, and
    counted in `dropped`.

    `extra={"failure_context": "…"}` says what was being attempted. Without it, that is the command or request that
    failed, of exceptions that know it.

    These records are ignored:

    - those without an exception, or with one that is no `Exception`;
    - those whose exception a handler or `capture_failures` has recorded already;
    - those that recording may cause: of the loggers `error_patterns`, `sqlalchemy`, `alembic` and their children, and
      of the handler's own thread.

    The handler never raises. The first failure that cannot be recorded is logged as a warning of the logger
    `error_patterns`. All of them are counted in `failed`.

    After a fork, the child has an empty queue, a thread of its own, and counts from 0. The handler is closed when the
    interpreter ends. A process that ends by `os._exit`, as those of multiprocessing do, calls `flush` before. Close the
    handler before the repository.

    Example:
        >>> handler = FailureHandler(repository)
        >>> logging.getLogger().addHandler(handler)
        >>> try:
        ...     connect_to_broker()
        ... except OSError:
        ...     logging.getLogger("jobs").exception("no broker")
    """

    dropped: int
    """The number of failures that found the queue full or the handler closed."""

    failed: int
    """The number of failures that could not be recorded, as when the database is down."""

    def __init__(
        self,
        repository: FailureRecorder[ErrorPattern],
        *,
        queue_size: int = 1_000,
        timeout: float | None = 10.0,
        level: int | str = logging.NOTSET,
    ) -> None:
        """Record to the repository, which threads must be able to share.

        Args:
            repository: An `ErrorPatternRepository`.
            queue_size: The greatest number of failures that wait to be recorded.
            timeout: The greatest number of seconds that `flush` and `close` wait, so that a database that is down does
                not keep a process from ending. None waits without limit.
            level: The least level of the records that are looked at.

        Raises:
            ValueError: `queue_size` is less than 1, or `timeout` is negative.
            TypeError: The repository is an async one.
        """
        if queue_size < 1:
            raise ValueError(f"queue_size: must be 1 or more, got {queue_size}: failures wait in a queue")
        if timeout is not None and timeout < 0:
            raise ValueError(f"timeout: must be 0 or more, got {timeout}: it is a number of seconds")
        if inspect.iscoroutinefunction(repository.record_failure):
            raise TypeError(
                "FailureHandler: records in a thread, where an AsyncErrorPatternRepository cannot be awaited; "
                "open an ErrorPatternRepository on the same database"
            )
        super().__init__(level)
        self._repository = repository
        self._queue_size = queue_size
        self._timeout = timeout
        self._is_closed = False
        self._reset()
        _handlers.add(self)

    def _reset(self) -> None:
        """Empty the queue, with a new lock: in a child process, a thread that is not there may hold the old one."""
        self.dropped = 0
        self.failed = 0
        self._warning = RecordingWarning()
        self._context_warning = RecordingWarning("a failure was recorded without its context")
        self._snapshots: deque[Snapshot] = deque()
        self._thread: threading.Thread | None = None
        self._accepted = 0
        self._finished = 0
        self._changed = threading.Condition()  # guards all of the above

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Accept records with an exception that do not come from recording; then ask the filters that were added.

        `emit` would be too late, as the handler's lock is taken before it. When the interpreter ends, `flush` holds
        that lock and waits for the thread that records, which may be logging.
        """
        is_own = record.name.partition(".")[0] in _OWN_LOGGERS or threading.current_thread() is self._thread
        return bool(record.exc_info) and not is_own and super().filter(record)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Queue the exception of the record, if it can be claimed and there is room."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        try:
            if not claim(error):
                return
            snapshot = take_snapshot(error, lambda: getattr(record, "failure_context", None), self._context_warning)
            with self._changed:
                if self._is_closed or len(self._snapshots) >= self._queue_size:
                    self.dropped += 1
                    release(error)
                    return
                self._snapshots.append(snapshot)
                self._accepted += 1
                mark_recorded(error)
                if self._thread is None:
                    self._start_thread()
                self._changed.notify_all()
        except Exception as problem:  # such as a RecursionError where no room is left on the stack
            release(error)
            self._count_failed(problem)

    @override
    def flush(self) -> None:
        """Wait until all failures queued so far are recorded, for `timeout` seconds at most."""
        with self._changed:
            accepted = self._accepted
            has_no_thread = self._thread is None
        if has_no_thread:
            self._record_all(waits=False)
        with self._changed:
            self._changed.wait_for(lambda: self._finished >= accepted, self._timeout)

    @override
    def close(self) -> None:
        """Record the queued failures, and end the thread. Later failures are dropped; a second call does nothing.

        Failures still queued after `timeout` seconds are dropped as well.
        """
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
            self._changed.notify_all()
        self.flush()
        with self._changed:
            is_finished = self._finished == self._accepted
            self.dropped += len(self._snapshots)
            self._finished += len(self._snapshots)
            self._snapshots.clear()
            self._changed.notify_all()
        if is_finished and self._thread is not None:
            self._thread.join()
        super().close()

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._record_all, name="error_patterns", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # a thread cannot be started while the interpreter ends: `close` records the failures
            self._thread = None

    def _record_all(self, *, waits: bool = True) -> None:
        """Record the queued failures until there are none, or, where it waits for more, until the handler is closed."""
        while True:
            with self._changed:
                if waits:
                    self._changed.wait_for(lambda: self._snapshots or self._is_closed)
                if not self._snapshots:
                    return
                text, context = self._snapshots.popleft()
            try:
                self._repository.record_failure(text, context=context)
            except Exception as problem:  # whatever it is, the next failure may be recorded
                self._count_failed(problem)
            with self._changed:
                self._finished += 1
                self._changed.notify_all()

    def _count_failed(self, problem: Exception) -> None:
        with self._changed:
            self.failed += 1
        self._warning.warn(problem)


_handlers: weakref.WeakSet[FailureHandler] = weakref.WeakSet()


def _reset_handlers() -> None:
    for handler in list(_handlers):
        handler._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_handlers)
