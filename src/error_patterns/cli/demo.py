"""The demo: two processes record the same failure, and a third is warned before it repeats the mistake."""

import subprocess
import sys
import tempfile
from pathlib import Path

import typer

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

# By -c, as -m would run a module that the package has imported already.
_PROCESS = "from error_patterns.cli.demo import run_process; run_process()"


def run_demo(url: str) -> None:
    """Run the three processes on the database, one after the other.

    Raises:
        subprocess.CalledProcessError: One of them failed.
    """
    for number, role in enumerate(("record", "record", "ask"), start=1):
        subprocess.run([sys.executable, "-c", _PROCESS, role, str(number), url], check=True)  # noqa: S603 - ourselves


def run_process() -> None:
    """Run one process of the demo. Its arguments are the role, the number of the process and the database."""
    role, number, url = sys.argv[1:]
    with ErrorPatternRepository.open(url) as repository:
        act = _record_failing_job if role == "record" else _ask_for_guidance
        act(number, repository)


def _record_failing_job(number: str, repository: ErrorPatternRepository) -> None:
    with tempfile.TemporaryDirectory(prefix="checkout-") as folder:
        job = Path(folder) / "job.py"
        job.write_text(_JOB, encoding="utf-8")
        failed = subprocess.run([sys.executable, job], capture_output=True, text=True, check=False)  # noqa: S603 - as above
    pattern = repository.record_failure(failed.stderr, preventive_checks=[_CHECK])
    typer.echo(f"process {number} ran {job}, which failed:\n\n{failed.stderr}")
    typer.echo(f"recorded as {pattern.pattern_id}, seen {pattern.frequency}x\n")


def _ask_for_guidance(number: str, repository: ErrorPatternRepository) -> None:
    typer.echo(f"process {number} is about to do this:\n\n{_CONTEXT}\nand gets this guidance:\n")
    typer.echo(repository.guidance_for(_CONTEXT))
