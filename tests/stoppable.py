"""Checks of running time in a process of their own, as a regular expression that backtracks cannot be interrupted."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Sequence

_PRELUDE = """
import contextlib, json, sys, time

arguments = json.load(sys.stdin)

@contextlib.contextmanager
def at_most(seconds, text):
    started = time.process_time()
    yield
    taken = time.process_time() - started
    assert taken < seconds, f"{taken:.1f} s for {text!r}"
"""


def run(script: str, arguments: Sequence[str] = (), *, timeout: float = 60) -> None:
    """Run a script that may use its `arguments`, and `with at_most(seconds=1, text=...)`.

    Raises:
        AssertionError: The script failed or was stopped after `timeout` seconds.
    """
    command = [sys.executable, "-c", _PRELUDE + textwrap.dedent(script)]
    try:
        ended = subprocess.run(
            command, input=json.dumps(arguments), capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as stopped:
        raise AssertionError(f"stopped after {timeout} s") from stopped
    assert ended.returncode == 0, ended.stderr
