"""The demo: two processes record the same failure, and a third is warned before it makes the same mistake."""

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
_ATTEMPT = "Ask the model for the settings of the job, and load its reply."
_CHECK = "Ask the model for strict JSON, and validate its reply before json.loads."
_PLAN = "Let the model choose how often the job retries, and store its reply as the new settings."
_OTHER_PLAN = "Resize the product images, and upload them to the bucket of the shop."

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
    pattern = repository.record_failure(failed.stderr, context=_ATTEMPT, preventive_checks=[_CHECK])
    typer.echo(f"process {number} attempted this:\n\n{_ATTEMPT}\n\nIt ran {job}, which failed:\n\n{failed.stderr}")
    typer.echo(f"recorded as {pattern.pattern_id}, seen {pattern.frequency}x\n")


def _ask_for_guidance(number: str, repository: ErrorPatternRepository) -> None:
    for plan in (_PLAN, _OTHER_PLAN):
        guidance = repository.guidance_for(plan)
        typer.echo(f"process {number} is about to do this:\n\n{plan}\n")
        typer.echo(f"and gets this guidance:\n\n{guidance}\n" if guidance else "and gets no guidance")
