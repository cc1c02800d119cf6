"""Labelled failures and contexts: JSON Lines in a folder, one file a corpus. They are no part of the project.

- Texts with a label, which is equal for the same failure: `commands`, `tracebacks`, `junit_bugs`. A row of kind
  `no_match` is like a failure of its label, and is none.
- Texts with a role: `pulsar_ci`, `swe_attempts`. A row is stored, or asked, with all labels that are right for it.
- `foresight`: a failure, what was attempted (a plan and an action), and what another agent was about to do later.
- `harmless`: contexts before which nothing is known to fail, by kind.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypedDict, cast

DOMAINS = ("commands", "tracebacks", "tracebacks:message", "junit_bugs", "pulsar_ci", "swe_attempts")
"""The domains of recurrence. Behind a colon stands the field with the text, if it is another one than usual."""

_DOCUMENT_LENGTHS = (500, 2_000, 4_000)


class Step(TypedDict):
    """What an agent is about to do."""

    plan: str
    action: str


class Foreseen(TypedDict):
    """A failure that will come back."""

    family: str
    failure: str
    attempt: Step
    later: Step


class _Row(TypedDict, total=False):
    text: str
    message: str
    label: str
    kind: str
    role: str
    relevant: list[str]
    id: str


class Domain(NamedTuple):
    """The failures that a memory of one kind stores, by label, and texts to ask for with the labels that are right."""

    name: str
    stored: list[tuple[str, str]]
    asked: list[tuple[str, set[str]]]

    @property
    def corpus(self) -> str:
        """The corpus that it is read from."""
        return self.name.partition(":")[0]


class Harmless(NamedTuple):
    """A context before which nothing is known to fail."""

    kind: str
    text: str
    name: str


def read_domain(folder: Path, name: str) -> Domain:
    """Read a domain of recurrence. Of a label without roles the first failure is stored."""
    corpus, _, field = name.partition(":")
    rows = [cast("_Row", row) for row in _read(folder, corpus)]  # the form of the corpora
    first: dict[str, str] = {}
    asked: list[tuple[str, set[str]]] = []
    stored = [(row["label"], row["text"]) for row in rows if row.get("role") == "stored"]
    for row in (row for row in rows if row.get("role") != "stored"):
        text = row["message"] if field == "message" else row["text"]
        if "role" in row:
            asked.append((text, set(row["relevant"]) & dict(stored).keys()))
        elif row.get("kind", "match") != "match":
            asked.append((text, set()))
        elif first.setdefault(row["label"], text) is not text:
            asked.append((text, {row["label"]}))
    return Domain(name, stored or list(first.items()), asked)


def read_foreseen(folder: Path) -> list[Foreseen]:
    """Read the failures that will come back."""
    return [cast("Foreseen", row) for row in _read(folder, "foresight")]  # the form of the corpus


def read_harmless(folder: Path) -> Iterator[Harmless]:
    """Read the contexts before which nothing is known to fail; of documents, beginnings of several lengths."""
    for row in (cast("_Row", row) for row in _read(folder, "harmless")):  # the form of the corpus
        if row["kind"] != "document":
            yield Harmless(row["kind"], row["text"], row["id"])
        else:
            for length in _DOCUMENT_LENGTHS:
                yield Harmless(f"document of {length:,}", row["text"][:length], row["id"])


def _read(folder: Path, name: str) -> list[object]:
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]
