"""The same matches, scores and order on each database as from a loop over all patterns."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from error_patterns import ErrorPattern, ErrorPatternRepository, PatternMatch, matching
from error_patterns.matching import RELEVANT_SCORE
from reference import CONTEXT, FAILURE_TEXT, PATTERN, PHRASE, TEXT, Match, Reference

BOUNDS = {"COMMON_TERM": 4, "FOLLOWED": 6, "CANDIDATES": 3}  # for stores of a dozen patterns

RECORDED = st.tuples(FAILURE_TEXT, TEXT, st.lists(PHRASE, max_size=2))
STORE = st.tuples(st.lists(PATTERN, max_size=12), st.lists(RECORDED, max_size=4))

on_any_store = given(stored=STORE, contexts=st.lists(CONTEXT, min_size=1, max_size=4))
anew = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])

Store = tuple[list[ErrorPattern], list[tuple[str, str, list[str]]]]


def fill(repository: ErrorPatternRepository, store: Store) -> list[ErrorPattern]:
    """Store patterns that were written by hand, then record failures; return what is stored, the newest last."""
    written, recorded = store
    with repository.transaction() as together:
        for old in together.list_all():
            together.delete(old.pattern_id)
        together.create_many(written)
        seen = [
            together.record_failure(failure, context=context, extra_keywords=keywords).pattern_id
            for failure, context, keywords in recorded
        ]
        stored = {one.pattern_id: one for one in together.list_all()}
    return [stored[pattern_id] for pattern_id in dict.fromkeys([*(one.pattern_id for one in written), *seen])]


def plain(matches: list[PatternMatch]) -> list[Match]:
    return [Match(match.pattern.pattern_id, match.score, match.matched_keywords) for match in matches]


@contextmanager
def bounded() -> Generator[None]:
    """Set the bounds in each module of matching that has them."""
    with pytest.MonkeyPatch.context() as patched:
        for module in (module for name, module in sys.modules.items() if name.startswith(matching.__name__)):
            for name in BOUNDS.keys() & vars(module).keys():
                patched.setattr(module, name, BOUNDS[name])
        yield


@on_any_store
@anew
def test_without_a_limit_it_gives_what_a_loop_over_all_patterns_gives(
    repository: ErrorPatternRepository, stored: Store, contexts: list[str]
) -> None:
    reference = Reference(fill(repository, stored))
    for context in contexts:
        assert plain(repository.rank_context(context, limit=None)) == reference.rank(context)


@on_any_store
@anew
def test_with_a_limit_it_gives_the_first_of_them_that_score_enough(
    repository: ErrorPatternRepository, stored: Store, contexts: list[str]
) -> None:
    reference = Reference(fill(repository, stored))
    for context in contexts:
        found = plain(repository.rank_context(context, limit=3, min_score=RELEVANT_SCORE))
        assert found == reference.rank(context, min_score=RELEVANT_SCORE)[:3]


@on_any_store
@anew
def test_with_more_phrases_than_it_follows_it_gives_the_first_of_its_candidates(
    repository: ErrorPatternRepository, stored: Store, contexts: list[str]
) -> None:
    reference = Reference(fill(repository, stored), common=BOUNDS["COMMON_TERM"])
    for context in contexts:
        with bounded():
            found = plain(repository.rank_context(context, limit=2))
        among = reference.candidates(context, followed=BOUNDS["FOLLOWED"], candidates=BOUNDS["CANDIDATES"])
        assert found == reference.rank(context, among=among)[:2]


def test_a_limit_of_hundreds_gives_hundreds(repository: ErrorPatternRepository) -> None:
    repository.create_many([ErrorPattern(pattern="same", keywords=["port"]) for _ in range(1_300)])
    assert len(repository.match_context("port", limit=1_200)) == 1_200
