"""`CheckedList`: the list in a JSON column, whose changes in place are validated and persisted."""

from collections.abc import Iterable
from typing import Protocol, Self, SupportsIndex

from pydantic import ValidationError
from sqlalchemy import JSON
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import InstanceState
from sqlalchemy.types import TypeEngine
from typing_extensions import override


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
