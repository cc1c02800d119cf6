"""Processes of their own, and what they do: each is a fork of one that has loaded the package and opened nothing.

To load the package takes a second, and to fork some milliseconds.
"""

import asyncio
import itertools
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TextIO, TypeVar

from error_patterns import (
    AsyncErrorPatternRepository,
    DatabaseUnavailableError,
    ErrorPattern,
    ErrorPatternRepository,
)

PATTERN_ID = "01HXYZ1234567890ABCDEFGHIJ"
READY = "ready"
T = TypeVar("T")

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["error_patterns", "error_patterns.async_repository", "aiosqlite", "alembic", "psycopg"])


class Child:
    """A process, seen from the one that started it."""

    def __init__(self, does: Callable[..., object], arguments: tuple[object, ...]) -> None:
        self._pipe, theirs = FORKS.Pipe()
        self.process = FORKS.Process(target=does, args=(theirs, *arguments))
        self.process.start()
        theirs.close()

    def said(self) -> object:
        """Wait for the next thing that it sends; EOFError says that it ended instead."""
        return self._pipe.recv()

    def go(self) -> None:
        """Let it go on, where it waits for that."""
        self._pipe.send("go")

    def end(self) -> int | None:
        """Wait for its end, and return its exit code."""
        self.process.join()
        return self.process.exitcode

    def kill(self) -> None:
        """End it as SIGKILL does, unless it has ended."""
        self.process.kill()
        self.process.join()

    def close(self) -> None:
        """Kill it, and hear of it no more."""
        self.kill()
        self._pipe.close()


@contextmanager
def started(does: Callable[..., object], *arguments: object) -> Generator[Child]:
    """A process that calls a function of this module; killed at the end if it still runs."""
    child = Child(does, arguments)
    try:
        yield child
    finally:
        child.close()


def run(does: Callable[..., object], *arguments: object) -> None:
    """Call a function of this module in a process, and wait for its end."""
    with started(does, *arguments) as child:
        assert child.end() == 0


def run_together(*calls: tuple[Callable[..., object], *tuple[object, ...]]) -> None:
    """Call functions in a process each, all at once."""
    with ExitStack() as stack:
        children = [stack.enter_context(started(*call)) for call in calls]
        assert [child.said() for child in children] == [READY] * len(children)
        for child in children:
            child.go()
        assert [child.end() for child in children] == [0] * len(children)


# What they do. The first parameter is the way to the process that started them.


def wait_for_go(parent: Connection) -> None:
    parent.send(READY)
    parent.recv()


def in_batches(items: list[T], size: int) -> Iterator[list[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def create(parent: Connection, url: str) -> None:
    """Create a pattern, and close nothing."""
    repository = ErrorPatternRepository.open(url)
    now = datetime.now(UTC).replace(tzinfo=None)
    repository.create(
        ErrorPattern(pattern_id=PATTERN_ID, pattern="ImportError", keywords=["import", "module"], last_seen=now)
    )


def create_and_exit(parent: Connection, url: str) -> None:
    create(parent, url)
    os._exit(0)


def create_and_wait(parent: Connection, url: str) -> None:
    create(parent, url)
    wait_for_go(parent)


def read(parent: Connection, url: str) -> None:
    """Send what a match finds."""
    with ErrorPatternRepository.open(url) as repository:
        found = repository.match_context("import of a module")
    parent.send([(p.pattern_id, p.pattern, list(p.keywords), p.frequency) for p in found])


def rename(parent: Connection, url: str, pattern_id: str) -> None:
    ErrorPatternRepository.open(url).update(ErrorPattern(pattern_id=pattern_id, pattern="Socket taken"))


def delete(parent: Connection, url: str, pattern_id: str) -> None:
    ErrorPatternRepository.open(url).delete(pattern_id)


def record(parent: Connection, url: str, failures: list[str]) -> None:
    with ErrorPatternRepository.open(url) as repository:
        wait_for_go(parent)
        for failure in failures:
            repository.record_failure(failure)


def record_async(parent: Connection, url: str, failures: list[str]) -> None:
    async def record_all() -> None:
        async with AsyncErrorPatternRepository.open(url) as repository:
            wait_for_go(parent)
            for batch in in_batches(failures, 250):
                await asyncio.gather(*map(repository.record_failure, batch))

    asyncio.run(record_all())


def open_and_record(parent: Connection, url: str) -> None:
    wait_for_go(parent)
    with ErrorPatternRepository.open(url) as repository:
        repository.record_failure("Port in use")


def open_and_record_async(parent: Connection, url: str) -> None:
    async def open_and_record_one() -> None:
        async with AsyncErrorPatternRepository.open(url) as repository:
            await repository.record_failure("Port in use")

    wait_for_go(parent)
    asyncio.run(open_and_record_one())


def open_and_close(parent: Connection, url: str) -> None:
    ErrorPatternRepository.open(url).close()


def open_and_close_async(parent: Connection, url: str) -> None:
    async def opened_and_closed() -> None:
        await (await AsyncErrorPatternRepository.open(url)).close()

    asyncio.run(opened_and_closed())


def update_often(parent: Connection, url: str, name: str) -> None:
    with ErrorPatternRepository.open(url) as repository:
        wait_for_go(parent)
        for number in range(25):
            pattern = repository.get(PATTERN_ID)
            assert pattern is not None
            pattern.preventive_checks.append(f"{name} {number}")
            repository.update(pattern)


def wait_in_a_transaction(parent: Connection, url: str, pattern_id: str) -> None:
    with ErrorPatternRepository.open(url) as repository, repository.transaction() as together:
        together.create(ErrorPattern(pattern="Port in use", keywords=["port"]))
        together.record_failure("Disk full")
        together.delete(pattern_id)
        wait_for_go(parent)


def wait_in_create_many(parent: Connection, url: str, pattern_id: str) -> None:
    def patterns() -> Iterable[ErrorPattern]:
        for number in range(2_500):
            yield ErrorPattern(pattern=f"Port {number} in use")
        wait_for_go(parent)

    ErrorPatternRepository.open(url).create_many(patterns())


def record_across_a_fork(parent: Connection, url: str) -> None:
    """Record in a child while this process closes the repository that both have."""
    repository = ErrorPatternRepository.open(url)
    repository.record_failure("boom: the same")
    is_ready, say_ready = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(is_ready, 1)
        for _ in range(10):
            repository.record_failure("boom: the same")
        os._exit(0)
    repository.close()
    os.write(say_ready, b"x")
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def failures_without_end(name: str, shared: str, folder: Path) -> Iterator[str]:
    """Give one failure that others record too, and one of its own, until there is a file named end."""
    for number in itertools.count():
        if (folder / "end").exists():
            return
        yield shared
        # In letters: failures that differ in a number are the same.
        yield f"Error: {name} " + "".join("ghjkmnpqrs"[int(digit)] for digit in str(number))


def write(parent: Connection, url: str, name: str, shared: str, folder: Path) -> None:
    """Record failures, and log of each call whether it was acknowledged, or else the message of the error."""
    with (folder / f"{name}.log").open("w") as log, ErrorPatternRepository.open(url) as repository:
        for failure in failures_without_end(name, shared, folder):
            try:
                repository.record_failure(failure)
            except DatabaseUnavailableError as error:
                print(json.dumps([failure, str(error)]), file=log, flush=True)
                time.sleep(0.1)
            else:
                print(json.dumps([failure, None]), file=log, flush=True)


def write_async(parent: Connection, url: str, name: str, shared: str, folder: Path) -> None:
    async def record_all(log: TextIO) -> None:
        async with AsyncErrorPatternRepository.open(url) as repository:
            for failure in failures_without_end(name, shared, folder):
                try:
                    await repository.record_failure(failure)
                except DatabaseUnavailableError as error:
                    print(json.dumps([failure, str(error)]), file=log, flush=True)
                    await asyncio.sleep(0.1)
                else:
                    print(json.dumps([failure, None]), file=log, flush=True)

    with (folder / f"{name}.log").open("w") as log:
        asyncio.run(record_all(log))
