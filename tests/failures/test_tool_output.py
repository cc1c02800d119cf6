"""The errors in the output of tools."""

import pytest

from error_patterns.failures.tool_output import error_lines

PYTEST = """\
============================= test session starts ==============================
collected 12 items

tests/test_size.py ..F.                                                   [100%]

=================================== FAILURES ===================================
_________________________ TestSize.test_it_has_a_size __________________________

    def test_it_has_a_size():
>       assert size("a") == 3
E       AssertionError: assert 2 == 3
E        +  where 2 = size('a')

tests/test_size.py:4: AssertionError
----------------------------- Captured stdout call -----------------------------
loading
=========================== short test summary info ============================
FAILED tests/test_size.py::TestSize::test_it_has_a_size - AssertionError: assert 2 == 3
========================= 1 failed, 11 passed in 1.02s =========================
"""
PIP = """\
Collecting reqeusts
  Using cached reqeusts-1.0.tar.gz (12 kB)
ERROR: Could not find a version that satisfies the requirement reqeusts==2.31 (from versions: 0.1, 0.2)
ERROR: No matching distribution found for reqeusts==2.31

[notice] A new release of pip is available: 24.0 -> 25.3
"""
WHEEL = """\
  error: subprocess-exited-with-error

  \u00d7 Building wheel for shop (pyproject.toml) did not run successfully.
  │ exit code: 1
  ╰─> [12 lines of output]
      running build_ext
      error: command 'gcc' failed: No such file or directory
      [end of output]

  note: This error originates from a subprocess, and is likely not a problem with pip.
  ERROR: Failed building wheel for shop
"""
GCC = """\
/home/ada/shop/src/main.c: In function 'main':
/home/ada/shop/src/main.c:12:5: error: 'sise' undeclared (first use in this function)
   12 |     sise = 3;
      |     ^~~~
/home/ada/shop/src/main.c:12:5: note: each undeclared identifier is reported only once
make: *** [Makefile:7: main.o] Error 1
"""
RUSTC = """\
error[E0425]: cannot find value `sise` in this scope
  --> src/main.rs:2:5
   |
2  |     sise
   |     ^^^^ not found in this scope

error: could not compile `shop` (bin "shop") due to 1 previous error
"""
JAVAC = """\
/builds/7/src/Shop.java:12: error: cannot find symbol
        Broker b = null;
        ^
  symbol:   class Broker
  location: class Shop
1 error
"""
LINKER = "/usr/bin/ld: main.o: in function `main':\nmain.c:(.text+0x5): undefined reference to `size'\n"
LOG = """\
2026-01-31 10:00:00,123 INFO worker: starting 12 jobs
2026-01-31 10:00:01,123 ERROR worker: job 7 failed
  no size
2026-01-31 10:00:02,123 INFO worker: stopping
"""


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (PYTEST, ["in TestSize.test_it_has_a_size", "AssertionError: assert <number> == <number>"]),
        (
            "FAILED tests/test_size.py::TestSize::test_it - assert 2 == 3\n1 failed in 0.1s\n",
            ["in test_it", "assert <number> == <number>"],
        ),
        (
            "FAILED tests/test_net.py::TestNet::test_bind[::1 a] - OSError: no\n1 failed in 0.1s\n",
            ["in test_bind[<address> a]", "OSError: no"],
        ),
        (
            PIP,
            [
                "Could not find a version that satisfies the requirement reqeusts==<number>",
                "No matching distribution found for reqeusts==<number>",
            ],
        ),
        (
            WHEEL,
            [
                "Building wheel for shop (pyproject.toml) did not run successfully.",
                "error: command 'gcc' failed: No such file or directory",
            ],
        ),
        (GCC, ["main.c: error: 'sise' undeclared (first use in this function)"]),
        ("src\\a.ts(12,5): error TS2304: Cannot find name 'x'.", ["a.ts: error TS2304: Cannot find name 'x'."]),
        ("src/a.ts:12:5 - error TS2304: Cannot find name 'x'.", ["a.ts: error TS2304: Cannot find name 'x'."]),
        ("# shop\n./main.go:3:2: undefined: x", ["main.go: undefined: x"]),
        ("src/a.py:12: error: Missing return  [return]\nFound 1 error", ["a.py: error: Missing return [return]"]),
        ("[ERROR] /b/7/Shop.java:[12,5] cannot find symbol", ["Shop.java: cannot find symbol"]),
        (RUSTC, ["main.rs: error[E0425]: cannot find value `sise` in this scope", "not found in this scope"]),
        (JAVAC, ["Shop.java: error: cannot find symbol", "symbol: class Broker", "location: class Shop"]),
        (LINKER, ["undefined reference to `size'"]),
        (LOG, ["worker: job <number> failed", "no size"]),
    ],
    ids=[
        "pytest",
        "its summary",
        "with parameters",
        "pip",
        "wheel",
        "gcc",
        "tsc",
        "tsc to a terminal",
        "go",
        "mypy",
        "Maven",
        "rustc",
        "javac",
        "linker",
        "log",
    ],
)
def test_the_lines_that_tell_what_went_wrong_are_kept(text: str, lines: list[str]) -> None:
    assert error_lines(text.splitlines()) == lines


@pytest.mark.parametrize("text", [PYTEST, WHEEL, GCC, RUSTC], ids=["pytest", "wheel", "gcc", "rustc"])
@pytest.mark.parametrize("prefix", ["2026-01-31T10:00:05.1234567Z ", "web-1  | "])
def test_they_are_known_in_the_log_of_a_job(text: str, prefix: str) -> None:
    logged = [f"{prefix}{line}" for line in text.splitlines()]
    assert error_lines(logged) == error_lines(text.splitlines())


@pytest.mark.parametrize(
    "failed",
    [
        ["FAILED tests/a.py::test_a - KeyError: 'x'", "FAILED tests/a.py::test_b - KeyError: 'y'"],
        ["____ test_b ____", "E   KeyError: 'x'", "____ test_a ____", "E   KeyError: 'y'"],
        ["/b/a.c:3:1: error: no size", "/b/b.c:3:1: error: no size"],
    ],
    ids=["summary", "pytest", "compiler"],
)
def test_the_order_in_which_they_failed_does_not_count(failed: list[str]) -> None:
    half = len(failed) // 2
    assert error_lines(failed) == error_lines(failed[half:] + failed[:half])


def test_what_pip_ran_is_kept_by_its_last_line_if_it_names_no_error() -> None:
    silent = WHEEL.replace("error: command 'gcc' failed: No such file or directory", "Killed")
    assert error_lines(silent.splitlines())[1:] == ["Killed"]


def test_what_pip_ran_is_kept_where_its_output_is_cut_off() -> None:
    cut_off = WHEEL.partition("      [end of output]")[0]
    assert error_lines(cut_off.splitlines()) == error_lines(WHEEL.splitlines())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "error[E0308]: no\n --> a.rs:2:5\n  |   ---   ^^^ expected `i32`, found `&str`\n",
            "expected `i32`, found `&str`",
        ),
        ("[ERROR] /b/Shop.java:[12,5] no\n[ERROR]   symbol:   method foo()\n", "symbol: method foo()"),
        ("./main.go:3:2: not enough arguments in call to f\n\thave (int)\n", "have (int)"),
        ("a.ts(1,2): error TS2345: no\n  Property 'x' is missing\n", "Property 'x' is missing"),
    ],
    ids=["rustc", "Maven", "go", "tsc"],
)
def test_what_a_compiler_says_besides_is_kept(text: str, line: str) -> None:
    assert error_lines(text.splitlines())[1:] == [line]


def test_a_label_of_a_warning_is_left_out() -> None:
    warned = RUSTC.replace("\nerror: could not", "\nwarning: unused\n   |     ^^^^ not used\n\nerror: could not")
    assert error_lines(warned.splitlines()) == error_lines(RUSTC.splitlines())


def test_what_a_job_says_of_every_failure_is_told_by_the_lines_before() -> None:
    log = ["starting", "one", "two", "sh: 1: jest: not found", "##[error]Process completed with exit code 127."]
    lines = error_lines([f"2026-01-31T10:00:05.1234567Z {line}" for line in log])
    assert lines == ["one", "two", "sh: jest: not found", "Process completed with exit code 127."]


def test_what_a_job_marks_as_an_error_is_kept() -> None:
    log = ["2026-01-31T10:00:05.1234567Z loading", "2026-01-31T10:00:05.1234567Z ##[error]it failed"]
    assert error_lines(log) == ["it failed"]


@pytest.mark.parametrize(
    "line",
    [
        "bash: jq: command not found",
        "-bash: jq: command not found",
        "bash: line 12: jq: command not found",
        "/bin/bash: line 1: jq: command not found",
        "zsh: jq: command not found",
        "sh: 1: jq: command not found",
    ],
)
def test_which_shell_says_it_does_not_count(line: str) -> None:
    assert error_lines([line]) == ["sh: jq: command not found"]


def test_of_anything_else_all_lines_are_kept() -> None:
    assert error_lines(["fatal: no such branch", "", "hint: main"]) == ["fatal: no such branch", "hint: main"]


def test_what_a_log_puts_in_front_is_left_out() -> None:
    assert error_lines(["2026-01-31 10:00:00 worker: it failed"]) == ["worker: it failed"]


def test_a_later_entry_of_a_log_is_no_part_of_an_error() -> None:
    assert "stopping" not in " ".join(error_lines(LOG.splitlines()))
