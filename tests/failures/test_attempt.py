"""Texts split into the command that failed and what it printed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stoppable
from error_patterns.failures.attempt import Attempt, error_line, split_attempt, split_steps

# What begins and continues commands, and what only looks so.
LINES = [
    "$ make 'a",
    "b'",
    '$ make "a',
    "$ cat <<E",
    "E",
    "> more",
    "$ make \\",
    "+ make all",
    "- make all",
    "+ x",
    "Run make",
    "  make",
    "  shell: bash",
    "##[group]Run make",
    "2024-05-01T10:00:00.1234567Z ##[group]Run make",
    "##[endgroup]",
    ">>> x",
    "... y",
    "ada@host:~$ make",
    "C:\\shop>make",
    "error: no rule",
    "done",
    "",
]
ANY_TEXT = st.text(st.characters(codec=None, categories=None)) | st.lists(
    st.sampled_from(LINES) | st.text(max_size=5)
).map("\n".join)

RAW_LOG = """\
2024-05-01T10:00:00.1234567Z ##[group]Run npm ci
2024-05-01T10:00:00.1234567Z npm ci
2024-05-01T10:00:00.1234567Z shell: /usr/bin/bash -e {0}
2024-05-01T10:00:00.1234567Z env:
2024-05-01T10:00:00.1234567Z   CI: true
2024-05-01T10:00:00.1234567Z ##[endgroup]
2024-05-01T10:00:02.1234567Z npm error code E404
2024-05-01T10:00:02.1234567Z ##[error]Process completed with exit code 1."""

COMMANDS: dict[str, tuple[str, str]] = {
    "prompt": ("$ make all\nno rule", "make all"),
    "user and host": ("ada@host:~/shop$ make all\nno rule", "make all"),
    "root": ("root@host:/# make all\nno rule", "make all"),
    "brackets": ("[ada@host shop]$ make all\nno rule", "make all"),
    "zsh": ("ada@host shop % make all\nno rule", "make all"),
    "environment": ("(venv) $ make all\nno rule", "make all"),
    "bash": ("bash-5.2$ make all\nno rule", "make all"),
    "starship": ("\u276f make all\nno rule", "make all"),
    "PowerShell": ("PS C:\\shop> make all\nno rule", "make all"),
    "cmd.exe": ("C:\\shop>make all\nno rule", "make all"),
    "trace": ("+ make all\nno rule", "make all"),
    "inner trace": ("++ make all\nno rule", "make all"),
    "trace in a log": ("2024-05-01T10:00:00Z + make all\n2024-05-01T10:00:01Z no rule", "make all"),
    "backslash": ("$ make \\\n  all\nno rule", "make \\\n  all"),
    "backslash and prompt": ("$ make \\\n> all\nno rule", "make \\\nall"),
    "quotes": ("$ git commit -m 'one\n\ntwo'\nno rule", "git commit -m 'one\n\ntwo'"),
    "quotes in quotes": ('$ git commit -m "it\'s\n\\"two"\nno rule', 'git commit -m "it\'s\n\\"two"'),
    "backslash in quotes": ("$ echo 'a\\'\nit's no rule\nno rule", "echo 'a\\'"),
    "open quotes": ("$ echo don't\n$ echo can't\nno rule", "echo can't"),
    "open quote": ("$ echo don't\nno rule", "echo don't"),
    "heredoc": ("$ python - <<'E'\nimport x\n+ y\nE\nno rule", "python - <<'E'\nimport x\n+ y\nE"),
    "open heredoc": ("$ cat <<E\nno rule", "cat <<E"),
    "job": ("Run make all\n  make all\n  shell: bash -e {0}\n  env:\n    A: 1\nno rule", "make all"),
    "script of a job": ("Run cd shop\n  cd shop\n  make all\n  shell: bash -e {0}\nno rule", "cd shop\nmake all"),
    "indented output of a job": ("Run make all\n  make all\n  shell: bash\n  no rule", "make all"),
    "action": ("Run acme/scan@v4\n  with:\n    base: .\nno rule", "acme/scan@v4"),
    "log of a job": (RAW_LOG, "npm ci"),
    "group without an end": ("##[group]Run make all\nno rule", "make all"),
    "R": ("$ R CMD build shop\nno rule", "R CMD build shop"),
    "statement": (">>> import shop\nno rule", "import shop"),
    "statement of several lines": (">>> for x in y:\n...     x\n... \nno rule", "for x in y:\n    x"),
}

NO_COMMANDS = [
    "it failed",
    "# make all\nno rule",
    "## make all",
    "% make all\nno rule",
    "  % Total    % Received % Xferd\n  0     0    0     0",
    "$ 5 were not paid",
    "$ USD 500 failed to settle",
    "$ Given a user, it fails",
    "$ {FOO} is unknown",
    "$HOME is not set",
    "$(make all) failed",
    "+ x",
    "- make one\n+ make all\nno rule",
    "+ make all\n- make one",
    "@@ -1 +1 @@\n+ make all",
    "+ express 4.18.2\n+ lodash 4.17.21",
    "+ requests==2.0",
    "++ ",
    "> make all",
    "git@github.com: Permission denied (publickey).",
    "ada@host: 50% done",
    "Run make all before this.",
    "Run `make all`\n  and then\n  look",
    "<<<<<<< HEAD\n=======\n>>>>>>> main",
]


class TestCommand:
    @pytest.mark.parametrize(("text", "command"), COMMANDS.values(), ids=COMMANDS)
    def test_is_found(self, text: str, command: str) -> None:
        assert split_attempt(text).command == command

    @pytest.mark.parametrize("text", [text for text, _ in COMMANDS.values()], ids=COMMANDS)
    def test_is_apart_from_its_output(self, text: str) -> None:
        assert split_attempt(text).output.splitlines()[0].endswith(("no rule", "npm error code E404"))

    @pytest.mark.parametrize("text", NO_COMMANDS)
    def test_is_not_seen_where_there_is_none(self, text: str) -> None:
        assert split_attempt(text) == Attempt("", "", text)

    def test_has_the_name_of_its_program(self) -> None:
        assert split_attempt("$ sudo /usr/bin/make all\nno rule").program == "make"

    def test_of_python_has_no_program(self) -> None:
        assert split_attempt(">>> shop.open()\nShopError: closed").program == ""

    def test_may_have_printed_nothing(self) -> None:
        assert split_attempt("$ make all") == Attempt("make all", "make", "")


# One for each alternative of the expression.
ERRORS = """
    err: x|two errors|ValueError|Fatal|it FAILED|failures|an exception|Traceback|panicked|denied|refused|cannot|can't go
    can\u2019t go|couldn't go|could not go|unable|invalid|illegal|unknown|unrecognized|unexpected|missing|no such file
    not found|not permitted|aborted|undefined|unresolved|rejected|timeout|time out|timed out|Segmentation fault|killed
    forbidden|usage: make|\u2717 one|\u2716 two|\u00d7 three|exit code 2|exited with status 1
"""
ERRORS_APART = [error for line in ERRORS.split("\n") for error in filter(None, line.strip().split("|"))]


class TestSeveralCommands:
    @pytest.mark.parametrize("error", ERRORS_APART)
    def test_of_these_the_one_with_an_error_failed(self, error: str) -> None:
        assert split_attempt(f"$ make one\n{error}\n$ make two\ndone").command == "make one"

    def test_the_last_with_an_error_failed(self) -> None:
        text = "$ cd shop\n$ make one\nerror: a\n$ make two\nerror: b\nmore\n$ echo $?\n2\n$ ls"
        assert split_attempt(text) == Attempt("make two", "make", "error: b\nmore")

    def test_without_an_error_the_last_with_output_failed(self) -> None:
        assert split_attempt("$ make one\na\n$ make two\nb\n$ ls").command == "make two"

    def test_an_exit_code_is_an_error(self) -> None:
        assert split_attempt("$ make one\nexit status 2\n$ make two\ndone").command == "make one"

    def test_without_any_output_the_last_failed(self) -> None:
        assert split_attempt("$ make one\n$ make two").command == "make two"

    def test_an_error_before_the_commands_is_the_failure(self) -> None:
        text = "KeyError: 118\n$ head -1 model\nversion 1"
        assert split_attempt(text) == Attempt("", "", text)

    def test_output_before_the_commands_is_none_of_theirs(self) -> None:
        assert split_attempt("Starting\n$ make all\nerror: a") == Attempt("make all", "make", "error: a")


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["a", "error: b", "fatal: c"], "error: b"),
        (["a", "Error: Process completed with exit code 1."], "a"),
        (["a", "0 errors", "no error", "error: b"], "error: b"),
        (["a", "b"], "a"),
        (["a", "KeyError: b"], "KeyError: b"),
    ],
)
def test_the_first_line_that_names_an_error_is_found(lines: list[str], found: str) -> None:
    assert error_line(lines) == found


class TestAnyText:
    @given(ANY_TEXT)
    def test_no_line_is_lost(self, text: str) -> None:
        steps = split_steps(text)
        assert [line for step in steps for line in (*step.shown, *step.output)] == text.splitlines()
        assert [bool(step.command) for step in steps] == [False] + [True] * (len(steps) - 1)

    @given(ANY_TEXT)
    def test_what_failed_is_a_part_of_the_text(self, text: str) -> None:
        command, _, output = split_attempt(text)
        assert output in "\n".join(text.splitlines()) or not command
        assert (output == text) or command

    def test_the_worst_texts_take_linear_time(self) -> None:
        units = [
            [unit] for unit in ("$ make '\n", '+ a "b\n', "$ cat <<E\n", "$ a \\\n", "##[group]Run a\n", "Run a\n  b\n")
        ]
        units += [["$ a@b:", "x"], ["[a@b "], ["C:\\", "a"], ["+ ", "a/"], ["$ ", "'"], ["$ a\n", "$ 'b\n", "c\n"]]
        stoppable.run(
            """
            from error_patterns.failures.attempt import split_attempt
            for units in map(json.loads, arguments):
                text = "".join(unit * (200_000 // len(units) // len(unit)) for unit in units)
                with at_most(seconds=2, text=units):
                    split_attempt(text)
            """,
            [json.dumps(each) for each in units],
        )
