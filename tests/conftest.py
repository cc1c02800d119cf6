"""What the tests share: real databases, made by the migrations once and copied for each test."""

import asyncio
import os
import shutil
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Pool, event, make_url

import servers
from error_patterns import ErrorPatternRepository, migrate


@pytest.fixture(autouse=True)
def no_connection_is_left_checked_out() -> Generator[None]:
    """What every test promises besides its own: each connection is back in its pool at the end."""
    checked_out: set[object] = set()

    def take(connection: object, record: object, proxy: object) -> None:
        checked_out.add(record)

    def give_back(connection: object, record: object) -> None:
        checked_out.discard(record)

    event.listen(Pool, "checkout", take)
    event.listen(Pool, "checkin", give_back)
    yield
    event.remove(Pool, "checkout", take)
    event.remove(Pool, "checkin", give_back)
    assert not checked_out


@pytest.fixture
def runner() -> Generator[asyncio.Runner]:
    """An event loop for tests that are no coroutines."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the newest schema and no patterns; copy it, do not write to it."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def database_file(migrated_file: Path, tmp_path: Path) -> Path:
    """A database file of the test's own."""
    return Path(shutil.copy(migrated_file, tmp_path / "errors.db"))


@pytest.fixture(scope="session")
def databases() -> Generator[servers.Databases]:
    """Databases on the server of `ERROR_PATTERNS_TEST_POSTGRES_URL`, or else on one that ends with the tests."""
    given = os.environ.get("ERROR_PATTERNS_TEST_POSTGRES_URL")
    with ExitStack() as stack:
        url = make_url(given) if given else servers.url_of(stack.enter_context(servers.running_somewhere()))
        made = servers.Databases(url)
        yield made
        made.close()


@pytest.fixture
def postgresql_url(databases: servers.Databases) -> Generator[str]:
    """The URL of a migrated PostgreSQL database of the test's own."""
    made = databases.copy()
    yield made.render_as_string(hide_password=False)
    databases.drop(made)


@pytest.fixture
def file_url(database_file: Path) -> str:
    """The URL of a migrated SQLite file of the test's own."""
    return f"sqlite:///{database_file}"


@pytest.fixture
def url(file_url: str) -> str:
    """The database of a test that is about none in particular."""
    return file_url


@pytest.fixture
def repository(url: str) -> Generator[ErrorPatternRepository]:
    """A repository on a migrated database of the test's own."""
    with ErrorPatternRepository.open(url) as opened:
        yield opened
