"""Every error that the package raises on purpose, under one base class."""


class ErrorPatternsError(Exception):
    """Base of all errors of this package: `except ErrorPatternsError` catches each of them.

    The error of the database driver, if there was one, is the `__cause__`.
    """

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the message as it is: the arguments of a subclass are not those of `Exception`."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[ErrorPatternsError], args: tuple[object, ...], state: dict[str, object]) -> ErrorPatternsError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class PatternNotFoundError(ErrorPatternsError):
    """There is no pattern with this id, or it was deleted in the meantime."""

    def __init__(self, pattern_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(f"pattern_id: there is no error pattern {pattern_id!r}")
        self.pattern_id = pattern_id


class PatternAlreadyExistsError(ErrorPatternsError):
    """A pattern with this id is already stored; nothing was written."""

    def __init__(self, pattern_id: str) -> None:
        """Name the id that is taken."""
        super().__init__(f"pattern_id: an error pattern {pattern_id!r} already exists; update it, or leave the id out")
        self.pattern_id = pattern_id


class RepositoryClosedError(ErrorPatternsError):
    """The call came after `close()`, or after the end of the transaction that the repository belonged to."""

    def __init__(self, what: str) -> None:
        """Name what is over."""
        super().__init__(f"{what} is over; nothing was done; use a repository that is still open")


class SchemaOutOfDateError(ErrorPatternsError):
    """The database lacks migrations that this version of the package needs."""

    def __init__(self, found: str | None, needed: str) -> None:
        """Name the revision found (None: the database has none) and the one needed."""
        super().__init__(
            f"the database schema is at revision {found or 'none'} and this version of error_patterns needs {needed}; "
            "run: error-patterns db upgrade --database-url URL (or error_patterns.migrate.upgrade(url))"
        )
        self.found = found
        self.needed = needed


class SchemaTooNewError(ErrorPatternsError):
    """The database was migrated by a newer version of the package; this one will not touch it."""

    def __init__(self, found: str, newest_known: str) -> None:
        """Name the revision found and the newest one that this version knows."""
        super().__init__(
            f"the database schema is at revision {found}, which this version of error_patterns does not know "
            f"(its newest is {newest_known}); upgrade the package: pip install --upgrade error-patterns"
        )
        self.found = found
        self.newest_known = newest_known


class DatabaseUnavailableError(ErrorPatternsError):
    """The database cannot be used now: locked past the timeout, unreachable, read-only, full or not a database.

    The message says which. Nothing of the call was written, unless the connection broke while it was being committed:
    then it may have been.
    """


class DatabaseRejectedError(ErrorPatternsError):
    """The database works and refused the statement: a CHECK constraint, a missing table, a value out of range."""
