"""A context in its parts: what is about to be attempted, and the failure that it shows."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_patterns.failures import ParsedFailure, clean_text, parse_failure, read_context
from error_patterns.matching.phrases import ATTEMPT_CHARACTERS

PLAN = "Upgrade the broker to version 4 and restart every consumer."
TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/orders.py", line 12, in place
    broker.publish(order)
KafkaError: quorum lost"""
REPORTS = {
    "a traceback": TRACEBACK,
    "an exception": "KafkaError: quorum lost",
    "a program's error": "git: fatal: not a repository",
    "a compiler's error": "src/main.rs: error[E0425]: cannot find value `x`",
    "a panic": "panic: runtime error: index out of range",
    "a test's report": "E       AssertionError: assert 1 == 2",
    "a failed test": "FAILED tests/test_shop.py::test_order - KeyError: 'x'",
    "npm's": "npm ERR! code ERESOLVE",
    "a Java trace": "Caused by: java.io.IOException: gone\n\tat shop.Orders.place(Orders.java:12)",
}
each_report = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)


class TestPlan:
    def test_is_what_is_about_to_be_attempted(self) -> None:
        assert read_context(PLAN) == (PLAN, ())

    @pytest.mark.parametrize(
        "plan",
        [
            "pip install requests",
            "def place(order):\n    return broker.publish(order)",
            "diff --git a/x b/x\n+    retries = 3\n-    retries = 2",
        ],
    )
    def test_that_is_code_shows_no_failure(self, plan: str) -> None:
        assert read_context(plan) == (plan, ())

    @pytest.mark.parametrize(
        "plan",
        [
            "Catch the KeyError that the parser raises, and test it",
            "diff --git a/x b/x\n+    timeout = 3\n-    timeout = 2",
            "raise ValueError(name) from None",
        ],
    )
    def test_that_names_an_error_is_about_to_be_attempted_all_the_same(self, plan: str) -> None:
        assert read_context(plan).attempt == plan

    def test_that_is_long_counts_by_its_end(self) -> None:
        attempt, failures = read_context("One of many rules to keep.\n" * 200 + PLAN)
        assert attempt.endswith(PLAN)
        assert attempt.startswith("One of many rules")
        assert ATTEMPT_CHARACTERS - 30 < len(attempt) <= ATTEMPT_CHARACTERS
        assert failures == ()

    def test_of_one_long_line_is_cut_at_a_character(self) -> None:
        assert read_context("xyz" * 1_000).attempt == ("xyz" * 1_000)[-ATTEMPT_CHARACTERS:]

    @pytest.mark.parametrize("text", ["", " \n\t", "\x00", "\x1b[0m"])
    def test_that_is_empty_attempts_nothing(self, text: str) -> None:
        assert read_context(text).attempt.strip("\ufffd") == ""

    def test_is_read_without_escape_sequences(self) -> None:
        assert read_context("\x1b[1mmake\x1b[0m deploy") == ("make deploy", ())


class TestCommand:
    def test_without_output_is_about_to_run(self) -> None:
        assert read_context("$ make deploy") == ("make deploy", ())

    def test_is_the_last_of_a_transcript(self) -> None:
        assert read_context("$ ls\nMakefile\n$ make deploy") == ("make deploy", ())

    def test_behind_one_that_failed_is_about_to_run(self) -> None:
        assert read_context("$ make\nmake: *** [all] Error 2\n$ make deploy") == ("make deploy", ())

    def test_that_goes_on_in_the_next_line_is_whole(self) -> None:
        assert read_context("$ make \\\n    deploy") == ("make \\\n    deploy", ())


class TestTranscript:
    TEXT = "$ make deploy\nmake: *** No rule to make target 'deploy'.  Stop."

    def test_with_output_shows_what_failed(self) -> None:
        assert read_context(self.TEXT) == ("", [parse_failure(self.TEXT)])

    def test_with_output_that_names_no_error_attempts_nothing(self) -> None:
        assert read_context("$ ls\nMakefile").attempt == ""

    def test_is_the_same_failure_with_another_argument(self) -> None:
        failure = read_context(self.TEXT.replace("make deploy", "make -j 4 deploy")).failures[0]
        assert failure.fingerprint == parse_failure(self.TEXT).fingerprint


class TestReport:
    @each_report
    def test_at_the_end_is_the_failure_and_nothing_is_attempted(self, report: str) -> None:
        assert read_context(report) == ("", [parse_failure(report)])

    @each_report
    def test_behind_a_text_is_the_failure(self, report: str) -> None:
        attempt, failures = read_context(f"It broke like this:\n{report}")
        assert (attempt, parse_failure(report) in failures) == ("", True)

    def test_behind_a_text_has_the_same_fingerprint_where_it_has_a_stack(self) -> None:
        _, failures = read_context(f"It broke like this:\n\n{TRACEBACK}")
        assert failures[0].fingerprint == parse_failure(TRACEBACK).fingerprint

    def test_that_a_short_plan_follows_is_still_a_report(self) -> None:
        assert read_context(f"{TRACEBACK}\n\n{PLAN}").attempt == ""

    def test_that_a_long_plan_follows_is_the_failure_beside_what_is_attempted(self) -> None:
        plan = f"{PLAN}\n" * 30
        attempt, failures = read_context(f"{TRACEBACK}\n\n{plan}")
        assert plan.strip().endswith(attempt)
        assert len(attempt) > ATTEMPT_CHARACTERS // 2
        assert failures[0].fingerprint == parse_failure(TRACEBACK).fingerprint

    def test_of_lines_that_name_errors_alone_is_read_beside_the_plan(self) -> None:
        text = "The nightly job could not reach the broker, so that we try again."
        assert read_context(text) == (text, [parse_failure(text)])

    def test_is_looked_for_at_the_end(self) -> None:
        assert read_context(f"{TRACEBACK}\n{PLAN * 1_000}").failures == ()
        assert read_context(f"{PLAN * 1_000}\n{TRACEBACK}").failures[0] == parse_failure_at_the_end()


def parse_failure_at_the_end() -> ParsedFailure:
    return parse_failure(f"{PLAN * 1_000}\n{TRACEBACK}"[-20_000:])


PIECES = [
    PLAN,
    *REPORTS.values(),
    "$ make",
    "+ make",
    ">>> x",
    "Run x",
    "'",
    '"',
    "\\",
    "\n",
    " ",
    "\x00",
    "\ud800",
    "é",
]


@given(st.lists(st.sampled_from(PIECES) | st.text()).map("\n".join))
def test_any_text_is_read(text: str) -> None:
    attempt, failures = read_context(text)
    assert len(attempt) <= len(text)
    assert attempt or failures or not clean_text(text)


@pytest.mark.slow
@pytest.mark.parametrize("piece", [*PIECES, "$ echo '", "<<X", "x", "a.b/c: ", "    at ", "(((", "- " * 5])
def test_a_megabyte_is_read_in_the_time_of_its_end(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    began = time.process_time()
    read_context(text)
    assert time.process_time() - began < 2
