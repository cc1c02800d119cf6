"""What the tests share: real databases, made by the migrations once and copied for each test."""

import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from error_patterns import ErrorPatternRepository, migrate


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


@pytest.fixture
def url(database_file: Path) -> str:
    """The URL of a migrated database of the test's own."""
    return f"sqlite:///{database_file}"


@pytest.fixture
def repository(url: str) -> Generator[ErrorPatternRepository]:
    """A repository on a migrated database of the test's own."""
    with ErrorPatternRepository.open(url) as opened:
        yield opened
