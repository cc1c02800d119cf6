"""The exceptions of log records: recorded once, in another thread, without an error or a loop."""

import gc
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from error_patterns import (
    AsyncErrorPatternRepository,
    ErrorPattern,
    ErrorPatternRepository,
    FailureHandler,
    capture_failures,
)
from error_patterns.capture.protocols import FailureRecorder
from recorders import Recorder

LOGGER = logging.getLogger("jobs")


@contextmanager
def listening(
    recorder: FailureRecorder[ErrorPattern], *, queue_size: int = 1_000, timeout: float | None = 10.0
) -> Generator[FailureHandler]:
    """Add a handler to the root logger, and close it at the end."""
    handler = FailureHandler(recorder, queue_size=queue_size, timeout=timeout)
    logging.getLogger().addHandler(handler)
    try:
        yield handler
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


@pytest.fixture
def handler(repository: ErrorPatternRepository) -> Generator[FailureHandler]:
    with listening(repository) as made:
        yield made


@pytest.fixture
def released() -> Generator[threading.Event]:
    """An event that lets recorders go on; set at the end of the test, so that their threads end."""
    event = threading.Event()
    yield event
    event.set()
    for thread in own_threads():
        thread.join(10)


def fail(error: BaseException) -> None:
    raise error


def log(error: BaseException | None = None, logger: logging.Logger = LOGGER) -> None:
    try:
        fail(error or OSError("gone"))
    except BaseException:
        logger.exception("the job failed")


def log_ten_times() -> None:
    for _ in range(10):
        log()


def recorded(repository: ErrorPatternRepository) -> dict[str, int]:
    """Return the frequency of each recorded failure."""
    times: Counter[str] = Counter()
    for pattern in repository.list_all():
        times[pattern.pattern] += pattern.frequency
    return dict(times)


def own_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "error_patterns"]


class TestRecording:
    def test_an_exception_that_is_logged_is_recorded(
        self, repository: ErrorPatternRepository, handler: FailureHandler
    ) -> None:
        log()
        handler.flush()
        assert recorded(repository) == {"OSError: gone": 1}

    def test_the_traceback_is_recorded(self, repository: ErrorPatternRepository, handler: FailureHandler) -> None:
        log()
        handler.flush()
        assert ", in log\n" in repository.list_all()[0].historical_failures[0]

    def test_what_was_attempted_comes_from_the_log_record(
        self, repository: ErrorPatternRepository, handler: FailureHandler
    ) -> None:
        LOGGER.error("failed", exc_info=OSError("gone"), extra={"failure_context": "send the mail"})
        handler.flush()
        assert repository.list_all()[0].historical_contexts == ["send the mail"]

    def test_a_command_that_failed_was_attempted(
        self, repository: ErrorPatternRepository, handler: FailureHandler
    ) -> None:
        LOGGER.error("failed", exc_info=subprocess.CalledProcessError(1, ["make", "all"], stderr="no rule"))
        handler.flush()
        (pattern,) = repository.list_all()
        assert pattern.historical_contexts == ["make all"]
        assert "no rule" in pattern.historical_failures[0]

    def test_a_context_that_is_no_text_is_left_out_with_a_warning(
        self, repository: ErrorPatternRepository, handler: FailureHandler, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(2):
            LOGGER.error("failed", exc_info=OSError("gone"), extra={"failure_context": 3})
        handler.flush()
        assert [(p.frequency, p.historical_contexts) for p in repository.list_all()] == [(2, [])]
        assert [r.getMessage().partition(";")[0] for r in caplog.records if r.name == "error_patterns"] == [
            "a failure was recorded without its context (TypeError)"
        ]

    def test_threads_are_counted_exactly(self, repository: ErrorPatternRepository, handler: FailureHandler) -> None:
        threads = [threading.Thread(target=log_ten_times) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        handler.flush()
        assert (recorded(repository), handler.dropped, handler.failed) == ({"OSError: gone": 80}, 0, 0)

    def test_a_record_without_an_exception_is_ignored(
        self, repository: ErrorPatternRepository, handler: FailureHandler
    ) -> None:
        LOGGER.error("no exception")
        LOGGER.error("none at all", exc_info=True)
        handler.flush()
        assert recorded(repository) == {}

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()], ids=repr)
    def test_an_exception_that_is_no_failure_is_ignored(
        self, repository: ErrorPatternRepository, handler: FailureHandler, error: BaseException
    ) -> None:
        log(error)
        handler.flush()
        assert recorded(repository) == {}

    def test_records_below_its_level_are_ignored(self, repository: ErrorPatternRepository) -> None:
        handler = FailureHandler(repository, level="CRITICAL")
        LOGGER.addHandler(handler)
        log()
        LOGGER.removeHandler(handler)
        handler.close()
        assert recorded(repository) == {}

    def test_filters_that_were_added_apply(self, repository: ErrorPatternRepository, handler: FailureHandler) -> None:
        handler.addFilter(lambda record: "secret" not in record.getMessage())
        LOGGER.error("a secret", exc_info=OSError("gone"))
        handler.flush()
        assert recorded(repository) == {}


class TestOnce:
    def test_an_exception_that_is_logged_twice_is_recorded_once(
        self, repository: ErrorPatternRepository, handler: FailureHandler
    ) -> None:
        error = OSError("gone")
        log(error)
        log(error)
        handler.flush()
        assert recorded(repository) == {"OSError: gone": 1}

    def test_an_exception_that_was_captured_is_not_recorded_again(
        self, repository: ErrorPatternRepository, handler: FailureHandler
    ) -> None:
        try:
            capture_failures(repository)(fail)(OSError("gone"))
        except OSError:
            LOGGER.exception("the job failed")
        handler.flush()
        assert recorded(repository) == {"OSError: gone": 1}

    def test_an_exception_that_was_logged_is_not_captured_again(
        self, repository: ErrorPatternRepository, handler: FailureHandler
    ) -> None:
        error = OSError("gone")
        log(error)
        with pytest.raises(OSError, match="gone"), capture_failures(repository):
            raise error
        handler.flush()
        assert recorded(repository) == {"OSError: gone": 1}


class TestRecordsOfRecording:
    @pytest.mark.parametrize(
        "name", ["error_patterns", "error_patterns.x", "sqlalchemy", "sqlalchemy.pool.impl", "alembic", "alembic.x"]
    )
    def test_records_of_the_loggers_that_recording_uses_are_ignored(
        self, repository: ErrorPatternRepository, handler: FailureHandler, name: str
    ) -> None:
        log(logger=logging.getLogger(name))
        handler.flush()
        assert recorded(repository) == {}

    @pytest.mark.parametrize("name", ["error_patterns_of_mine", "sqlalchemyx", "my.alembic"])
    def test_loggers_with_similar_names_are_not_ignored(
        self, repository: ErrorPatternRepository, handler: FailureHandler, name: str
    ) -> None:
        log(logger=logging.getLogger(name))
        handler.flush()
        assert recorded(repository) == {"OSError: gone": 1}

    def test_records_of_its_own_thread_are_ignored(self) -> None:
        recorder = Recorder(before=lambda: log(logger=logging.getLogger("driver")))
        with listening(recorder) as handler:
            log()
            handler.flush()
            handler.flush()
        assert len(recorder.texts) == 1


class TestThread:
    def test_starts_with_the_first_record(self, handler: FailureHandler) -> None:
        before = len(own_threads())
        log()
        log()
        assert (before, [thread.daemon for thread in own_threads()]) == (0, [True])

    def test_a_thread_that_logs_does_not_wait(self, released: threading.Event) -> None:
        recorder = Recorder(until=released)
        with listening(recorder) as handler:
            log()
            assert recorder.entered.wait(10)
            assert recorder.texts == []
            released.set()
            handler.flush()
        assert threading.get_ident() not in recorder.threads

    def test_no_exception_is_kept_in_the_queue(self, released: threading.Event) -> None:
        class Held:
            """A value whose end a weak reference shows."""

        def handled_by(handler: FailureHandler) -> "weakref.ref[Held]":
            held = Held()
            try:
                fail(ValueError(held))
            except ValueError as error:  # by hand, as pytest keeps what loggers get
                exc_info = (type(error), error, error.__traceback__)
                handler.handle(LOGGER.makeRecord("jobs", logging.ERROR, __file__, 1, "failed", (), exc_info))
            return weakref.ref(held)

        with listening(Recorder(until=released)) as handler:
            references = [handled_by(handler) for _ in range(3)]
            gc.collect()
            assert [reference() for reference in references] == [None] * 3
            released.set()


class TestOverflow:
    def test_a_failure_that_finds_the_queue_full_is_dropped_and_counted(self, released: threading.Event) -> None:
        recorder = Recorder(until=released)
        with listening(recorder, queue_size=2) as handler:
            log()
            assert recorder.entered.wait(10)
            for _ in range(5):
                log()
            assert handler.dropped == 3
            released.set()
            handler.flush()
        assert (len(recorder.texts), handler.dropped) == (3, 3)

    def test_a_dropped_exception_can_still_be_captured(
        self, repository: ErrorPatternRepository, released: threading.Event
    ) -> None:
        recorder = Recorder(until=released)
        error = OSError("gone")
        with listening(recorder, queue_size=1):
            log()
            assert recorder.entered.wait(10)
            log()
            log(error)
            with pytest.raises(OSError, match="gone"), capture_failures(repository):
                raise error
            released.set()
        assert recorded(repository) == {"OSError: gone": 1}


class TestErrors:
    def test_failures_are_counted_while_the_database_is_down(
        self, repository: ErrorPatternRepository, handler: FailureHandler
    ) -> None:
        repository.close()
        log()
        log()
        handler.flush()
        assert (handler.failed, handler.dropped) == (2, 0)

    def test_a_failure_is_counted_when_a_lock_times_out(self, database_file: Path) -> None:
        with (
            ErrorPatternRepository.open(f"sqlite:///{database_file}?timeout=0.05") as repository,
            listening(repository) as handler,
            closing(sqlite3.connect(database_file, isolation_level=None)) as other,
        ):
            other.execute("BEGIN IMMEDIATE")
            log()
            handler.flush()
            other.execute("ROLLBACK")
            log()
            handler.flush()
            assert (handler.failed, recorded(repository)) == (1, {"OSError: gone": 1})

    def test_the_first_error_alone_is_logged(
        self, repository: ErrorPatternRepository, handler: FailureHandler, caplog: pytest.LogCaptureFixture
    ) -> None:
        repository.close()
        log()
        log()
        handler.flush()
        warnings = [record for record in caplog.records if record.name == "error_patterns"]
        assert [(record.levelno, record.exc_info) for record in warnings] == [(logging.WARNING, None)]

    def test_an_exception_that_cannot_be_formatted_is_counted(
        self, handler: FailureHandler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_room(error: Exception) -> str:
            raise RecursionError

        monkeypatch.setattr("error_patterns.capture.once.format_exception", no_room)
        log()
        assert handler.failed == 1

    def test_an_async_repository_is_refused(self, url: str) -> None:
        repository: object = AsyncErrorPatternRepository.open(url)
        with pytest.raises(TypeError, match="open an ErrorPatternRepository on the same database"):
            made(repository)

    @pytest.mark.parametrize(
        ("queue_size", "timeout", "wrong"), [(0, 1, "queue_size"), (-1, 1, "queue_size"), (1, -1, "timeout")]
    )
    def test_a_limit_out_of_range_is_refused(self, queue_size: int, timeout: float, wrong: str) -> None:
        with pytest.raises(ValueError, match=f"^{wrong}: must be "):
            FailureHandler(Recorder(), queue_size=queue_size, timeout=timeout)


def made(repository: object) -> None:
    names: dict[str, object] = {"FailureHandler": FailureHandler, "repository": repository}
    exec("FailureHandler(repository)", names)  # noqa: S102 - as type checkers refuse it, which is the point


class TestFlush:
    def test_waits_for_the_failures_logged_before(self) -> None:
        recorder = Recorder()
        with listening(recorder) as handler:
            for _ in range(100):
                log()
            handler.flush()
            assert len(recorder.texts) == 100

    def test_waits_no_longer_than_the_timeout(self, released: threading.Event) -> None:
        with listening(Recorder(until=released), timeout=0.05) as handler:
            log()
            begun = time.monotonic()
            handler.flush()
            assert 0.05 <= time.monotonic() - begun < 5

    def test_returns_at_once_before_the_first_record(self, repository: ErrorPatternRepository) -> None:
        with listening(repository, timeout=None) as handler:
            handler.flush()
            assert own_threads() == []


class TestClose:
    def test_records_the_queued_failures(self, repository: ErrorPatternRepository) -> None:
        with listening(repository):
            for _ in range(20):
                log()
        assert recorded(repository) == {"OSError: gone": 20}

    def test_ends_the_thread(self, repository: ErrorPatternRepository) -> None:
        with listening(repository):
            log()
        assert own_threads() == []

    def test_is_safe_more_than_once(self, repository: ErrorPatternRepository) -> None:
        with listening(repository, queue_size=1) as handler:
            log()
            for _ in range(3):
                handler.close()
        assert recorded(repository) == {"OSError: gone": 1}

    def test_does_not_wait_a_second_time(self, released: threading.Event) -> None:
        recorder = Recorder(until=released)
        with listening(recorder, timeout=0.5) as handler:
            log()
            handler.close()
            begun = time.monotonic()
            handler.close()
            assert time.monotonic() - begun < 0.4

    def test_is_safe_before_the_first_record(self, repository: ErrorPatternRepository) -> None:
        FailureHandler(repository).close()

    def test_drops_and_counts_later_failures(self, repository: ErrorPatternRepository, handler: FailureHandler) -> None:
        log()
        handler.close()
        log()
        handler.flush()
        assert (recorded(repository), handler.dropped) == ({"OSError: gone": 1}, 1)

    def test_drops_and_counts_queued_failures_after_the_timeout(self, released: threading.Event) -> None:
        recorder = Recorder(until=released)
        with listening(recorder, timeout=0.05) as handler:
            log()
            assert recorder.entered.wait(10)
            log()
            log()
        assert handler.dropped == 2
        released.set()
        for thread in own_threads():
            thread.join(10)
        assert (len(recorder.texts), own_threads()) == (1, [])

    def test_records_failures_for_which_no_thread_could_be_started(
        self, repository: ErrorPatternRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't create new thread at interpreter shutdown")

        with listening(repository), monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            log()
        assert recorded(repository) == {"OSError: gone": 1}


# One handler has a thread when the interpreter ends, the other gets its first record then.
AT_EXIT = """
import atexit, logging, sys
from error_patterns import ErrorPatternRepository, FailureHandler

repository = ErrorPatternRepository.open(sys.argv[1])
early, late = logging.getLogger("early"), logging.getLogger("late")
for logger in (early, late):
    logger.addHandler(FailureHandler(repository))

for _ in range(20):
    early.error("failed", exc_info=OSError("before the end"))

@atexit.register
def fail():
    late.error("failed", exc_info=OSError("at the end"))
"""

# When the process forks, its thread is recording one failure, and another is queued.
FORK = """
import logging, os, sys, threading
from error_patterns import ErrorPatternRepository, FailureHandler

repository = ErrorPatternRepository.open(sys.argv[1])
may_record, entered = threading.Event(), threading.Event()

class Slow:
    def record_failure(self, failure, **given):
        entered.set()
        may_record.wait()
        return repository.record_failure(failure, **given)

handler = FailureHandler(Slow())
logging.getLogger().addHandler(handler)

def log(text):
    logging.error("failed", exc_info=OSError(text))

log("of the parent")
log("of the parent")
entered.wait()
child = os.fork()
may_record.set()
if child == 0:
    log("of the child")
    handler.close()
    handler.close()
    os._exit(handler.dropped + handler.failed)
_, status = os.waitpid(child, 0)
log("of the parent")
handler.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(script: str, url: str) -> None:
    subprocess.run([sys.executable, "-c", script, url], check=True, timeout=60, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def recorded_at_exit(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The failures that a process records whose interpreter ends."""
    url = f"sqlite:///{shutil.copy(migrated_file, tmp_path_factory.mktemp('exit') / 'errors.db')}"
    run(AT_EXIT, url)
    with ErrorPatternRepository.open(url) as repository:
        return recorded(repository)


@pytest.mark.slow
class TestProcesses:
    def test_the_end_of_the_interpreter_records_the_queued_failures(self, recorded_at_exit: dict[str, int]) -> None:
        assert recorded_at_exit["OSError: before the end"] == 20

    def test_a_failure_logged_at_the_end_of_the_interpreter_is_recorded(self, recorded_at_exit: dict[str, int]) -> None:
        assert recorded_at_exit["OSError: at the end"] == 1

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
    def test_after_a_fork_each_process_records_its_own_failures(
        self, url: str, repository: ErrorPatternRepository
    ) -> None:
        run(FORK, url)
        assert recorded(repository) == {"OSError: of the parent": 3, "OSError: of the child": 1}
