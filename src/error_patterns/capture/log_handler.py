"""`FailureHandler`: the exceptions of log records, recorded off the thread that logs."""

import inspect
import logging
import os
import queue
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress

from typing_extensions import override

from error_patterns.capture.once import Trouble, give_back, is_news, mark, text_of
from error_patterns.capture.protocols import FailureRecorder

_OWN_LOGGERS = ("error_patterns", "sqlalchemy", "alembic")


class FailureHandler(logging.Handler):
    """Records the exception of each log record that carries one: of `logger.exception` and of `exc_info`.

    The thread that logs makes the exception a text and puts it into a queue, no more: nothing of it waits for the
    database, and no exception, frame or local variable is kept. One daemon thread, started with the first record, takes
    the texts to the repository. What finds the queue full is dropped, and counted in `dropped`.

    Ignored are records without an exception or with one that is no `Exception`, an exception that was recorded already
    by a handler or `capture_failures`, and whatever recording itself may log: records of the loggers `error_patterns`,
    `sqlalchemy` and `alembic` and of those below them, and of the handler's own thread.

    It never raises. The first failure that cannot be recorded is a warning of the logger `error_patterns`; all of them
    are counted in `failed`.

    After a fork, the child has a thread and a queue of its own, both with nothing of the parent's, and counts from 0.
    The end of the interpreter closes the handler; a process that ends by `os._exit`, as those of multiprocessing do,
    calls `flush` before. Close the handler before the repository.

    Example:
        >>> handler = FailureHandler(repository)
        >>> logging.getLogger().addHandler(handler)
        >>> try:
        ...     connect_to_broker()
        ... except OSError:
        ...     logging.getLogger("jobs").exception("no broker")
    """

    def __init__(
        self,
        repository: FailureRecorder,
        *,
        capacity: int = 1_000,
        patience: float | None = 10.0,
        level: int | str = logging.NOTSET,
    ) -> None:
        """Record to the repository, which threads must be able to share.

        Args:
            repository: An `ErrorPatternRepository`.
            capacity: How many failures may wait to be recorded.
            patience: How many seconds `flush` and `close` wait at most, so that a database that is down does not keep a
                process from ending; None: as long as it takes.
            level: The least level of the records that are looked at.

        Raises:
            ValueError: `capacity` is less than 1, or `patience` is negative.
            TypeError: The repository is an async one.
        """
        if capacity < 1:
            raise ValueError(f"capacity: must be 1 or more, got {capacity}: failures wait in a queue to be recorded")
        if patience is not None and patience < 0:
            raise ValueError(f"patience: must be 0 or more, got {patience}: it is a number of seconds to wait")
        if inspect.iscoroutinefunction(repository.record_failure):
            raise TypeError(
                "FailureHandler: records in a thread, where an AsyncErrorPatternRepository cannot be awaited; "
                "open an ErrorPatternRepository on the same database"
            )
        super().__init__(level)
        self._patience = patience
        self._queue = _FailureQueue(repository, capacity)

    @property
    def dropped(self) -> int:
        """How many failures were not recorded because the queue was full, or the handler closed."""
        return self._queue.dropped

    @property
    def failed(self) -> int:
        """How many failures were not recorded because something went wrong, such as a database that is down."""
        return self._queue.failed

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Let only records pass that carry a failure, and that recording did not log; then ask the filters added.

        Here and not in `emit`, before which the lock of the handler is taken: at the end of the interpreter it is held
        while `flush` waits for the thread that records, which may be logging.
        """
        return bool(record.exc_info) and not self._is_of_recording(record) and super().filter(record)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Hand the exception of the record over to the thread that records."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        self._queue.take(error)

    @override
    def flush(self) -> None:
        """Wait until all that was handed over before is recorded, or for as long as `patience` says."""
        self._queue.wait(self._patience)

    @override
    def close(self) -> None:
        """Record what waits, and end the thread; what comes later is dropped. A second time it does nothing.

        What cannot be recorded for as long as `patience` says is dropped as well.
        """
        self._queue.close(self._patience)
        super().close()

    def _is_of_recording(self, record: logging.LogRecord) -> bool:
        is_own = any(record.name == own or record.name.startswith(f"{own}.") for own in _OWN_LOGGERS)
        return is_own or self._queue.is_recorded_by_this_thread()


class _FailureQueue:
    """The failures of this process that wait to be recorded, and the thread that records them."""

    def __init__(self, repository: FailureRecorder, capacity: int) -> None:
        self._repository = repository
        self._capacity = capacity
        self._is_closed = False
        self.begin_anew()
        _queues.add(self)

    def begin_anew(self) -> None:
        """Have nothing of what came before, as in a child: threads that are not here may hold its locks for ever."""
        self.dropped = 0
        self.failed = 0
        self._trouble = Trouble()
        self._waiting: queue.Queue[str | None] = queue.Queue(self._capacity)  # None ends the thread
        self._thread: threading.Thread | None = None
        self._taken = 0
        self._done = 0
        self._changed = threading.Condition()  # also guards the numbers, and that nothing is taken once it is closed

    def is_recorded_by_this_thread(self) -> bool:
        """Whether it is the own thread that asks."""
        return threading.current_thread() is self._thread

    def take(self, error: BaseException | None) -> None:
        """Let the exception wait, if it is news and there is room."""
        try:
            if not is_news(error):
                return
            text = text_of(error)
            with self._changed:
                if self._is_taken(text):
                    mark(error)
                    self._start()
                else:
                    give_back(error)
        except Exception as trouble:  # such as a RecursionError where no room is left on the stack
            give_back(error)
            self._note(trouble)

    def wait(self, patience: float | None) -> bool:
        """Wait until what was taken before is done; whether it is."""
        with self._changed:
            taken = self._taken
            has_no_thread = self._thread is None
        if has_no_thread:
            self._record_here()
        with self._changed:
            return self._changed.wait_for(lambda: self._done >= taken, patience)

    def close(self, patience: float | None) -> None:
        """Take no more, and end the thread when all is done, or else after what it does just now."""
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
        is_done = self.wait(patience)
        for _ in self._left():
            self._finish(dropped=1)
        self._waiting.put_nowait(None)  # there is room, as nothing is taken any more
        if is_done and self._thread is not None:
            self._thread.join()

    def _is_taken(self, text: str) -> bool:
        if not self._is_closed:
            with suppress(queue.Full):
                self._waiting.put_nowait(text)
                self._taken += 1
                return True
        self.dropped += 1
        return False

    def _start(self) -> None:
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._record_all, name="error_patterns", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # at its end, the interpreter starts no more threads: `close` records what waits
            self._thread = None

    def _record_all(self) -> None:
        while (text := self._waiting.get()) is not None:
            self._record(text)

    def _record_here(self) -> None:
        for text in self._left():
            self._record(text)

    def _left(self) -> Iterator[str]:
        with suppress(queue.Empty):
            while (text := self._waiting.get_nowait()) is not None:
                yield text

    def _record(self, text: str) -> None:
        try:
            self._repository.record_failure(text)
        except Exception as trouble:  # whatever it is, the next failure may be recorded
            self._note(trouble)
        self._finish()

    def _finish(self, *, dropped: int = 0) -> None:
        with self._changed:
            self._done += 1
            self.dropped += dropped
            self._changed.notify_all()

    def _note(self, trouble: Exception) -> None:
        with self._changed:
            self.failed += 1
        self._trouble.warn(trouble)


_queues: weakref.WeakSet[_FailureQueue] = weakref.WeakSet()


def _begin_anew() -> None:
    for each in list(_queues):
        each.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
