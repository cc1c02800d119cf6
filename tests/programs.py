"""Programs, called in this process, which has loaded them."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from alembic.config import main as alembic_program

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """How a command of Alembic ended: with 0, or a number or message that says why not; and what it printed."""

    status: object
    printed: str


def alembic(*arguments: str, folder: Path = ROOT, **environment: str) -> Outcome:
    """Call Alembic as its program does, but in this process."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(printed), redirect_stderr(printed):
        patched.chdir(folder)
        patched.setattr(sys, "path", [*sys.path])  # to which alembic.ini adds
        patched.delenv("ERROR_PATTERNS_DATABASE_URL", raising=False)
        for name, value in environment.items():
            patched.setenv(name, value)
        try:
            alembic_program(["-c", "alembic.ini", *arguments])
        except SystemExit as end:
            return Outcome(end.code, printed.getvalue())
    return Outcome(0, printed.getvalue())


def alembic_ok(*arguments: str, folder: Path = ROOT, **environment: str) -> None:
    outcome = alembic(*arguments, folder=folder, **environment)
    assert outcome.status == 0, outcome
