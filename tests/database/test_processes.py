"""What processes promise each other: nothing written is lost, however a process ends and whoever writes beside it."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from itertools import pairwise, product
from pathlib import Path
from string import ascii_lowercase

import pytest

import servers
from error_patterns import ErrorPattern, ErrorPatternRepository

PATTERN_ID = "01HXYZ1234567890ABCDEFGHIJ"

CREATE = """
import os, sys
from datetime import datetime
from error_patterns import ErrorPattern, ErrorPatternRepository

repository = ErrorPatternRepository.open(sys.argv[1])
repository.create(ErrorPattern(
    pattern_id="01HXYZ1234567890ABCDEFGHIJ",
    pattern="ImportError",
    keywords=["import", "module"],
    frequency=1,
    last_seen=datetime.utcnow(),
))
"""

READ = """
import sys
from error_patterns import ErrorPatternRepository

with ErrorPatternRepository.open(sys.argv[1]) as repository:
    for pattern in repository.match_context("import of a module"):
        print(pattern.pattern_id, pattern.pattern, *pattern.keywords, pattern.frequency)
"""

RECORD = """
import sys
from error_patterns import ErrorPatternRepository

with ErrorPatternRepository.open(sys.argv[1]) as repository:
    print("ready", flush=True)
    sys.stdin.readline()
    for failure in sys.argv[2:]:
        repository.record_failure(failure)
"""

RECORD_ASYNC = """
import asyncio
import sys
from error_patterns import AsyncErrorPatternRepository

async def main():
    async with AsyncErrorPatternRepository.open(sys.argv[1]) as repository:
        print("ready", flush=True)
        sys.stdin.readline()
        await asyncio.gather(*map(repository.record_failure, sys.argv[2:]))

asyncio.run(main())
"""

OPEN = """
import sys
from error_patterns import ErrorPatternRepository

print("ready", flush=True)
sys.stdin.readline()
with ErrorPatternRepository.open(sys.argv[1]) as repository:
    repository.record_failure("Port in use")
"""

OPEN_ASYNC = """
import asyncio
import sys
from error_patterns import AsyncErrorPatternRepository

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    async with AsyncErrorPatternRepository.open(sys.argv[1]) as repository:
        await repository.record_failure("Port in use")

asyncio.run(main())
"""


@pytest.fixture(params=["file", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A migrated database that processes can share."""
    found = request.getfixturevalue(f"{request.param}_url")
    assert isinstance(found, str)
    return found


@pytest.fixture(params=["file", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path, databases: servers.Databases) -> Generator[str]:
    """A database that no process has opened yet."""
    if request.param == "file":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    empty = databases.empty()
    yield empty.render_as_string(hide_password=False)
    databases.drop(empty)


@contextmanager
def started(script: str, *arguments: str) -> Generator[subprocess.Popen[str]]:
    """A Python process that runs the script; killed at the end if it still runs."""
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    """The next line that the process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    """Let a process go on that waits for a line."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def run(script: str, *arguments: str) -> str:
    """What a script prints in a process of its own."""
    with started(script, *arguments) as process:
        printed, _ = process.communicate()
        assert process.returncode == 0
        return printed.strip()


def run_together(url: str, *programs: tuple[str, list[str]]) -> None:
    """Run the scripts with their failures in a process each, all at once."""
    with ExitStack() as stack:
        processes = [stack.enter_context(started(script, url, *failures)) for script, failures in programs]
        assert [said(process) for process in processes] == ["ready"] * len(processes)
        for process in processes:
            go(process)
        assert [process.wait() for process in processes] == [0] * len(processes)


def names(prefix: str) -> list[str]:
    """250 failures that differ in more than a number, which would make them the same."""
    return [f"Error: {prefix} {''.join(letters)}" for letters in product(ascii_lowercase, "abcdefghij")][:250]


class TestRestart:
    SEEN = "01HXYZ1234567890ABCDEFGH1J ImportError import module 1"

    @pytest.mark.parametrize("end", ["", "os._exit(0)"], ids=["at the end of its script", "by os._exit"])
    def test_a_pattern_outlives_the_process_that_created_it(self, new_url: str, end: str) -> None:
        run(CREATE + end, new_url)
        assert run(READ, new_url) == self.SEEN

    def test_a_pattern_outlives_a_process_that_is_killed_once_create_returned(self, new_url: str) -> None:
        with started(CREATE + "print('created', flush=True); sys.stdin.readline()", new_url) as process:
            assert said(process) == "created"
            process.kill()
        assert run(READ, new_url) == self.SEEN


class TestOtherWriters:
    def test_what_another_process_creates_shows_in_the_next_call(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        def seen() -> tuple[int, int, int, bool]:
            matches = repository.match_context("import of a module")
            return repository.count(), len(repository.list_all()), len(matches), repository.get(PATTERN_ID) is not None

        before = seen()
        run(CREATE, url)
        assert (before, seen()) == ((0, 0, 0, False), (1, 1, 1, True))

    def test_what_another_process_changes_shows_in_the_next_call(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        known = repository.record_failure("Port in use")
        before = repository.get(known.pattern_id)
        change = """
import sys
from error_patterns import ErrorPattern, ErrorPatternRepository

ErrorPatternRepository.open(sys.argv[1]).update(ErrorPattern(pattern_id=sys.argv[2], pattern="Socket taken"))
"""
        run(change, url, known.pattern_id)
        now = repository.get(known.pattern_id)
        assert (before, now) == (known, known.model_copy(update={"pattern": "Socket taken"}))

    def test_what_another_process_deletes_is_gone_in_the_next_call(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        known = repository.record_failure("Port in use")
        before = repository.get(known.pattern_id)
        delete = """
import sys
from error_patterns import ErrorPatternRepository

ErrorPatternRepository.open(sys.argv[1]).delete(sys.argv[2])
"""
        run(delete, url, known.pattern_id)
        assert (before, repository.get(known.pattern_id)) == (known, None)


class TestAtOnce:
    def test_one_failure_of_several_processes_is_counted_exactly(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        one = ["Port in use"] * 250
        run_together(url, (RECORD, one), (RECORD_ASYNC, one), (RECORD, one), (RECORD_ASYNC, one))
        assert [pattern.frequency for pattern in repository.list_all()] == [1_000]

    def test_the_same_failures_of_several_processes_are_one_pattern_each(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        shared, backwards = names("shared"), names("shared")[::-1]
        run_together(url, (RECORD, shared), (RECORD_ASYNC, backwards), (RECORD, backwards), (RECORD_ASYNC, shared))
        assert {p.pattern: p.frequency for p in repository.list_all()} == dict.fromkeys(shared, 4)

    def test_different_failures_of_several_processes_are_all_kept(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        each = [names("north"), names("east"), names("south"), names("west")]
        run_together(url, *zip([RECORD, RECORD_ASYNC] * 2, each, strict=True))
        assert sorted(p.pattern for p in repository.list_all()) == sorted(name for part in each for name in part)

    def test_failures_are_counted_exactly_while_their_patterns_are_merged(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        kinds = [f"{name}Error: gone" for name in ("North", "East", "South")]
        patterns = [repository.record_failure(failure) for failure in kinds]
        with started(RECORD, url, *kinds * 60) as sync, started(RECORD_ASYNC, url, *kinds[::-1] * 60) as also_async:
            for process in (sync, also_async):
                assert said(process) == "ready"
                go(process)
            for survivor, merged in pairwise(patterns):
                repository.merge(merged.pattern_id, [survivor.pattern_id])
            assert [sync.wait(), also_async.wait()] == [0, 0]
        assert [(p.pattern_id, p.frequency) for p in repository.list_all()] == [(patterns[-1].pattern_id, 3 + 360)]

    def test_a_new_database_is_opened_by_all_processes(self, new_url: str) -> None:
        run_together(new_url, *[(OPEN, []), (OPEN_ASYNC, [])] * 4)
        with ErrorPatternRepository.open(new_url) as repository:
            assert [pattern.frequency for pattern in repository.list_all()] == [8]

    def test_an_update_loses_nothing_that_is_recorded_meanwhile(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        known = repository.record_failure("Port in use")
        checks = [f"check {number}" for number in range(25)]
        with started(RECORD, url, *["Port in use"] * 50) as process:
            assert said(process) == "ready"
            go(process)
            for check in checks:
                pattern = repository.get(known.pattern_id)
                assert pattern is not None
                pattern.preventive_checks.append(check)
                pattern.frequency += 1
                repository.update(pattern)
            assert process.wait() == 0
        stored = repository.get(known.pattern_id)
        assert stored is not None
        assert (stored.frequency, stored.preventive_checks) == (1 + 50 + 25, checks)

    def test_updates_of_two_processes_lose_nothing_of_each_other(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        repository.create(ErrorPattern(pattern_id=PATTERN_ID, pattern="Port in use", frequency=0))
        add = """
import sys
from error_patterns import ErrorPatternRepository

with ErrorPatternRepository.open(sys.argv[1]) as repository:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(25):
        pattern = repository.get("01HXYZ1234567890ABCDEFGHIJ")
        pattern.preventive_checks.append(f"{sys.argv[2]} {number}")
        pattern.frequency += 1
        repository.update(pattern)
"""
        with started(add, url, "left") as left, started(add, url, "right") as right:
            assert (said(left), said(right)) == ("ready", "ready")
            go(left)
            go(right)
            assert (left.wait(), right.wait()) == (0, 0)
        stored = repository.get(PATTERN_ID)
        assert stored is not None
        assert (stored.frequency, len(stored.preventive_checks)) == (50, 50)


class TestKilledWhileWriting:
    TRANSACTION = """
import sys
from error_patterns import ErrorPattern, ErrorPatternRepository

with ErrorPatternRepository.open(sys.argv[1]) as repository, repository.transaction() as together:
    together.create(ErrorPattern(pattern="Port in use", keywords=["port"]))
    together.record_failure("Disk full")
    together.delete(sys.argv[2])
    print("inside", flush=True)
    sys.stdin.readline()
"""
    CREATE_MANY = """
import sys
from error_patterns import ErrorPattern, ErrorPatternRepository

def patterns():
    for number in range(2_500):
        yield ErrorPattern(pattern=f"Port {number} in use")
    print("inside", flush=True)
    sys.stdin.readline()

ErrorPatternRepository.open(sys.argv[1]).create_many(patterns())
"""

    @pytest.fixture(params=[TRANSACTION, CREATE_MANY], ids=["transaction", "create_many"])
    def killed(self, request: pytest.FixtureRequest, repository: ErrorPatternRepository, url: str) -> ErrorPattern:
        """A pattern that was there before a process was killed in the middle of a transaction."""
        before = repository.record_failure("Out of memory")
        with started(str(request.param), url, before.pattern_id) as process:
            assert said(process) == "inside"
            process.kill()
        return before

    def test_nothing_of_it_is_left(self, repository: ErrorPatternRepository, killed: ErrorPattern) -> None:
        assert repository.list_all() == [killed]

    def test_no_lock_of_it_is_left(self, repository: ErrorPatternRepository, killed: ErrorPattern) -> None:
        assert repository.record_failure("Out of memory").frequency == killed.frequency + 1


FORKED = """
import os, sys
from error_patterns import ErrorPatternRepository

repository = ErrorPatternRepository.open(sys.argv[1])
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
"""


def test_what_a_forked_child_records_is_kept_when_the_parent_closes(url: str) -> None:
    subprocess.run([sys.executable, "-c", FORKED, url], check=True)
    with ErrorPatternRepository.open(url) as repository:
        assert [pattern.frequency for pattern in repository.list_all()] == [11]
