"""`ValidatedTable`: what SQLModel leaves out for tables, validation."""

from collections.abc import Mapping, Sequence, Set
from typing import Any, Self

from sqlalchemy.orm import class_mapper
from sqlalchemy.orm.attributes import set_attribute
from sqlmodel import SQLModel

from error_patterns.models.checked_list import CheckedList


class ValidatedTable(SQLModel):
    """A base for tables that validate when a row is made and whenever a field is assigned.

    SQLAlchemy makes the rows that it loads without `__init__`. So rows that older rules allowed can still be read.
    """

    def __init__(__pydantic_self__, **data: object) -> None:  # noqa: N805 - `self` may be a key of the data
        """Set every field, validated. Raises `pydantic.ValidationError` that lists every error."""
        __pydantic_self__._fill_from(__pydantic_self__._checked(data))

    def __setattr__(self, name: str, value: object) -> None:
        """Validate first, so that a rejected value never reaches the object or a later commit."""
        if name not in type(self).model_fields:
            super().__setattr__(name, value)
            return
        before = self.__dict__.get(name)
        set_attribute(self, name, self._checked_value(name, value))
        self.model_fields_set.add(name)
        after = self.__dict__[name]
        if isinstance(after, CheckedList):
            after.base = before.base if isinstance(before, CheckedList) else None

    @classmethod
    def model_validate(  # type: ignore[override]  # SQLModel narrows pydantic's signature; this is SQLModel's
        cls,
        obj: object,
        *,
        strict: bool | None = None,
        from_attributes: bool | None = None,
        context: dict[str, object] | None = None,
        update: dict[str, object] | None = None,
    ) -> Self:
        """Make a row from a mapping or an object with attributes; `update` wins over both.

        Raises `pydantic.ValidationError` that lists every error.
        """
        if update:
            fields = (
                obj if isinstance(obj, Mapping) else {n: getattr(obj, n) for n in cls.model_fields if hasattr(obj, n)}
            )
            obj = {**fields, **update}
        return cls._row_from(cls._checked(obj, strict=strict, from_attributes=from_attributes, context=context))

    def model_copy(self, *, update: Mapping[str, object] | None = None, deep: bool = False) -> Self:
        """Make a new row that belongs to no session, with `update` applied; always deep, always validated.

        Raises `pydantic.ValidationError` that lists every error.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        given: Set[str] = self.model_fields_set | set(update or {})
        copied = self._row_from(self._checked(values | dict(update or {})))
        copied.model_fields_set.intersection_update(given)
        return copied

    def __copy__(self) -> Self:
        """Copy as `model_copy` does: pydantic's own would share SQLAlchemy's state between the two."""
        return self.model_copy()

    def __deepcopy__(self, memo: dict[int, object] | None = None) -> Self:
        """Copy as `model_copy` does: pydantic's own would share SQLAlchemy's state between the two."""
        return self.model_copy()

    def checked_list(self, name: str, items: Sequence[str]) -> list[str]:
        """Validate the items as the field `name`; raise `pydantic.ValidationError` if a rule is broken."""
        checked: list[str] = self._checked_value(name, items)
        return checked

    @classmethod
    def _row_from(cls, checked: Self) -> Self:
        """Make a row of values that are validated already, and so without `__init__`."""
        row: Self = class_mapper(cls).class_manager.new_instance()
        row._fill_from(checked)
        return row

    def _fill_from(self, checked: Self) -> None:
        for name, value in checked.__dict__.items():
            set_attribute(self, name, value)
        self.model_fields_set.update(checked.model_fields_set)

    @classmethod
    def _checked(cls, data: object, **options: Any) -> Self:  # Any: pydantic's own options, passed on unread
        """Validate into an unmapped carrier of values: pydantic fills it without SQLAlchemy in between."""
        carrier: Self = cls.__new__(cls)
        cls.__pydantic_validator__.validate_python(data, self_instance=carrier, **options)
        return carrier

    def _checked_value(self, name: str, value: object) -> Any:  # Any: the type of whichever field is named
        carrier = self.__new__(type(self))
        self.__pydantic_validator__.validate_assignment(carrier, name, value)
        return carrier.__dict__[name]
