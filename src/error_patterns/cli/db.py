"""The commands `error-patterns db`: the schema, and what is derived from the patterns."""

import typer

from error_patterns import migrate
from error_patterns.cli.terminal import DEFAULT_URL, DatabaseUrl, fail, print_line, progress_bar
from error_patterns.repository import ErrorPatternRepository

db: typer.Typer = typer.Typer(help="The schema and the keyword index of the database.", no_args_is_help=True)


@db.command()
def upgrade(database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Make the schema, or bring it to the newest revision."""
    migrate.upgrade(database_url)
    print_line(f"at revision {migrate.head()}")


@db.command()
def current(database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Print the revision of the schema."""
    print_line(migrate.current(database_url) or "none")


@db.command(name="check")
def check_database(database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Exit with 0 if schema and keyword index are what this version needs, and with 1 if not."""
    differences = migrate.check(database_url)
    if differences:
        fail(f"the schema differs from the declared one: {'; '.join(differences)}")
    with ErrorPatternRepository.open(database_url, migrate=False) as repository:
        total = repository.count()
        with progress_bar("checking the keyword index", total) as progress:
            wrong = repository.check_index(progress=progress)
    if wrong:
        fail(f"the keyword index is wrong for {wrong} patterns; run: error-patterns db reindex")
    print_line(f"at revision {migrate.head()}, as declared; the keywords of {total} patterns are indexed")


@db.command()
def reindex(database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Mend the keyword index where it is wrong, as after SQL of your own."""
    with ErrorPatternRepository.open(database_url) as repository:
        total = repository.count()
        with progress_bar("mending the keyword index", total) as progress:
            mended = repository.reindex(progress=progress)
    print_line(f"looked at {total} patterns, mended {mended}")


@db.command()
def refingerprint(database_url: DatabaseUrl = DEFAULT_URL) -> None:
    """Carry over the fingerprints that an older version made, so that known failures stay known."""
    with ErrorPatternRepository.open(database_url) as repository:
        looked_at: list[int] = []
        carried = repository.refingerprint(progress=looked_at.append)
    print_line(f"carried over {carried} of {sum(looked_at)} older fingerprints")
