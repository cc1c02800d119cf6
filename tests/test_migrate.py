"""The migrations make the declared schema, and nothing but it, however many processes ask for it at once."""

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Index, Integer, MetaData, Table, inspect, make_url
from sqlalchemy.orm import sessionmaker
from sqlmodel import SQLModel

from connections import engine_of
from error_patterns import (
    DatabaseRejectedError,
    DatabaseUnavailableError,
    ErrorPattern,
    ErrorPatternRepository,
    SchemaOutOfDateError,
    SchemaTooNewError,
    migrate,
)
from error_patterns.database import create_engine
from programs import ROOT, alembic, alembic_ok

TABLES = ("error_patterns", "error_pattern_phrases", "error_pattern_postings", "error_pattern_fingerprints")


@pytest.fixture
def new_file(tmp_path: Path) -> Path:
    return tmp_path / "new.db"


@pytest.fixture
def new_url(new_file: Path) -> str:
    return f"sqlite:///{new_file}"


def sql(database_file: Path, *statements: str) -> list[tuple[object, ...]]:
    """The rows that the last statement gives; all are committed."""
    rows: list[tuple[object, ...]] = []
    with closing(sqlite3.connect(database_file)) as connection, connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    return rows


def dump(database_file: Path) -> list[str]:
    with closing(sqlite3.connect(database_file)) as connection:
        return list(connection.iterdump())


@pytest.fixture(scope="module")
def declared_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the declared tables, made without the migrations."""
    path = tmp_path_factory.mktemp("declared") / "declared.db"
    with engine_of(f"sqlite:///{path}") as engine:
        SQLModel.metadata.create_all(engine, tables=[SQLModel.metadata.tables[name] for name in TABLES])
    return path


class TestDeclaredSchema:
    @pytest.mark.parametrize("table", TABLES)
    def test_the_migrations_write_the_very_clauses_of_the_declared_tables(
        self, migrated_file: Path, declared_file: Path, table: str
    ) -> None:
        assert clauses(migrated_file, table) == clauses(declared_file, table)

    @pytest.mark.parametrize("table", TABLES)
    @pytest.mark.parametrize(
        "aspect",
        ["columns", "pk_constraint", "indexes", "unique_constraints", "foreign_keys", "check_constraints"],
    )
    def test_the_migrated_tables_are_the_declared_ones(
        self, migrated_file: Path, declared_file: Path, table: str, aspect: str
    ) -> None:
        assert inspected(migrated_file, table, aspect) == inspected(declared_file, table, aspect)

    def test_tables_of_the_caller_are_not_among_the_declared_ones(self) -> None:
        callers = Table("callers_orders", SQLModel.metadata, Column("order_id", Integer, primary_key=True))
        names = set(migrate.declared_metadata().tables)
        SQLModel.metadata.remove(callers)
        assert names == set(TABLES)


def clauses(database_file: Path, table: str) -> list[str]:
    """The lines of all the SQL that made a table and its indexes, in no order: SQLAlchemy writes a clause a line."""
    found = sql(database_file, f"SELECT sql FROM sqlite_master WHERE tbl_name = '{table}' AND sql IS NOT NULL")  # noqa: S608 - a constant of ours
    return sorted(" ".join(line.split()).rstrip(",") for (text,) in found for line in str(text).splitlines())


def inspected(database_file: Path, table: str, aspect: str) -> object:
    with engine_of(f"sqlite:///{database_file}") as engine:
        found = getattr(inspect(engine), f"get_{aspect}")(table)
    return sorted(map(str, found)) if isinstance(found, list) else found


class TestCommandLine:
    def test_alembic_goes_up_and_down_and_up_again(self, new_file: Path, new_url: str) -> None:
        alembic_ok("-x", f"url={new_url}", "upgrade", "head")
        alembic_ok("-x", f"url={new_url}", "downgrade", "base")
        remains = sql(new_file, "SELECT name FROM sqlite_master WHERE sql IS NOT NULL")
        alembic_ok("-x", f"url={new_url}", "upgrade", "head")
        assert (remains, migrate.check(new_url)) == ([(migrate.VERSION_TABLE,)], [])

    @pytest.mark.slow
    def test_the_program_does_so_too(self, new_url: str) -> None:
        command = [sys.executable, "-m", "alembic", "-x", f"url={new_url}", "upgrade", "head"]
        subprocess.run(command, cwd=ROOT, check=True)
        assert migrate.check(new_url) == []

    def test_alembic_check_finds_nothing_to_migrate(self, url: str) -> None:
        alembic_ok("-x", f"url={url}", "check")

    def test_alembic_check_finds_what_is_to_migrate(self, database_file: Path, url: str) -> None:
        sql(database_file, "DROP INDEX ix_error_patterns_last_seen")
        assert "ix_error_patterns_last_seen" in alembic("-x", f"url={url}", "check").printed

    def test_the_environment_may_name_the_database(self, new_url: str) -> None:
        alembic_ok("upgrade", "head", ERROR_PATTERNS_DATABASE_URL=new_url)
        assert migrate.current(new_url) == migrate.head()

    def test_sql_scripts_are_refused_with_a_reason(self, new_url: str) -> None:
        assert "no offline migrations" in str(alembic("-x", f"url={new_url}", "upgrade", "head", "--sql").status)

    def test_autogenerate_writes_a_revision_that_runs(self, tmp_path: Path, database_file: Path, url: str) -> None:
        shutil.copy(ROOT / "alembic.ini", tmp_path)
        shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
        sql(database_file, "DROP TABLE error_pattern_postings")
        alembic_ok("-x", f"url={url}", "revision", "--autogenerate", "-m", "make it again", folder=tmp_path)
        alembic_ok("-x", f"url={url}", "upgrade", "head", folder=tmp_path)
        alembic_ok("-x", f"url={url}", "check", folder=tmp_path)

    def test_autogenerate_names_the_types_of_sqlalchemy(self, new_url: str) -> None:
        with engine_of(new_url) as engine, engine.connect() as connection:
            context = MigrationContext.configure(connection)
            operations = produce_migrations(context, migrate.declared_metadata()).upgrade_ops
        assert operations is not None
        code = render_python_code(operations, render_item=migrate.render_type, migration_context=context)
        types = set(re.findall(r"sa.Column\('\w+', (.+), nullable", code))
        assert types == {
            "sa.String(length=26)",
            "sa.String(length=100)",
            "sa.String(length=120).with_variant(sa.String(length=120, collation='C'), 'postgresql')",
            "sa.String(length=10000)",
            "sa.JSON()",
            "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')",
            "sa.BigInteger()",
            "sa.BigInteger().with_variant(sa.Integer(), 'sqlite')",
            "sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False)",
            "sa.SmallInteger()",
            "sa.DateTime(timezone=True)",
        }


class TestUpgrade:
    def test_it_takes_a_url_as_text(self, new_url: str) -> None:
        migrate.upgrade(new_url)
        assert migrate.current(new_url) == migrate.head()

    def test_it_takes_a_url_object(self, new_url: str) -> None:
        migrate.upgrade(make_url(new_url))
        assert migrate.current(make_url(new_url)) == migrate.head()

    def test_it_takes_an_engine(self) -> None:
        with engine_of("sqlite://") as engine:
            migrate.upgrade(engine)
            # An empty database, had `upgrade` closed the one in memory.
            assert migrate.current(engine) == migrate.head()

    def test_a_second_time_changes_nothing(self, database_file: Path, url: str) -> None:
        with ErrorPatternRepository.open(url) as repository:
            repository.record_failure("Port in use")
        before = dump(database_file)
        migrate.upgrade(url)
        assert dump(database_file) == before

    def test_what_the_first_revision_stored_is_still_there(self, new_file: Path, new_url: str) -> None:
        alembic_ok("-x", f"url={new_url}", "upgrade", "0001")
        sql(
            new_file,
            "INSERT INTO error_patterns VALUES ('01HXYZ1234567890ABCDEFGH1J', 'ImportError', '[\"import\"]', '[]',"
            " '[]', '[]', 7, '2024-01-01 00:00:00.000000', '2024-01-02 00:00:00.000000', NULL)",
        )
        migrate.upgrade(new_url)
        with ErrorPatternRepository.open(new_url, migrate=False) as repository:
            assert [(p.pattern, p.keywords, p.frequency) for p in repository.list_all()] == [
                ("ImportError", ["import"], 7)
            ]

    def test_what_the_first_revision_indexed_is_still_found(self, new_file: Path, new_url: str) -> None:
        migrate.upgrade(new_url)
        with ErrorPatternRepository.open(new_url) as repository:
            stored = repository.create(ErrorPattern(pattern="Port in use", keywords=["EADDRINUSE"]))
            recorded = repository.record_failure("KafkaError: quorum lost", context="rebalance the partitions")
        alembic_ok("-x", f"url={new_url}", "downgrade", "0001")
        migrate.upgrade(new_url)
        with ErrorPatternRepository.open(new_url, migrate=False) as repository:
            assert repository.match_context("listen EADDRINUSE") == [stored]
            assert repository.match_context("that lost quorum") == [recorded]
            assert repository.match_context("rebalance partitions again") == [recorded]

    def test_an_error_leaves_nothing_behind(self, new_file: Path, new_url: str) -> None:
        sql(new_file, "CREATE TABLE error_pattern_postings (of_somebody_else)")
        before = dump(new_file)
        with pytest.raises(Exception, match="error_pattern_postings already exists"):
            migrate.upgrade(new_url)
        assert dump(new_file) == before


class TestCallersTables:
    @pytest.fixture
    def shared_file(self, new_file: Path, new_url: str) -> Path:
        """A database with the caller's tables and migrations, and then ours."""
        sql(
            new_file,
            "CREATE TABLE orders (order_id INTEGER PRIMARY KEY, note TEXT)",
            "CREATE INDEX ix_orders_note ON orders (note)",
            "INSERT INTO orders VALUES (1, 'two lamps')",
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
            "INSERT INTO alembic_version VALUES ('callers')",
        )
        migrate.upgrade(new_url)
        return new_file

    def test_they_are_no_difference(self, shared_file: Path) -> None:
        assert migrate.check(f"sqlite:///{shared_file}") == []

    def test_they_are_no_difference_to_the_command_line(self, shared_file: Path) -> None:
        alembic_ok("-x", f"url=sqlite:///{shared_file}", "check")

    def test_their_rows_stay(self, shared_file: Path) -> None:
        assert sql(shared_file, "SELECT * FROM orders") == [(1, "two lamps")]

    def test_their_revision_stays(self, shared_file: Path) -> None:
        assert sql(shared_file, "SELECT * FROM alembic_version") == [("callers",)]

    def test_their_revision_is_not_ours(self, shared_file: Path) -> None:
        assert migrate.current(f"sqlite:///{shared_file}") == migrate.head()


class TestCheck:
    def test_a_migrated_database_has_no_difference(self, url: str) -> None:
        assert migrate.check(url) == []

    @pytest.mark.parametrize(
        ("statement", "name"),
        [
            ("DROP INDEX ix_error_patterns_last_seen", "ix_error_patterns_last_seen"),
            ("DROP TABLE error_pattern_postings", "error_pattern_postings"),
            ("ALTER TABLE error_patterns ADD COLUMN severity TEXT", "severity"),
            ("ALTER TABLE error_pattern_postings RENAME COLUMN position TO place", "place"),
            ("CREATE INDEX ix_error_patterns_pattern ON error_patterns (pattern)", "ix_error_patterns_pattern"),
        ],
    )
    def test_a_change_of_the_database_is_a_difference(
        self, database_file: Path, url: str, statement: str, name: str
    ) -> None:
        sql(database_file, statement)
        assert name in "\n".join(migrate.check(url))

    @pytest.mark.parametrize(
        "change",
        [
            lambda table: table.append_column(Column("severity", Integer)),
            lambda table: table.append_constraint(Index("ix_severity", table.c.frequency)),
            lambda table: setattr(table.c.pattern, "type", Integer()),
            lambda table: setattr(table.c.fingerprint, "nullable", False),
        ],
        ids=["a column", "an index", "a type", "whether it may be null"],
    )
    def test_a_change_of_the_declared_class_is_a_difference(
        self, url: str, monkeypatch: pytest.MonkeyPatch, change: Callable[[Table], None]
    ) -> None:
        changed: MetaData = migrate.declared_metadata()
        change(changed.tables[ErrorPattern.__tablename__])
        monkeypatch.setattr(migrate, "declared_metadata", lambda: changed)
        assert len(migrate.check(url)) == 1


each_refusal = pytest.mark.parametrize(
    "refuse",
    [migrate.require_head, migrate.check, lambda url: ErrorPatternRepository.open(url, migrate=False)],
    ids=["require_head", "check", "open"],
)


class TestRevisions:
    def test_an_empty_database_has_none(self, new_url: str) -> None:
        assert migrate.current(new_url) is None

    def test_the_head_is_that_of_a_migrated_database(self, url: str) -> None:
        migrate.require_head(url)
        assert migrate.current(url) == migrate.head()

    @each_refusal
    def test_a_missing_schema_is_refused_with_the_command_that_upgrades(
        self, new_url: str, refuse: Callable[[str], object]
    ) -> None:
        with pytest.raises(SchemaOutOfDateError, match="run: error-patterns db upgrade") as caught:
            refuse(new_url)
        assert (caught.value.found, caught.value.needed) == (None, migrate.head())

    @each_refusal
    def test_an_old_schema_is_refused_with_the_command_that_upgrades(
        self, url: str, refuse: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = migrate.head()
        monkeypatch.setattr(migrate, "_revisions", lambda: ("next", found))
        with pytest.raises(SchemaOutOfDateError, match="run: error-patterns db upgrade") as caught:
            refuse(url)
        assert (caught.value.found, caught.value.needed) == (found, "next")

    @pytest.mark.parametrize(
        "use",
        [
            migrate.upgrade,
            migrate.require_head,
            migrate.check,
            ErrorPatternRepository.open,
            lambda url: ErrorPatternRepository.open(url, migrate=False),
        ],
        ids=["upgrade", "require_head", "check", "open", "open without migrating"],
    )
    def test_a_newer_schema_is_refused_and_left_as_it_is(
        self, database_file: Path, url: str, use: Callable[[str], object]
    ) -> None:
        sql(database_file, f"UPDATE {migrate.VERSION_TABLE} SET version_num = 'future'")  # noqa: S608 - a constant
        before = dump(database_file)
        with pytest.raises(SchemaTooNewError, match="future") as caught:
            use(url)
        assert (caught.value.found, dump(database_file)) == ("future", before)

    def test_two_revisions_at_once_are_refused(self, database_file: Path, url: str) -> None:
        sql(database_file, f"INSERT INTO {migrate.VERSION_TABLE} VALUES ('other')")  # noqa: S608 - a constant
        with pytest.raises(DatabaseRejectedError, match="more than one head"):
            migrate.current(url)

    def test_what_is_no_database_has_none(self, new_file: Path, new_url: str) -> None:
        new_file.write_text("Dear diary, " * 500)
        with pytest.raises(DatabaseUnavailableError, match="not a database"):
            migrate.current(new_url)


def test_threads_may_open_different_new_databases_at_once(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / f'thread {number}.db'}" for number in range(6)]
    with ThreadPoolExecutor(len(urls)) as pool:
        list(pool.map(migrate.upgrade, urls))
    assert [migrate.check(url) for url in urls] == [[]] * len(urls)


def test_tables_that_create_all_made_are_taken_over_with_what_is_in_them(new_url: str) -> None:
    engine = create_engine(new_url)
    SQLModel.metadata.create_all(engine)
    pattern = ErrorPatternRepository(sessionmaker(engine)).create(ErrorPattern(pattern="kept"))
    engine.dispose()
    with ErrorPatternRepository.open(new_url) as repository:
        assert (repository.get(pattern.pattern_id), migrate.current(new_url)) == (pattern, migrate.head())
