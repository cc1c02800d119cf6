"""`ErrorPattern`: the table, the validated schema and what API layers reuse, in one class."""

from collections.abc import Mapping, Set
from typing import Any, ClassVar, Self

from sqlalchemy import BigInteger, CheckConstraint, Index, PrimaryKeyConstraint, UniqueConstraint, event
from sqlalchemy.orm.attributes import set_attribute
from sqlalchemy.schema import SchemaItem, conv
from sqlmodel import Field, SQLModel, UTCDateTime

from error_patterns.fields import (
    KEPT_FAILURES,
    MAX_CHECKS,
    MAX_FINGERPRINT_CHARACTERS,
    MAX_FREQUENCY,
    MAX_KEYWORDS,
    MAX_PATTERN_CHARACTERS,
    ULID_CHARACTERS,
    CheckedList,
    Failures,
    Fingerprint,
    Keywords,
    Moment,
    PatternId,
    PatternText,
    PreventiveChecks,
    json_list,
    new_id,
    utc_now,
)


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


def _check(name: str, rule: str) -> CheckConstraint:
    return CheckConstraint(rule, name=conv(f"ck_error_patterns_{name}"))


def _checks_by_database(name: str, *, sqlite: str, postgresql: str) -> tuple[SchemaItem, SchemaItem]:
    return _check(name, sqlite).ddl_if(dialect="sqlite"), _check(name, postgresql).ddl_if(dialect="postgresql")


def _array_checks(column: str, most: int) -> tuple[SchemaItem, SchemaItem]:
    return _checks_by_database(
        column,
        sqlite=f"json_valid({column}) AND json_type({column}) = 'array' AND json_array_length({column}) <= {most}",
        postgresql=f"CASE WHEN jsonb_typeof({column}) = 'array' THEN jsonb_array_length({column}) <= {most} "
        "ELSE false END",
    )


def _moment_check(column: str) -> SchemaItem:
    """For SQLite, whose column holds anything: a date that there is, a time, and nothing or microseconds behind it."""
    return _check(
        column,
        f"datetime(substr({column}, 1, 19), '+0 days') IS substr({column}, 1, 19) AND {column} >= '0001' AND "
        f"(length({column}) = 19 OR substr({column}, 20) GLOB '.[0-9][0-9][0-9][0-9][0-9][0-9]')",
    ).ddl_if(dialect="sqlite")


class ErrorPattern(ValidatedTable, table=True):
    """A recurring kind of failure: what it looks like, how often it was seen, what to check first.

    Making one and assigning to a field validate, and so do changes of the lists in place
    (`pattern.keywords.append("port")`); each raises `pydantic.ValidationError` and changes nothing if a rule is broken.

    Attributes:
        pattern_id: ULID; accepted in any case and with Crockford's aliases, kept canonical. Default: a new one.
        pattern: What the failure looks like, 1 to 10,000 characters after stripping.
        keywords: Words and phrases that give the failure away: at most 64, each 1 to 200 characters, stripped,
            without duplicates (case-insensitive).
        historical_failures: Concrete failures, newest last. The newest 20 are kept, each cut at 4,000 characters.
        preventive_checks: What to do or verify so that the failure does not come back: at most 64, each 1 to 2,000
            characters.
        frequency: How often the failure was seen; 0 for a pattern written down before it ever was.
        created_at: Aware UTC; a naive value is taken as UTC. Default: now.
        last_seen: Aware UTC; a naive value is taken as UTC. Default: now.
        fingerprint: The stable hash under which `record_failure` finds the pattern again; set by it alone.

    Example:
        >>> pattern = ErrorPattern(pattern="Port already in use", keywords=["EADDRINUSE", "address in use"])
        >>> pattern.preventive_checks.append("Stop the old server first: lsof -i :8080")
        >>> pattern.frequency
        1
    """

    __tablename__: ClassVar[str] = "error_patterns"
    # Every name is final (conv): a naming convention on SQLModel.metadata is the caller's to choose.
    __table_args__: ClassVar[tuple[SchemaItem, ...]] = (
        PrimaryKeyConstraint("pattern_id", name=conv("pk_error_patterns")),
        UniqueConstraint("fingerprint", name=conv("uq_error_patterns_fingerprint")),
        Index(conv("ix_error_patterns_last_seen"), "last_seen"),
        *_checks_by_database(
            "pattern_id",
            sqlite=f"length(pattern_id) = {ULID_CHARACTERS} AND pattern_id NOT GLOB '*[^0-9A-HJKMNP-TV-Z]*' "
            "AND pattern_id < '8'",
            postgresql="pattern_id ~ '^[0-7][0-9A-HJKMNP-TV-Z]{25}$'",
        ),
        _check("pattern", f"length(trim(pattern)) >= 1 AND length(pattern) <= {MAX_PATTERN_CHARACTERS}"),
        *_checks_by_database(
            "frequency",
            sqlite=f"typeof(frequency) = 'integer' AND frequency BETWEEN 0 AND {MAX_FREQUENCY}",
            postgresql=f"frequency BETWEEN 0 AND {MAX_FREQUENCY}",
        ),
        _check("fingerprint", f"length(fingerprint) BETWEEN 1 AND {MAX_FINGERPRINT_CHARACTERS}"),
        *_array_checks("keywords", MAX_KEYWORDS),
        *_array_checks("historical_failures", KEPT_FAILURES),
        *_array_checks("preventive_checks", MAX_CHECKS),
        *(_moment_check(column) for column in ("created_at", "last_seen")),
    )

    pattern_id: PatternId = Field(default_factory=new_id, primary_key=True, max_length=ULID_CHARACTERS)
    pattern: PatternText = Field(max_length=MAX_PATTERN_CHARACTERS)
    keywords: Keywords = Field(default_factory=list, max_length=MAX_KEYWORDS, sa_type=json_list())
    historical_failures: Failures = Field(default_factory=list, sa_type=json_list())
    preventive_checks: PreventiveChecks = Field(default_factory=list, max_length=MAX_CHECKS, sa_type=json_list())
    frequency: int = Field(default=1, ge=0, le=MAX_FREQUENCY, sa_type=BigInteger)
    created_at: Moment = Field(default_factory=utc_now, sa_type=UTCDateTime)
    last_seen: Moment = Field(default_factory=utc_now, sa_type=UTCDateTime)
    fingerprint: Fingerprint | None = Field(default=None, min_length=1, max_length=MAX_FINGERPRINT_CHARACTERS)


@event.listens_for(ErrorPattern, "load")
def _put_in_declared_order(target: ErrorPattern, context: object) -> None:
    # SQLAlchemy fills a loaded row in the order of a set, which would show in every dump and differ between runs.
    values = target.__dict__
    for name in type(target).model_fields:
        if name in values:
            values[name] = values.pop(name)
