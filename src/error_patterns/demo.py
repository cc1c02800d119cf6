"""The main job, for real: one process fails and ends, the next one is told before it makes the same mistake."""

import json
import subprocess
import sys

from error_patterns.guidance import render_guidance
from error_patterns.repository import ErrorPatternRepository

_CHECK = "Ask the model for strict JSON, and validate its reply before json.loads."
_PLAN = "Plan: call the model, parse its reply with json.loads, store the settings. Last time: JSONDecodeError."


def run(url: str) -> None:
    """Run both processes on the database. Raises `subprocess.CalledProcessError` if one of them fails."""
    for role in ("fail", "ask"):
        subprocess.run([sys.executable, "-m", "error_patterns.demo", role, url], check=True)  # noqa: S603 - ourselves


def _fail(url: str) -> None:
    """Parse what a model replied, fail, and record the failure."""
    with ErrorPatternRepository.open(url) as repository:
        try:
            json.loads("{'retries': 3}")
        except json.JSONDecodeError as error:
            pattern = repository.record_failure(error, preventive_checks=[_CHECK])
            _say(f"process 1 failed and recorded it ({pattern.frequency} so far): {pattern.pattern}")


def _ask(url: str) -> None:
    """Before the same job: ask what went wrong in a context like this one."""
    with ErrorPatternRepository.open(url) as repository:
        _say(
            f"process 2 is about to do this: {_PLAN}\nand is told:\n\n{render_guidance(repository.rank_context(_PLAN))}"
        )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    {"fail": _fail, "ask": _ask}[sys.argv[1]](sys.argv[2])
