"""Report a run: print its tables, write them into `docs/benchmarks.md`, and draw them as `docs/matching.svg`.

Its one argument is the file that `pytest --benchmark-json` wrote.
"""

import re
import sys
from pathlib import Path

from benchmarks import plot, tables
from benchmarks.conftest import LARGEST
from benchmarks.results import Results

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "benchmarks.md"
PLOT = DOCS / "matching.svg"
_SECTION = re.compile("(?<=<!-- benchmarks -->\n).*?(?=<!-- /benchmarks -->)", re.DOTALL)


def section(results: Results) -> str:
    """The text between the markers of the page."""
    largest = max(results.sizes("matching"))
    options = "" if largest == LARGEST else f" -- --largest={largest}"
    size = max(results.sizes("calls"))
    return f"""```sh
nox -s benchmarks{options}
```

measured all of this in one run and wrote it here. Times are medians of one machine. The ratios are the claim.
PostgreSQL ran on the same machine behind a socket, with its files in memory where they had room, so its commits are
cheap. SQLite wrote to the disk.

## Matching

![Time of rank_context and of the alternatives over the number of stored patterns]({PLOT.name})

The table compares `rank_context(limit=10)` with what one would write in its place, as a multiple of it. The automaton
answers from memory, and so misses what another process wrote.

{tables.matching(results)}

These are its aims:

{tables.aims_of_matching(results)}

## Other calls

There are {size:,} stored patterns, and `create_many` stores that many new ones. "Raw" is SQL on one open connection,
with rows and index rows prepared beforehand. "SQLModel" is plain code with a session for each call.

{tables.calls(results)}

## Import

{tables.imports(results)}

## Memory

The table has the peak memory of a process that made one call, with {max(results.sizes("memory")):,} stored patterns.

{tables.memory(results)}
"""


def main() -> None:
    """Report the run whose file the command line names."""
    results = Results(Path(sys.argv[1]))
    if not all(results.values(table, "subject") for table in ("matching", "calls", "import", "memory")):
        sys.exit("Not all of the benchmarks ran: nothing to report")
    written = section(results)
    sys.stdout.write(written)
    plot.draw(results, PLOT)
    text, found = _SECTION.subn(lambda _: f"\n{written}\n", PAGE.read_text(encoding="utf-8"))
    if found != 1:
        sys.exit(f"{PAGE.name}: expected <!-- benchmarks --> and <!-- /benchmarks --> once")
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
