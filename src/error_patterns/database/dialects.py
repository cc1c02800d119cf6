"""Functions on JSON arrays, in the words of each database: what is built of them serves all of them."""

from sqlalchemy import JSON, Integer, SQLColumnExpression, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


def elements(array: SQLColumnExpression[list[str]]) -> SQLColumnExpression[str]:
    """The column of the elements of an array, as a table that joins what stands beside it."""
    return _Elements(array).table_valued("value", joins_implicitly=True).c.value


def gathered(*columns: SQLColumnExpression[object]) -> SQLColumnExpression[list[list[object]]]:
    """The rows of a group as an array of arrays."""
    return _Gathered(*columns)


def length(array: SQLColumnExpression[list[str]]) -> SQLColumnExpression[int]:
    """How many elements an array has."""
    return _Length(array)


class _Elements(GenericFunction[str]):
    package = "error_patterns"  # in which SQLAlchemy registers it, and no part of its name
    name = "json_each"
    type = String()
    inherit_cache = True


class _Gathered(GenericFunction[list[list[object]]]):
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


@compiles(_Gathered)
def _gathered(function: _Gathered, compiler: SQLCompiler, **options: object) -> str:
    return f"json_group_array(json_array{compiler.function_argspec(function, **options)})"


@compiles(_Gathered, "postgresql")
def _gathered_by_postgresql(function: _Gathered, compiler: SQLCompiler, **options: object) -> str:
    return f"json_agg(json_build_array{compiler.function_argspec(function, **options)})"


@compiles(_Length, "postgresql")
def _length_by_postgresql(function: _Length, compiler: SQLCompiler, **options: object) -> str:
    return f"jsonb_array_length{compiler.function_argspec(function, **options)}"
