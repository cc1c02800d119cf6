"""What each database holds to by itself: the declared tables, and their rules for writes that bypass Python."""

from collections.abc import Generator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, insert, inspect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, IntegrityError

from error_patterns import ErrorPattern, ErrorPatternRepository, migrate
from error_patterns.database import create_engine
from error_patterns.models.fields import MAX_FREQUENCY
from programs import alembic_ok

TABLE = ErrorPattern.metadata.tables["error_patterns"]
PATTERN_ID = "01HXYZ1234567890ABCDEFGH1J"
BROKEN: dict[str, list[object]] = {
    "pattern_id": ["", PATTERN_ID[1:], PATTERN_ID.lower(), f"8{PATTERN_ID[1:]}", f"I{PATTERN_ID[1:]}"],
    "pattern": ["", "  ", "x" * 10_001],
    "keywords": [{"a": 1}, "a", ["x"] * 65, None],
    "historical_failures": [{}, ["x"] * 21],
    "historical_contexts": [{}, ["x"] * 21],
    "preventive_checks": [1, ["x"] * 65],
    "frequency": [-1, MAX_FREQUENCY + 1],
    "fingerprint": ["", "x" * 101],
}


@pytest.fixture
def kind() -> str:
    """The schema is the same for both repositories."""
    return "sync"


@pytest.fixture
def ours(url: str, repository: ErrorPatternRepository) -> Generator[Engine]:
    """An engine of the package on the database of the repository."""
    made = create_engine(url)
    yield made
    made.dispose()


def write(engine: Engine, **changes: object) -> None:
    """Insert a row past the class, right but for the changes."""
    row = ErrorPattern(pattern_id=PATTERN_ID, pattern="Port in use").model_dump()
    with engine.begin() as connection:
        connection.execute(insert(TABLE), row | changes)


def test_the_migrated_tables_are_the_declared_ones(ours: Engine) -> None:
    assert migrate.check(ours) == []


def test_a_row_that_keeps_the_rules_is_taken(ours: Engine, repository: ErrorPatternRepository) -> None:
    write(ours)
    assert repository.count() == 1


@pytest.mark.parametrize(
    ("column", "value"), [(column, value) for column, values in BROKEN.items() for value in values], ids=ascii
)
def test_a_row_that_breaks_a_rule_is_refused(ours: Engine, column: str, value: object) -> None:
    with pytest.raises(DBAPIError):
        write(ours, **{column: value})


def test_a_fingerprint_stands_once(ours: Engine) -> None:
    write(ours, fingerprint="1:a")
    with pytest.raises(IntegrityError, match="fingerprint"):
        write(ours, fingerprint="1:a", pattern_id=f"0{PATTERN_ID[1:-1]}2")


@pytest.mark.parametrize("moment", [datetime.min, datetime.max], ids=["first", "last"])
def test_the_first_and_the_last_moment_can_be_stored(repository: ErrorPatternRepository, moment: datetime) -> None:
    repository.create(ErrorPattern(pattern="p", created_at=moment, last_seen=moment))
    assert [pattern.last_seen for pattern in repository.list_all()] == [moment.replace(tzinfo=UTC)]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
class TestPostgreSQL:
    @pytest.mark.parametrize("column", ["keywords", "historical_failures", "historical_contexts", "preventive_checks"])
    def test_lists_are_jsonb(self, ours: Engine, column: str) -> None:
        types = {found["name"]: found["type"] for found in inspect(ours).get_columns("error_patterns")}
        assert isinstance(types[column], JSONB)

    def test_alembic_goes_down_and_up_again(self, url: str) -> None:
        for command in (["downgrade", "base"], ["upgrade", "head"], ["check"]):
            alembic_ok("-x", f"url={url}", *command)
        assert migrate.check(url) == []
