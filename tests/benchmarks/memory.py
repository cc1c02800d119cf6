"""How much memory one call needs, in a process of its own: `python -m benchmarks.memory URL CALL` prints the bytes."""

import collections
import re
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.language import Language
from benchmarks.subjects import PAGE
from error_patterns import RELEVANT_SCORE, ErrorPatternRepository

MANY = 100_000
"""How many patterns `create_many` is given, one by one."""


def _context(repository: ErrorPatternRepository, characters: int) -> str:
    known = repository.list_all(limit=PAGE)
    return Language(seed=characters).contexts(1, characters, known)[0]


CALLS: dict[str, Callable[[ErrorPatternRepository], object]] = {
    "none": lambda _: None,
    "rank_context, 2 KB": lambda repository: repository.rank_context(_context(repository, 2_000)),
    "rank_context, 100 KB": lambda repository: repository.rank_context(_context(repository, 100_000)),
    "rank_context(limit=None, min_score=RELEVANT_SCORE), 2 KB": lambda repository: repository.rank_context(
        _context(repository, 2_000), limit=None, min_score=RELEVANT_SCORE
    ),
    f"list_all(limit={PAGE})": lambda repository: repository.list_all(limit=PAGE),
    "stream_all": lambda repository: collections.deque(repository.stream_all(), maxlen=0),
    "statistics": lambda repository: repository.statistics(),
    "check_index": lambda repository: repository.check_index(),
    "reindex": lambda repository: repository.reindex(),
    f"create_many, {MANY:,} more": lambda repository: repository.create_many(Language(MANY).patterns(MANY)),
}


def main() -> None:
    """Make the call, and print the most memory that the process ever had."""
    url, call = sys.argv[1:]
    with ErrorPatternRepository.open(url) as repository:
        CALLS[call](repository)
    # Not of getrusage(), which counts from before this program took the process over from the one that began it.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (kibibytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    sys.stdout.write(str(int(kibibytes) * 1024))


if __name__ == "__main__":
    main()
