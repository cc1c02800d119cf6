"""Failures with secrets, and harmless text that resembles them, from tests/data/redaction. Every secret is made up.

Tokens stand in the files as lists of parts, so that no scanner takes them for real ones.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_DATA = Path(__file__).parent / "data" / "redaction"
_TRACEBACK = """Traceback (most recent call last):
  File "/srv/app/worker.py", line 12, in run
    client.send(request)
service.errors.Refused: 401 for {}, giving up
"""

BEGIN, END = "-----BEGIN {}PRIVATE " + "KEY-----", "-----END {}PRIVATE " + "KEY-----"
PEM = f"{BEGIN}\nMIIEow\nIBAAKC\n{END}"


class Failure(NamedTuple):
    """A failure with a secret; `rule` is set where nothing but that rule hides something."""

    text: str
    secret: str
    rule: str | None = None


def _read(name: str) -> Iterator[tuple[str, Failure]]:
    for line in (_DATA / name).read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        secret = "".join(case["secret"])
        text = "".join(case.get("text", "%")).replace("%", secret, 1)
        yield case["case"], Failure(text, secret, case.get("rule"))


PLACES = dict(_read("places.jsonl"))
"""Secrets known by their place."""

SHAPES = dict(_read("shapes.jsonl"))
"""Secrets known by their shape, alone."""

FAILURES = PLACES | {case: Failure(_TRACEBACK.format(shape.secret), shape.secret) for case, shape in SHAPES.items()}

LONG_SECRETS = [failure.secret for failure in FAILURES.values() if len(failure.secret) > 1]

HARMLESS = [*(_DATA / "harmless.txt").read_text(encoding="utf-8").splitlines(), f"expected '{BEGIN.format('')}'"]
"""Code, messages, identifiers and settings that look like secrets, or name them."""

ONLY_OF = {failure.rule: failure.text for failure in (PLACES | SHAPES).values() if failure.rule}
"""For each rule, a failure in which nothing but that rule hides something."""
ONLY_OF["private-key"] = PEM.format("", "")

SLOW_UNITS: dict[str, list[str]] = {
    rule: ["".join(unit) for unit in units]
    for rule, units in json.loads((_DATA / "slow_units.json").read_text(encoding="utf-8")).items()
}
"""For each rule, what it could be slow on where it is repeated."""


def leaked(text: str) -> list[str]:
    """The secrets in a text. One of digits counts as a whole word: times and hashes have parts like any number."""
    return [
        secret for secret in LONG_SECRETS if (re.search(rf"\b{secret}\b", text) if secret.isdigit() else secret in text)
    ]
