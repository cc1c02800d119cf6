"""The errors of the package, under one base class."""


class ErrorPatternsError(Exception):
    """Base class of the errors of this package.

    The error of the database driver, if there was one, is the `__cause__`.
    """

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the message itself: a subclass takes other arguments than `Exception`."""
        return Exception.__new__, (type(self), *self.args), self.__dict__


class PatternNotFoundError(ErrorPatternsError):
    """No pattern with this id is stored; it may have been deleted."""

    def __init__(self, pattern_id: str) -> None:
        """Name the id that was looked up."""
        super().__init__(f"pattern_id: there is no error pattern {pattern_id!r}")
        self.pattern_id = pattern_id


class PatternAlreadyExistsError(ErrorPatternsError):
    """A pattern with this id is already stored; nothing was written."""

    def __init__(self, pattern_id: str) -> None:
        """Name the id that is taken."""
        super().__init__(f"pattern_id: an error pattern {pattern_id!r} already exists; update it, or leave the id out")
        self.pattern_id = pattern_id


class RepositoryClosedError(ErrorPatternsError):
    """A call on a closed repository, or on the repository of a transaction that has ended."""

    def __init__(self, closed: str) -> None:
        """Name what is closed, such as "the repository" or "the transaction"."""
        super().__init__(f"{closed} is closed; nothing was done; use an open repository")


class SchemaOutOfDateError(ErrorPatternsError):
    """The database lacks migrations that this version of the package needs."""

    def __init__(self, found: str | None, needed: str) -> None:
        """Name the revision found, or None for a database without one, and the revision needed."""
        super().__init__(
            f"the database schema is at revision {found or 'none'} and this version of error_patterns needs {needed}; "
            "run: error-patterns db upgrade --database-url URL (or error_patterns.migrate.upgrade(url))"
        )
        self.found = found
        self.needed = needed


class SchemaTooNewError(ErrorPatternsError):
    """The database was migrated by a newer version of the package; this version changes nothing in it."""

    def __init__(self, found: str, newest_known: str) -> None:
        """Name the revision found and the newest that this version knows."""
        super().__init__(
            f"the database schema is at revision {found}, which this version of error_patterns does not know "
            f"(its newest is {newest_known}); upgrade the package: pip install --upgrade error-patterns"
        )
        self.found = found
        self.newest_known = newest_known


class DatabaseUnavailableError(ErrorPatternsError):
    """The database cannot be used now: locked past the timeout, unreachable, read-only, full or not a database.

    The message names the cause. The call wrote nothing, unless the connection broke during its commit: then it may have
    written everything.
    """


class DatabaseRejectedError(ErrorPatternsError):
    """The database refused the statement: a CHECK constraint, a missing table, a value out of range."""
