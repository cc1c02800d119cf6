"""The SQL that differs between the databases: functions on JSON arrays, INSERT … ON CONFLICT, collations."""

from typing import Self

from sqlalchemy import Boolean, Integer, SQLColumnExpression, String, Table, collate
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.sql.operators import OperatorType
from sqlmodel import SQLModel
from typing_extensions import override


def insert_on_conflict(dialect: str, into: type[SQLModel] | Table) -> postgresql.Insert | sqlite.Insert:
    """Make the INSERT that knows ON CONFLICT, for the dialect of this name."""
    return postgresql.insert(into) if dialect == "postgresql" else sqlite.insert(into)


def in_code_points(dialect: str, text: SQLColumnExpression[str]) -> SQLColumnExpression[str]:
    """Collate a text in the order of its code points."""
    return collate(text, "C" if dialect == "postgresql" else "BINARY")


def elements(array: SQLColumnExpression[list[str]]) -> SQLColumnExpression[str]:
    """Unnest an array: the column of its elements, of a table that joins implicitly."""
    return _Elements(array).table_valued("value", joins_implicitly=True).c.value


def is_element(value: SQLColumnExpression[str], array: SQLColumnExpression[list[str]]) -> SQLColumnExpression[bool]:
    """Return whether a value is an element of an array: a look-up by index for each element."""
    return _IsElement(value, array)


def length(array: SQLColumnExpression[list[str]]) -> SQLColumnExpression[int]:
    """Count the elements of an array."""
    return _Length(array)


class _Elements(GenericFunction[str]):
    package = "error_patterns"  # in which SQLAlchemy registers it, and no part of its name
    name = "json_each"
    type = String()
    inherit_cache = True


class _IsElement(GenericFunction[bool]):
    package = "error_patterns"
    type = Boolean()
    inherit_cache = True

    @override
    def self_group(self, against: OperatorType | None = None) -> Self:
        return self  # SQLAlchemy would ask SQLite whether it equals 1, which no index can answer


class _Length(GenericFunction[int]):
    package = "error_patterns"
    name = "json_array_length"
    type = Integer()
    inherit_cache = True


@compiles(_Elements, "postgresql")
def _elements(function: _Elements, compiler: SQLCompiler, **options: object) -> str:
    return f"jsonb_array_elements_text{compiler.function_argspec(function, **options)}"


@compiles(_IsElement)
def _is_element(function: _IsElement, compiler: SQLCompiler, **options: object) -> str:
    value, array = (compiler.process(clause, **options) for clause in function.clauses)
    return f"{value} IN (SELECT value FROM json_each({array}))"  # noqa: S608 - of parts that SQLAlchemy compiled


@compiles(_IsElement, "postgresql")
def _is_element_by_postgresql(function: _IsElement, compiler: SQLCompiler, **options: object) -> str:
    # Not as a join: PostgreSQL takes every array for one of 100 elements, and reads a whole table for that many.
    value, array = (compiler.process(clause, **options) for clause in function.clauses)
    return f"{value} = ANY (ARRAY(SELECT jsonb_array_elements_text({array})))"


@compiles(_Length, "postgresql")
def _length_by_postgresql(function: _Length, compiler: SQLCompiler, **options: object) -> str:
    return f"jsonb_array_length{compiler.function_argspec(function, **options)}"
