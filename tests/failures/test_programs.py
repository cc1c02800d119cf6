"""The program that a command runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_patterns.failures.programs import program_of


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("git push", "git"),
        ("/usr/bin/git push", "git"),
        ("./gradlew test", "gradlew"),
        ("C:\\tools\\git.exe push", "git"),
        ("'my tool' --now", "my tool"),
        ("sudo apt update", "apt"),
        ("sudo -E -u ada apt update", "apt"),
        ("env -i A=1 B='2 3' make", "make"),
        ("A=1 B=2 make", "make"),
        ("time -p make", "make"),
        ("timeout -s KILL 30s make", "make"),
        ("nice -n 10 cargo build", "cargo"),
        ("nohup sudo time make", "make"),
        ("npx -y create-react-app@latest shop", "create-react-app"),
        ("npm exec tsc", "tsc"),
        ("npm install", "npm"),
        ("uv run --with httpx pytest -x", "pytest"),
        ("uv sync", "uv"),
        ("python -m pytest -x", "pytest"),
        ("python3.11 -W error -m pip install shop", "pip"),
        ("python3 app.py -m shop", "python"),
        ("python -c 'import x'", "python"),
        ("pip3 install shop", "pip"),
        ("cd shop && make", "make"),
        ("cd shop; . .venv/bin/activate\nmake", "make"),
        ("set -e && cd shop", "cd"),
        ("(cd shop && make)", "make"),
        ("! make", "make"),
        ("make | tee log", "make"),
        ("sonarsource/sonarqube-scan-action@v4", "sonarqube-scan-action"),
        ("sudo", "sudo"),
        ("A=1", ""),
        ("", ""),
    ],
)
def test_is_named_without_its_directory_and_without_what_only_runs_it(command: str, program: str) -> None:
    assert program_of(command) == program


@given(st.text(st.sampled_from("sudo env-u=1 'python -m\"\\;&|/.@\n") | st.characters(codec=None, categories=None)))
def test_any_command_has_a_program_or_none(command: str) -> None:
    assert "\n" not in program_of(command)
