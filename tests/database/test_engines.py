"""What a database that cannot be used tells the caller, and how those are set up that can."""

import gc
import socket
import sqlite3
import sys
import traceback
import warnings
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, QueuePool, event
from sqlalchemy import create_engine as sa_create_engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.attributes import set_attribute

from calls import READS, WRITES, Write, each_write
from connections import engine_of
from error_patterns import (
    DatabaseRejectedError,
    DatabaseUnavailableError,
    ErrorPattern,
    ErrorPatternRepository,
    ErrorPatternsError,
    PatternNotFoundError,
    SchemaOutOfDateError,
)

STORED = ErrorPattern(pattern_id="01HXYZ1234567890ABCDEFGH1J", pattern="Port in use")


@pytest.fixture
def engine(url: str) -> Generator[Engine]:
    with engine_of(f"{url}?timeout=0.05") as made:
        yield made


@pytest.fixture
def on_engine(engine: Engine) -> ErrorPatternRepository:
    return ErrorPatternRepository(sessionmaker(engine))


@pytest.fixture
def closed_port() -> Generator[int]:
    with socket.socket() as bound:  # and never listening, so that nobody answers there
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


@contextmanager
def locked(database_file: Path) -> Generator[None]:
    with closing(sqlite3.connect(database_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def refusal(url: str | URL) -> DatabaseUnavailableError:
    with pytest.raises(DatabaseUnavailableError) as caught, ErrorPatternRepository.open(url) as repository:
        repository.list_all()
    return caught.value


def broken_rule() -> ErrorPattern:
    pattern = ErrorPattern(pattern="hunter2")
    set_attribute(pattern, "frequency", -1)  # past the validation, into the CHECK of the database
    return pattern


class TestUnusableFile:
    def test_a_text_file_is_not_a_database(self, tmp_path: Path) -> None:
        path = tmp_path / "diary.txt"
        path.write_text("Dear diary, " * 500)
        assert "the file is not a database" in str(refusal(f"sqlite:///{path}"))

    @pytest.mark.parametrize("kept", [50, 5_000], ids=["in its header", "after its first page"])
    def test_a_truncated_file_is_damaged(self, migrated_file: Path, tmp_path: Path, kept: int) -> None:
        path = tmp_path / "half.db"
        path.write_bytes(migrated_file.read_bytes()[:kept])
        assert "the file is damaged" in str(refusal(f"sqlite:///{path}"))

    def test_a_file_with_overwritten_pages_is_damaged(self, migrated_file: Path, tmp_path: Path) -> None:
        content = migrated_file.read_bytes()
        path = tmp_path / "overwritten.db"
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
        assert "the file is damaged" in str(refusal(f"sqlite:///{path}"))

    @pytest.mark.parametrize("place", [".", "missing/errors.db"], ids=["a directory", "in a missing directory"])
    def test_what_is_no_file_cannot_be_opened(self, tmp_path: Path, place: str) -> None:
        assert "the file cannot be opened: it is a directory, or its directory is missing" in str(
            refusal(f"sqlite:///{tmp_path / place}")
        )

    def test_the_message_names_the_file(self, tmp_path: Path) -> None:
        assert f"sqlite:///{tmp_path}" in str(refusal(f"sqlite:///{tmp_path}"))

    def test_the_error_of_the_driver_is_the_cause(self, tmp_path: Path) -> None:
        cause = refusal(f"sqlite:///{tmp_path}").__cause__
        assert isinstance(cause, DBAPIError)
        assert isinstance(cause.orig, sqlite3.OperationalError)


class TestUnusableURL:
    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("", "cannot be read"),
            ("errors.db", "cannot be read"),
            ("postgresql://host:port/name", "cannot be read"),
            ("oracle://host/name", "only sqlite:// and postgresql://"),
            ("nonsense://host/name", "only sqlite:// and postgresql://"),
            ("sqlite+nonsense:///errors.db", "not sqlite+nonsense://"),
            ("postgresql+nonsense://host/name", "not postgresql+nonsense://"),
            ("sqlite://errors.db", "Invalid SQLite URL"),
            ("sqlite:///errors.db?timeout=soon", "soon"),
        ],
    )
    def test_the_message_says_what_is_wrong_with_it(self, url: str, reason: str) -> None:
        assert reason in str(refusal(url))

    def test_a_missing_driver_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "psycopg", None)
        assert "psycopg" in str(refusal("postgresql://host/name"))

    def test_a_server_that_does_not_answer_is_unreachable(self, closed_port: int) -> None:
        assert "unreachable" in str(refusal(f"postgresql://user@127.0.0.1:{closed_port}/name"))


class TestPasswords:
    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://user:hunter2@127.0.0.1:{port}/name",
            "postgresql://user:p%ss/w?rd#hunter2 @127.0.0.1:{port}/name",
            "postgresql://user:p%40ss%2Fhunter2%3A@127.0.0.1:{port}/name",
            "postgresql://user:p@hunter2@127.0.0.1:{port}/name",
            "postgresql://user:p@ss:hunter2@127.0.0.1:{port}/name",
            "postgresql://user:p@127.0.0.1:{port}/hunter2@host/name",
            "postgresql://user:p@hunter2?ss@127.0.0.1:{port}/name",
            "postgresql://user@127.0.0.1:{port}/name?password=hunter2",
            "postgresql://user@127.0.0.1:{port}/name?sslpassword=hunter2",
            "postgresql+nonsense://user:hunter2@host/name",
            "postgresql+nonsense://user@host/name?password=hunter2",
            "nonsense://user:hunter2@host/name",
            "sqlite://user:hunter2@host/name",
            "user:hunter2@host",
        ],
    )
    def test_no_password_is_in_what_an_error_shows(self, url: str, closed_port: int) -> None:
        error = refusal(url.format(port=closed_port))
        assert "hunter2" not in f"{error} {error!r} {''.join(traceback.format_exception(error))}"

    @pytest.mark.parametrize("password", ["p@ss:w/rd?#", "%41%", "пароль", "a b+c", "[x]", "***"])
    def test_odd_passwords_are_as_hidden_as_plain_ones(self, password: str, closed_port: int) -> None:
        url = URL.create("postgresql", "user", password, "127.0.0.1", closed_port, "name")
        assert str(refusal(url)).startswith(f"postgresql://user:***@127.0.0.1:{closed_port}/name: ")

    def test_no_stored_value_is_in_what_an_error_shows(self, on_engine: ErrorPatternRepository) -> None:
        with pytest.raises(DatabaseRejectedError) as caught:
            on_engine.create(broken_rule())
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))


class TestLocked:
    @each_write
    def test_a_write_says_so_after_the_timeout(
        self, on_engine: ErrorPatternRepository, database_file: Path, write: Write
    ) -> None:
        on_engine.create(STORED.model_copy())
        with locked(database_file), pytest.raises(DatabaseUnavailableError, match="locked by another writer"):
            write(on_engine, STORED)

    def test_reads_go_on(self, on_engine: ErrorPatternRepository, database_file: Path) -> None:
        with locked(database_file):
            assert on_engine.count() == 0

    def test_writes_go_on_as_soon_as_the_lock_is_gone(
        self, on_engine: ErrorPatternRepository, database_file: Path
    ) -> None:
        with locked(database_file), pytest.raises(DatabaseUnavailableError):
            on_engine.record_failure("Port in use")
        assert on_engine.record_failure("Port in use").frequency == 1

    def test_opening_a_new_database_says_so_after_the_timeout(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("error_patterns.database.engines.SQLITE_BUSY_TIMEOUT", 0.05)
        with locked(tmp_path / "new.db"):
            assert "locked by another writer" in str(refusal(f"sqlite:///{tmp_path / 'new.db'}"))

    def test_a_pool_that_gives_no_connection_in_time_says_so(self, url: str) -> None:
        engine = sa_create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.05)
        taken = engine.connect()
        try:
            with pytest.raises(DatabaseUnavailableError, match="every connection of the pool was in use"):
                ErrorPatternRepository(sessionmaker(engine)).count()
        finally:
            taken.close()
            engine.dispose()


class TestArgumentsOfPsycopg:
    @pytest.mark.parametrize("name", ["autocommit", "prepare_threshold", "row_factory"])
    def test_in_a_url_are_refused(self, name: str) -> None:
        assert f"{name} cannot be an option of a URL" in str(refusal(f"postgresql://user@host/name?{name}=0"))


class TestReadOnly:
    @pytest.fixture
    def read_only(self, repository: ErrorPatternRepository, database_file: Path) -> Generator[ErrorPatternRepository]:
        repository.create(STORED.model_copy())
        with ErrorPatternRepository.open(f"sqlite:///file:{database_file}?mode=ro&uri=true") as opened:
            yield opened

    def test_reading_works(self, read_only: ErrorPatternRepository) -> None:
        assert [pattern.pattern for pattern in read_only.match_context("port in use")] == ["Port in use"]

    @each_write
    def test_a_write_says_so(self, read_only: ErrorPatternRepository, write: Write) -> None:
        with pytest.raises(DatabaseUnavailableError, match="read-only"):
            write(read_only, STORED)

    def test_migrating_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "empty.db").touch()
        assert "read-only" in str(refusal(f"sqlite:///file:{tmp_path / 'empty.db'}?mode=ro&uri=true"))


class TestFull:
    @pytest.fixture
    def small(self, engine: Engine, on_engine: ErrorPatternRepository) -> ErrorPatternRepository:
        @event.listens_for(engine, "connect")
        def _allow_few_pages(connection: DBAPIConnection, record: object) -> None:
            with closing(connection.cursor()) as cursor:
                cursor.execute("PRAGMA max_page_count = 400")

        return on_engine

    # More than has room, though the first of the batches in which they are written has.
    TOO_MUCH = tuple(f"{'long ' * 200}{number}" for number in range(2_000))

    def test_a_write_says_so(self, small: ErrorPatternRepository) -> None:
        with pytest.raises(DatabaseUnavailableError, match="the disk is full"):
            small.create_many(ErrorPattern(pattern=text) for text in self.TOO_MUCH)

    def test_nothing_of_the_call_was_written(self, small: ErrorPatternRepository) -> None:
        with pytest.raises(DatabaseUnavailableError):
            small.create_many(ErrorPattern(pattern=text) for text in self.TOO_MUCH)
        assert small.count() == 0


class TestFullInATransaction:
    """SQLite undoes a whole transaction when there is no room to undo a statement."""

    def fill(self, together: ErrorPatternRepository, session: Session) -> None:
        """Record something, be told that the disk is full, and make room again."""
        together.record_failure("Port in use")
        pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()
        session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DatabaseUnavailableError, match="the disk is full"):
            self.write_much(together)
        session.connection().exec_driver_sql("PRAGMA max_page_count = 100000")

    def write_much(self, together: ErrorPatternRepository) -> None:
        for number in range(20):
            together.create(ErrorPattern(pattern=f"{'long ' * 1_800}{number}"))

    def test_by_the_callers_own_statement_says_so_as_well(self, session: Session) -> None:
        inside = ErrorPatternRepository.in_session(session)
        inside.record_failure("Port in use")
        session.connection().exec_driver_sql("ROLLBACK")  # as SQLite does by itself
        with pytest.raises(DatabaseUnavailableError, match="the transaction cannot go on"):
            inside.record_failure("Port in use")

    @pytest.fixture
    def session(self, engine: Engine) -> Generator[Session]:
        with Session(engine) as made:
            yield made

    def test_later_calls_say_so(self, session: Session) -> None:
        inside = ErrorPatternRepository.in_session(session)
        self.fill(inside, session)
        with pytest.raises(DatabaseUnavailableError, match="the transaction cannot go on"):
            inside.record_failure("Port in use")

    def test_its_end_says_so_and_keeps_nothing(self, on_engine: ErrorPatternRepository, session: Session) -> None:
        inside = ErrorPatternRepository.in_session(session)
        with pytest.raises(PendingRollbackError), session.begin():
            self.fill(inside, session)
        assert on_engine.count() == 0

    def test_the_session_can_be_used_again_after_a_rollback(
        self, on_engine: ErrorPatternRepository, session: Session
    ) -> None:
        inside = ErrorPatternRepository.in_session(session)
        self.fill(inside, session)
        session.rollback()
        inside.record_failure("Port in use")
        session.commit()
        assert on_engine.count() == 1


class TestRejected:
    def test_a_broken_check_is_named(self, on_engine: ErrorPatternRepository) -> None:
        with pytest.raises(DatabaseRejectedError, match="CHECK constraint failed: ck_error_patterns_frequency"):
            on_engine.create(broken_rule())

    @pytest.mark.parametrize("call", [*READS.values(), *WRITES.values()], ids=[*READS, *WRITES])
    def test_a_missing_schema_gives_the_command_that_makes_it(self, tmp_path: Path, call: Write) -> None:
        with (
            engine_of(f"sqlite:///{tmp_path / 'empty.db'}") as engine,
            pytest.raises(ErrorPatternsError, match="run: error-patterns db upgrade"),
        ):
            call(ErrorPatternRepository(sessionmaker(engine)), STORED)


class TestConnections:
    @pytest.fixture
    def pool(self, engine: Engine) -> QueuePool:
        assert isinstance(engine.pool, QueuePool)
        return engine.pool

    def test_none_is_left_checked_out_by_a_locked_database(
        self, on_engine: ErrorPatternRepository, database_file: Path, pool: QueuePool
    ) -> None:
        with locked(database_file), pytest.raises(DatabaseUnavailableError):
            on_engine.record_failure("Port in use")
        assert pool.checkedout() == 0

    def test_none_is_left_checked_out_by_a_refused_statement(
        self, on_engine: ErrorPatternRepository, pool: QueuePool
    ) -> None:
        with pytest.raises(DatabaseRejectedError):
            on_engine.create(broken_rule())
        assert pool.checkedout() == 0

    def test_none_is_left_checked_out_by_an_error_inside_a_transaction(
        self, on_engine: ErrorPatternRepository, pool: QueuePool
    ) -> None:
        with pytest.raises(PatternNotFoundError), on_engine.transaction() as together:
            together.update(ErrorPattern(pattern="Port in use"))
        assert pool.checkedout() == 0

    @pytest.mark.parametrize("call", [WRITES["create"], READS["list_all"]], ids=["create", "list_all"])
    def test_none_is_left_checked_out_by_a_success(
        self, on_engine: ErrorPatternRepository, pool: QueuePool, call: Write
    ) -> None:
        call(on_engine, STORED)
        assert pool.checkedout() == 0

    def test_none_is_left_open_by_a_refusal_to_open(self, tmp_path: Path) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with pytest.raises(SchemaOutOfDateError):
                ErrorPatternRepository.open(f"sqlite:///{tmp_path / 'empty.db'}", migrate=False)
            gc.collect()  # from Python 3.13 on, this warns of each connection that was never closed
        assert [str(warning.message) for warning in caught] == []


class TestSQLite:
    @pytest.mark.parametrize(
        ("setting", "value"),
        [("foreign_keys", 1), ("synchronous", 2), ("busy_timeout", 30_000), ("cache_size", -32_768)],
    )
    def test_each_connection_has_the_setting(self, url: str, setting: str, value: int) -> None:
        with engine_of(url) as engine, engine.connect() as one, engine.connect() as two:
            assert [c.exec_driver_sql(f"PRAGMA {setting}").scalar() for c in (one, two)] == [value, value]

    def test_the_url_may_set_another_busy_timeout(self, engine: Engine) -> None:
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 50

    def test_opening_a_new_file_makes_it_write_ahead(self, tmp_path: Path) -> None:
        with ErrorPatternRepository.open(f"sqlite:///{tmp_path / 'new.db'}"):
            pass
        with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)

    def test_threads_may_share_a_repository(self, repository: ErrorPatternRepository) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(repository.record_failure, ["Port in use"] * 40))
        assert [pattern.frequency for pattern in repository.list_all()] == [40]


IN_MEMORY = [
    "sqlite://",
    "sqlite:///:memory:",
    "sqlite:///file:one?mode=memory&uri=true",
    "sqlite:///file:one?mode=memory&cache=shared&uri=true",
    "sqlite:///file::memory:?uri=true",
    "sqlite:///file::memory:?cache=shared&uri=true",
]


class TestInMemory:
    @pytest.mark.parametrize("in_memory", IN_MEMORY)
    def test_content_stays_between_calls(self, in_memory: str) -> None:
        with ErrorPatternRepository.open(in_memory) as repository:
            repository.record_failure("Port in use")
            assert repository.count() == 1

    @pytest.mark.parametrize("in_memory", IN_MEMORY)
    def test_threads_share_the_content(self, in_memory: str) -> None:
        with ErrorPatternRepository.open(in_memory) as repository:
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(repository.record_failure, ["Port in use"] * 20))
            assert [pattern.frequency for pattern in repository.list_all()] == [20]

    def test_two_of_them_share_nothing(self) -> None:
        with ErrorPatternRepository.open("sqlite://") as one, ErrorPatternRepository.open("sqlite://") as other:
            one.record_failure("Port in use")
            assert other.count() == 0
