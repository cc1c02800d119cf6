"""Passes over all patterns in the order of their ids, a batch at a time, so that no transaction is long."""

from collections.abc import Callable
from typing import NamedTuple

BATCH_SIZE = 1_000
"""The number of patterns of a batch."""


class BatchResult(NamedTuple):
    """The result of one batch.

    Attributes:
        patterns: The number of patterns read.
        affected: The number of patterns that were counted or changed. It can be larger than `patterns`: derived rows
            whose pattern is gone count as well.
        last_id: The last id read; None at the end of the pass.
    """

    patterns: int
    affected: int
    last_id: str | None


class BatchedPass:
    """The progress of a pass.

    Attributes:
        after: The id behind which the next batch begins; None when the pass is complete.
        affected: The total of `BatchResult.affected`.
    """

    def __init__(self, progress: Callable[[int], object] | None) -> None:
        """Begin a pass; `progress` is called after each batch with the number of its patterns."""
        self.after: str | None = ""
        self.affected: int = 0
        self._progress = progress

    def add(self, result: BatchResult) -> None:
        """Add the result of the next batch."""
        self.after = result.last_id
        self.affected += result.affected
        if self._progress is not None:
            self._progress(result.patterns)
