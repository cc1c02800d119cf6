"""The command `error-patterns`: the calls of the repository as commands of a terminal."""

from error_patterns.cli.commands import app, main

__all__ = ["app", "main"]
