"""The main job, for real: two processes fail, and the next one is told before it makes the same mistake."""

import subprocess
import sys
import tempfile
from pathlib import Path

from error_patterns.repository import ErrorPatternRepository

_JOB = """\
import json

def load_settings(reply):
    return json.loads(reply)

load_settings("{'retries': 3}")
"""
_CHECK = "Ask the model for strict JSON, and validate its reply before json.loads."
_CONTEXT = """\
Plan: call the model, parse its reply with json.loads in load_settings, store the settings.
The last attempt ended with JSONDecodeError: Expecting property name enclosed in double quotes.
"""


def run(url: str) -> None:
    """Run all processes on the database. Raises `subprocess.CalledProcessError` if one of them fails."""
    for number, role in enumerate(("fail", "fail", "ask"), start=1):
        command = [sys.executable, "-m", "error_patterns.cli.demo", role, str(number), url]
        subprocess.run(command, check=True)  # noqa: S603 - ourselves


def _fail(process: str, url: str) -> None:
    """Run a job that fails, in a checkout of its own, and record what it printed."""
    with tempfile.TemporaryDirectory(prefix="checkout-") as folder, ErrorPatternRepository.open(url) as repository:
        job = Path(folder) / "job.py"
        job.write_text(_JOB, encoding="utf-8")
        failed = subprocess.run([sys.executable, job], capture_output=True, text=True, check=False)  # noqa: S603 - as above
        pattern = repository.record_failure(failed.stderr, preventive_checks=[_CHECK])
        _say(f"process {process} ran {job}, which failed:\n\n{failed.stderr}")
        _say(f"recorded as {pattern.pattern_id}, seen {pattern.frequency}x\n")


def _ask(process: str, url: str) -> None:
    """Before the same job: ask what went wrong in a context like this one."""
    with ErrorPatternRepository.open(url) as repository:
        _say(f"process {process} is about to do this:\n\n{_CONTEXT}\nand is told:\n")
        _say(repository.guidance_for(_CONTEXT))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    {"fail": _fail, "ask": _ask}[sys.argv[1]](*sys.argv[2:])
