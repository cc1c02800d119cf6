"""The commands `error-patterns db`: the schema, the index and the fingerprints."""

import typer

from error_patterns import migrate
from error_patterns.cli.terminal import DEFAULT_URL, DatabaseUrl, fail, progress_bar
from error_patterns.repository import ErrorPatternRepository

db: typer.Typer = typer.Typer(help="Maintain the schema, the index and the fingerprints.", no_args_is_help=True)


@db.command()
def upgrade(database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Create the schema, or upgrade it to the newest revision."""
    migrate.upgrade(database_url)
    typer.echo(f"at revision {migrate.head()}")


@db.command()
def current(database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Print the revision of the schema."""
    typer.echo(migrate.current(database_url) or "none")


@db.command(name="check")
def check_database(database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Compare the schema and the index with what this version needs; exit with 1 if they differ."""
    differences = migrate.check(database_url)
    if differences:
        fail(f"the schema differs from the declared one: {'; '.join(differences)}")
    with ErrorPatternRepository.open(database_url, migrate=False) as repository:
        total = repository.count()
        with progress_bar("checking the index", total) as progress:
            wrong = repository.check_index(progress=progress)
    if wrong:
        fail(f"the index is wrong for {wrong} patterns; run: error-patterns db reindex")
    typer.echo(f"at revision {migrate.head()}, as declared; {total} patterns are indexed")


@db.command()
def reindex(database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Repair the index where it is wrong, as after SQL of your own."""
    with ErrorPatternRepository.open(database_url) as repository:
        total = repository.count()
        with progress_bar("repairing the index", total) as progress:
            repaired = repository.reindex(progress=progress)
    typer.echo(f"checked {total} patterns, repaired {repaired}")


@db.command()
def refingerprint(database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Recompute the fingerprints of an older version, so that known failures stay known."""
    with ErrorPatternRepository.open(database_url) as repository:
        checked: list[int] = []
        recomputed = repository.refingerprint(progress=checked.append)
    typer.echo(f"recomputed {recomputed} of {sum(checked)} older fingerprints")
