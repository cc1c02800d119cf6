"""A pass over all patterns in the order of their ids, a batch at a time, so that no transaction is long."""

from collections.abc import Callable
from typing import NamedTuple

BATCH = 1_000
"""How many patterns a batch has."""


class Swept(NamedTuple):
    """What became of a batch of patterns.

    Attributes:
        patterns: How many patterns there were.
        found: How many of them were what the sweep is for; with patterns that are gone and left something, more.
        last_id: Where to go on; None at the end.
    """

    patterns: int
    found: int
    last_id: str | None


class Sweep:
    """Where a sweep stands.

    Attributes:
        after: The id after which the next batch begins.
        goes_on: Whether there may be another batch.
        found: How many patterns were found so far.
    """

    def __init__(self, progress: Callable[[int], object] | None) -> None:
        """Begin; `progress` is called after each batch with the number of its patterns."""
        self.after: str = ""
        self.goes_on: bool = True
        self.found: int = 0
        self._progress = progress

    def add(self, swept: Swept) -> None:
        """Take note of the next batch."""
        self.found += swept.found
        self.goes_on = swept.last_id is not None
        self.after = swept.last_id or self.after
        if self._progress is not None:
            self._progress(swept.patterns)
