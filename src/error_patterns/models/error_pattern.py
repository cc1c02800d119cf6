"""`ErrorPattern`: the table, the validated schema and the API schema in one class."""

from typing import ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Connection, Index, PrimaryKeyConstraint, UniqueConstraint, event
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.schema import SchemaItem, conv
from sqlmodel import Field, UTCDateTime

from error_patterns.models.checked_list import CheckedList, json_list
from error_patterns.models.fields import (
    KEPT_CONTEXTS,
    KEPT_FAILURES,
    MAX_CHECKS,
    MAX_FINGERPRINT_CHARACTERS,
    MAX_FREQUENCY,
    MAX_KEYWORDS,
    MAX_PATTERN_CHARACTERS,
    ULID_CHARACTERS,
    Contexts,
    Failures,
    Fingerprint,
    Keywords,
    Moment,
    PatternId,
    PatternText,
    PreventiveChecks,
    new_id,
    utc_now,
)
from error_patterns.models.validated_table import ValidatedTable


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
    """Check a date that exists, a time, and optional microseconds: a column of SQLite holds anything."""
    return _check(
        column,
        f"datetime(substr({column}, 1, 19), '+0 days') IS substr({column}, 1, 19) AND {column} >= '0001' AND "
        f"(length({column}) = 19 OR substr({column}, 20) GLOB '.[0-9][0-9][0-9][0-9][0-9][0-9]')",
    ).ddl_if(dialect="sqlite")


class ErrorPattern(ValidatedTable, table=True):
    """A recurring kind of failure: what it looks like, how often it was seen, what to check first.

    The constructor validates. So do assignments and changes of the lists in place (`pattern.keywords.append("port")`).
    Each raises `pydantic.ValidationError` and changes nothing if a rule is broken.

    Attributes:
        pattern_id: ULID; accepted in any case and with Crockford's aliases, kept canonical. Default: a new one.
        pattern: What the failure looks like, 1 to 10,000 characters after stripping.
        keywords: Words and phrases that identify the failure: at most 64, each 1 to 200 characters, stripped,
            without duplicates (case-insensitive).
        historical_failures: Concrete failures, newest last. The newest 20 are kept, each cut at 4,000 characters.
        historical_contexts: What was being attempted when it failed, each text once, newest last. The newest 20 are
            kept, each cut to 2,000 characters, its beginning and its end.
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
        *_array_checks("historical_contexts", KEPT_CONTEXTS),
        *_array_checks("preventive_checks", MAX_CHECKS),
        *(_moment_check(column) for column in ("created_at", "last_seen")),
    )

    pattern_id: PatternId = Field(default_factory=new_id, primary_key=True, max_length=ULID_CHARACTERS)
    pattern: PatternText = Field(max_length=MAX_PATTERN_CHARACTERS)
    keywords: Keywords = Field(default_factory=list, max_length=MAX_KEYWORDS, sa_type=json_list())
    historical_failures: Failures = Field(default_factory=list, sa_type=json_list())
    historical_contexts: Contexts = Field(default_factory=list, sa_type=json_list())
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


@event.listens_for(ErrorPattern, "before_update")
def _keep_the_id(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    # Rows of other tables name it, and in engines that are not ours SQLite has foreign keys switched off.
    if target.pattern_id != stored_id(target):
        set_committed_value(target, "pattern_id", stored_id(target))


@event.listens_for(ErrorPattern, "after_insert")
@event.listens_for(ErrorPattern, "after_update")
def _renew_bases(mapper: Mapper[ErrorPattern], connection: Connection, target: ErrorPattern) -> None:
    for value in target.__dict__.values():
        if isinstance(value, CheckedList):
            value.base = tuple(value)


def stored_id(pattern: ErrorPattern) -> str:
    """Return the id under which the pattern is stored, whatever its field says: an id never changes."""
    identity = sa_inspect(pattern).identity
    return pattern.pattern_id if identity is None else str(identity[0])
