"""What processes promise each other: nothing written is lost, however a process ends and whoever writes beside it."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from itertools import pairwise, product
from pathlib import Path
from string import ascii_lowercase

import pytest

import servers
from children import (
    PATTERN_ID,
    READY,
    create,
    create_and_exit,
    create_and_wait,
    delete,
    open_and_record,
    open_and_record_async,
    read,
    record,
    record_across_a_fork,
    record_async,
    rename,
    run,
    run_together,
    started,
    update_often,
    wait_in_a_transaction,
    wait_in_create_many,
)
from error_patterns import ErrorPattern, ErrorPatternRepository

pytestmark = pytest.mark.slow

CREATE = """
import sys
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


@pytest.fixture(params=["file", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A migrated database that processes can share."""
    found = request.getfixturevalue(f"{request.param}_url")
    assert isinstance(found, str)
    return found


@pytest.fixture(params=["file", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    """A database that no process has opened yet."""
    if request.param == "file":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    databases: servers.Databases = request.getfixturevalue("databases")
    empty = databases.empty()
    yield empty.render_as_string(hide_password=False)
    databases.drop(empty)


def run_as_a_script(url: str) -> None:
    """Create in an interpreter of its own, which ends as a script does: with what that does at its exit."""
    subprocess.run([sys.executable, "-c", CREATE, url], check=True)


def run_to_an_exit_at_once(url: str) -> None:
    run(create_and_exit, url)


def run_until_killed(url: str) -> None:
    with started(create_and_wait, url) as child:
        assert child.said() == READY
        child.kill()


class TestRestart:
    @pytest.mark.parametrize("create_and_end", [run_as_a_script, run_to_an_exit_at_once, run_until_killed])
    def test_a_pattern_outlives_the_process_that_created_it(
        self, new_url: str, create_and_end: Callable[[str], None]
    ) -> None:
        create_and_end(new_url)
        with started(read, new_url) as child:
            assert child.said() == [("01HXYZ1234567890ABCDEFGH1J", "ImportError", ["import", "module"], 1)]


class TestOtherWriters:
    def test_what_another_process_creates_shows_in_the_next_call(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        def seen() -> tuple[int, int, int, bool]:
            matches = repository.match_context("import of a module")
            return repository.count(), len(repository.list_all()), len(matches), repository.get(PATTERN_ID) is not None

        before = seen()
        run(create, url)
        assert (before, seen()) == ((0, 0, 0, False), (1, 1, 1, True))

    def test_what_another_process_changes_shows_in_the_next_call(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        known = repository.record_failure("Port in use")
        before = repository.get(known.pattern_id)
        run(rename, url, known.pattern_id)
        now = repository.get(known.pattern_id)
        assert (before, now) == (known, known.model_copy(update={"pattern": "Socket taken"}))

    def test_what_another_process_deletes_is_gone_in_the_next_call(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        known = repository.record_failure("Port in use")
        before = repository.get(known.pattern_id)
        run(delete, url, known.pattern_id)
        assert (before, repository.get(known.pattern_id)) == (known, None)


ONE = "Port in use"
WRITERS = {"north": record, "east": record_async, "south": record, "west": record_async}


def names(prefix: str) -> list[str]:
    """100 failures that differ in more than a number, which would make them the same."""
    return [f"Error: {prefix} {''.join(letters)}" for letters in product(ascii_lowercase, "abcdefghij")][:100]


@pytest.fixture(scope="module", params=["file", "postgresql"])
def recorded_at_once(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated_file: Path
) -> dict[str, int]:
    """How often each failure was counted that four processes recorded at once.

    Each process records one failure 300 times, and between these 100 that the others record too, and 100 of its own.
    """
    if request.param == "file":
        url = f"sqlite:///{shutil.copy(migrated_file, tmp_path_factory.mktemp('at_once') / 'errors.db')}"
    else:
        url = request.getfixturevalue("databases").copy().render_as_string(hide_password=False)
    shared = names("shared")
    work = {
        name: [failure for pair in zip(order, names(name), strict=True) for failure in (*[ONE] * 3, *pair)]
        for name, order in zip(WRITERS, [shared, shared[::-1]] * 2, strict=True)
    }
    run_together(*((does, url, work[name]) for name, does in WRITERS.items()))
    with ErrorPatternRepository.open(url) as repository:
        patterns = repository.list_all()
    assert len({pattern.pattern for pattern in patterns}) == len(patterns)
    return {pattern.pattern: pattern.frequency for pattern in patterns}


class TestAtOnce:
    def test_one_failure_of_several_processes_is_counted_exactly(self, recorded_at_once: dict[str, int]) -> None:
        assert recorded_at_once[ONE] == 1_200

    def test_the_same_failures_of_several_processes_are_one_pattern_each(
        self, recorded_at_once: dict[str, int]
    ) -> None:
        shared = {pattern: count for pattern, count in recorded_at_once.items() if "shared" in pattern}
        assert shared == dict.fromkeys(names("shared"), 4)

    def test_different_failures_of_several_processes_are_all_kept(self, recorded_at_once: dict[str, int]) -> None:
        each = {name: 1 for writer in WRITERS for name in names(writer)}
        others = {ONE, *names("shared")}
        assert {name: count for name, count in recorded_at_once.items() if name not in others} == each

    def test_failures_are_counted_exactly_while_their_patterns_are_merged(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        kinds = [f"{name}Error: gone" for name in ("North", "East", "South")]
        patterns = [repository.record_failure(failure) for failure in kinds]
        with started(record, url, kinds * 60) as sync, started(record_async, url, kinds[::-1] * 60) as also_async:
            for child in (sync, also_async):
                assert child.said() == READY
                child.go()
            for survivor, merged in pairwise(patterns):
                repository.merge(merged.pattern_id, [survivor.pattern_id])
            assert [sync.end(), also_async.end()] == [0, 0]
        assert [(p.pattern_id, p.frequency) for p in repository.list_all()] == [(patterns[-1].pattern_id, 3 + 360)]

    def test_a_new_database_is_opened_by_all_processes(self, new_url: str) -> None:
        run_together(*[(open_and_record, new_url), (open_and_record_async, new_url)] * 4)
        with ErrorPatternRepository.open(new_url) as repository:
            assert [pattern.frequency for pattern in repository.list_all()] == [8]

    def test_an_update_loses_nothing_that_is_recorded_meanwhile(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        known = repository.record_failure("Port in use")
        checks = [f"check {number}" for number in range(25)]
        with started(record, url, ["Port in use"] * 50) as child:
            assert child.said() == READY
            child.go()
            for check in checks:
                pattern = repository.get(known.pattern_id)
                assert pattern is not None
                pattern.preventive_checks.append(check)
                repository.update(pattern)
            assert child.end() == 0
        stored = repository.get(known.pattern_id)
        assert stored is not None
        assert (stored.frequency, stored.preventive_checks) == (1 + 50, checks)

    def test_updates_of_two_processes_lose_nothing_of_each_other(
        self, repository: ErrorPatternRepository, url: str
    ) -> None:
        repository.create(ErrorPattern(pattern_id=PATTERN_ID, pattern="Port in use"))
        run_together((update_often, url, "left"), (update_often, url, "right"))
        stored = repository.get(PATTERN_ID)
        assert stored is not None
        assert len(stored.preventive_checks) == 50


class TestKilledWhileWriting:
    @pytest.fixture(params=[wait_in_a_transaction, wait_in_create_many], ids=["transaction", "create_many"])
    def killed(self, request: pytest.FixtureRequest, repository: ErrorPatternRepository, url: str) -> ErrorPattern:
        """A pattern that was there before a process was killed in the middle of a transaction."""
        before = repository.record_failure("Out of memory")
        with started(request.param, url, before.pattern_id) as child:
            assert child.said() == READY
            child.kill()
        return before

    def test_nothing_of_it_is_left(self, repository: ErrorPatternRepository, killed: ErrorPattern) -> None:
        assert repository.list_all() == [killed]

    def test_no_lock_of_it_is_left(self, repository: ErrorPatternRepository, killed: ErrorPattern) -> None:
        assert repository.record_failure("Out of memory").frequency == killed.frequency + 1


def test_what_a_forked_child_records_is_kept_when_the_parent_closes(url: str) -> None:
    run(record_across_a_fork, url)
    with ErrorPatternRepository.open(url) as repository:
        assert [pattern.frequency for pattern in repository.list_all()] == [11]
