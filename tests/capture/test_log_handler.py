"""Exceptions of log records: recorded off the thread that logs, each once, without ever raising or feeding itself."""

import gc
import logging
import os
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

from error_patterns import AsyncErrorPatternRepository, ErrorPatternRepository, FailureHandler, capture_failures
from error_patterns.capture.protocols import FailureRecorder
from recorders import Recorder

LOGGER = logging.getLogger("jobs")


@contextmanager
def listening(
    recorder: FailureRecorder, *, queue_size: int = 1_000, timeout: float | None = 10.0
) -> Generator[FailureHandler]:
    """A handler of all that is logged, closed at the end."""
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
    """Ends the waiting of recorders, and with it their threads, at the latest at the end of the test."""
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
    """How often each failure was recorded, by whatever way it came."""
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

    def test_it_is_recorded_with_its_traceback(
        self, repository: ErrorPatternRepository, handler: FailureHandler
    ) -> None:
        log()
        handler.flush()
        assert ", in log\n" in repository.list_all()[0].historical_failures[0]

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
    def test_what_is_no_failure_is_ignored(
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

    def test_filters_that_were_added_are_asked(
        self, repository: ErrorPatternRepository, handler: FailureHandler
    ) -> None:
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


class TestFeeding:
    @pytest.mark.parametrize(
        "name", ["error_patterns", "error_patterns.x", "sqlalchemy", "sqlalchemy.pool.impl", "alembic", "alembic.x"]
    )
    def test_what_recording_may_log_is_ignored(
        self, repository: ErrorPatternRepository, handler: FailureHandler, name: str
    ) -> None:
        log(logger=logging.getLogger(name))
        handler.flush()
        assert recorded(repository) == {}

    @pytest.mark.parametrize("name", ["error_patterns_of_mine", "sqlalchemyx", "my.alembic"])
    def test_names_that_only_begin_so_are_not(
        self, repository: ErrorPatternRepository, handler: FailureHandler, name: str
    ) -> None:
        log(logger=logging.getLogger(name))
        handler.flush()
        assert recorded(repository) == {"OSError: gone": 1}

    def test_what_its_own_thread_logs_is_ignored(self) -> None:
        recorder = Recorder(before=lambda: log(logger=logging.getLogger("driver")))
        with listening(recorder) as handler:
            log()
            handler.flush()
            handler.flush()
        assert len(recorder.texts) == 1


class TestThread:
    def test_is_started_with_the_first_record(self, handler: FailureHandler) -> None:
        before = len(own_threads())
        log()
        log()
        assert (before, [thread.daemon for thread in own_threads()]) == (0, [True])

    def test_who_logs_waits_for_nothing(self, released: threading.Event) -> None:
        recorder = Recorder(until=released)
        with listening(recorder) as handler:
            log()
            assert recorder.entered.wait(10)
            assert recorder.texts == []
            released.set()
            handler.flush()
        assert threading.get_ident() not in recorder.threads

    def test_no_exception_is_kept_while_it_waits(self, released: threading.Event) -> None:
        class Held:
            """What a test can see the end of."""

        def handled_by(handler: FailureHandler) -> "weakref.ref[Held]":
            held = Held()
            try:
                fail(ValueError(held))
            except ValueError as error:  # by hand, as pytest keeps what loggers get
                told = (type(error), error, error.__traceback__)
                handler.handle(LOGGER.makeRecord("jobs", logging.ERROR, __file__, 1, "failed", (), told))
            return weakref.ref(held)

        with listening(Recorder(until=released)) as handler:
            references = [handled_by(handler) for _ in range(3)]
            gc.collect()
            assert [reference() for reference in references] == [None] * 3
            released.set()


class TestOverflow:
    def test_what_finds_the_queue_full_is_dropped_and_counted(self, released: threading.Event) -> None:
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

    def test_what_was_dropped_can_still_be_captured(
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


class TestTrouble:
    def test_a_database_that_is_down_raises_nothing_and_is_counted(
        self, repository: ErrorPatternRepository, handler: FailureHandler
    ) -> None:
        repository.close()
        log()
        log()
        handler.flush()
        assert (handler.failed, handler.dropped) == (2, 0)

    def test_a_lock_is_waited_for_and_counted(self, database_file: Path) -> None:
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

    def test_it_is_logged_once(
        self, repository: ErrorPatternRepository, handler: FailureHandler, caplog: pytest.LogCaptureFixture
    ) -> None:
        repository.close()
        log()
        log()
        handler.flush()
        told = [record for record in caplog.records if record.name == "error_patterns"]
        assert [(record.levelno, record.exc_info) for record in told] == [(logging.WARNING, None)]

    def test_an_exception_that_has_no_text_raises_nothing_and_is_counted(
        self, handler: FailureHandler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_room(error: Exception) -> str:
            raise RecursionError

        monkeypatch.setattr("error_patterns.capture.log_handler.format_exception", no_room)
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
    def test_waits_for_what_was_logged_before(self) -> None:
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

    def test_has_nothing_to_wait_for_before_the_first_record(self, repository: ErrorPatternRepository) -> None:
        with listening(repository, timeout=None) as handler:
            handler.flush()
            assert own_threads() == []


class TestClose:
    def test_records_what_waits(self, repository: ErrorPatternRepository) -> None:
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

    def test_drops_and_counts_what_comes_later(
        self, repository: ErrorPatternRepository, handler: FailureHandler
    ) -> None:
        log()
        handler.close()
        log()
        handler.flush()
        assert (recorded(repository), handler.dropped) == ({"OSError: gone": 1}, 1)

    def test_gives_up_after_the_timeout_and_counts_what_it_dropped(self, released: threading.Event) -> None:
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

    def test_records_what_no_thread_could_be_started_for(
        self, repository: ErrorPatternRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't create new thread at interpreter shutdown")

        with listening(repository), monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            log()
        assert recorded(repository) == {"OSError: gone": 1}


AT_EXIT = """
import logging, sys
from error_patterns import ErrorPatternRepository, FailureHandler

logging.getLogger().addHandler(FailureHandler(ErrorPatternRepository.open(sys.argv[1])))
for _ in range(20):
    try:
        raise OSError("gone")
    except OSError:
        logging.exception("failed")
"""

LATE = """
import atexit, logging, sys
from error_patterns import ErrorPatternRepository, FailureHandler

logging.getLogger().addHandler(FailureHandler(ErrorPatternRepository.open(sys.argv[1])))

@atexit.register
def fail():
    logging.error("failed", exc_info=OSError("gone"))
"""

# The parent's thread is held while it records, with one more waiting, when the process forks.
FORK = """
import logging, os, sys, threading
from error_patterns import ErrorPatternRepository, FailureHandler

repository = ErrorPatternRepository.open(sys.argv[1])
may_record, entered = threading.Event(), threading.Event()

class Slow:
    def record_failure(self, failure, **told):
        entered.set()
        may_record.wait()
        return repository.record_failure(failure, **told)

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


class TestProcesses:
    def test_the_end_of_the_interpreter_records_what_waits(self, url: str, repository: ErrorPatternRepository) -> None:
        run(AT_EXIT, url)
        assert recorded(repository) == {"OSError: gone": 20}

    def test_what_is_logged_at_the_end_of_the_interpreter_is_recorded(
        self, url: str, repository: ErrorPatternRepository
    ) -> None:
        run(LATE, url)
        assert recorded(repository) == {"OSError: gone": 1}

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
    def test_after_a_fork_each_process_records_what_it_logged(
        self, url: str, repository: ErrorPatternRepository
    ) -> None:
        run(FORK, url)
        assert recorded(repository) == {"OSError: of the parent": 3, "OSError: of the child": 1}
