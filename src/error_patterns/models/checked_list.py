"""`CheckedList`: the list in a JSON column, whose changes in place are validated and persisted."""

from collections.abc import Iterable, Sequence
from typing import Protocol, Self, SupportsIndex

from pydantic import ValidationError
from sqlalchemy import JSON
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import InstanceState
from sqlalchemy.types import TypeEngine
from typing_extensions import override


class ListOwner(Protocol):
    """The row that holds a checked list."""

    @property
    def model_fields_set(self) -> set[str]:
        """The names of the fields that the caller set."""

    def checked_list(self, name: str, items: Sequence[str]) -> list[str]:
        """Validate the items as the field `name`; raise `pydantic.ValidationError` if a rule is broken."""


class CheckedList(MutableList[str]):
    """The list in a JSON field: each change in place is validated like an assignment, and then persisted.

    A change that breaks a rule of the field raises `pydantic.ValidationError` and leaves the list as it was.

    Attributes:
        base: The items of the row when it was last read or written, with which an update compares; None if unknown.
    """

    def __init__(self, items: Iterable[str] = (), base: Iterable[str] | None = None) -> None:
        """Hold valid items."""
        super().__init__(items)
        self._valid = tuple(self)
        self.base: tuple[str, ...] | None = None if base is None else tuple(base)

    @classmethod
    @override
    def coerce(cls, key: str, value: object) -> Self | None:
        """Convert the plain list that validation or the database gives."""
        if not isinstance(value, list):
            raise ValueError(f"{key}: expected a list, got {type(value).__name__}")
        return cls(value, base=value)

    @override
    def extend(self, x: Iterable[str]) -> None:
        """Append all of the items, or none if the iterable raises."""
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
        return type(self), (list(self), self.base)


JSON_ARRAY: TypeEngine[list[str]] = JSON[list[str]]().with_variant(JSONB(), "postgresql")
"""JSONB on PostgreSQL, JSON elsewhere."""


def json_list() -> TypeEngine[list[str]]:
    """Make the type of one column of checked lists; columns cannot share one."""
    return CheckedList.as_mutable(JSON_ARRAY.copy())
