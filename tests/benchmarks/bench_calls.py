"""Every other call beside raw SQL and beside SQLModel by hand, in turns."""

import itertools
import random
from collections.abc import Callable
from typing import NamedTuple

import pytest

from benchmarks import raw
from benchmarks.conftest import Measure
from benchmarks.handwritten import Handwritten
from benchmarks.language import Language
from benchmarks.stores import BACKENDS, Store, Stores
from benchmarks.subjects import Call, Ours, Subject
from error_patterns.models.fields import KEPT_FAILURES

SIZE = 100_000
TURNS = 3
"""How often each subject comes to a call: what slows the machine for a while then slows all of them."""

SUBJECTS: dict[str, Callable[[Store], Subject]] = {"ours": Ours, "raw": raw.opened, "SQLModel": Handwritten}


class Questions:
    """What is asked of every subject: different things, in no order that helps a cache."""

    def __init__(self, store: Store, seed: int) -> None:
        self._known = store.known
        self._language = Language(seed)
        self._random = random.Random(seed)  # noqa: S311 - no secret depends on it

    def get(self, subject: Subject) -> Call:
        return subject.get(self._random.choice(self._known).pattern_id)

    def create(self, subject: Subject) -> Call:
        return subject.create(self._language.pattern())

    def record_new_failure(self, subject: Subject) -> Call:
        return subject.record_failure(self._language.failure())

    def record_known_failure(self, subject: Subject) -> Call:
        return subject.record_failure(KNOWN_FAILURES[self._random.randrange(len(KNOWN_FAILURES))])

    def update(self, subject: Subject) -> Call:
        checks = [" ".join(self._language.words(8)) for _ in range(2)]
        return subject.update(self._random.choice(self._known).pattern_id, checks)

    def list_all(self, subject: Subject) -> Call:
        return subject.list_all()

    def statistics(self, subject: Subject) -> Call:
        return subject.statistics()


KNOWN_FAILURES = [Language(seed).failure() for seed in range(5)]
CALLS = {
    "get": Questions.get,
    "create": Questions.create,
    "record_failure (new)": Questions.record_new_failure,
    "record_failure (known)": Questions.record_known_failure,
    "update": Questions.update,
    "list_all(limit=100)": Questions.list_all,
    "statistics": Questions.statistics,
}
ON_SQLITE_ALONE = {"statistics"}


class Case(NamedTuple):
    """What is measured by one benchmark."""

    backend: str
    call: str
    turn: int
    subject: str


CASES = [
    case
    for case in itertools.starmap(Case, itertools.product(BACKENDS, CALLS, range(TURNS), SUBJECTS))
    if case.backend == "SQLite" or case.call not in ON_SQLITE_ALONE
]
CASES_OF_MANY = [Case(*case) for case in itertools.product(BACKENDS, ["create_many"], range(2), SUBJECTS)]


@pytest.mark.parametrize("case", CASES, ids=["-".join(map(str, case)) for case in CASES])
def test_calls(case: Case, stores: Stores, measure: Measure) -> None:
    size = min(SIZE, stores.largest)
    asked = SUBJECTS[case.subject](store := stores.kept(case.backend, size, "calls"))
    # So often that every turn finds as many texts kept as there can be.
    for known in KNOWN_FAILURES * KEPT_FAILURES if case.call == "record_failure (known)" else ():
        asked.record_failure(known)()
    questions = Questions(store, seed=1_000 + list(SUBJECTS).index(case.subject) * TURNS + case.turn)
    calls = (CALLS[case.call](questions, asked) for _ in itertools.count())
    measure(calls, seconds=0.5, least=2, table="calls", size=size, **case._asdict())
    asked.close()


@pytest.mark.parametrize("case", CASES_OF_MANY, ids=["-".join(map(str, case)) for case in CASES_OF_MANY])
def test_creating_many(case: Case, stores: Stores, measure: Measure) -> None:
    size = min(SIZE, stores.largest)
    with stores.temporary(case.backend) as store:
        asked = SUBJECTS[case.subject](store)
        call = asked.create_many(Language(case.turn).patterns(size))
        measure([call], seconds=0, least=1, table="calls", size=size, **case._asdict())
        asked.close()
