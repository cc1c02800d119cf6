"""Stack traces of several languages: which exceptions, and through which functions."""

import traceback
from collections.abc import Callable

import pytest

from error_patterns.failures.stacks import parse_stacks
from error_patterns.failures.stacks.base import Stack

PYTHON = """\
Traceback (most recent call last):
  File "/srv/app/worker.py", line 41, in run
    self.load(job)
    ~~~~~~~~~^^^^^
  File "/usr/lib/python3.12/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)
"""
SYNTAX = """\
  File "/srv/app/worker.py", line 3
    print "hello"
    ^^^^^^^^^^^^^
SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?
"""
JAVA = """\
Exception in thread "main" java.lang.IllegalStateException: queue closed
\tat java.base/java.util.Objects.requireNonNull(Objects.java:259) ~[na:na]
\tat app//org.example.Broker$1.lambda$send$0(Broker.java:12)
\tat org.example.Broker.<init>(Broker.java:7) ~[broker-1.2.jar:1.2]
\tat org.example.Client$$EnhancerBySpringCGLIB$$1a2b.call(<generated>)
\tat org.junit.Assert.fail(Assert.java:55)
Caused by: java.io.EOFException: no data
\tat org.example.Disk.read(Disk.java:3)
\t... 12 more
"""
NODE = """\
/srv/app/index.js:12
    throw new TypeError("bad size");
    ^

TypeError [ERR_BAD]: bad size
    at Store.load (/srv/app/store.js:12:11)
    at async Promise.all (index 0)
    at async main (file:///srv/app/index.js:3:5)
    at /srv/app/index.js:9:1
    at node:internal/main/run_main_module:28:49

Node.js v20.1.0
"""
DOTNET = """\
Unhandled exception. System.InvalidOperationException: queue closed
   at Shop.Broker.<>c__DisplayClass0_0.<Send>b__0() in C:\\src\\Broker.cs:line 12
   at System.Linq.Enumerable.First[TSource](IEnumerable`1 source)
   at Shop.Program.Main(String[] args) in C:\\src\\Program.cs:line 7
"""
GO = """\
panic: runtime error: index out of range [5] with length 3 [recovered]

goroutine 1 [running]:
testing.tRunner.func1.2({0x4d8a80, 0xc0000160c0})
\t/usr/local/go/src/testing/testing.go:1526 +0x24e
main.(*Store).Load(0xc000012345, {0x1, 0x2})
\t/srv/app/main.go:8 +0x1d
main.main()
\t/srv/app/main.go:12 +0x1d

goroutine 7 [select]:
example.com/other.run()
\t/srv/app/other.go:3 +0x1
exit status 2
"""
RUST = """\
thread 'main' panicked at src/main.rs:2:5:
index out of bounds: the len is 3 but the index is 5
stack backtrace:
   0: rust_begin_unwind
             at /rustc/9fc6b431/library/std/src/panicking.rs:645:5
   1: core::panicking::panic_fmt
             at /rustc/9fc6b431/library/core/src/panicking.rs:72:14
   2: store::load::h0123456789abcdef
             at ./src/main.rs:2:5
   3: store::main
             at ./src/main.rs:6:3
"""
GO_FUNCTIONS = ("main.(*Store).Load", "main.main")
TRACES = {
    "Python": (PYTHON, "json.decoder.JSONDecodeError", "Expecting value: line 1 column 1 (char 0)", ("run",)),
    "Java": (
        JAVA,
        "java.lang.IllegalStateException",
        "queue closed",
        ("org.example.Broker.send", "org.example.Broker.<init>", "org.example.Client.call"),
    ),
    "Node": (NODE, "TypeError", "bad size", ("Store.load", "main", "<anonymous>")),
    ".NET": (DOTNET, "System.InvalidOperationException", "queue closed", ("Shop.Broker.<Send>", "Shop.Program.Main")),
    "Go": (GO, "panic", "runtime error: index out of range [5] with length 3", GO_FUNCTIONS),
    "Rust": (RUST, "panic", "index out of bounds: the len is 3 but the index is 5", ("store::load", "store::main")),
}


def parse(text: str) -> list[Stack]:
    return parse_stacks(text.splitlines())


def the_last(text: str) -> Stack:
    return parse(text)[-1]


def formatted(act: Callable[[], object]) -> str:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever it is, it is the one asked for
        act()
    return "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
class TestEachLanguage:
    def test_the_exception_is_read(self, trace: tuple[str, str, str, tuple[str, ...]]) -> None:
        text, kind, message, _ = trace
        assert (the_last(text).kind, the_last(text).message) == (kind, message)

    def test_the_functions_are_read_without_those_of_the_platform(
        self, trace: tuple[str, str, str, tuple[str, ...]]
    ) -> None:
        text, _, _, functions = trace
        assert the_last(text).functions == functions

    def test_lines_of_a_log_around_it_do_not_count(self, trace: tuple[str, str, str, tuple[str, ...]]) -> None:
        text, *_ = trace
        assert parse(f"starting\n\n{text}\nworker: exiting with 1\n") == parse(text)


class TestPython:
    @pytest.mark.parametrize(
        "prefix",
        [
            "2013-10-18 17:39:43.967 2625 TRACE keystone.auth ",
            "2026-11-22T02:10:34.1234567Z ",
            "Nov 22 02:10:34 host app[123]: ",
            "web-1  | ",
            "      ",
            "│ ",
        ],
    )
    def test_it_is_read_behind_the_prefix_of_a_log(self, prefix: str) -> None:
        logged = "".join(f"{prefix}{line}" for line in PYTHON.splitlines(keepends=True))
        assert parse(logged) == parse(PYTHON)

    def test_it_is_read_where_the_times_of_its_lines_differ(self) -> None:
        logged = "".join(f"10:00:{n:02} {line}" for n, line in enumerate(PYTHON.splitlines(keepends=True)))
        assert parse(logged) == parse(PYTHON)

    def test_exceptions_of_a_chain_come_in_the_order_of_the_text(self) -> None:
        def chained() -> None:
            try:
                {"size": 1}["region"]
            except KeyError as error:
                raise ConnectionError("no region") from error

        assert [stack.kind for stack in parse(formatted(chained))] == ["KeyError", "ConnectionError"]

    def test_members_of_a_group_are_read(self) -> None:
        def grouped() -> None:
            inner = ExceptionGroup("inner", [KeyError("x"), OSError("y")])
            raise ExceptionGroup("outer", [ValueError("bad size"), inner])

        kinds = [stack.kind for stack in parse(formatted(grouped))]
        assert kinds == ["ExceptionGroup", "ValueError", "ExceptionGroup", "KeyError", "OSError"]

    def test_functions_of_the_library_count_where_there_are_no_others(self) -> None:
        (stack,) = parse(PYTHON.replace("/srv/app/", "/usr/lib/python3.12/"))
        assert stack.functions == ("run", "loads")

    @pytest.mark.parametrize(
        "folder",
        [
            "/usr/lib/python3.12/site-packages/",
            "/srv/app/.venv/lib/python3.11/site-packages/app/",
            "/usr/lib/python3/dist-packages/",
            "C:\\Python312\\Lib\\site-packages\\app\\",
        ],
    )
    def test_installed_packages_are_not_the_platform(self, folder: str) -> None:
        assert the_last(PYTHON.replace("/usr/lib/python3.12/json/", folder)).functions == ("run", "loads")

    @pytest.mark.parametrize(
        "file",
        [
            "C:\\Python312\\Lib\\json\\__init__.py",
            "/opt/homebrew/Cellar/python@3.12/3.12.1/Frameworks/Python.framework/Versions/3.12/lib/python3.12/x.py",
            "<frozen importlib._bootstrap>",
            "/usr/lib/pypy3.10/json/__init__.py",
        ],
    )
    def test_the_library_is_known_wherever_it_is(self, file: str) -> None:
        text = PYTHON.replace("/usr/lib/python3.12/json/__init__.py", file)
        assert the_last(text).functions == ("run",)

    def test_a_recursion_counts_once(self) -> None:
        def even(n: int) -> int:
            return odd(n - 1)

        def odd(n: int) -> int:
            return even(n - 1)

        functions = the_last(formatted(lambda: even(10))).functions
        assert functions[-2:] in {("even", "odd"), ("odd", "even")}

    def test_comprehensions_have_no_frames(self) -> None:
        text = PYTHON.replace("in loads", "in <listcomp>").replace("/usr/lib/python3.12", "/srv")
        assert the_last(text).functions == ("run",)

    def test_an_exception_without_a_message_is_one(self) -> None:
        text = PYTHON.rpartition("json.decoder")[0] + "AssertionError:\n"
        assert the_last(text).kind == "AssertionError"

    def test_of_a_syntax_error_the_source_line_counts(self) -> None:
        assert the_last(SYNTAX).details == ('print "hello"',)

    def test_of_a_validation_error_the_fields_and_rules_count(self) -> None:
        raised = """\
pydantic_core._pydantic_core.ValidationError: 2 validation errors for Settings
api_key
  Field required [type=missing, input_value={'a': 1}, input_type=dict]
    For further information visit https://errors.pydantic.dev/2.13/v/missing
retries.0
  Input should be a valid integer [type=int_type, input_value='x', input_type=str]
"""
        text = PYTHON.rpartition("json.decoder")[0] + raised
        assert the_last(text).details == ("api_key", "missing", "retries.0", "int_type")
        assert the_last(f"{text}worker: stopping\nbye\n").details == the_last(text).details

    @pytest.mark.parametrize(
        ("message", "lines"),
        [
            (
                'RuntimeError: Error(s) in loading state_dict for Net:\n\tMissing key(s): "fc.weight".\n',
                ('\tMissing key(s): "fc.weight".',),
            ),
            (
                "IntegrityError: no\n[SQL: INSERT]\n[parameters: ('ada',)]\n(Background on this error at: https://sqlalche.me)",
                ("[SQL: INSERT]",),
            ),
            (
                "_InactiveRpcError: <_InactiveRpcError of RPC:\n\tstatus = StatusCode.UNAVAILABLE\n>\n",
                ("\tstatus = StatusCode.UNAVAILABLE", ">"),
            ),
            (
                "ParserError: while parsing\n  in a, line 1\nexpected <block end>\n  in a, line 3\n",
                ("  in a, line 1", "expected <block end>", "  in a, line 3"),
            ),
            ("CheckError: some issues:\n\nERRORS:\nE304 no\n\nbye\n", ("ERRORS:", "E304 no")),
            ("RuntimeError: \nno region\n", ("no region",)),
            (
                "Py4JJavaError: An error occurred\n: java.io.IOException: no\n\tat a.B.c(B.java:1)\n",
                (": java.io.IOException: no",),
            ),
        ],
        ids=["indented", "SQLAlchemy", "gRPC", "YAML", "announced", "on the next line", "Py4J"],
    )
    def test_a_message_of_several_lines_counts(self, message: str, lines: tuple[str, ...]) -> None:
        assert the_last(PYTHON.rpartition("json.decoder")[0] + message).details == lines

    @pytest.mark.parametrize(
        "after",
        [
            "worker: stopping",
            "bye",
            "Uploading: done",
            "+ exit 1",
            "[supervisord] stopped",
            '{"level": "info"}',
            "--- Logging error ---",
            "\n  usage: worker",
            "2026-01-31 10:00:00 ERROR worker: stopped",
            "ERROR: it ended",
            "make: *** [Makefile:3: run] Error 1",
            "error_patterns: recorded as 01ARZ3NDEKTSV4RRFFQ69G5FAV, seen 2 times",
        ],
    )
    def test_what_is_printed_after_it_does_not_count(self, after: str) -> None:
        assert parse(f"{PYTHON}{after}\n") == parse(PYTHON)

    def test_the_next_traceback_is_no_part_of_a_message(self) -> None:
        announced = PYTHON.rpartition("json.decoder")[0] + "ValueError: bad:\n"
        assert parse(f"{announced}{PYTHON}")[0] == the_last(announced)
        handling = "\nDuring handling of the above exception, another exception occurred:\n\n"
        assert parse(f"{announced}{handling}{PYTHON}")[0] == the_last(announced)

    def test_a_traceback_that_is_cut_off_by_another_does_not_count(self) -> None:
        cut_off = PYTHON.rpartition("json.decoder")[0].replace("in run", "in other")
        assert parse(f"{cut_off}{PYTHON}") == parse(PYTHON)

    def test_a_traceback_that_is_cut_off_is_none(self) -> None:
        cut_off = PYTHON.rpartition("json.decoder")[0]
        assert parse(cut_off) == []
        assert parse(f"{PYTHON}\n{cut_off}") == parse(PYTHON)


class TestJava:
    def test_the_cause_comes_before_what_the_program_ended_with(self) -> None:
        assert [stack.kind for stack in parse(JAVA)] == [
            "java.io.EOFException",
            "java.lang.IllegalStateException",
        ]

    def test_a_message_of_several_lines_counts(self) -> None:
        text = JAVA.replace("queue closed", "queue closed\n\n  by peer")
        assert the_last(text).details == ("  by peer",)

    def test_it_is_read_behind_a_program_and_its_process(self) -> None:
        logged = "".join(f"Nov 22 02:10:34 host app[123]: {line}" for line in JAVA.splitlines(keepends=True))
        assert parse(logged) == parse(JAVA)

    def test_what_a_log_puts_in_front_does_not_count(self) -> None:
        logged = JAVA.replace('Exception in thread "main" ', "2026-01-31 10:00:00,123 ERROR [main] ")
        assert the_last(logged).functions == the_last(JAVA).functions

    @pytest.mark.parametrize(
        ("frame", "function"),
        [
            ("a.B$$Lambda$14/0x0000800.apply(Unknown Source)", "a.B.apply"),
            ("com.sun.proxy.$Proxy12.close(Unknown Source)", "com.sun.proxy.$Proxy.close"),
            ("a.B$.$anonfun$send$1(B.scala:3)", "a.B$.send"),
            ("a.B$C$2.run(B.java:3)", "a.B$C.run"),
            ("a.BTest.loads it twice(BTest.kt:3)", "a.BTest.loads it twice"),
        ],
    )
    def test_what_compilers_number_does_not_count(self, frame: str, function: str) -> None:
        assert the_last(f"java.lang.Error: x\n\tat {frame}\n").functions == (function,)


class TestJavaScript:
    def test_the_cause_is_read(self) -> None:
        text = "Error: job failed\n    at run (/a/x.js:1:1) {\n  [cause]: TypeError: bad\n      at f (/a/y.js:1:1)\n}"
        assert [stack.kind for stack in parse(text)] == ["TypeError", "Error"]

    def test_errors_of_an_aggregate_count_without_their_frames_too(self) -> None:
        text = "AggregateError: all failed\n    at main (/srv/x.js:3:5) {\n  [errors]: [ [Error: a], [Error: b] ]\n}"
        assert the_last(text).details == ("  [errors]: [ [Error: a], [Error: b] ]",)


LOG_TIMES = ["2026-01-31T10:00:00.1234567Z ", "2026-01-31T10:00:00Z stderr F ", "2026-01-31 10:00:00 "]


class TestGo:
    @pytest.mark.parametrize("time", LOG_TIMES)
    def test_it_is_read_behind_the_time_of_a_log(self, time: str) -> None:
        logged = "".join(f"{time}{line}" for line in GO.splitlines(keepends=True))
        assert parse(logged) == parse(GO)

    def test_only_the_goroutine_that_panicked_counts(self) -> None:
        assert the_last(GO).functions == GO_FUNCTIONS

    def test_a_panic_while_it_panicked_counts(self) -> None:
        text = GO.replace("[recovered]\n", "[recovered]\n\tpanic: no store\n[signal SIGSEGV: code=0x1]\n")
        assert the_last(text).details == ("\tpanic: no store", "[signal SIGSEGV: code=0x1]")

    def test_a_generic_function_is_read(self) -> None:
        text = GO.replace("main.(*Store).Load(", "main.Map[...](")
        assert the_last(text).functions == ("main.Map[...]", "main.main")


class TestRust:
    @pytest.mark.parametrize(
        "text",
        [
            "thread 'main' panicked at src/main.rs:2:5:\nno size\n  left: 1\n right: 2\nnote: run with\n",
            "thread 'main' panicked at src/main.rs:2:5:\nno size\n  left: 1\n right: 2\nstack backtrace:\n",
            "thread 'main' panicked at 'no size\n  left: 1\n right: 2', src/main.rs:2:5\nnote: run with\n",
        ],
        ids=["with a note", "with a trace", "before 1.73"],
    )
    def test_a_message_of_several_lines_counts(self, text: str) -> None:
        assert (the_last(text).message, *the_last(text).details[:2]) == ("no size", "  left: 1", " right: 2")

    def test_the_older_form_of_a_panic_is_read(self) -> None:
        text = "thread 'main' panicked at 'no data', src/main.rs:2:5\nnote: run with `RUST_BACKTRACE=1`\n"
        assert the_last(text).message == "no data"

    def test_where_it_was_counts_where_there_are_no_functions(self) -> None:
        text = "thread 'tests::loads' panicked at /b/src/store.rs:2:5:\nno data\nnote: run with `RUST_BACKTRACE=1`\n"
        assert the_last(text).details == ("thread tests::loads", "store.rs")

    def test_each_thread_that_panicked_counts_in_any_order(self) -> None:
        a, b = (f"thread '{name}' panicked at src/{name}.rs:2:5:\nno {name}\n\n" for name in "ab")
        assert [stack.message for stack in parse(a + b)] == ["no a", "no b"]
        assert parse(b + a) == parse(a + b)

    def test_padded_frames_with_addresses_are_read(self) -> None:
        trace = "stack backtrace:\n   0:     0x55d5d1d8 - app::load::h0123456789abcdef\n"
        text = f"thread 'a' panicked at a.rs:2:5:\nno\n{trace}"
        assert the_last(text).functions == ("app::load",)

    def test_the_next_entry_of_a_log_is_no_part_of_its_message(self) -> None:
        text = "thread 'a' panicked at a.rs:2:5:\nno data\n"
        assert parse(f"{text}2026-01-31T10:00:00Z  INFO app: request 7 finished\n") == parse(text)


class TestOthers:
    def test_text_has_no_stack(self) -> None:
        assert parse("error: it failed\n  at the end\npanic: not this time\n") == []
