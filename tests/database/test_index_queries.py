"""How the databases look up what matching asks: never by reading a table."""

import re
from collections.abc import Callable, Generator, Sequence

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import sessionmaker

from connections import engine_of
from error_patterns import ErrorPattern, ErrorPatternRepository

MANY = 3_000  # of few patterns, PostgreSQL rather reads all
READS_A_TABLE = re.compile(r"SCAN (error_pattern\w*|posting|stored)\b(?! VIRTUAL)|Seq Scan on error_pattern")


def patterns() -> Generator[ErrorPattern]:
    for n in range(MANY):
        yield ErrorPattern(
            pattern=f"broker {n % 70} is gone", keywords=[f"common {n % 7}", f"rare{n}", "all of them too"]
        )


@pytest.fixture(params=["file", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Generator[Engine]:
    with engine_of(request.getfixturevalue(f"{request.param}_url")) as made:
        yield made


@pytest.fixture
def repository(engine: Engine) -> ErrorPatternRepository:
    """A repository of many patterns, of which the statistics of the database know nothing."""
    made = ErrorPatternRepository(sessionmaker(engine, expire_on_commit=False))
    made.create_many(patterns())
    return made


CALLS: dict[str, Callable[[ErrorPatternRepository], object]] = {
    "a question": lambda repository: repository.rank_context("broker 7 is gone, rare7 and common 3, all of them too"),
    "a question without a limit": lambda repository: repository.rank_context("rare7 rare8", limit=None),
    "a change of keywords": lambda repository: repository.add_keywords(found(repository), ["kafka"]),
    "a deletion": lambda repository: repository.delete(found(repository)),
}


def found(repository: ErrorPatternRepository) -> str:
    return repository.match_context("rare7")[0].pattern_id


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_statement_reads_a_whole_table(
    engine: Engine, repository: ErrorPatternRepository, call: Callable[[ErrorPatternRepository], object]
) -> None:
    asked: list[tuple[str, Sequence[object]]] = []
    explain = "EXPLAIN" if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"

    @event.listens_for(engine, "before_cursor_execute")
    def note(connection: Connection, cursor: object, statement: str, parameters: Sequence[object], *_: object) -> None:
        asked.append((statement, parameters))

    call(repository)
    event.remove(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        for statement, parameters in asked:
            if statement.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE"}:
                plan = connection.connection.cursor()
                plan.execute(f"{explain} {statement}", parameters)
                steps = str(plan.fetchall())
                assert not READS_A_TABLE.search(steps), statement
                assert "DELETE" not in statement or "(term=?)" not in steps, "reads all postings of a term"
    assert len(asked) >= 3
