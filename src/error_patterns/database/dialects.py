"""The SQL that differs between the databases: functions on JSON arrays, INSERT … ON CONFLICT, collations."""

from sqlalchemy import JSON, Integer, SQLColumnExpression, String, Table, collate
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlmodel import SQLModel


def insert_on_conflict(dialect: str, into: type[SQLModel] | Table) -> postgresql.Insert | sqlite.Insert:
    """Make the INSERT that knows ON CONFLICT, for the dialect of this name."""
    return postgresql.insert(into) if dialect == "postgresql" else sqlite.insert(into)


def in_code_points(dialect: str, text: SQLColumnExpression[str]) -> SQLColumnExpression[str]:
    """Collate a text in the order of its code points."""
    return collate(text, "C" if dialect == "postgresql" else "BINARY")


def elements(array: SQLColumnExpression[list[str]]) -> SQLColumnExpression[str]:
    """Unnest an array: the column of its elements, of a table that joins implicitly."""
    return _Elements(array).table_valued("value", joins_implicitly=True).c.value


def aggregated(*columns: SQLColumnExpression[object]) -> SQLColumnExpression[list[list[object]]]:
    """Aggregate the rows of a group into an array of arrays."""
    return _Aggregated(*columns)


def length(array: SQLColumnExpression[list[str]]) -> SQLColumnExpression[int]:
    """Count the elements of an array."""
    return _Length(array)


class _Elements(GenericFunction[str]):
    package = "error_patterns"  # in which SQLAlchemy registers it, and no part of its name
    name = "json_each"
    type = String()
    inherit_cache = True


class _Aggregated(GenericFunction[list[list[object]]]):
    package = "error_patterns"
    name = "json_group_array"
    type = JSON()
    inherit_cache = True


class _Length(GenericFunction[int]):
    package = "error_patterns"
    name = "json_array_length"
    type = Integer()
    inherit_cache = True


@compiles(_Elements, "postgresql")
def _elements(function: _Elements, compiler: SQLCompiler, **options: object) -> str:
    return f"jsonb_array_elements_text{compiler.function_argspec(function, **options)}"


@compiles(_Aggregated)
def _aggregated(function: _Aggregated, compiler: SQLCompiler, **options: object) -> str:
    return f"json_group_array(json_array{compiler.function_argspec(function, **options)})"


@compiles(_Aggregated, "postgresql")
def _aggregated_by_postgresql(function: _Aggregated, compiler: SQLCompiler, **options: object) -> str:
    return f"json_agg(json_build_array{compiler.function_argspec(function, **options)})"


@compiles(_Length, "postgresql")
def _length_by_postgresql(function: _Length, compiler: SQLCompiler, **options: object) -> str:
    return f"jsonb_array_length{compiler.function_argspec(function, **options)}"
