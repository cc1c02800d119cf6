"""The name of the program that a shell command runs. Pure, total, linear time."""

import re
from collections.abc import Sequence

_MAX_CHARACTERS = 2_000  # the program stands at the beginning

# Programs that run the one named behind them, each with its options that take a value.
_WRAPPERS = {
    "sudo": "-u -g -p -C -h --user --group --prompt",
    "doas": "-u -C",
    "env": "-u -C -S --unset --chdir",
    "time": "-f -o --format --output",
    "timeout": "-s -k --signal --kill-after",
    "nice": "-n --adjustment",
    "stdbuf": "-i -o -e",
    "nohup": "",
    "exec": "-a",
    "command": "",
    "npx": "-p --package",
    "pnpx": "",
    "bunx": "",
    "npm exec": "-p --package",
    "pnpm exec": "",
    "pnpm dlx": "--package",
    "yarn dlx": "-p --package",
    "uvx": "-p -w --from --with --python",
    "uv run": "-p --with --python --extra --group --project",
    "poetry run": "",
    "pipenv run": "",
    "pdm run": "",
    "bundle exec": "",
}
# What prepares the shell for the command behind it.
_PREPARATIONS = frozenset("cd pushd popd set export unset source . true :".split())
_OPENING = frozenset("( { ! &".split())

_COMMAND_END = re.compile(r"&&|\|\||[;\n]")
_WORD = re.compile(r"(?:[^\s'\"\\]|'[^']*'|\"[^\"]*\"|\\.|['\"\\])+")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_AMOUNT = re.compile(r"[+-]?\d+(?:\.\d+)?[smhd]?$")  # of seconds, or of niceness
_PYTHON = re.compile(r"(?:python|pypy|py)w?$")
_PYTHON_OPTIONS_WITH_VALUE = "-W -X"
_SUFFIX = re.compile(r"\.exe$", re.IGNORECASE)
_VERSION = re.compile(r"(?<=\w)@[\w.^~-]*$|(?:(?<=^python)|(?<=^pypy)|(?<=^pip))[\d.]+$")


def program_of(command: str) -> str:
    """Return the name of the program: without its directory, and without what only runs it or prepares for it.

    >>> program_of("cd shop && sudo -u ada VERBOSE=1 /usr/bin/python3 -m pytest -x")
    'pytest'
    """
    program = ""
    for part in _COMMAND_END.split(command[:_MAX_CHARACTERS]):
        program = _first_program([re.sub("['\"]", "", word) for word in _WORD.findall(part)]) or program
        if program and program not in _PREPARATIONS:
            break
    return program


def _first_program(words: Sequence[str]) -> str:
    while words:
        name = _bare_name(words[0])
        if words[0] in _OPENING or _ASSIGNMENT.match(words[0]):
            words = words[1:]
        elif behind := _behind_wrapper(name, words):
            words = behind
        elif _PYTHON.match(name) and (module := _python_module(words[1:])):
            return module
        else:
            return name
    return ""


def _behind_wrapper(name: str, words: Sequence[str]) -> Sequence[str]:
    """Return the words behind a wrapper and its options; none if there is no wrapper."""
    for wrapper in (name, " ".join((name, *words[1:2]))):
        if wrapper in _WRAPPERS:
            return _skip_options(words[len(wrapper.split()) :], _WRAPPERS[wrapper])
    return ()


def _skip_options(words: Sequence[str], with_value: str) -> Sequence[str]:
    while words and (words[0].startswith("-") or _AMOUNT.match(words[0])):
        words = words[2 if words[0] in with_value.split() else 1 :]
    return words


def _python_module(words: Sequence[str]) -> str:
    while words and words[0].startswith("-"):
        if words[0] == "-m":
            return _bare_name(words[1]) if len(words) > 1 else ""
        words = words[2 if words[0] in _PYTHON_OPTIONS_WITH_VALUE.split() else 1 :]
    return ""


def _bare_name(word: str) -> str:
    name = re.split(r"[\\/]", word.strip("(){}").rstrip("\\/"))[-1]
    return _VERSION.sub("", _SUFFIX.sub("", name))
