"""The types of the fields of `ErrorPattern`: limits, identifiers, moments, lists."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from ulid import ULID

from error_patterns.text.sanitize import cut, is_storable

MAX_PATTERN_CHARACTERS = 10_000
MAX_KEYWORDS = 64
MAX_KEYWORD_CHARACTERS = 200
MAX_CHECKS = 64
MAX_CHECK_CHARACTERS = 2_000
KEPT_FAILURES = 20
MAX_FAILURE_CHARACTERS = 4_000
KEPT_CONTEXTS = 20
MAX_CONTEXT_CHARACTERS = 2_000
MAX_FINGERPRINT_CHARACTERS = 100
MAX_FREQUENCY = 2**53 - 1  # the largest integer that every reader of JSON holds exactly
ULID_CHARACTERS = 26

_ULID = "^[0-7ILOilo][0-9A-TV-Za-tv-z]{25}$"  # 128 bits: the first of the 26 characters has only 3
_CROCKFORD_ALIASES = str.maketrans("ILO", "110")


def canonical_id(pattern_id: str) -> str:
    """Return the stored spelling of an id: upper case, Crockford's aliases resolved (I, L → 1; O → 0).

    Source: https://www.crockford.com/base32.html.
    """
    return pattern_id.upper().translate(_CROCKFORD_ALIASES)


def known_id(pattern_id: str) -> str | None:
    """Return the canonical id for a look-up; None for text that is no ULID, under which nothing is stored."""
    return canonical_id(pattern_id) if re.fullmatch(_ULID, pattern_id) else None


def new_id() -> str:
    """Make a ULID: later ones sort behind earlier ones."""
    return str(ULID())


def utc_now() -> datetime:
    """Return the current moment, aware, in UTC."""
    return datetime.now(UTC)


def as_utc(moment: datetime) -> datetime:
    """Convert a moment to UTC; a naive value is taken as UTC. Raises ValueError beyond the years 1 to 9999."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is not between the years 1 and 9999 in UTC") from error


def newest_contexts(contexts: Iterable[str]) -> list[str]:
    """Return the newest contexts, each once, at its last place. A context of white space alone is none."""
    last_first = dict.fromkeys(reversed([context for context in contexts if context and not context.isspace()]))
    return list(last_first)[:KEPT_CONTEXTS][::-1]


def _storable(value: str) -> str:
    if not is_storable(value):
        raise ValueError("contains NUL or a lone surrogate, which databases cannot store")
    return value


def _distinct(keywords: list[str]) -> list[str]:
    first: dict[str, str] = {}
    for keyword in keywords:
        first.setdefault(keyword.casefold(), keyword)
    return list(first.values())


def _shortened_failure(failure: str) -> str:
    return cut(failure, MAX_FAILURE_CHARACTERS, keep_end=True)


def _shortened_context(context: str) -> str:
    return cut(context, MAX_CONTEXT_CHARACTERS, keep_end=True)


def _newest_failures(failures: list[str]) -> list[str]:
    return failures[-KEPT_FAILURES:]


def _stripped(max_length: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=max_length)


PatternId = Annotated[str, StringConstraints(pattern=_ULID), AfterValidator(canonical_id)]
PatternText = Annotated[str, _stripped(MAX_PATTERN_CHARACTERS), AfterValidator(_storable)]
Keywords = Annotated[
    list[Annotated[str, _stripped(MAX_KEYWORD_CHARACTERS), AfterValidator(_storable)]], AfterValidator(_distinct)
]
Failures = Annotated[
    list[Annotated[str, AfterValidator(_storable), AfterValidator(_shortened_failure)]],
    AfterValidator(_newest_failures),
]
Contexts = Annotated[
    list[Annotated[str, AfterValidator(_storable), AfterValidator(_shortened_context)]],
    AfterValidator(newest_contexts),
]
PreventiveChecks = list[Annotated[str, _stripped(MAX_CHECK_CHARACTERS), AfterValidator(_storable)]]
Moment = Annotated[datetime, AfterValidator(as_utc)]
Fingerprint = Annotated[str, AfterValidator(_storable)]
