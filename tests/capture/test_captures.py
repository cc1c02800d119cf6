"""Captured exceptions: each is recorded once, the very same exception continues, and nothing else is raised."""

import asyncio
import concurrent.futures
import functools
import inspect
import logging
import pickle
import sqlite3
import subprocess
import threading
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from error_patterns import AsyncErrorPatternRepository, ErrorPatternRepository, capture_failures
from error_patterns.capture.captures import FailureContext
from recorders import Recorder


@pytest.fixture
def async_repository(url: str, runner: asyncio.Runner) -> Generator[AsyncErrorPatternRepository]:
    opened = AsyncErrorPatternRepository.open(url)
    yield opened
    runner.run(opened.close())


def recorded(repository: ErrorPatternRepository) -> dict[str, int]:
    """Return the frequency of each recorded failure."""
    times: Counter[str] = Counter()
    for pattern in repository.list_all():
        times[pattern.pattern] += pattern.frequency
    return dict(times)


def caught(act: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as info:  # noqa: PT011 - whatever it is, it is the one asked for
        act()
    return info.value


def fail(error: BaseException) -> None:
    raise error


# Each way to capture what `fail` raises: on a sync repository, and on an async one.
Way = Callable[[ErrorPatternRepository, BaseException], None]


def in_a_block(repository: ErrorPatternRepository, error: BaseException) -> None:
    with capture_failures(repository):
        fail(error)


def in_a_function(repository: ErrorPatternRepository, error: BaseException) -> None:
    capture_failures(repository)(fail)(error)


def in_an_async_block(repository: ErrorPatternRepository, error: BaseException) -> None:
    async def main() -> None:
        async with capture_failures(repository):
            fail(error)

    asyncio.run(main())


def in_an_async_function(repository: ErrorPatternRepository, error: BaseException) -> None:
    @capture_failures(repository)
    async def main() -> None:
        fail(error)

    asyncio.run(main())


WAYS: dict[str, Way] = {
    "with": in_a_block,
    "function": in_a_function,
    "async with": in_an_async_block,
    "async function": in_an_async_function,
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def run_on_async(repository: AsyncErrorPatternRepository, way: str, error: BaseException) -> None:
    capture = capture_failures(repository)

    @capture
    async def function() -> None:
        fail(error)

    async def block() -> None:
        async with capture:
            fail(error)

    async def main() -> None:
        async with repository:
            await (function() if way == "async function" else block())

    asyncio.run(main())


each_async_way = pytest.mark.parametrize("way", ["async with", "async function"])


class TestRecording:
    @each_way
    def test_an_exception_is_recorded_once(self, repository: ErrorPatternRepository, way: Way) -> None:
        caught(lambda: way(repository, OSError("gone")))
        assert recorded(repository) == {"OSError: gone": 1}

    @each_async_way
    def test_an_async_repository_records_it_once(self, url: str, repository: ErrorPatternRepository, way: str) -> None:
        caught(lambda: run_on_async(AsyncErrorPatternRepository.open(url), way, OSError("gone")))
        assert recorded(repository) == {"OSError: gone": 1}

    @each_way
    def test_the_traceback_is_recorded(self, repository: ErrorPatternRepository, way: Way) -> None:
        caught(lambda: way(repository, OSError("gone")))
        (pattern,) = repository.list_all()
        assert ", in fail\n" in pattern.historical_failures[0]

    def test_success_records_nothing(self, repository: ErrorPatternRepository) -> None:
        with capture_failures(repository):
            pass
        assert recorded(repository) == {}

    @each_way
    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
    def test_an_exception_that_is_no_failure_is_not_recorded(
        self, repository: ErrorPatternRepository, way: Way, kind: type[BaseException]
    ) -> None:
        caught(lambda: way(repository, kind()))
        assert recorded(repository) == {}

    @each_way
    def test_the_decorator_leaves_no_frame_and_no_keyword(self, repository: ErrorPatternRepository, way: Way) -> None:
        caught(lambda: way(repository, OSError("gone")))
        (pattern,) = repository.list_all()
        assert "captures.py" not in pattern.historical_failures[0].replace("test_captures.py", "")
        assert "captured" not in pattern.keywords

    def test_the_decorator_leaves_no_frame_in_a_cause(self, repository: ErrorPatternRepository) -> None:
        @capture_failures(repository)
        def outer() -> None:
            try:
                capture_failures(repository)(fail)(OSError("gone"))
            except OSError as error:
                raise RuntimeError("no broker") from error

        caught(outer)
        assert [pattern.historical_failures[0].count(", in captured") for pattern in repository.list_all()] == [0, 0]

    def test_the_decorator_leaves_no_frame_in_a_group(self, repository: ErrorPatternRepository) -> None:
        member = caught(lambda: capture_failures(Recorder())(fail)(OSError("gone")))
        assert isinstance(member, OSError)
        caught(lambda: in_a_block(repository, ExceptionGroup("all", [member])))
        assert ", in captured" not in repository.list_all()[0].historical_failures[0]

    def test_keywords_are_passed_on(self, repository: ErrorPatternRepository) -> None:
        caught(lambda: capture_failures(repository, keywords=["kafka"])(fail)(OSError("gone")))
        assert repository.list_all()[0].keywords == ["kafka"]

    def test_preventive_checks_are_passed_on(self, repository: ErrorPatternRepository) -> None:
        caught(lambda: capture_failures(repository, preventive_checks=["ping it"])(fail)(OSError("gone")))
        assert repository.list_all()[0].preventive_checks == ["ping it"]

    def test_keywords_and_checks_may_come_from_any_iterable(self, repository: ErrorPatternRepository) -> None:
        capture = capture_failures(repository, keywords=iter(["kafka"]), preventive_checks=iter(["ping it"]))  # type: ignore[arg-type]  # as untyped callers do
        caught(lambda: capture(fail)(OSError("gone")))
        (pattern,) = repository.list_all()
        assert (pattern.keywords, pattern.preventive_checks) == (["kafka"], ["ping it"])

    def test_keywords_and_checks_are_passed_on_to_an_async_repository(
        self, repository: ErrorPatternRepository, async_repository: AsyncErrorPatternRepository, runner: asyncio.Runner
    ) -> None:
        @capture_failures(async_repository, keywords=["kafka"], preventive_checks=["ping it"])
        async def handle() -> None:
            fail(OSError("gone"))

        caught(lambda: runner.run(handle()))
        (pattern,) = repository.list_all()
        assert (pattern.keywords, pattern.preventive_checks) == (["kafka"], ["ping it"])

    @pytest.mark.parametrize(("keywords", "checks"), [([""], []), (None, [""])])
    def test_a_keyword_or_check_that_breaks_a_rule_is_refused_at_once(
        self, repository: ErrorPatternRepository, keywords: Sequence[str] | None, checks: Sequence[str]
    ) -> None:
        with pytest.raises(ValidationError):
            capture_failures(repository, keywords=keywords, preventive_checks=checks)

    def test_threads_that_share_a_capture_are_counted_exactly(self, repository: ErrorPatternRepository) -> None:
        capture = capture_failures(repository)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: caught(lambda: capture(fail)(OSError("gone"))), range(40)))
        assert recorded(repository) == {"OSError: gone": 40}

    def test_tasks_that_share_a_capture_are_counted_exactly(
        self, repository: ErrorPatternRepository, async_repository: AsyncErrorPatternRepository, runner: asyncio.Runner
    ) -> None:
        @capture_failures(async_repository)
        async def handle() -> None:
            await asyncio.sleep(0)
            fail(OSError("gone"))

        async def main() -> None:
            await asyncio.gather(*(handle() for _ in range(40)), return_exceptions=True)

        runner.run(main())
        assert recorded(repository) == {"OSError: gone": 40}


class TestNote:
    @each_way
    def test_a_note_names_the_pattern(self, repository: ErrorPatternRepository, way: Way) -> None:
        error = caught(lambda: way(repository, OSError("gone")))
        (pattern,) = repository.list_all()
        assert error.__notes__ == [f"error_patterns: recorded as {pattern.pattern_id}, seen 1 time"]

    @each_async_way
    def test_a_note_names_the_pattern_of_an_async_repository(
        self, url: str, repository: ErrorPatternRepository, way: str
    ) -> None:
        error = caught(lambda: run_on_async(AsyncErrorPatternRepository.open(url), way, OSError("gone")))
        (pattern,) = repository.list_all()
        assert error.__notes__ == [f"error_patterns: recorded as {pattern.pattern_id}, seen 1 time"]

    def test_a_note_has_the_frequency(self, repository: ErrorPatternRepository) -> None:
        errors = [caught(lambda: in_a_block(repository, OSError("gone"))) for _ in range(3)]
        assert [error.__notes__[0].rpartition(", ")[2] for error in errors] == [
            "seen 1 time",
            "seen 2 times",
            "seen 3 times",
        ]

    def test_an_exception_that_takes_no_note_continues(
        self, repository: ErrorPatternRepository, caplog: pytest.LogCaptureFixture
    ) -> None:
        @dataclass(frozen=True)
        class FrozenError(Exception):
            code: int

            def __str__(self) -> str:
                return "frozen"

        error = FrozenError(1)
        capture = capture_failures(repository)
        assert caught(lambda: capture(capture(fail))(error)) is error
        assert (len(recorded(repository)), list(recorded(repository).values()), caplog.records) == (1, [1], [])


@pytest.fixture(params=["no folder", "locked", "closed", "no schema"])
def down(request: pytest.FixtureRequest, tmp_path: Path, database_file: Path) -> Generator[ErrorPatternRepository]:
    """A repository whose database cannot be used."""
    if request.param == "closed":
        closed = ErrorPatternRepository.open(f"sqlite:///{database_file}")
        closed.close()
        yield closed
    elif request.param == "locked":
        with (
            ErrorPatternRepository.open(f"sqlite:///{database_file}?timeout=0.05") as locked,
            closing(sqlite3.connect(database_file, isolation_level=None)) as other,
        ):
            other.execute("BEGIN IMMEDIATE")
            yield locked
    else:
        place = tmp_path / ("missing/new.db" if request.param == "no folder" else "empty.db")
        engine = create_engine(f"sqlite:///{place}")
        yield ErrorPatternRepository(sessionmaker(engine))
        engine.dispose()


class TestDatabaseDown:
    @each_way
    def test_the_very_same_exception_continues(self, down: ErrorPatternRepository, way: Way) -> None:
        error = OSError("gone")
        assert caught(lambda: way(down, error)) is error

    @each_way
    def test_nothing_is_chained_to_the_exception(self, down: ErrorPatternRepository, way: Way) -> None:
        error = caught(lambda: way(down, OSError("gone")))
        assert (error.__cause__, error.__context__, getattr(error, "__notes__", [])) == (None, None, [])

    def test_each_capture_warns_once(self, down: ErrorPatternRepository, caplog: pytest.LogCaptureFixture) -> None:
        for capture in (capture_failures(down), capture_failures(down)):
            for _ in range(3):
                caught(functools.partial(capture(fail), OSError("gone")))
        assert [(record.name, record.levelno) for record in caplog.records] == [("error_patterns", logging.WARNING)] * 2

    def test_an_async_capture_warns_once(
        self, tmp_path: Path, runner: asyncio.Runner, caplog: pytest.LogCaptureFixture
    ) -> None:
        repository = AsyncErrorPatternRepository.open(f"sqlite:///{tmp_path}/missing/new.db")
        error = OSError("gone")

        @capture_failures(repository)
        async def handle() -> None:
            fail(error)

        assert [caught(lambda: runner.run(handle())) for _ in range(3)] == [error] * 3
        assert [record.levelno for record in caplog.records if record.name == "error_patterns"] == [logging.WARNING]
        runner.run(repository.close())

    def test_the_warning_names_the_cause(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        engine = create_engine(f"sqlite:///{tmp_path}/missing/new.db")
        caught(lambda: in_a_block(ErrorPatternRepository(sessionmaker(engine)), OSError("gone")))
        engine.dispose()
        assert "DatabaseUnavailableError: sqlite" in caplog.text
        assert "the file cannot be opened" in caplog.text

    def test_the_warning_has_no_traceback(self, down: ErrorPatternRepository, caplog: pytest.LogCaptureFixture) -> None:
        caught(lambda: in_a_block(down, OSError("gone")))
        assert "Traceback" not in caplog.text
        assert "gone" not in caplog.text

    def test_the_next_failure_is_recorded_when_it_is_up_again(self, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{tmp_path}/later/new.db")
        repository = ErrorPatternRepository(sessionmaker(engine))
        capture = capture_failures(repository)
        caught(lambda: capture(fail)(OSError("gone")))
        (tmp_path / "later").mkdir()
        ErrorPatternRepository.open(f"sqlite:///{tmp_path}/later/new.db").close()
        caught(lambda: capture(fail)(OSError("gone")))
        assert recorded(repository) == {"OSError: gone": 1}
        engine.dispose()


class TestRecordingErrors:
    def test_the_warning_has_no_text_of_foreign_errors(self, caplog: pytest.LogCaptureFixture) -> None:
        with pytest.raises(OSError, match="gone"), capture_failures(Recorder(ValueError("password=hunter2"))):
            fail(OSError("gone"))
        assert "(ValueError)" in caplog.text
        assert "hunter2" not in caplog.text

    def test_a_log_handler_that_raises_changes_nothing(self) -> None:
        class Broken(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                raise RuntimeError

        handler = Broken()
        logging.getLogger("error_patterns").addHandler(handler)
        try:
            with pytest.raises(OSError, match="gone"), capture_failures(Recorder(ValueError())):
                fail(OSError("gone"))
        finally:
            logging.getLogger("error_patterns").removeHandler(handler)

    def test_an_interruption_while_recording_continues(self) -> None:
        with pytest.raises(KeyboardInterrupt), capture_failures(Recorder(KeyboardInterrupt())):
            fail(OSError("gone"))


def fail_with(error: BaseException, *, job: str = "none") -> None:
    raise error


CONTEXTS: dict[str, Callable[..., Any]] = {  # Any: what the types of a caller do not show
    "raises": lambda _: fail_with(ZeroDivisionError()),
    "is no text": lambda _: 3,
    "has other parameters": lambda: "never",
}


class TestContext:
    @pytest.mark.parametrize("context", ["send the mail", lambda: "send the mail"], ids=["text", "callable"])
    def test_a_block_has_one(self, repository: ErrorPatternRepository, context: FailureContext) -> None:
        with pytest.raises(OSError, match="gone"), capture_failures(repository, context=context):
            fail(OSError("gone"))
        assert repository.list_all()[0].historical_contexts == ["send the mail"]

    def test_a_function_has_that_of_its_arguments(self, repository: ErrorPatternRepository) -> None:
        captured = capture_failures(repository, context=lambda error, job: f"run {job}")(fail_with)
        for job in ("one", "two"):
            caught(partial(captured, OSError("gone"), job=job))
        assert repository.list_all()[0].historical_contexts == ["run one", "run two"]

    def test_an_async_function_has_that_of_its_arguments(
        self, repository: ErrorPatternRepository, async_repository: AsyncErrorPatternRepository, runner: asyncio.Runner
    ) -> None:
        for each in (repository, async_repository):
            capture = capture_failures(each, context=lambda job: f"run {job}")

            @capture
            async def run(job: str) -> None:
                fail(OSError(f"{job} gone"))

            caught(partial(runner.run, run(type(each).__name__)))
        assert sorted(pattern.historical_contexts for pattern in repository.list_all()) == [
            ["run AsyncErrorPatternRepository"],
            ["run ErrorPatternRepository"],
        ]

    def test_calls_at_once_have_their_own(self, repository: ErrorPatternRepository, runner: asyncio.Runner) -> None:
        @capture_failures(repository, context=lambda job: f"run {job}")
        async def run(job: int) -> None:
            await asyncio.sleep(0)
            fail(OSError("gone"))

        async def main() -> None:
            await asyncio.gather(*map(run, range(5)), return_exceptions=True)

        runner.run(main())
        assert sorted(repository.list_all()[0].historical_contexts) == [f"run {n}" for n in range(5)]

    def test_it_is_not_asked_for_without_a_failure(self) -> None:
        asked: list[str] = []
        capture_failures(Recorder(), context=asked.append)(len)("job")
        assert asked == []

    def test_a_callable_may_have_none(self) -> None:
        recorder = Recorder()
        caught(lambda: capture_failures(recorder, context=lambda _: None)(fail)(OSError("gone")))
        assert recorder.contexts == [None]

    @pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
    def test_one_that_cannot_be_read_hides_no_failure(
        self, caplog: pytest.LogCaptureFixture, context: Callable[..., Any]
    ) -> None:
        recorder, error = Recorder(), OSError("gone")
        captured = capture_failures(recorder, context=context)(fail)
        for each in (error, OSError("gone again")):
            assert caught(partial(captured, each)) is each
        assert (recorder.contexts, len(recorder.texts)) == ([None, None], 2)
        assert (error.__cause__, error.__context__) == (None, None)
        (warning,) = [record for record in caplog.records if record.name == "error_patterns"]
        assert warning.getMessage().startswith("a failure was recorded without its context (")

    def test_an_interruption_in_the_callable_continues(self) -> None:
        def interrupted() -> str:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), capture_failures(Recorder(), context=interrupted):
            fail(OSError("gone"))

    def test_an_async_callable_is_refused(self) -> None:
        async def context() -> str:
            return "never awaited"

        refused: object = context
        names: dict[str, object] = {"capture_failures": capture_failures, "recorder": Recorder(), "context": refused}
        with pytest.raises(TypeError, match="a plain function, not an async one"):
            exec("capture_failures(recorder, context=context)", names)  # noqa: S102 - as type checkers refuse it

    @each_way
    def test_a_command_that_failed_was_attempted(self, repository: ErrorPatternRepository, way: Way) -> None:
        caught(lambda: way(repository, subprocess.CalledProcessError(1, ["make", "all"], stderr=b"no rule")))
        (pattern,) = repository.list_all()
        assert pattern.historical_contexts == ["make all"]
        assert pattern.historical_failures[0].endswith("Output of the failed command:\nno rule")

    def test_a_given_one_comes_before_the_command(self, repository: ErrorPatternRepository) -> None:
        capture = capture_failures(repository, context="build the shop")
        caught(lambda: capture(fail)(subprocess.CalledProcessError(1, ["make", "all"])))
        assert repository.list_all()[0].historical_contexts == ["build the shop"]


class TestSameException:
    @each_way
    def test_the_very_same_exception_leaves(self, repository: ErrorPatternRepository, way: Way) -> None:
        error = OSError("gone")
        assert caught(lambda: way(repository, error)) is error

    @each_way
    def test_its_cause_and_context_stay(self, repository: ErrorPatternRepository, way: Way) -> None:
        error = caught(lambda: way(repository, OSError("gone")))
        assert (error.__cause__, error.__context__) == (None, None)

    def test_its_traceback_is_what_it_was(self, repository: ErrorPatternRepository) -> None:
        error = caught(lambda: in_a_block(repository, OSError("gone")))
        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert frames[-2:] == ["in_a_block", "fail"]


class TestNested:
    @each_way
    def test_captures_record_an_exception_once(self, repository: ErrorPatternRepository, way: Way) -> None:
        @capture_failures(repository)
        def outer() -> None:
            with capture_failures(repository):
                way(repository, OSError("gone"))

        caught(outer)
        assert recorded(repository) == {"OSError: gone": 1}

    def test_nested_captures_add_one_note(self, repository: ErrorPatternRepository) -> None:
        capture = capture_failures(repository)
        assert len(caught(lambda: capture(capture(fail))(OSError("gone"))).__notes__) == 1

    def test_an_exception_that_wraps_another_is_recorded_as_well(self, repository: ErrorPatternRepository) -> None:
        @capture_failures(repository)
        def outer() -> None:
            try:
                in_a_block(repository, OSError("gone"))
            except OSError as error:
                raise RuntimeError("no broker") from error

        caught(outer)
        assert recorded(repository) == {"OSError: gone": 1, "RuntimeError: no broker": 1}

    def test_an_equal_exception_is_recorded_as_well(self, repository: ErrorPatternRepository) -> None:
        for _ in range(2):
            caught(lambda: in_a_block(repository, OSError("gone")))
        assert recorded(repository) == {"OSError: gone": 2}

    def test_an_exception_from_another_process_is_not_recorded_again(self, repository: ErrorPatternRepository) -> None:
        error = caught(lambda: in_a_block(repository, OSError("gone")))
        sent: BaseException = pickle.loads(pickle.dumps(error))  # noqa: S301 - it is our own
        caught(lambda: in_a_block(repository, sent))
        assert recorded(repository) == {"OSError: gone": 1}

    def test_an_outer_capture_records_an_exception_that_the_inner_one_could_not(
        self, repository: ErrorPatternRepository
    ) -> None:
        with pytest.raises(OSError, match="gone"), capture_failures(repository), capture_failures(Recorder(OSError())):
            fail(OSError("gone"))
        assert recorded(repository) == {"OSError: gone": 1}


class TestAsync:
    def test_a_sync_repository_does_not_block_the_event_loop(self, runner: asyncio.Runner) -> None:
        released = threading.Event()
        recorder = Recorder(until=released)

        @capture_failures(recorder)
        async def handle() -> None:
            fail(OSError("gone"))

        async def main() -> bool:
            task = asyncio.create_task(handle())
            while not recorder.entered.is_set():
                await asyncio.sleep(0.001)
            goes_on = not task.done()
            released.set()
            await asyncio.wait([task])
            return goes_on and isinstance(task.exception(), OSError)

        assert runner.run(asyncio.wait_for(main(), 10))
        assert threading.get_ident() not in recorder.threads

    def test_a_task_cancelled_while_recording_is_cancelled(self, runner: asyncio.Runner) -> None:
        released = threading.Event()
        recorder = Recorder(until=released)

        @capture_failures(recorder)
        async def handle() -> None:
            fail(OSError("gone"))

        async def main() -> bool:
            task = asyncio.create_task(handle())
            while not recorder.entered.is_set():
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.wait([task])
            released.set()
            return task.cancelled()

        assert runner.run(asyncio.wait_for(main(), 10))

    def test_an_async_repository_refuses_a_plain_with(self, async_repository: AsyncErrorPatternRepository) -> None:
        capture: object = capture_failures(async_repository)
        with pytest.raises(TypeError, match="use `async with`, or an ErrorPatternRepository"):
            enter(capture)

    def test_an_async_repository_refuses_a_plain_function(self, async_repository: AsyncErrorPatternRepository) -> None:
        with pytest.raises(TypeError, match=r"plain_coroutine is no async function.* use an ErrorPatternRepository"):
            capture_failures(async_repository)(plain_coroutine)


def enter(manager: object) -> None:
    names: dict[str, object] = {"manager": manager}
    exec("with manager: pass", names)  # noqa: S102 - as type checkers refuse it, which is the point


def plain_coroutine() -> Coroutine[object, object, None]:
    raise NotImplementedError


class TestDecorator:
    def test_a_function_stays_what_it_was(self, repository: ErrorPatternRepository) -> None:
        def parse(text: str, *, base: int = 10) -> int:
            """Read a number."""
            return int(text, base)

        captured = capture_failures(repository)(parse)
        assert captured("ff", base=16) == 255
        assert (captured.__name__, captured.__doc__, inspect.signature(captured)) == (
            "parse",
            "Read a number.",
            inspect.signature(parse),
        )

    def test_an_async_function_stays_one(self, repository: ErrorPatternRepository, runner: asyncio.Runner) -> None:
        async def parse(text: str, *, base: int = 10) -> int:
            """Read a number."""
            return int(text, base)

        captured = capture_failures(repository)(parse)
        assert inspect.iscoroutinefunction(captured)
        assert (captured.__doc__, inspect.signature(captured)) == ("Read a number.", inspect.signature(parse))
        assert runner.run(captured("ff", base=16)) == 255

    def test_an_async_repository_keeps_an_async_function(
        self, async_repository: AsyncErrorPatternRepository, runner: asyncio.Runner
    ) -> None:
        async def parse(text: str, *, base: int = 10) -> int:
            return int(text, base)

        captured = capture_failures(async_repository)(parse)
        assert inspect.iscoroutinefunction(captured)
        assert (captured.__name__, inspect.signature(captured)) == ("parse", inspect.signature(parse))
        assert runner.run(captured("ff", base=16)) == 255

    def test_a_method_gets_its_object(self, repository: ErrorPatternRepository) -> None:
        class Counter:
            steps = 2

            @capture_failures(repository)
            def twice(self) -> int:
                return self.steps * 2

        assert Counter().twice() == 4

    def test_generators_are_refused(self, repository: ErrorPatternRepository) -> None:
        def numbers() -> Iterator[int]:
            yield 1

        with pytest.raises(TypeError, match=r"numbers is a generator; capture the work inside it"):
            capture_failures(repository)(numbers)

    def test_objects_that_are_called_like_generators_are_refused(self, repository: ErrorPatternRepository) -> None:
        class Numbers:
            def __call__(self) -> Iterator[int]:
                yield 1

        with pytest.raises(TypeError, match=r"is a generator"):
            capture_failures(repository)(Numbers())

    def test_async_generators_are_refused(self, repository: ErrorPatternRepository) -> None:
        async def numbers() -> AsyncIterator[int]:
            yield 1

        with pytest.raises(TypeError, match=r"numbers is a generator"):
            capture_failures(repository)(numbers)


class Fetch:
    async def __call__(self) -> None:
        raise OSError("no route")


class TestCoroutines:
    def test_an_object_with_an_async_call_is_captured(
        self, repository: ErrorPatternRepository, runner: asyncio.Runner
    ) -> None:
        captured = capture_failures(repository)(Fetch())
        with suppress(OSError):
            runner.run(captured())
        assert recorded(repository) == {"OSError: no route": 1}

    def test_an_object_with_an_async_call_is_captured_by_an_async_repository(
        self,
        repository: ErrorPatternRepository,
        async_repository: AsyncErrorPatternRepository,
        runner: asyncio.Runner,
    ) -> None:
        captured = capture_failures(async_repository)(functools.partial(Fetch()))
        with suppress(OSError):
            runner.run(captured())
        assert recorded(repository) == {"OSError: no route": 1}

    def test_a_coroutine_that_a_plain_function_returns_is_captured(
        self, repository: ErrorPatternRepository, runner: asyncio.Runner
    ) -> None:
        def fetch() -> Coroutine[object, object, None]:
            return Fetch()()

        captured = capture_failures(repository)(fetch)
        with suppress(OSError):
            runner.run(captured())
        assert recorded(repository) == {"OSError: no route": 1}


class TestShared:
    def test_an_exception_that_several_threads_get_is_recorded_once(self, repository: ErrorPatternRepository) -> None:
        started = threading.Barrier(3)

        def wait_for(future: "Future[None]") -> None:
            started.wait()
            with suppress(KeyError), capture_failures(repository):
                future.result()

        failed: Future[None] = Future()
        failed.set_exception(KeyError("region"))
        threads = [threading.Thread(target=wait_for, args=(failed,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert recorded(repository) == {"KeyError: 'region'": 1}

    def test_an_exception_that_several_tasks_get_is_recorded_once(self, file_url: str) -> None:
        async def all_wait() -> int:
            async with AsyncErrorPatternRepository.open(file_url) as repository:
                failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                failed.set_exception(KeyError("region"))

                async def wait_for() -> None:
                    with suppress(KeyError):
                        async with capture_failures(repository):
                            await failed

                await asyncio.gather(*(wait_for() for _ in range(3)))
                return sum(pattern.frequency for pattern in await repository.list_all())

        assert asyncio.run(all_wait()) == 1


class TestUnreadable:
    def test_an_exception_without_a_readable_dict_leaves_as_it_is(self, repository: ErrorPatternRepository) -> None:
        class UnreadableError(Exception):
            @property
            def __dict__(self) -> dict[str, object]:  # type: ignore[override]  # as no exception should
                raise RuntimeError("no dict")

        error = UnreadableError()
        with pytest.raises(UnreadableError) as caught_error, capture_failures(repository):
            raise error
        assert caught_error.value is error
