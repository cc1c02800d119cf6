"""`rank_context` beside what one would write in its place, on stores of growing size."""

import itertools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import pytest

from benchmarks import raw
from benchmarks.alternatives import Automaton, FullText, Loop
from benchmarks.conftest import Measure
from benchmarks.language import Language
from benchmarks.stores import BACKENDS, Store, Stores
from benchmarks.subjects import Call, Ours

SIZES = (1_000, 10_000, 100_000, 1_000_000)
CHARACTERS = {"2 KB": 2_000, "100 KB": 100_000}
CONTEXTS = 20
LARGEST_OF_SLOW = 100_000  # from there on, each of these takes minutes for a question
SLOW = {"loop", "FTS5"}

Rank = Callable[[str], Call]


@contextmanager
def ours(store: Store) -> Generator[Rank]:
    subject = Ours(store)
    yield subject.rank_context
    subject.close()


@contextmanager
def loop(store: Store) -> Generator[Rank]:
    subject = Loop(store)
    yield subject.rank_context
    subject.close()


@contextmanager
def full_text(store: Store) -> Generator[Rank]:
    database = raw.opened(store)
    subject = FullText(database, store)
    yield subject.rank_context
    subject.close()
    database.close()


@contextmanager
def automaton(store: Store) -> Generator[Rank]:
    database = raw.opened(store)
    yield Automaton(database).rank_context
    database.close()


@contextmanager
def scan(store: Store) -> Generator[Rank]:
    database = raw.opened(store)
    yield Automaton(database).scan_context
    database.close()


SUBJECTS = {"rank_context": ours, "loop": loop, "FTS5": full_text, "automaton": automaton, "scan": scan}


class Case(NamedTuple):
    """What is measured by one benchmark."""

    size: int
    backend: str
    subject: str
    context: str

    @property
    def is_possible(self) -> bool:
        if self.subject == "FTS5" and self.backend != "SQLite":
            return False
        return self.subject not in SLOW or self.size <= LARGEST_OF_SLOW


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    largest: int = metafunc.config.getoption("--largest")
    sizes = [size for size in SIZES if size <= largest]
    if "case" in metafunc.fixturenames:
        every = itertools.starmap(Case, itertools.product(sizes, BACKENDS, SUBJECTS, CHARACTERS))
        cases = [case for case in every if case.is_possible]
        metafunc.parametrize("case", cases, ids=["-".join(map(str, case)) for case in cases])
    else:
        metafunc.parametrize("size", sizes)


def test_ranking(case: Case, stores: Stores, measure: Measure) -> None:
    store = stores.kept(case.backend, case.size, "matching")
    contexts = Language(seed=case.size).contexts(CONTEXTS, CHARACTERS[case.context], store.known)
    with SUBJECTS[case.subject](store) as rank:
        least = CONTEXTS if case.subject == "rank_context" else 3  # FTS5 can take a minute
        measure(map(rank, itertools.cycle(contexts)), least=least, table="matching", **case._asdict())


def test_rebuilding_the_automaton(size: int, stores: Stores, measure: Measure) -> None:
    database = raw.opened(stores.kept("SQLite", size, "matching"))
    rebuild = partial(Automaton, database)
    about = {"subject": "rebuild", "backend": "SQLite", "size": size, "context": ""}
    measure(itertools.repeat(rebuild), table="matching", **about)
    database.close()
