"""What the command line reads and prints: plain lines, tables, JSON. Stored text never reaches a terminal as it is."""

import json
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from error_patterns.models import ErrorPattern
from error_patterns.repository import ErrorPatternRepository
from error_patterns.text import cut, one_line

DEFAULT_URL = "sqlite:///error_patterns.db"

DatabaseUrl = Annotated[
    str, typer.Option("--database-url", envvar="ERROR_PATTERNS_DATABASE_URL", help="The database, as a SQLAlchemy URL.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

_LONGEST_LINE = 100


def given_text(text: str | None, file: Path | None) -> str:
    """The text of the argument, of the file, or of standard input. OSError if the file cannot be read."""
    if file is not None:
        if text is not None:
            raise typer.BadParameter("give a text or --file, not both")
        return file.read_bytes().decode(errors="replace")
    if text in (None, "-"):
        if sys.stdin is None:
            raise OSError("standard input is closed")
        return sys.stdin.buffer.read().decode(errors="replace")
    return text or ""


def short(text: str) -> str:
    """The text on one line of moderate length."""
    return cut(one_line(text), _LONGEST_LINE)


def print_line(text: str) -> None:
    """Print one line."""
    typer.echo(text)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, whose last column wraps; without colours where standard output is not a terminal."""
    table = Table()
    for heading in headings:
        table.add_column(heading, no_wrap=heading != headings[-1], overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


@contextmanager
def progress_bar(title: str, total: int) -> Generator[Callable[[int], None]]:
    """A bar on standard error, where that is a terminal; what is yielded moves it by a number of steps."""
    console = Console(stderr=True)
    if not console.is_terminal:  # older versions of Rich print an empty line there
        yield lambda steps: None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda steps: progress.advance(task, steps)


def print_json(value: object) -> None:
    """Print JSON, ASCII alone."""
    typer.echo(json.dumps(value, indent=2))


def fields_of(pattern: ErrorPattern) -> dict[str, object]:
    """The fields of a pattern as JSON has them, in their declared order."""
    values = json_of(pattern)
    return {name: values[name] for name in type(pattern).model_fields}


def json_of(value: BaseModel) -> dict[str, object]:
    """The fields of a value as JSON has them."""
    return value.model_dump(mode="json")


def fail(reason: str) -> NoReturn:
    """Say in one line on standard error why, and exit with 1."""
    typer.echo(f"error: {one_line(reason)}", err=True)
    raise SystemExit(1)


class _Undo(Exception):  # noqa: N818 - it is no error: it ends a transaction
    pass


@contextmanager
def undone_if(dry_run: bool, repository: ErrorPatternRepository) -> Generator[ErrorPatternRepository]:
    """A repository in a transaction, which is undone in a dry run: that says what would happen, as it did happen."""
    with suppress(_Undo), repository.transaction() as together:
        yield together
        if dry_run:
            raise _Undo
