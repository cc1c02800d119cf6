"""What the tests share: real databases, made by the migrations once and copied for each test."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import Pool, event, make_url
from ulid import ULID

import servers
from error_patterns import ErrorPatternRepository, migrate

# Text in, text out: what neither another interpreter nor another version of a dependency changes.
PURE = [
    "failures/test_normalize.py",
    "failures/test_tool_output.py",
    "redaction/test_redactor.py",
    "test_architecture.py",
]
TESTS = Path(__file__).parent
SERVER_FOLDER = "ERROR_PATTERNS_TEST_SERVER_FOLDER"


def pytest_configure(config: pytest.Config) -> None:
    """Give the processes of the tests one folder for one PostgreSQL server."""
    if not hasattr(config, "workerinput"):  # which only processes have that pytest-xdist started
        folder = servers.temporary_folder()
        config.add_cleanup(folder.cleanup)
        os.environ[SERVER_FOLDER] = folder.name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set the markers that follow from where a test is and what it asks for."""
    for item in items:
        if isinstance(item, pytest.Function) and needs_postgresql(item):
            item.add_marker(pytest.mark.postgres)
        if not any(item.path.is_relative_to(TESTS / pure) for pure in PURE):
            item.add_marker(pytest.mark.versions)


def needs_postgresql(test: pytest.Function) -> bool:
    """Tell whether a test asks for PostgreSQL, by a fixture or by a parameter."""
    parameters = test.callspec.params.values() if hasattr(test, "callspec") else ()
    chosen = [parameter for parameter in parameters if isinstance(parameter, str)]
    return "postgresql" in chosen or not {"databases", "postgresql_url"}.isdisjoint(test.fixturenames)


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
        if given:
            url = make_url(given)
        else:
            url = servers.url_of(stack.enter_context(servers.shared(Path(os.environ[SERVER_FOLDER]))))
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
def memory_url(migrated_file: Path) -> Generator[str]:
    """The URL of a migrated SQLite database in memory, which all connections of this process share that name it."""
    name = f"file:{ULID()}?mode=memory&cache=shared"
    with closing(sqlite3.connect(name, uri=True)) as keeps_it, closing(sqlite3.connect(migrated_file)) as template:
        template.backup(keeps_it)
        yield f"sqlite:///{name}&uri=true"


@pytest.fixture
def url(file_url: str) -> str:
    """The database of a test that is about none in particular."""
    return file_url


@pytest.fixture
def repository(url: str) -> Generator[ErrorPatternRepository]:
    """A repository on a migrated database of the test's own."""
    with ErrorPatternRepository.open(url) as opened:
        yield opened
