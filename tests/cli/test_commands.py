"""The command line: each command, its output and its exit status."""

import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from error_patterns import ErrorPattern, ErrorPatternRepository, cli, migrate

TRACEBACK = "Traceback (most recent call last):\n  File \"app.py\", line 3, in start\n    x\nKeyError: 'user_id'\n"


@dataclass(frozen=True)
class Outcome:
    """The exit status and the output of a command."""

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

    def test_stores_what_was_attempted(self, run: Run, repository: ErrorPatternRepository) -> None:
        run("record", "boom", "--context", "make all")
        run("record", stdin="$ make some\nboom")
        assert sorted(p.historical_contexts for p in repository.list_all()) == [["make all"], ["make some"]]

    def test_refuses_a_text_and_a_file_at_once(self, run: Run) -> None:
        assert run("record", "boom", "--file", "boom.txt").status == 2

    def test_refuses_an_empty_failure(self, run: Run) -> None:
        outcome = run("record", stdin="\n")
        assert (outcome.status, outcome.err.startswith("error: pattern: ")) == (1, True)

    def test_names_a_file_that_is_not_there(self, run: Run) -> None:
        outcome = run("record", "--file", "no-such-file")
        assert (outcome.status, "no-such-file" in outcome.err) == (1, True)


@pytest.fixture
def foreseen(repository: ErrorPatternRepository) -> ErrorPattern:
    """A recorded failure with what was being attempted."""
    return repository.record_failure(
        "FATAL: sorry, too many clients already",
        context="Run the nightly import with 32 workers.",
        preventive_checks=["Connect through PgBouncer."],
    )


PLAN = "Catch up on the nightly imports of last week, with 64 workers."


@pytest.mark.usefixtures("port")
class TestMatch:
    def test_prints_score_evidence_keywords_and_checks(self, run: Run, port: ErrorPattern) -> None:
        score, rest = run("match", "bind failed: EADDRINUSE").out.split(" ", 1)
        assert 0 < float(score) < 1
        assert rest == (
            f"{port.pattern_id} Port already in use\n"
            "     evidence: keywords: eaddrinus 1.00\n     matched: EADDRINUSE\n     check: Stop the old server.\n"
        )

    def test_prints_the_words_of_the_evidence_with_their_weights(self, run: Run, foreseen: ErrorPattern) -> None:
        printed = run("match", PLAN).out
        assert foreseen.pattern_id in printed
        assert re.findall("^     evidence: (.*)$", printed, re.MULTILINE)[0].startswith("foresight: nightly 0.9")

    def test_prints_a_recurrence_with_the_keywords_found(self, run: Run, foreseen: ErrorPattern) -> None:
        printed = run("match", "FATAL: sorry, too many clients in the pool").out
        assert foreseen.pattern_id in printed
        assert re.findall("^     evidence: ([a-z]*): sorry ", printed, re.MULTILINE) == ["recurrence"]
        assert "     matched: sorry, too, many, clients\n" in printed

    def test_prints_the_same_failure_as_such(self, run: Run, foreseen: ErrorPattern) -> None:
        printed = run("match", foreseen.historical_failures[0]).out
        assert "     evidence: same failure" in printed

    def test_prints_no_keywords_where_the_text_of_the_pattern_matched(self, run: Run) -> None:
        assert "matched:" not in run("match", "port already in use").out

    def test_prints_json_for_programs(self, run: Run, port: ErrorPattern) -> None:
        matches = run("match", "EADDRINUSE", "--json").json
        assert isinstance(matches, list)
        (printed,) = matches
        assert (printed["matched_keywords"], printed["evidence"]) == (["EADDRINUSE"], "keywords")
        assert printed["pattern"]["pattern_id"] == port.pattern_id
        assert 0 < printed["score"] < 1

    def test_prints_json_with_the_words_and_their_weights(
        self, run: Run, repository: ErrorPatternRepository, foreseen: ErrorPattern
    ) -> None:
        printed = json.loads(run("match", PLAN, "--json").out)[0]
        (found, *_) = repository.rank_context(PLAN)
        assert found.pattern == foreseen
        assert (printed["evidence"], printed["words"]) == ("foresight", found.words)

    def test_prints_nothing_where_nothing_matches(self, run: Run) -> None:
        assert run("match", "all is well") == Outcome(0, "", "")

    def test_reads_standard_input(self, run: Run, port: ErrorPattern) -> None:
        assert f" {port.pattern_id} " in run("match", stdin="EADDRINUSE").out

    def test_leaves_out_matches_with_a_lower_score(self, run: Run, repository: ErrorPatternRepository) -> None:
        repository.create(ErrorPattern(pattern="other", keywords=["bind", "socket", "listen"]))
        assert "other" not in run("match", "bind", "--min-score", "0.9").out

    def test_prints_no_more_than_the_limit(self, run: Run) -> None:
        assert run("match", "EADDRINUSE", "--limit", "0").out == ""


class TestGuide:
    @pytest.mark.parametrize("arguments", [[PLAN], ["-"], []])
    def test_prints_exactly_the_guidance(
        self, run: Run, repository: ErrorPatternRepository, foreseen: ErrorPattern, arguments: list[str]
    ) -> None:
        guidance = repository.guidance_for(PLAN)
        assert foreseen.preventive_checks[0] in guidance
        assert run("guide", *arguments, stdin=PLAN) == Outcome(0, f"{guidance}\n", "")

    @pytest.mark.usefixtures("foreseen")
    def test_takes_the_context_from_a_file(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "plan.md").write_text(PLAN)
        assert run("guide", "--file", str(tmp_path / "plan.md")) == run("guide", PLAN)

    @pytest.mark.usefixtures("foreseen")
    def test_prints_nothing_where_nothing_is_worth_telling(self, run: Run) -> None:
        assert run("guide", "Count the clients of last week.") == Outcome(0, "", "")

    @pytest.mark.usefixtures("foreseen", "port")
    def test_prints_no_more_patterns_than_the_limit(self, run: Run) -> None:
        text = f"{PLAN} Retry where it ends with EADDRINUSE."
        assert run("guide", text).out.count("\nfailure: ") == 2
        assert run("guide", text, "--limit", "1").out.count("\nfailure: ") == 1

    @pytest.mark.usefixtures("foreseen")
    def test_prints_no_more_characters_than_asked(self, run: Run) -> None:
        whole = run("guide", PLAN).out.strip()
        assert run("guide", PLAN, "--max-characters", str(len(whole))).out == f"{whole}\n"
        assert run("guide", PLAN, "--max-characters", str(len(whole) - 1)).out == ""

    def test_refuses_a_negative_length_as_wrong_usage(self, run: Run) -> None:
        assert run("guide", PLAN, "--max-characters", "-1").status == 2


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
            name for name in ErrorPattern.model_fields if not name.startswith("historical_")
        ]

    def test_prints_what_was_attempted(self, run: Run, repository: ErrorPatternRepository) -> None:
        stored = repository.record_failure("boom", context="make all")
        assert "historical_contexts: make all" in run("show", stored.pattern_id).out.splitlines()

    def test_finds_the_id_in_another_spelling(self, run: Run, port: ErrorPattern) -> None:
        assert json.loads(run("show", port.pattern_id.lower(), "--json").out)["pattern"] == "Port already in use"

    def test_keeps_stored_text_from_commanding_the_terminal(self, run: Run, repository: ErrorPatternRepository) -> None:
        stored = repository.record_failure("boom \x1b]0;owned\x07\x1b[2J\u202e")
        assert not {"\x1b", "\x07", "\u202e"} & set(run("show", stored.pattern_id).out)


class TestAddAndDelete:
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

    def test_add_check_adds_a_preventive_check(
        self, run: Run, repository: ErrorPatternRepository, port: ErrorPattern
    ) -> None:
        assert run("add-check", port.pattern_id, "Use port 0.").out == f"{port.pattern_id} has 2 checks\n"
        stored = repository.get(port.pattern_id)
        assert stored is not None
        assert stored.preventive_checks == ["Stop the old server.", "Use port 0."]

    def test_add_check_prints_json_for_programs(self, run: Run, port: ErrorPattern) -> None:
        printed = json.loads(run("add-check", port.pattern_id, "Use port 0.", "--json").out)
        assert printed["preventive_checks"] == ["Stop the old server.", "Use port 0."]

    def test_delete_removes_the_pattern(self, run: Run, repository: ErrorPatternRepository, port: ErrorPattern) -> None:
        assert run("delete", port.pattern_id).out == f"deleted {port.pattern_id}\n"
        assert repository.count() == 0

    @pytest.mark.parametrize("command", [["show", "nope"], ["delete", "nope"], ["add-check", "nope", "look"]])
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
    def test_upgrade_creates_the_schema(self, run: Run, tmp_path: Path) -> None:
        assert (
            run("db", "upgrade", "--database-url", f"sqlite:///{tmp_path}/new.db").out
            == f"at revision {migrate.head()}\n"
        )

    def test_current_prints_none_for_an_empty_database(self, run: Run) -> None:
        assert run("db", "current", "--database-url", "sqlite://").out == "none\n"

    def test_check_accepts_a_migrated_database(self, run: Run) -> None:
        assert run("db", "check").out == (f"at revision {migrate.head()}, as declared; 0 patterns are indexed\n")

    def test_check_names_the_command_that_upgrades(self, run: Run) -> None:
        outcome = run("db", "check", "--database-url", "sqlite://")
        assert (outcome.status, "error-patterns db upgrade" in outcome.err) == (1, True)

    def test_check_names_the_difference(self, run: Run, database_file: Path) -> None:
        with sqlite3.connect(database_file) as connection:
            connection.execute("DROP INDEX ix_error_patterns_last_seen")
        connection.close()
        outcome = run("db", "check")
        assert (outcome.status, "ix_error_patterns_last_seen" in outcome.err) == (1, True)


class TestIndex:
    @pytest.fixture
    def unindexed(self, port: ErrorPattern, database_file: Path) -> ErrorPattern:
        """A pattern whose keywords are in no index."""
        with sqlite3.connect(database_file) as connection:
            connection.execute("DELETE FROM error_pattern_postings")
        connection.close()
        return port

    @pytest.mark.usefixtures("unindexed")
    def test_check_names_the_command_that_repairs_the_index(self, run: Run) -> None:
        outcome = run("db", "check")
        assert (outcome.status, outcome.err) == (
            1,
            "error: the index is wrong for 1 patterns; run: error-patterns db reindex\n",
        )

    @pytest.mark.usefixtures("unindexed")
    def test_reindex_repairs_the_index(self, run: Run) -> None:
        assert run("db", "reindex").out == "checked 1 patterns, repaired 1\n"

    def test_a_repaired_index_finds_the_pattern(self, run: Run, unindexed: ErrorPattern) -> None:
        run("db", "reindex")
        assert unindexed.pattern_id in run("match", "EADDRINUSE").out


class TestMaintenance:
    def test_prune_deletes_patterns_last_seen_before_a_time(self, run: Run, repository: ErrorPatternRepository) -> None:
        repository.create(ErrorPattern(pattern="p", last_seen=datetime(2020, 1, 1, tzinfo=UTC)))
        assert run("prune", "--not-seen-since", "2025-01-01").out == "deleted 1 patterns\n"
        assert repository.count() == 0

    @pytest.mark.usefixtures("port")
    def test_prune_deletes_patterns_with_checks_only_if_asked(self, run: Run) -> None:
        since = ("--not-seen-since", "2999-01-01T00:00:00")
        assert run("prune", *since).out == "deleted 0 patterns\n"
        assert run("prune", *since, "--with-checks").out == "deleted 1 patterns\n"

    def test_merge_adds_the_frequencies(self, run: Run, repository: ErrorPatternRepository, port: ErrorPattern) -> None:
        other = repository.create(ErrorPattern(pattern="p", frequency=4))
        outcome = run("merge", port.pattern_id, other.pattern_id)
        assert outcome.out == "merged 2 patterns into one, seen 7x: Port already in use\n"
        assert repository.count() == 1

    def test_merge_prints_json_for_programs(
        self, run: Run, repository: ErrorPatternRepository, port: ErrorPattern
    ) -> None:
        other = repository.create(ErrorPattern(pattern="p"))
        printed = run("merge", port.pattern_id, other.pattern_id, "--json").json
        assert printed == json.loads(repository.list_all()[0].model_dump_json())

    def test_merge_names_an_unknown_id(self, run: Run, port: ErrorPattern) -> None:
        outcome = run("merge", port.pattern_id, "nobody")
        assert (outcome.status, "no error pattern 'nobody'" in outcome.err) == (1, True)

    def test_a_dry_run_prints_the_changes_and_makes_none(
        self, run: Run, repository: ErrorPatternRepository, port: ErrorPattern
    ) -> None:
        other = repository.create(ErrorPattern(pattern="p", last_seen=datetime(2020, 1, 1, tzinfo=UTC)))
        before = repository.list_all()
        assert run("prune", "--not-seen-since", "2025-01-01", "--dry-run").out == "would delete 1 patterns\n"
        merged = run("merge", port.pattern_id, other.pattern_id, "--dry-run").out
        assert merged == "would merge 2 patterns into one, seen 4x: Port already in use\n"
        assert repository.list_all() == before

    def test_refingerprint_recomputes_older_fingerprints(
        self, run: Run, repository: ErrorPatternRepository, database_file: Path
    ) -> None:
        pattern = repository.record_failure(TRACEBACK)
        with closing(sqlite3.connect(database_file)) as connection, connection:
            connection.execute("UPDATE error_patterns SET fingerprint = '0:a'")
        assert run("db", "refingerprint").out == "recomputed 1 of 1 older fingerprints\n"
        assert repository.list_all() == [pattern]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The demo on a file of its own choice, in the test's own folder for temporary files."""
    return program("demo", TMPDIR=str(tmp_path_factory.mktemp("demo")))


@pytest.fixture(scope="module")
def processes(demo: subprocess.CompletedProcess[str]) -> list[str]:
    """The output of each process of the demo."""
    return re.split(r"^process \d ", demo.stdout, flags=re.MULTILINE)[1:]


@pytest.mark.slow
class TestDemo:
    def test_records_a_real_traceback(self, processes: list[str]) -> None:
        assert "Traceback (most recent call last):" in processes[0]
        assert "seen 1x" in processes[0]

    def test_counts_the_same_failure_from_another_path(self, processes: list[str]) -> None:
        first, second = (re.findall("^It ran (.*), which failed:$", process, re.MULTILINE) for process in processes[:2])
        assert first != second
        assert "seen 2x" in processes[1]

    def test_warns_the_next_process_of_a_plan_that_does_not_quote_the_error(self, processes: list[str]) -> None:
        plan, _, guidance = processes[2].partition("and gets this guidance:")
        assert "JSON" not in plan
        assert "check first: Ask the model for strict JSON" in guidance
        assert "resembles an earlier attempt: " in guidance

    def test_gives_no_guidance_for_an_unrelated_plan(self, processes: list[str]) -> None:
        assert processes[3].endswith("\nand gets no guidance\n")

    def test_creates_a_file_and_names_it(self, demo: subprocess.CompletedProcess[str]) -> None:
        assert Path(demo.stdout.splitlines()[0].removeprefix("the database: ")).is_file()

    def test_prints_nothing_on_standard_error(self, demo: subprocess.CompletedProcess[str]) -> None:
        assert demo.stderr == ""


class TestDemoFile:
    def test_the_demo_runs_on_the_file_that_is_given(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        used: list[str] = []
        monkeypatch.setattr("error_patterns.cli.commands.run_demo", used.append)
        path = tmp_path / "demo.db"
        assert run("demo", "--file", str(path)) == Outcome(0, f"the database: {path}\n", "")
        assert (used, path.is_file()) == ([f"sqlite:///{path}"], True)

    def test_a_process_of_the_demo_that_fails_is_one_line(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("error_patterns.cli.demo._PROCESS", "raise SystemExit(3)")
        outcome = run("demo", "--file", str(tmp_path / "demo.db"))
        assert (outcome.status, outcome.err.count("\n"), "exit status 3" in outcome.err) == (1, 1, True)


class TestProgram:
    @pytest.mark.slow
    def test_an_error_is_one_line_without_a_traceback(self, tmp_path: Path) -> None:
        done = program("list", "--database-url", f"sqlite:///{tmp_path}", check=False)
        assert (done.returncode, done.stderr.count("\n"), "it is a directory" in done.stderr) == (1, 1, True)

    @pytest.mark.parametrize("arguments", [["list", "--limit", str(2**63)], ["stats", "--top", str(2**63)]])
    def test_a_number_beyond_all_bounds_is_one_line(self, run: Run, arguments: list[str]) -> None:
        outcome = run(*arguments)
        assert (outcome.status, outcome.err.count("\n")) == (1, 1)

    @pytest.mark.slow
    def test_a_closed_standard_input_is_one_line(self, url: str) -> None:
        command = [sys.executable, "-m", "error_patterns", "match", "--database-url", url]
        with_closed_input = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
        done = subprocess.run(with_closed_input, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (1, "error: standard input is closed\n")

    @pytest.mark.slow
    @pytest.mark.usefixtures("port")
    def test_piped_output_has_no_colours(self, url: str) -> None:
        assert "\x1b" not in program("list", "--database-url", url).stdout

    def test_wrong_usage_exits_with_two(self, run: Run) -> None:
        assert run("no-such-command").status == 2

    def test_prints_its_version(self, run: Run) -> None:
        assert run("--version").out == f"{version('error-patterns')}\n"

    @pytest.mark.slow
    def test_names_the_extra_to_install_where_it_is_missing(self) -> None:
        block = "import sys; sys.modules['typer'] = None; from error_patterns.__main__ import main; main()"
        done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "pip install 'error-patterns[cli]'" in done.stderr


def program(*arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real command, in a process of its own."""
    command = [sys.executable, "-m", "error_patterns", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check, env=os.environ | environment)
