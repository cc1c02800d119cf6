"""The parts of a failure: its text, its fingerprint, its headline, its keywords."""

import json
import re
import traceback
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stoppable
from error_patterns import ErrorPattern, ErrorPatternRepository
from error_patterns.failures.parse import MAX_MESSAGE_KEYWORDS, failure_text, parse_failure
from error_patterns.models.fields import MAX_KEYWORDS, MAX_PATTERN_CHARACTERS
from error_patterns.text.sanitize import cut

TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/app/worker.py", line 41, in run
    self.load(job)
    ~~~~~~~~~^^^^^
  File "/srv/app/loader.py", line 7, in load
    import requests
ModuleNotFoundError: No module named 'requests'
"""
DETAILED = TRACEBACK.replace("No module named 'requests'", "cannot load\nDETAIL: job 7 of 9\n\nhint: install it")

# Texts that fit the shapes failures have, with what the rules look for.
LINES = [
    "Traceback (most recent call last):",
    '  File "a.py", line 1, in f',
    "    x = 1",
    "E: x",
    "E",
    "| ",
    "  | E: y",
    "  +-+---------------- 1 ----------------",
    "\tat a.B$1.<init>(B.java:1)",
    "\tat app//a.B.c2D(B.java:1)",
    "0x1f /a/b 12:30:00 a@b.cd",
    "\x00\ud800\x1b[31m",
]
ANY_TEXT = st.text() | st.lists(st.sampled_from(LINES)).map("\n".join)


def raised(act: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever it is, it is the one asked for
        act()
    return caught.value


def missing_key() -> None:
    regions: dict[str, str] = {}
    regions["region"]


def chained() -> None:
    try:
        missing_key()
    except KeyError:
        raise AssertionError  # noqa: B904 - the context is what is asked for


def caused() -> None:
    try:
        missing_key()
    except KeyError as error:
        raise ConnectionError("no region to connect to") from error


def grouped() -> None:
    raise ExceptionGroup("2 jobs failed", [ValueError("bad size"), raised_key_error()])


def raised_key_error() -> KeyError:
    error = raised(missing_key)
    assert isinstance(error, KeyError)
    return error


def noted() -> None:
    error = ValueError("bad size")
    error.add_note("hint: see the manual")
    raise error


def local_type() -> None:
    class OutOfStockError(Exception):
        pass

    raise OutOfStockError("none left")


EXCEPTIONS = (missing_key, chained, caused, grouped, noted, local_type)


def fingerprint(text: str) -> str:
    return parse_failure(text).fingerprint


class TestTextOf:
    def test_an_exception_is_as_python_prints_it(self) -> None:
        error = raised(caused)
        assert failure_text(error) == "".join(traceback.format_exception(error)).strip()

    def test_an_exception_that_was_never_raised_has_a_text(self) -> None:
        assert failure_text(KeyError("region")) == "KeyError: 'region'"

    def test_an_exception_that_cannot_be_printed_has_a_text(self) -> None:
        class BrokenError(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no text")

        assert "BrokenError" in failure_text(BrokenError())

    def test_text_is_stripped(self) -> None:
        assert failure_text("\n  it failed \n") == "it failed"

    def test_what_databases_cannot_hold_is_replaced(self) -> None:
        assert failure_text("a\x00b\ud800c") == "a\ufffdb\ufffdc"


class TestSameFailure:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("cannot open /tmp/a/x.txt", "cannot open /var/lib/y.csv"),
            ("cannot open C:\\Users\\ada\\x.txt", "cannot open D:\\y.csv"),
            ("cannot open ~/x.txt", "cannot open ../data/y.csv"),
            ("main.py:12:5: undefined name 'x'", "main.py:380:17: undefined name 'x'"),
            ("cannot reach 10.0.0.7:5432", "cannot reach 192.168.1.20:6543"),
            ("GET https://a.example/v1?page=2 failed", "GET https://b.example/v2 failed"),
            ("no mailbox ada@example.org", "no mailbox grace.hopper+x@mail.example.net"),
            ("<Job object at 0x7f5a8c0b5d30> died", "<Job object at 0x10e4c5f90> died"),
            ("no commit 9f86d08", "no commit a3bf4f1b2b0b822cd15d"),
            ("no job 123e4567-e89b-12d3-a456-426614174000", "no job 9B2F0A11-0C4D-4E5F-8A7B-1C2D3E4F5A6B"),
            ("no row 01ARZ3NDEKTSV4RRFFQ69G5FAV", "no row 01BX5ZZKBKACTAV9WEVGEMMVRZ"),
            ("at 2026-01-31T10:00:00Z it failed", "at 2025-12-01 23:59:59.123456+02:00 it failed"),
            ("10:00:00 it failed", "23:59:59,999 it failed"),
            ("gave up after 1.5 seconds", "gave up after 30 s"),
            ("needs 12 GB", "needs 512MiB"),
            ("expected 3 rows, got 1,024", "expected 17 rows, got -2.5"),
            ("Thread-3 died", "Thread-12 died"),
            ("\x1b[31merror\x1b[0m: it failed", "error: it failed"),
            ("it   failed\n\n\tbadly", "it failed\nbadly"),
            ("NameError: name 'lenn' is not defined", "NameError: name 'lenn' is not defined. Did you mean: 'len'?"),
            ("2026-01-31 10:00:00 ERROR job: it failed", "Nov  2 02:10:34 host1 job: it failed"),
            ("bash: line 3: jq: command not found", "/bin/sh: 1: jq: command not found"),
            ("web-7d9c5b8f6d-x2x4z was evicted", "web-6f4c5b8f6d-bbbbb was evicted"),
            ("denied, RequestId: 9V8TQ4P1K2QXZ7AB", "denied, RequestId: 7X8TQ4P1K2QXZ7AC"),
            ("not found: '/tmp/tmpabcdefgh'", "not found: '/var/tmp/tmpk3x9_a2q'"),
            ("segfault at 7f12 ip 00007f3a2b sp 00106210", "segfault at 99 ip 00401234 sp 00007ffe5"),
            ("web-bcdfghjklm-x2x4z failed", "web-7d9c5b8f6d-zzzzz failed"),
            ("fatal: [web1.a.b]: FAILED!", "fatal: [web2]: FAILED!"),
            ("dial tcp db1.internal:5432: refused", "dial tcp db2.internal:5432: refused"),
            ("BUILD FAILED in 3s", "BUILD FAILED in 1m 3s"),
            ("failure; rhost=218.22.3.51", "failure; rhost=n219076184117.example.com"),
            ("/a/x.c:3:1: error: no size", "x.c:70:12: error: no size\nmake: *** [Makefile:7: x.o] Error 1"),
        ],
    )
    def test_what_changes_between_occurrences_does_not_count(self, first: str, second: str) -> None:
        assert fingerprint(failure_text(first)) == fingerprint(failure_text(second))

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("/srv/app/", "C:\\work\\"),
            ("line 41", "line 1234"),
            ("    self.load(job)\n    ~~~~~~~~~^^^^^\n", ""),
            ("import requests", "from requests import get"),
            ("ModuleNotFoundError", "builtins.ModuleNotFoundError"),
            ("Traceback (most", "2026-01-31 10:00:00 worker 7 failed\nTraceback (most"),
        ],
        ids=["path", "line number", "source lines", "other source", "qualified type", "log line before"],
    )
    def test_of_a_traceback_only_functions_and_exceptions_count(self, old: str, new: str) -> None:
        assert old in TRACEBACK
        assert fingerprint(TRACEBACK.replace(old, new)) == fingerprint(TRACEBACK)

    @pytest.mark.parametrize("act", EXCEPTIONS)
    def test_an_exception_and_its_formatted_traceback_are_one(self, act: Callable[[], None]) -> None:
        error = raised(act)
        assert fingerprint(failure_text(error)) == fingerprint(failure_text("".join(traceback.format_exception(error))))

    def test_the_source_lines_of_an_exception_group_do_not_count(self) -> None:
        text = failure_text(raised(grouped))
        without = "\n".join(line for line in text.splitlines() if not re.match(r"[ |]+    \S", line))
        assert without != text
        assert fingerprint(without) == fingerprint(text)

    @given(ANY_TEXT)
    @settings(deadline=None)
    def test_white_space_around_a_failure_does_not_count(self, text: str) -> None:
        assert fingerprint(failure_text(f"\n{text}\n")) == fingerprint(failure_text(text))


class TestOtherFailure:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("'requests'", "'httpx'"),
            ("ModuleNotFoundError", "ImportError"),
            ("in load", "in load_all"),
            ("No module named", "Cannot load"),
            ("ModuleNotFoundError", "app.ModuleNotFoundError"),
        ],
        ids=["module", "type", "function", "message", "module of the type"],
    )
    def test_what_tells_tracebacks_apart_counts(self, old: str, new: str) -> None:
        assert fingerprint(TRACEBACK.replace(old, new)) != fingerprint(TRACEBACK)

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("KeyError: 'region'", "KeyError: 'user'"),
            ("ModuleNotFoundError: No module named 'yaml'", "ModuleNotFoundError: No module named 'toml'"),
            ("ValueError: bad size", "TypeError: bad size"),
            ("bash: jq: command not found", "bash: rg: command not found"),
            ("fatal: no such branch\nhint: main", "fatal: no such branch\nhint: develop"),
            ("HTTP 404 from the store", "HTTP 503 from the store"),
            ("PermissionError: [Errno 13] refused", "PermissionError: [Errno 1] refused"),
            ("No such file or directory: '/a/x.yaml'", "No such file or directory: '/a/y.yaml'"),
            ("x.c:3:1: error: no size", "x.c:3:1: error: no length"),
            ("KeyError: '/users'", "KeyError: '/orders'"),
            ("Command './deploy.sh --env prod' returned 1", "Command './test.sh' returned 1"),
            ('process "/bin/sh -c pip install a" failed', 'process "/bin/sh -c pip install b" failed'),
            ("error: command '/usr/bin/gcc' failed", "error: command '/usr/bin/rustc' failed"),
            ("[Errno 13] Permission denied: '/etc/shadow'", "[Errno 13] Permission denied: '/run/docker.sock'"),
            ("bash: cd: /srv/data: No such file or directory", "bash: cd: /srv/models: No such file or directory"),
            ("a.ClientResponseError: 404, message='x'", "a.ClientResponseError: 503, message='x'"),
            ("The requested URL returned error: 403", "The requested URL returned error: 500"),
            ('OperationalError: (1045, "no")', 'OperationalError: (2003, "no")'),
            ("it failed: 0x80070005", "it failed: 0x80004005"),
            ("assert 404 == 200", "assert 500 == 200"),
            ("unknown encoding: iso-8859-1", "unknown encoding: iso-8859-15"),
            ("No template for user signup", "No template for user login"),
            ("make: *** [Makefile:3: /b/main.o] Error 2", "make: *** [Makefile:3: /b/store.o] Error 2"),
            ('Forbidden: cannot get path "/api/v1/pods"', 'Forbidden: cannot get path "/api/v1/nodes"'),
        ],
    )
    def test_what_tells_texts_apart_counts(self, first: str, second: str) -> None:
        assert fingerprint(first) != fingerprint(second)

    def test_of_a_test_run_the_failed_tests_count_and_no_trace_that_they_print(self) -> None:
        run = "____ test_a ____\nE   KeyError: 'a'\n---- Captured stderr call ----\n" + TRACEBACK
        assert fingerprint(run) != fingerprint(run.replace("'a'", "'b'"))

    def test_a_failure_that_is_tried_again_counts_once(self) -> None:
        again = f"{TRACEBACK}\nDuring handling of the above exception, another exception occurred:\n\n{TRACEBACK}"
        assert fingerprint(again) == fingerprint(TRACEBACK)

    def test_the_members_of_an_exception_group_count(self) -> None:
        text = failure_text(raised(grouped))
        assert fingerprint(text.replace("ValueError: bad size", "TypeError: bad size")) != fingerprint(text)

    def test_the_cause_counts(self) -> None:
        text = failure_text(raised(caused))
        assert fingerprint(text.replace("KeyError", "IndexError")) != fingerprint(text)


REFUSED = "Counting objects: 3\nerror: failed to push some refs to 'origin'\nhint: pull first"


class TestTranscripts:
    @pytest.mark.parametrize("command", ["git push origin main", "sudo git push", "cd shop && /usr/bin/git push"])
    def test_the_arguments_of_a_command_do_not_count(self, command: str) -> None:
        assert fingerprint(f"$ {command}\n{REFUSED}") == fingerprint(f"$ git push\n{REFUSED}")

    @pytest.mark.parametrize("form", ["ada@host:~/shop$ {}\n", "+ {}\n", "Run {}\n  {}\n  shell: bash\n"])
    def test_the_form_of_a_transcript_does_not_count(self, form: str) -> None:
        text = form.format("git push", "git push") + REFUSED
        assert fingerprint(text) == fingerprint(f"$ git push\n{REFUSED}")

    def test_the_program_counts(self) -> None:
        assert len({fingerprint(f"{head}{REFUSED}") for head in ("$ git push\n", "$ hg push\n", "")}) == 3

    def test_other_output_is_another_failure(self) -> None:
        assert fingerprint(f"$ git push\n{REFUSED}") != fingerprint("$ git push\nfatal: no such remote 'origin'")

    def test_the_output_of_earlier_commands_does_not_count(self) -> None:
        assert fingerprint(f"$ git status\nclean\n$ git push\n{REFUSED}") == fingerprint(f"$ git push\n{REFUSED}")

    def test_without_output_the_command_is_the_failure(self) -> None:
        parsed = parse_failure("$ git push origin main")
        assert (parsed.headline, parsed.attempt) == ("git push origin main", "git push origin main")
        assert {"git", "push", "origin", "main"} == set(parsed.keywords)
        assert parsed.fingerprint != fingerprint("$ git push")

    def test_the_headline_of_a_command_without_output_is_its_first_line(self) -> None:
        assert parse_failure("$ cat <<E\nerror: none\nE").headline == "cat <<E"

    def test_the_headline_is_the_line_of_the_output_that_names_an_error(self) -> None:
        headline = parse_failure(f"$ git push\n{REFUSED}").headline
        assert headline == "error: failed to push some refs to 'origin'"

    def test_a_stack_trace_in_the_output_is_read_as_one(self) -> None:
        parsed = parse_failure(f"$ python app.py\n{TRACEBACK}")
        assert (parsed.headline, parsed.attempt) == (TRACEBACK.splitlines()[-1], "python app.py")

    def test_the_program_is_a_keyword_and_the_arguments_are_none(self) -> None:
        long = REFUSED + "\nerror: " + " ".join(f"word{'x' * n}" for n in range(40))
        keywords = parse_failure(f"$ sudo git push upstream\n{long}").keywords
        assert keywords[-1] == "git"
        assert not {"sudo", "upstream"} & set(keywords)

    def test_a_text_without_a_command_has_no_attempt(self) -> None:
        assert parse_failure(REFUSED).attempt == ""


class TestHeadline:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            (TRACEBACK, "ModuleNotFoundError: No module named 'requests'"),
            (DETAILED, "ModuleNotFoundError: cannot load"),
            (f"{TRACEBACK}\nworker: exiting with 1\n", "ModuleNotFoundError: No module named 'requests'"),
            (TRACEBACK.rpartition("Module")[0], "import requests"),
            ("\n\n  error: it failed  \nhint: do not", "error: it failed"),
            ("", ""),
        ],
        ids=["traceback", "details after it", "log after it", "cut traceback", "text", "empty"],
    )
    def test_it_is_the_line_that_names_the_failure(self, text: str, line: str) -> None:
        assert parse_failure(text).headline == line

    @pytest.mark.parametrize(
        ("act", "line"),
        [
            (missing_key, "KeyError: 'region'"),
            (chained, "AssertionError"),
            (caused, "ConnectionError: no region to connect to"),
            (noted, "ValueError: bad size"),
        ],
    )
    def test_of_an_exception_it_is_the_last_one_raised(self, act: Callable[[], None], line: str) -> None:
        assert parse_failure(failure_text(raised(act))).headline == line

    def test_of_an_exception_group_it_names_an_exception(self) -> None:
        named = ("ExceptionGroup: 2 jobs failed (2 sub-exceptions)", "ValueError: bad size", "KeyError: 'region'")
        assert parse_failure(failure_text(raised(grouped))).headline in named

    def test_a_type_made_inside_a_function_is_named(self) -> None:
        assert parse_failure(failure_text(raised(local_type))).headline.endswith(
            "local_type.<locals>.OutOfStockError: none left"
        )


class TestKeywords:
    def test_they_give_the_failure_away(self) -> None:
        assert {"ModuleNotFoundError", "requests", "module", "load"} <= set(parse_failure(TRACEBACK).keywords)

    def test_the_exception_comes_first(self) -> None:
        assert parse_failure(TRACEBACK).keywords[0] == "ModuleNotFoundError"

    def test_what_changes_and_common_words_are_left_out(self) -> None:
        assert parse_failure("at 2026-01-31 the job 7 in /tmp/x was killed, see https://a.example").keywords == [
            "job",
            "killed",
            "see",
        ]

    def test_of_java_are_the_classes_and_methods_of_its_own_frames(self) -> None:
        trace = """\
java.lang.IllegalStateException: queue closed
\tat java.base/java.util.Objects.requireNonNull(Objects.java:259) ~[na:na]
\tat app//org.example.Broker$1.lambda$send$0(Broker.java:12)
\tat org.example.Broker.<init>(Broker.java:7) ~[broker-1.2.jar:1.2]
\tat org.example.BrokerTests.testUtf8SendToIt(BrokerTests.java:80)
\tat org.junit.Assert.fail(Assert.java:55)
Caused by: java.io.EOFException: no data
\tat org.example.Disk.read(Disk.java:3)
\t... 12 more
"""
        assert parse_failure(trace).keywords == [
            *"IllegalStateException queue closed EOFException data".split(),
            *"BrokerTests testUtf8SendToIt BrokerTests.testUtf8SendToIt Broker Tests test Send".split(),
            *"Broker.send Disk read Disk.read".split(),
        ]

    def test_there_are_not_too_many(self) -> None:
        assert len(parse_failure(" ".join(f"word{'x' * n}" for n in range(70))).keywords) == MAX_MESSAGE_KEYWORDS


class TestRecording:
    def test_a_very_long_line_is_cut(self, repository: ErrorPatternRepository) -> None:
        assert len(repository.record_failure("x" * 1_000_000).pattern) == MAX_PATTERN_CHARACTERS

    def test_very_many_functions_give_as_many_keywords_as_fit(self, repository: ErrorPatternRepository) -> None:
        frames = (f"\tat org.example.C{number}.m{number}(C.java:1)" for number in range(100))
        recorded = repository.record_failure("\n".join(["java.io.EOFException: no data", *frames]))
        assert len(recorded.keywords) == MAX_KEYWORDS


# Each list is a text on which expressions could backtrack: a line for each unit, many times over.
WORST_UNITS = [
    *(["a"], ["1"], ["/"], [":"], ["'\""], ["<"], ["0x"], ['File "'], [" "], ["\n"]),
    ["a.", "a-", "1.", "2020-", "a@", "1,"],
    ["token", "passwordpassword", "a_password.", "password ", "password='"],
    ["eyJ-", "eyJaaaaaaaaa.", "bearer ", "sk-", "-----BEGIN "],
    ["FAILED a.py::", "a.py::", "::", ">>>>>>>>>>.", "[a] ", "ValueError: >>>>.>>>>."],
    ["a.go:1:1: ", "thread 'a' panicked at 'x", "', ", "m[.](", "panic: a [recovered] ", "[errors]: [", "|^"],
    ["| ", " |", "|", "+-", "\\n| | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | 1"],
]


class TestAnyText:
    @given(ANY_TEXT)
    @settings(deadline=None)
    def test_it_makes_a_valid_pattern(self, text: str) -> None:
        parsed = parse_failure(failure_text(text))
        headline = cut(parsed.headline or "(empty)", MAX_PATTERN_CHARACTERS)
        keywords = parsed.keywords[:MAX_KEYWORDS]
        ErrorPattern(pattern=headline, keywords=keywords, fingerprint=parsed.fingerprint)  # else it raises

    @given(ANY_TEXT)
    @settings(deadline=None)
    def test_only_an_empty_text_has_no_headline(self, text: str) -> None:
        assert bool(parse_failure(failure_text(text)).headline) == bool(failure_text(text))

    def test_the_worst_texts_take_linear_time(self) -> None:
        stoppable.run(
            """
            from error_patterns.failures import failure_text, parse_failure
            for units in map(json.loads, arguments):
                lines = "\\n".join(unit * (100_000 // len(units) // len(unit)) for unit in units)
                for text in (lines, 'File "a", line 1, in f\\n' + lines):
                    with at_most(seconds=1, text=units):
                        parsed = parse_failure(failure_text(text))
                assert parsed.headline and parsed.fingerprint
            """,
            [json.dumps(units) for units in WORST_UNITS],
        )
