"""`ValidatedTable`: what SQLModel leaves out for tables, validation."""

from collections.abc import Mapping, Set
from typing import Any, Self

from sqlalchemy.orm.attributes import set_attribute
from sqlmodel import SQLModel

from error_patterns.models.checked_list import CheckedList


class ValidatedTable(SQLModel):
    """What SQLModel leaves out for tables: validation when a row is made and whenever a field is assigned.

    Rows that the database loads are made without `__init__`, so what older rules allowed can still be read.
    """

    def __init__(__pydantic_self__, **data: object) -> None:  # noqa: N805 - `self` may be a key of the data
        """Set every field, validated. Raises `pydantic.ValidationError` that lists every error."""
        checked = __pydantic_self__._checked(data)
        for name, value in checked.__dict__.items():
            set_attribute(__pydantic_self__, name, value)
        __pydantic_self__.model_fields_set.update(checked.model_fields_set)

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
            after.stored = before.stored if isinstance(before, CheckedList) else None

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
        checked = cls._checked(obj, strict=strict, from_attributes=from_attributes, context=context)
        return cls._made_of(checked.__dict__, checked.model_fields_set)

    def model_copy(self, *, update: Mapping[str, object] | None = None, deep: bool = False) -> Self:
        """A new row that belongs to no session, with `update` applied; always deep, always validated.

        Raises `pydantic.ValidationError` that lists every error.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return self._made_of(values | dict(update or {}), self.model_fields_set | set(update or {}))

    def __copy__(self) -> Self:
        """Pydantic's own would share SQLAlchemy's state between the two."""
        return self.model_copy()

    def __deepcopy__(self, memo: dict[int, object] | None = None) -> Self:
        """Pydantic's own would share SQLAlchemy's state between the two."""
        return self.model_copy()

    def checked_list(self, name: str, items: list[str]) -> list[str]:
        """The items as the field `name` would store them; `pydantic.ValidationError` if it would not."""
        checked: list[str] = self._checked_value(name, items)
        return checked

    @classmethod
    def _made_of(cls, values: Mapping[str, object], given: Set[str]) -> Self:
        made = cls(**values)
        made.model_fields_set.intersection_update(given)
        return made

    @classmethod
    def _checked(cls, data: object, **options: Any) -> Self:  # Any: pydantic's own options, passed on unread
        """An unmapped carrier of validated values: pydantic fills it without SQLAlchemy in between."""
        carrier: Self = cls.__new__(cls)
        cls.__pydantic_validator__.validate_python(data, self_instance=carrier, **options)
        return carrier

    def _checked_value(self, name: str, value: object) -> Any:  # Any: the type of whichever field is named
        carrier = self.__new__(type(self))
        self.__pydantic_validator__.validate_assignment(carrier, name, value)
        return carrier.__dict__[name]
