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
from pydantic_core import to_jsonable_python
from sqlalchemy import URL

from error_patterns import migrate
from error_patterns.cli.db import db
from error_patterns.cli.demo import run_demo
from error_patterns.cli.terminal import (
    DEFAULT_URL,
    AsJson,
    DatabaseUrl,
    fail,
    open_transaction,
    print_json,
    print_pattern,
    print_table,
    read_text,
    shorten,
)
from error_patterns.errors import ErrorPatternsError, PatternNotFoundError
from error_patterns.models import ErrorPattern
from error_patterns.repository import ErrorPatternRepository
from error_patterns.text.sanitize import one_line, storable, visible

app: typer.Typer = typer.Typer(
    help="A durable memory of recurring failures: record them, and find those that a context resembles.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(db, name="db")

PatternIdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id of a pattern, in any spelling.")]
TextArgument = Annotated[
    str | None, typer.Argument(metavar="[TEXT]", help="The text; standard input if it is left out, or -.")
]
TextFile = Annotated[Path | None, typer.Option("--file", "-f", help="Read the text from this file instead.")]
KeywordOption = Annotated[
    list[str] | None, typer.Option("--keyword", "-k", help="Words that identify the failure; repeatable.")
]
CheckOption = Annotated[
    list[str] | None, typer.Option("--check", "-c", help="What to do or verify to prevent it; repeatable.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would change, and change nothing.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=0, help="The greatest number to print.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit: 0 for success, 1 and one line for an error, 2 for wrong usage."""
    try:
        app(args=arguments)
    except ValidationError as error:
        fail("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)))
    except (ErrorPatternsError, OSError, ValueError, subprocess.CalledProcessError) as error:
        fail(str(error))


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(version("error-patterns"))
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
    context: Annotated[
        str | None, typer.Option(help="What was being attempted: the plan, or the command that failed.")
    ] = None,
    keyword: KeywordOption = None,
    check: CheckOption = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Record a failure: a traceback, or what a tool printed when it failed, with the command above it if there is one.

    That command is what was being attempted, unless --context says it.
    """
    failure = read_text(text, file)
    with ErrorPatternRepository.open(database_url) as repository:
        pattern = repository.record_failure(
            failure, context=context, keywords=keyword or None, preventive_checks=check or ()
        )
    line = f"{pattern.pattern_id} seen {pattern.frequency}x: {shorten(pattern.pattern)}"
    print_pattern(pattern, line, as_json=as_json)


@app.command()
def match(
    text: TextArgument = None,
    file: TextFile = None,
    limit: Limit = 10,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Leave out matches with a lower score.")] = 0.0,
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Print the known failures that a context resembles, best first, and explain each score.

    Each has its evidence, the words that it rests on with their weights, the keywords found, and the preventive checks.
    """
    context = read_text(text, file)
    with ErrorPatternRepository.open(database_url) as repository:
        matches = repository.rank_context(context, limit=limit, min_score=min_score)
    if as_json:
        print_json(matches)
        return
    for found in matches:
        typer.echo(f"{found.score:.2f} {found.pattern.pattern_id} {shorten(found.pattern.pattern)}")
        words = ", ".join(f"{word} {weight:.2f}" for word, weight in found.words.items())
        typer.echo(f"     evidence: {shorten(f'{found.evidence}: {words}' if words else found.evidence)}")
        if found.matched_keywords:
            typer.echo(f"     matched: {shorten(', '.join(found.matched_keywords))}")
        for preventive_check in found.pattern.preventive_checks:
            typer.echo(f"     check: {one_line(preventive_check)}")


@app.command()
def guide(
    text: TextArgument = None,
    file: TextFile = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="The greatest number of patterns.")] = 5,
    max_characters: Annotated[int, typer.Option(min=0, help="The greatest length of the text.")] = 2000,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Print what an agent is to read before it acts on a context; nothing if nothing known is worth telling."""
    context = read_text(text, file)
    with ErrorPatternRepository.open(database_url) as repository:
        guidance = repository.guidance_for(context, limit=limit, max_characters=max_characters)
    if guidance:
        typer.echo(guidance)


@app.command(name="list")
def list_patterns(
    limit: Limit = 20,
    offset: Annotated[int, typer.Option(min=0, help="The number of patterns to skip.")] = 0,
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """List the patterns, newest first by when they were last seen."""
    with ErrorPatternRepository.open(database_url) as repository:
        patterns = repository.list_all(limit=limit, offset=offset)
    if as_json:
        print_json(patterns)
        return
    rows = [(p.pattern_id, str(p.frequency), f"{p.last_seen:%Y-%m-%d %H:%M}", shorten(p.pattern)) for p in patterns]
    print_table(("id", "seen", "last seen", "pattern"), rows)


@app.command()
def show(pattern_id: PatternIdArgument, as_json: AsJson = False, database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Print every field of a pattern."""
    with ErrorPatternRepository.open(database_url) as repository:
        pattern = repository.get(pattern_id)
    if pattern is None:
        raise PatternNotFoundError(pattern_id)
    if as_json:
        print_json(pattern)
        return
    for name in ErrorPattern.model_fields:
        value = to_jsonable_python(getattr(pattern, name))
        for item in value if isinstance(value, list) else [value]:
            typer.echo(f"{name}: {visible(str(item))}")


@app.command()
def add(
    pattern: Annotated[str, typer.Argument(help="The text of the failure.")],
    keyword: KeywordOption = None,
    check: CheckOption = None,
    frequency: Annotated[int, typer.Option(min=0, help="The number of times it was seen.")] = 0,
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Store a pattern by hand, before its failure is seen."""
    new = ErrorPattern(
        pattern=storable(pattern),
        keywords=[storable(k) for k in keyword or ()],
        preventive_checks=[storable(c) for c in check or ()],
        frequency=frequency,
    )
    with ErrorPatternRepository.open(database_url) as repository:
        stored = repository.create(new)
    print_pattern(stored, stored.pattern_id, as_json=as_json)


@app.command()
def add_check(
    pattern_id: PatternIdArgument,
    preventive_check: Annotated[str, typer.Argument(metavar="CHECK", help="What to do or verify.")],
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Add a preventive check to a pattern."""
    with ErrorPatternRepository.open(database_url) as repository:
        stored = repository.add_checks(pattern_id, [storable(preventive_check)])
    print_pattern(stored, f"{stored.pattern_id} has {len(stored.preventive_checks)} checks", as_json=as_json)


@app.command()
def delete(pattern_id: PatternIdArgument, database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Delete a pattern."""
    with ErrorPatternRepository.open(database_url) as repository:
        if not repository.delete(pattern_id):
            raise PatternNotFoundError(pattern_id)
    typer.echo(f"deleted {shorten(pattern_id)}")


@app.command()
def stats(
    top: Annotated[int, typer.Option(min=0, help="The number of patterns and keywords to print.")] = 10,
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Print totals, the most frequent patterns and the most common keywords."""
    with ErrorPatternRepository.open(database_url) as repository:
        statistics = repository.statistics(top=top)
    if as_json:
        print_json(dict(statistics) | {"top_keywords": [count._asdict() for count in statistics.top_keywords]})
        return
    typer.echo(f"{statistics.total_patterns} patterns, seen {statistics.total_occurrences}x")
    print_table(("seen", "pattern"), [(str(p.frequency), shorten(p.pattern)) for p in statistics.most_frequent])
    print_table(("patterns", "keyword"), [(str(n), shorten(keyword)) for keyword, n in statistics.top_keywords])


@app.command()
def demo(
    file: Annotated[Path | None, typer.Option("--file", "-f", help="The database file; default: a new one.")] = None,
) -> None:
    """Show the library at work in three processes: two record a failure, and the third is warned of it."""
    path = file or Path(tempfile.mkdtemp(prefix="error-patterns-")) / "demo.db"
    url = URL.create("sqlite", database=str(path)).render_as_string()
    migrate.upgrade(url)
    typer.echo(f"the database: {path}")
    run_demo(url)


@app.command()
def prune(
    not_seen_since: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="The time they were last seen before, in UTC."),
    ],
    with_checks: Annotated[
        bool, typer.Option("--with-checks", help="Also delete patterns with preventive checks.")
    ] = False,
    dry_run: DryRun = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Delete the patterns that were last seen before a given time."""
    with open_transaction(database_url, dry_run=dry_run) as repository:
        pruned = repository.prune(not_seen_since=not_seen_since, keep_with_checks=not with_checks)
    typer.echo(f"{'would delete' if dry_run else 'deleted'} {pruned} patterns")


@app.command()
def merge(
    into: Annotated[str, typer.Argument(metavar="ID", help="The id of the pattern to keep.")],
    others: Annotated[list[str], typer.Argument(metavar="OTHER...", help="The ids of the patterns to merge into it.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = DEFAULT_URL,
) -> None:
    """Merge patterns that stand for the same failure."""
    with open_transaction(database_url, dry_run=dry_run) as repository:
        merged = repository.merge(into, others)
    done = "would merge" if dry_run else "merged"
    line = f"{done} {len(others) + 1} patterns into one, seen {merged.frequency}x: {shorten(merged.pattern)}"
    print_pattern(merged, line, as_json=as_json)
