"""The prefix of a log line: where it ends, and where none begins."""

import pytest

from error_patterns.failures.log_prefix import split_log_prefix, strip_program

PREFIXES = [
    "2026-01-31 10:00:00,123 ERROR ",
    "2026-01-31T10:00:00.123456789Z ",
    "2026-01-31T10:00:00.123456789Z stderr F ",
    "2026-01-31 10:00:00.967 2625 TRACE ",
    "[2026-01-31 10:00:00] [ERROR] [main] ",
    "[2026-01-31 10:00:00,123: ERROR/ForkPoolWorker-2] ",
    "2026-01-31 10:00:00,123 - WARN  [Worker[id=1]:Manager@368] - ",
    "<34>1 2026-01-31T10:00:00.003Z host1 app 1234 ID47 - ",
    '<34>1 2026-01-31T10:00:00.003Z host1 app - - [origin ip="10.0.0.1"][meta x="1"] ',
    "[Sun Dec 04 04:47:44 2005] [error] ",
    "Nov 22 02:10:34 host1 ",
    "<34>Nov  2 02:10:34 host1 ",
    "E0131 10:00:00.123456   12 file.go:12] ",
    "081109 203518 143 INFO ",
    "10:00:01.123 [pool-1-thread-3] WARN  ",
    "2026/11/22 02:10:34 ",
    "web-1  | ERROR: ",
    "ERROR: ",
    "[ERROR] ",
]


class TestLogPrefix:
    def test_a_program_and_its_process_are_known(self) -> None:
        assert strip_program("sshd(pam_unix)[123]: it failed") == strip_program("it failed") == "it failed"

    @pytest.mark.parametrize("prefix", PREFIXES)
    @pytest.mark.parametrize("rest", ["worker: it failed", "app.jobs: it failed"])
    def test_it_is_split_off(self, prefix: str, rest: str) -> None:
        assert split_log_prefix(f"{prefix}{rest}") == (prefix, rest)

    @pytest.mark.parametrize("rest", ["[Errno 111] no", "['alpha'] not found", "[youtube] no such video", "(1045) no"])
    @pytest.mark.parametrize("prefix", ["ERROR: ", "2026-01-31 10:00:00,123 ERROR: "])
    def test_what_stands_in_brackets_behind_a_colon_stays(self, prefix: str, rest: str) -> None:
        assert split_log_prefix(f"{prefix}{rest}") == (prefix, rest)

    @pytest.mark.parametrize("rest", ["[Errno 111] no", "[E404] no", "['alpha'] not found", "(1045) no"])
    def test_a_code_in_brackets_stays(self, rest: str) -> None:
        assert split_log_prefix(f"2026-01-31 10:00:00,123 ERROR {rest}")[1] == rest

    @pytest.mark.parametrize("prefix", ["2026-01-31T10:00:00.1234567Z ", "2026-01-31T10:00:00Z stderr F ", "10:00:01 "])
    @pytest.mark.parametrize("rest", ["\t/srv/main.go:3", "   |   ^^^ label", "      [end of output]"])
    def test_an_indented_line_stays_indented(self, prefix: str, rest: str) -> None:
        assert split_log_prefix(f"{prefix}{rest}") == (prefix, rest)

    @pytest.mark.parametrize(
        "line", ["fatal: no such branch", "ERROR 1045 (28000): Access denied", "Errors: 3", "12:00 x"]
    )
    def test_a_line_without_one_stays(self, line: str) -> None:
        assert split_log_prefix(line)[1] == line
