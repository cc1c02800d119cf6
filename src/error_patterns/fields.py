"""The types that the fields of `ErrorPattern` are made of: limits, identifiers, moments, checked JSON lists."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Protocol, Self, SupportsIndex

from pydantic import AfterValidator, StringConstraints, ValidationError
from sqlalchemy import JSON
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import InstanceState
from sqlalchemy.types import TypeEngine
from typing_extensions import override
from ulid import ULID

from error_patterns.text import cut, is_storable

MAX_PATTERN_CHARACTERS = 10_000
MAX_KEYWORDS = 64
MAX_KEYWORD_CHARACTERS = 200
MAX_CHECKS = 64
MAX_CHECK_CHARACTERS = 2_000
KEPT_FAILURES = 20
MAX_FAILURE_CHARACTERS = 4_000
MAX_FINGERPRINT_CHARACTERS = 100
MAX_FREQUENCY = 2**53 - 1  # the largest integer that every reader of JSON holds exactly
ULID_CHARACTERS = 26

_ULID = "^[0-7ILOilo][0-9A-TV-Za-tv-z]{25}$"  # 128 bits: the first of the 26 characters has only 3
_CROCKFORD_ALIASES = str.maketrans("ILO", "110")


def canonical_id(pattern_id: str) -> str:
    """The one spelling under which an id is stored: upper case, Crockford's aliases resolved (I, L → 1; O → 0).

    Source: https://www.crockford.com/base32.html.
    """
    return pattern_id.upper().translate(_CROCKFORD_ALIASES)


def known_id(pattern_id: str) -> str | None:
    """The canonical id for a look-up; None for text that is no ULID, under which nothing can be stored."""
    return canonical_id(pattern_id) if re.fullmatch(_ULID, pattern_id) else None


def new_id() -> str:
    """A new ULID: later ones sort behind earlier ones."""
    return str(ULID())


def utc_now() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)


def as_utc(moment: datetime) -> datetime:
    """The same moment in UTC; a naive value is taken as UTC. ValueError beyond the years 1 to 9999."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is not between the years 1 and 9999 in UTC") from error


def _storable(value: str) -> str:
    if not is_storable(value):
        raise ValueError("contains NUL or a lone surrogate, which databases cannot store")
    return value


def _distinct(keywords: list[str]) -> list[str]:
    first: dict[str, str] = {}
    for keyword in keywords:
        first.setdefault(keyword.casefold(), keyword)
    return list(first.values())


def _shortened(failure: str) -> str:
    return cut(failure, MAX_FAILURE_CHARACTERS)


def _newest(failures: list[str]) -> list[str]:
    return failures[-KEPT_FAILURES:]


def _stripped(max_length: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=max_length)


PatternId = Annotated[str, StringConstraints(pattern=_ULID), AfterValidator(canonical_id)]
PatternText = Annotated[str, _stripped(MAX_PATTERN_CHARACTERS), AfterValidator(_storable)]
Keywords = Annotated[
    list[Annotated[str, _stripped(MAX_KEYWORD_CHARACTERS), AfterValidator(_storable)]], AfterValidator(_distinct)
]
Failures = Annotated[
    list[Annotated[str, AfterValidator(_storable), AfterValidator(_shortened)]], AfterValidator(_newest)
]
PreventiveChecks = list[Annotated[str, _stripped(MAX_CHECK_CHARACTERS), AfterValidator(_storable)]]
Moment = Annotated[datetime, AfterValidator(as_utc)]
Fingerprint = Annotated[str, AfterValidator(_storable)]


class ListOwner(Protocol):
    """What a checked list needs of the row that holds it."""

    @property
    def model_fields_set(self) -> set[str]:
        """The names of the fields that the caller set."""

    def checked_list(self, name: str, items: list[str]) -> list[str]:
        """The items as the field `name` would store them; `pydantic.ValidationError` if it would not."""


class CheckedList(MutableList[str]):
    """The list in a JSON field: each change in place is validated like an assignment, and then persisted.

    A change that breaks a rule of the field raises `pydantic.ValidationError` and leaves the list as it was.
    """

    def __init__(self, items: Iterable[str] = (), stored: tuple[str, ...] | None = None) -> None:
        """Hold the items, which keep to the rules; `stored` as in `stored`."""
        super().__init__(items)
        self._valid = tuple(self)
        self.stored: tuple[str, ...] | None = stored
        """The items that the database had when the row was last read or written; None if that is not known."""

    @classmethod
    @override
    def coerce(cls, key: str, value: object) -> Self | None:
        """Make the plain list that validation or the database gives into a checked one."""
        if not isinstance(value, list):
            raise ValueError(f"{key}: expected a list, got {type(value).__name__}")
        return cls(value, stored=tuple(value))

    def now_stored(self, items: Iterable[str]) -> None:
        """Take the items that the database has now; whoever holds the list keeps a list that counts."""
        list.__setitem__(self, slice(None), items)
        self.stored = self._valid = tuple(self)

    def put(self, items: Iterable[str]) -> None:
        """Take items of which each was checked when it was written, whatever today's rules say of the whole list."""
        list.__setitem__(self, slice(None), items)
        self._valid = tuple(self)
        super().changed()

    @override
    def extend(self, x: Iterable[str]) -> None:
        """All of the items, or none where making them fails half way."""
        super().extend(tuple(x))

    @override
    def __imul__(self, n: SupportsIndex) -> Self:
        self[:] = list(self) * n
        return self

    @override
    def changed(self) -> None:
        """Validate the new content for each row that holds the list, and mark that row as changed."""
        parents: Iterable[tuple[InstanceState[ListOwner], str]] = self._parents.items()
        for state, name in parents:
            owner = state.obj()
            if owner is None:
                continue
            try:
                checked = owner.checked_list(name, list(self))
            except ValidationError:
                list.__setitem__(self, slice(None), self._valid)
                raise
            list.__setitem__(self, slice(None), checked)
            owner.model_fields_set.add(name)
        self._valid = tuple(self)
        super().changed()

    @override
    def __reduce_ex__(  # type: ignore[override]  # the stub of the base names the one tuple that it returns itself
        self, protocol: SupportsIndex
    ) -> tuple[type[Self], tuple[list[str], tuple[str, ...] | None]]:
        return type(self), (list(self), self.stored)


JSON_ARRAY: TypeEngine[list[str]] = JSON[list[str]]().with_variant(JSONB(), "postgresql")
"""JSONB on PostgreSQL, JSON elsewhere."""


def json_list() -> TypeEngine[list[str]]:
    """The type of one column of checked lists: each column needs its own."""
    return CheckedList.as_mutable(JSON_ARRAY.copy())
