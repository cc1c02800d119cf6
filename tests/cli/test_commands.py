"""The command line: each command, what it prints, and how it ends."""

import io
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from error_patterns import ErrorPattern, ErrorPatternRepository, cli, migrate

TRACEBACK = "Traceback (most recent call last):\n  File \"app.py\", line 3, in start\n    x\nKeyError: 'user_id'\n"


@dataclass(frozen=True)
class Outcome:
    """What a run of the command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> object:
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command on the test's own database, with a text on standard input."""
    monkeypatch.setenv("ERROR_PATTERNS_DATABASE_URL", url)

    def run_command(*arguments: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as exit_:
            cli.main(arguments)
        printed = capsys.readouterr()
        assert isinstance(exit_.value.code, int | None)
        return Outcome(exit_.value.code or 0, printed.out, printed.err)

    return run_command


@pytest.fixture
def port(repository: ErrorPatternRepository) -> ErrorPattern:
    """A stored pattern."""
    return repository.create(
        ErrorPattern(
            pattern="Port already in use",
            keywords=["EADDRINUSE"],
            preventive_checks=["Stop the old server."],
            frequency=3,
        )
    )


class TestRecord:
    def test_takes_the_failure_from_its_argument(self, run: Run, repository: ErrorPatternRepository) -> None:
        assert run("record", "KeyError: 'user_id'").status == 0
        assert [p.pattern for p in repository.list_all()] == ["KeyError: 'user_id'"]

    def test_takes_the_failure_from_a_file(self, run: Run, repository: ErrorPatternRepository, tmp_path: Path) -> None:
        (tmp_path / "log.txt").write_text(TRACEBACK)
        assert run("record", "--file", str(tmp_path / "log.txt")).status == 0
        assert [p.historical_failures for p in repository.list_all()] == [[TRACEBACK.strip()]]

    @pytest.mark.parametrize("arguments", [[], ["-"]])
    def test_takes_the_failure_from_standard_input(
        self, run: Run, repository: ErrorPatternRepository, arguments: list[str]
    ) -> None:
        assert run("record", *arguments, stdin=TRACEBACK).status == 0
        assert [p.historical_failures for p in repository.list_all()] == [[TRACEBACK.strip()]]

    def test_counts_a_failure_that_it_knows(self, run: Run) -> None:
        run("record", TRACEBACK)
        assert " seen 2x: KeyError: 'user_id'" in run("record", TRACEBACK.replace("line 3", "line 30")).out

    def test_stores_keywords_and_checks(self, run: Run) -> None:
        recorded = run("record", "boom", "-k", "one", "-k", "two", "-c", "look", "--json").json
        assert isinstance(recorded, dict)
        assert (recorded["keywords"], recorded["preventive_checks"]) == (["one", "two"], ["look"])

    def test_refuses_a_text_and_a_file_at_once(self, run: Run) -> None:
        assert run("record", "boom", "--file", "boom.txt").status == 2

    def test_refuses_an_empty_failure(self, run: Run) -> None:
        outcome = run("record", stdin="\n")
        assert (outcome.status, outcome.err.startswith("error: pattern: ")) == (1, True)

    def test_names_a_file_that_is_not_there(self, run: Run) -> None:
        outcome = run("record", "--file", "no-such-file")
        assert (outcome.status, "no-such-file" in outcome.err) == (1, True)


@pytest.mark.usefixtures("port")
class TestMatch:
    def test_prints_score_keywords_and_checks(self, run: Run, port: ErrorPattern) -> None:
        assert run("match", "bind failed: EADDRINUSE").out == (
            f"1.00 {port.pattern_id} Port already in use\n     matched: EADDRINUSE\n     check: Stop the old server.\n"
        )

    def test_says_when_it_was_the_text_of_the_pattern(self, run: Run) -> None:
        assert "matched: its text" in run("match", "port already in use").out

    def test_prints_json_for_programs(self, run: Run, port: ErrorPattern) -> None:
        matches = run("match", "EADDRINUSE", "--json").json
        assert isinstance(matches, list)
        assert [(m["score"], m["matched_keywords"], m["pattern"]["pattern_id"]) for m in matches] == [
            (1.0, ["EADDRINUSE"], port.pattern_id)
        ]

    def test_prints_nothing_where_nothing_matches(self, run: Run) -> None:
        assert run("match", "all is well") == Outcome(0, "", "")

    def test_reads_standard_input(self, run: Run) -> None:
        assert run("match", stdin="EADDRINUSE").out.startswith("1.00 ")

    def test_leaves_out_what_scores_less(self, run: Run, repository: ErrorPatternRepository) -> None:
        repository.create(ErrorPattern(pattern="other", keywords=["bind", "socket", "listen"]))
        assert "other" not in run("match", "bind", "--min-score", "0.9").out

    def test_prints_as_many_as_asked_for(self, run: Run) -> None:
        assert run("match", "EADDRINUSE", "--limit", "0").out == ""


class TestList:
    def test_prints_the_patterns(self, run: Run, port: ErrorPattern) -> None:
        assert port.pattern_id in run("list").out

    def test_prints_json_with_the_fields_in_their_order(self, run: Run, port: ErrorPattern) -> None:
        (listed,) = json.loads(run("list", "--json").out)
        assert list(listed) == list(ErrorPattern.model_fields)
        assert ErrorPattern.model_validate(listed) == port

    def test_prints_a_page(self, run: Run, port: ErrorPattern) -> None:
        assert port.pattern_id not in run("list", "--offset", "1").out

    def test_refuses_a_negative_limit_as_wrong_usage(self, run: Run) -> None:
        assert run("list", "--limit", "-1").status == 2


class TestShow:
    def test_prints_every_field(self, run: Run, port: ErrorPattern) -> None:
        assert [line.partition(":")[0] for line in run("show", port.pattern_id).out.splitlines()] == [
            name for name in ErrorPattern.model_fields if name != "historical_failures"
        ]

    def test_finds_the_id_in_another_spelling(self, run: Run, port: ErrorPattern) -> None:
        assert json.loads(run("show", port.pattern_id.lower(), "--json").out)["pattern"] == "Port already in use"

    def test_keeps_stored_text_from_commanding_the_terminal(self, run: Run, repository: ErrorPatternRepository) -> None:
        stored = repository.record_failure("boom \x1b]0;owned\x07\x1b[2J\u202e")
        assert not {"\x1b", "\x07", "\u202e"} & set(run("show", stored.pattern_id).out)


class TestAddAndCheckAndDelete:
    def test_add_stores_a_pattern_that_was_never_seen(self, run: Run, repository: ErrorPatternRepository) -> None:
        pattern_id = run("add", "Disk full", "-k", "ENOSPC", "-c", "Clear the cache.").out.strip()
        added = repository.get(pattern_id)
        assert added is not None
        assert (added.keywords, added.preventive_checks, added.frequency) == (["ENOSPC"], ["Clear the cache."], 0)

    def test_add_prints_json_for_programs(self, run: Run) -> None:
        assert json.loads(run("add", "Disk full", "--json").out)["pattern"] == "Disk full"

    def test_add_names_each_field_that_is_wrong(self, run: Run) -> None:
        outcome = run("add", " ", "-k", "x" * 201)
        assert outcome.status == 1
        assert "pattern: " in outcome.err
        assert "keywords.0: " in outcome.err

    def test_check_adds_a_preventive_check(
        self, run: Run, repository: ErrorPatternRepository, port: ErrorPattern
    ) -> None:
        assert run("check", port.pattern_id, "Use port 0.").out == f"{port.pattern_id} has 2 checks\n"
        stored = repository.get(port.pattern_id)
        assert stored is not None
        assert stored.preventive_checks == ["Stop the old server.", "Use port 0."]

    def test_check_prints_json_for_programs(self, run: Run, port: ErrorPattern) -> None:
        printed = json.loads(run("check", port.pattern_id, "Use port 0.", "--json").out)
        assert printed["preventive_checks"] == ["Stop the old server.", "Use port 0."]

    def test_delete_removes_the_pattern(self, run: Run, repository: ErrorPatternRepository, port: ErrorPattern) -> None:
        assert run("delete", port.pattern_id).out == f"deleted {port.pattern_id}\n"
        assert repository.count() == 0

    @pytest.mark.parametrize("command", [["show", "nope"], ["delete", "nope"], ["check", "nope", "look"]])
    def test_an_unknown_id_is_named(self, run: Run, command: list[str]) -> None:
        assert run(*command) == Outcome(1, "", "error: pattern_id: there is no error pattern 'nope'\n")


class TestStats:
    def test_prints_the_totals(self, run: Run, port: ErrorPattern) -> None:
        assert run("stats").out.startswith("1 patterns, seen 3x\n")

    def test_prints_json_for_programs(self, run: Run, port: ErrorPattern) -> None:
        stats = json.loads(run("stats", "--json").out)
        assert stats["top_keywords"] == [{"keyword": "EADDRINUSE", "patterns": 1}]
        assert [p["pattern_id"] for p in stats["most_frequent"]] == [port.pattern_id]


class TestDb:
    def test_upgrade_makes_the_schema(self, run: Run, tmp_path: Path) -> None:
        assert (
            run("db", "upgrade", "--database-url", f"sqlite:///{tmp_path}/new.db").out
            == f"at revision {migrate.head()}\n"
        )

    def test_current_prints_none_for_an_empty_database(self, run: Run) -> None:
        assert run("db", "current", "--database-url", "sqlite://").out == "none\n"

    def test_check_is_content_with_a_migrated_database(self, run: Run) -> None:
        assert run("db", "check").out == (
            f"at revision {migrate.head()}, as declared; the keywords of 0 patterns are indexed\n"
        )

    def test_check_names_the_command_that_mends(self, run: Run) -> None:
        outcome = run("db", "check", "--database-url", "sqlite://")
        assert (outcome.status, "error-patterns db upgrade" in outcome.err) == (1, True)

    def test_check_names_what_differs(self, run: Run, database_file: Path) -> None:
        with sqlite3.connect(database_file) as connection:
            connection.execute("DROP INDEX ix_error_patterns_last_seen")
        connection.close()
        outcome = run("db", "check")
        assert (outcome.status, "ix_error_patterns_last_seen" in outcome.err) == (1, True)


class TestIndex:
    @pytest.fixture
    def forgotten(self, port: ErrorPattern, database_file: Path) -> ErrorPattern:
        """A pattern whose keywords are in no index."""
        with sqlite3.connect(database_file) as connection:
            connection.execute("DELETE FROM error_pattern_keywords")
        connection.close()
        return port

    @pytest.mark.usefixtures("forgotten")
    def test_that_is_wrong_is_named_with_the_command_that_mends_it(self, run: Run) -> None:
        outcome = run("db", "check")
        assert (outcome.status, outcome.err) == (
            1,
            "error: the keyword index is wrong for 1 patterns; run: error-patterns db reindex\n",
        )

    @pytest.mark.usefixtures("forgotten")
    def test_that_is_wrong_is_mended(self, run: Run) -> None:
        assert run("db", "reindex").out == "looked at 1 patterns, mended 1\n"

    def test_that_was_mended_finds_the_pattern(self, run: Run, forgotten: ErrorPattern) -> None:
        run("db", "reindex")
        assert forgotten.pattern_id in run("match", "EADDRINUSE").out


class TestUpkeep:
    def test_prunes_what_was_not_seen_for_long(self, run: Run, repository: ErrorPatternRepository) -> None:
        repository.create(ErrorPattern(pattern="p", last_seen=datetime(2020, 1, 1, tzinfo=UTC)))
        assert run("prune", "--not-seen-since", "2025-01-01").out == "deleted 1 patterns\n"
        assert repository.count() == 0

    @pytest.mark.usefixtures("port")
    def test_prunes_patterns_with_checks_only_if_asked_for(self, run: Run) -> None:
        since = ("--not-seen-since", "2999-01-01T00:00:00")
        assert run("prune", *since).out == "deleted 0 patterns\n"
        assert run("prune", *since, "--with-checks").out == "deleted 1 patterns\n"

    def test_merges(self, run: Run, repository: ErrorPatternRepository, port: ErrorPattern) -> None:
        other = repository.create(ErrorPattern(pattern="p", frequency=4))
        outcome = run("merge", port.pattern_id, other.pattern_id)
        assert outcome.out == "made one pattern of 2, seen 7x: Port already in use\n"
        assert repository.count() == 1

    def test_merging_prints_the_pattern_as_json(
        self, run: Run, repository: ErrorPatternRepository, port: ErrorPattern
    ) -> None:
        other = repository.create(ErrorPattern(pattern="p"))
        printed = run("merge", port.pattern_id, other.pattern_id, "--json").json
        assert printed == json.loads(repository.list_all()[0].model_dump_json())

    def test_merging_with_nobody_says_so(self, run: Run, port: ErrorPattern) -> None:
        outcome = run("merge", port.pattern_id, "nobody")
        assert (outcome.status, "no error pattern 'nobody'" in outcome.err) == (1, True)

    def test_a_dry_run_says_what_would_happen_and_changes_nothing(
        self, run: Run, repository: ErrorPatternRepository, port: ErrorPattern
    ) -> None:
        other = repository.create(ErrorPattern(pattern="p", last_seen=datetime(2020, 1, 1, tzinfo=UTC)))
        before = repository.list_all()
        assert run("prune", "--not-seen-since", "2025-01-01", "--dry-run").out == "would delete 1 patterns\n"
        merged = run("merge", port.pattern_id, other.pattern_id, "--dry-run").out
        assert merged == "would make one pattern of 2, seen 4x: Port already in use\n"
        assert repository.list_all() == before

    def test_carries_fingerprints_over(self, run: Run, repository: ErrorPatternRepository, database_file: Path) -> None:
        pattern = repository.record_failure(TRACEBACK)
        with closing(sqlite3.connect(database_file)) as connection, connection:
            connection.execute("UPDATE error_patterns SET fingerprint = '0:a'")
        assert run("db", "refingerprint").out == "carried over 1 of 1 older fingerprints\n"
        assert repository.list_all() == [pattern]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each of the demo's processes prints."""
    done = program("demo", "--file", str(tmp_path_factory.mktemp("demo") / "demo.db"))
    return re.split(r"^process \d ", done.stdout, flags=re.MULTILINE)[1:]


class TestDemo:
    def test_a_real_traceback_is_recorded(self, told: list[str]) -> None:
        assert "Traceback (most recent call last):" in told[0]
        assert "seen 1x" in told[0]

    def test_the_same_failure_from_another_path_is_counted(self, told: list[str]) -> None:
        assert told[0].split()[1] != told[1].split()[1]
        assert "seen 2x" in told[1]

    def test_the_next_process_is_told_what_to_check(self, told: list[str]) -> None:
        assert "check first: Ask the model for strict JSON" in told[2]

    def test_makes_a_file_and_names_it(self) -> None:
        path = Path(program("demo").stdout.splitlines()[0].removeprefix("the database: "))
        assert path.is_file()
        path.unlink()


class TestProgram:
    def test_an_error_is_one_line_without_a_traceback(self, tmp_path: Path) -> None:
        done = program("list", "--database-url", f"sqlite:///{tmp_path}", check=False)
        assert (done.returncode, done.stderr.count("\n"), "it is a directory" in done.stderr) == (1, 1, True)

    @pytest.mark.parametrize("arguments", [["list", "--limit", str(2**63)], ["stats", "--top", str(2**63)]])
    def test_a_number_beyond_all_bounds_is_one_line(self, run: Run, arguments: list[str]) -> None:
        outcome = run(*arguments)
        assert (outcome.status, outcome.err.count("\n")) == (1, 1)

    def test_a_closed_standard_input_is_one_line(self, url: str) -> None:
        command = [sys.executable, "-m", "error_patterns", "match", "--database-url", url]
        with_closed_input = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
        done = subprocess.run(with_closed_input, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (1, "error: standard input is closed\n")

    def test_piped_output_has_no_colours(self, url: str, port: ErrorPattern) -> None:
        assert "\x1b" not in program("list", "--database-url", url).stdout

    def test_wrong_usage_exits_with_two(self) -> None:
        assert program("no-such-command", check=False).returncode == 2

    def test_prints_its_version(self) -> None:
        assert program("--version").stdout.strip().count(".") == 2

    def test_says_what_to_install_where_the_extra_is_missing(self) -> None:
        block = "import sys; sys.modules['typer'] = None; from error_patterns.__main__ import main; main()"
        done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "pip install 'error-patterns[cli]'" in done.stderr


def program(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """The real command, in a process of its own."""
    command = [sys.executable, "-m", "error_patterns", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check)
