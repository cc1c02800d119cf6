"""The command `error-patterns`: the calls of the repository, one command each."""

import subprocess
import tempfile
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy import URL

from error_patterns import migrate
from error_patterns.cli import demo as demonstration
from error_patterns.cli.db import db
from error_patterns.cli.terminal import (
    DEFAULT_URL,
    AsJson,
    DatabaseUrl,
    fail,
    fields_of,
    given_text,
    json_of,
    print_json,
    print_line,
    print_table,
    short,
    undone_if,
)
from error_patterns.errors import ErrorPatternsError, PatternNotFoundError
from error_patterns.models import ErrorPattern
from error_patterns.repository import ErrorPatternRepository
from error_patterns.text import one_line, storable, visible

app: typer.Typer = typer.Typer(
    help="A durable memory of recurring failures: record them, and ask what went wrong before.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(db, name="db")

PatternIdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id of a pattern, in any spelling.")]
TextArgument = Annotated[
    str | None, typer.Argument(metavar="[TEXT]", help="The text; without it, or as -, standard input is read.")
]
TextFile = Annotated[Path | None, typer.Option("--file", "-f", help="Read the text from this file instead.")]
KeywordOption = Annotated[list[str] | None, typer.Option("--keyword", "-k", help="Gives the failure away; repeatable.")]
CheckOption = Annotated[
    list[str] | None, typer.Option("--check", "-c", help="What to do so that it does not come back; repeatable.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=0, help="How many at most.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Exits with 0, with 1 and one line that says why, or with 2 for wrong usage."""
    try:
        app(args=arguments)
    except ValidationError as error:
        fail("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)))
    except (ErrorPatternsError, OSError, ValueError, subprocess.CalledProcessError) as error:
        fail(str(error))


def _print_version(asked: bool) -> None:
    if asked:
        print_line(version("error-patterns"))
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def record(
    text: TextArgument = None,
    file: TextFile = None,
    keyword: KeywordOption = None,
    check: CheckOption = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Record a failure: a traceback, or what a tool printed when it failed."""
    failure = given_text(text, file)
    with ErrorPatternRepository.open(database_url) as repository:
        pattern = repository.record_failure(failure, keywords=keyword or None, preventive_checks=check or ())
    if as_json:
        print_json(fields_of(pattern))
    else:
        print_line(f"{pattern.pattern_id} seen {pattern.frequency}x: {short(pattern.pattern)}")


@app.command()
def match(
    text: TextArgument = None,
    file: TextFile = None,
    limit: Limit = 10,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Leave out matches that score less.")] = 0.0,
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Print the known failures that a context resembles, best first, with what to check."""
    context = given_text(text, file)
    with ErrorPatternRepository.open(database_url) as repository:
        matches = repository.rank_context(context, limit=limit, min_score=min_score)
    if as_json:
        print_json([{**json_of(match), "pattern": fields_of(match.pattern)} for match in matches])
        return
    for found in matches:
        print_line(f"{found.score:.2f} {found.pattern.pattern_id} {short(found.pattern.pattern)}")
        print_line(f"     matched: {short(', '.join(found.matched_keywords) or 'its text')}")
        for preventive_check in found.pattern.preventive_checks:
            print_line(f"     check: {one_line(preventive_check)}")


@app.command(name="list")
def list_patterns(
    limit: Limit = 20,
    offset: Annotated[int, typer.Option(min=0, help="How many to pass over.")] = 0,
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """List the patterns, last seen first."""
    with ErrorPatternRepository.open(database_url) as repository:
        patterns = repository.list_all(limit=limit, offset=offset)
    if as_json:
        print_json([fields_of(pattern) for pattern in patterns])
    else:
        print_table(
            ("id", "seen", "last seen", "pattern"),
            [(p.pattern_id, str(p.frequency), f"{p.last_seen:%Y-%m-%d %H:%M}", short(p.pattern)) for p in patterns],
        )


@app.command()
def show(pattern_id: PatternIdArgument, as_json: AsJson = False, database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Show all of one pattern."""
    with ErrorPatternRepository.open(database_url) as repository:
        pattern = _existing(repository, pattern_id)
    fields = fields_of(pattern)
    if as_json:
        print_json(fields)
        return
    for name, value in fields.items():
        items = value if isinstance(value, list) else [value]
        for item in items:
            print_line(f"{name}: {visible(str(item))}")


@app.command()
def add(
    pattern: Annotated[str, typer.Argument(help="What the failure looks like.")],
    keyword: KeywordOption = None,
    check: CheckOption = None,
    frequency: Annotated[int, typer.Option(min=0, help="How often it was seen.")] = 0,
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Write a pattern down, by hand and before it is seen."""
    new = ErrorPattern(
        pattern=storable(pattern),
        keywords=[storable(k) for k in keyword or ()],
        preventive_checks=[storable(c) for c in check or ()],
        frequency=frequency,
    )
    with ErrorPatternRepository.open(database_url) as repository:
        repository.create(new)
    if as_json:
        print_json(fields_of(new))
    else:
        print_line(new.pattern_id)


@app.command()
def check(
    pattern_id: PatternIdArgument,
    preventive_check: Annotated[str, typer.Argument(metavar="CHECK", help="What to do or verify.")],
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Add a preventive check to a pattern."""
    with ErrorPatternRepository.open(database_url) as repository:
        pattern = _existing(repository, pattern_id)
        pattern.preventive_checks.append(storable(preventive_check))
        repository.update(pattern)
    if as_json:
        print_json(fields_of(pattern))
    else:
        print_line(f"{pattern.pattern_id} has {len(pattern.preventive_checks)} checks")


@app.command()
def delete(pattern_id: PatternIdArgument, database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Delete a pattern."""
    with ErrorPatternRepository.open(database_url) as repository:
        if not repository.delete(pattern_id):
            raise PatternNotFoundError(pattern_id)
    print_line(f"deleted {short(pattern_id)}")


@app.command()
def stats(
    top: Annotated[int, typer.Option(min=0, help="How many patterns and keywords to name.")] = 10,
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Say what the memory holds."""
    with ErrorPatternRepository.open(database_url) as repository:
        statistics = repository.statistics(top=top)
    if as_json:
        keywords = [count._asdict() for count in statistics.top_keywords]
        most_frequent = [fields_of(pattern) for pattern in statistics.most_frequent]
        print_json({**json_of(statistics), "most_frequent": most_frequent, "top_keywords": keywords})
        return
    print_line(f"{statistics.total_patterns} patterns, seen {statistics.total_occurrences}x")
    print_table(("seen", "pattern"), [(str(p.frequency), short(p.pattern)) for p in statistics.most_frequent])
    print_table(("patterns", "keyword"), [(str(n), short(keyword)) for keyword, n in statistics.top_keywords])


@app.command()
def demo(
    file: Annotated[Path | None, typer.Option("--file", "-f", help="The database file; default: a new one.")] = None,
) -> None:
    """Show the main job in three real processes: two fail in one way, the next one is warned."""
    path = file or Path(tempfile.mkdtemp(prefix="error-patterns-")) / "demo.db"
    url = URL.create("sqlite", database=str(path)).render_as_string()
    migrate.upgrade(url)
    print_line(f"the database: {path}")
    demonstration.run(url)


@app.command()
def prune(
    not_seen_since: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Delete what was last seen before it, in UTC."),
    ],
    with_checks: Annotated[bool, typer.Option("--with-checks", help="Delete patterns with checks as well.")] = False,
    dry_run: DryRun = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Delete the patterns that were not seen for long."""
    with ErrorPatternRepository.open(database_url) as repository, undone_if(dry_run, repository) as together:
        pruned = together.prune(not_seen_since=not_seen_since, keep_with_checks=not with_checks)
    print_line(f"{'would delete' if dry_run else 'deleted'} {pruned} patterns")


@app.command()
def merge(
    into: Annotated[str, typer.Argument(metavar="ID", help="The id of the pattern that lives on.")],
    others: Annotated[list[str], typer.Argument(metavar="OTHER...", help="The ids of those that go.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Join patterns that are one failure after all."""
    with ErrorPatternRepository.open(database_url) as repository, undone_if(dry_run, repository) as together:
        merged = together.merge(into, others)
    if as_json:
        print_json(fields_of(merged))
    else:
        begun = "would make" if dry_run else "made"
        print_line(f"{begun} one pattern of {len(others) + 1}, seen {merged.frequency}x: {short(merged.pattern)}")


def _existing(repository: ErrorPatternRepository, pattern_id: str) -> ErrorPattern:
    pattern = repository.get(pattern_id)
    if pattern is None:
        raise PatternNotFoundError(pattern_id)
    return pattern
