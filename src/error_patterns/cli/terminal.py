"""Input and output of the command line: lines, tables, JSON. Stored text reaches a terminal made safe alone."""

import json
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from error_patterns.models import ErrorPattern
from error_patterns.repository import ErrorPatternRepository
from error_patterns.text.sanitize import cut, one_line

DEFAULT_URL = "sqlite:///error_patterns.db"

DatabaseUrl = Annotated[
    str,
    typer.Option("--database-url", envvar="ERROR_PATTERNS_DATABASE_URL", help="The database, as a SQLAlchemy URL."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

_LONGEST_LINE = 100


def read_text(text: str | None, file: Path | None) -> str:
    """Read a text from the argument, the file, or standard input.

    Raises:
        OSError: The file or standard input cannot be read.
    """
    if file is not None:
        if text is not None:
            raise typer.BadParameter("give a text or --file, not both")
        return file.read_bytes().decode(errors="replace")
    if text in (None, "-"):
        if sys.stdin is None:
            raise OSError("standard input is closed")
        return sys.stdin.buffer.read().decode(errors="replace")
    return text or ""


def shorten(text: str) -> str:
    """Shorten a text to one line of at most 100 characters."""
    return cut(one_line(text), _LONGEST_LINE)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table. Its last column wraps; it has no colours where standard output is not a terminal."""
    table = Table()
    for heading in headings:
        table.add_column(heading, no_wrap=heading != headings[-1], overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


@contextmanager
def progress_bar(title: str, total: int) -> Generator[Callable[[int], None]]:
    """Show a progress bar on standard error, if that is a terminal, and yield a function that advances it."""
    console = Console(stderr=True)
    if not console.is_terminal:  # older versions of Rich print an empty line there
        yield lambda steps: None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda steps: progress.advance(task, steps)


def print_json(value: object) -> None:
    """Print a value as JSON of ASCII characters alone."""
    typer.echo(json.dumps(value, indent=2, default=_json_value))


def _json_value(value: object) -> object:
    """Return a model as its fields in their declared order, and any other value as pydantic has it in JSON."""
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    return to_jsonable_python(value)


def print_pattern(pattern: ErrorPattern, line: str, *, as_json: bool) -> None:
    """Print a pattern as JSON, or else the line about it."""
    if as_json:
        print_json(pattern)
    else:
        typer.echo(line)


def fail(reason: str) -> NoReturn:
    """Print the reason as one line on standard error, and exit with 1."""
    typer.echo(f"error: {one_line(reason)}", err=True)
    raise SystemExit(1)


class _RollBack(Exception):  # noqa: N818 - it is no error: it ends a transaction
    pass


@contextmanager
def open_transaction(database_url: str, *, dry_run: bool) -> Generator[ErrorPatternRepository]:
    """Open a repository in one transaction. A dry run rolls it back, and so knows exactly what would change."""
    with ErrorPatternRepository.open(database_url) as opened, suppress(_RollBack), opened.transaction() as repository:
        yield repository
        if dry_run:
            raise _RollBack
