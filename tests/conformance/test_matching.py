"""The same matches, scores and order on each database as from a loop over all patterns."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from error_patterns import ErrorPattern, ErrorPatternRepository, PatternMatch, matching
from reference import CONTEXT, PATTERN, Match, Reference

BOUNDS = {"COMMON_TERM": 4, "FOLLOWED": 6, "CANDIDATES": 3}  # for stores of a dozen patterns

on_any_store = given(stored=st.lists(PATTERN, max_size=12), contexts=st.lists(CONTEXT, min_size=1, max_size=4))
anew = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


def fill(repository: ErrorPatternRepository, patterns: list[ErrorPattern]) -> None:
    with repository.transaction() as together:
        for old in together.list_all():
            together.delete(old.pattern_id)
        together.create_many(patterns)


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
    repository: ErrorPatternRepository, stored: list[ErrorPattern], contexts: list[str]
) -> None:
    fill(repository, stored)
    for context in contexts:
        assert plain(repository.rank_context(context, limit=None)) == Reference(stored).rank(context)


@on_any_store
@anew
def test_with_a_limit_it_gives_the_first_of_them(
    repository: ErrorPatternRepository, stored: list[ErrorPattern], contexts: list[str]
) -> None:
    fill(repository, stored)
    for context in contexts:
        assert plain(repository.rank_context(context, limit=3)) == Reference(stored).rank(context)[:3]


@on_any_store
@anew
def test_with_more_phrases_than_it_follows_it_gives_the_first_of_its_candidates(
    repository: ErrorPatternRepository, stored: list[ErrorPattern], contexts: list[str]
) -> None:
    fill(repository, stored)
    reference = Reference(stored, common=BOUNDS["COMMON_TERM"])
    for context in contexts:
        with bounded():
            found = plain(repository.rank_context(context, limit=2))
        candidates = reference.candidates(context, followed=BOUNDS["FOLLOWED"], candidates=BOUNDS["CANDIDATES"])
        assert found == [match for match in reference.rank(context) if match.pattern_id in candidates][:2]


def test_a_limit_of_hundreds_gives_hundreds(repository: ErrorPatternRepository) -> None:
    repository.create_many([ErrorPattern(pattern="same", keywords=["port"]) for _ in range(1_300)])
    assert len(repository.match_context("port", limit=1_200)) == 1_200
