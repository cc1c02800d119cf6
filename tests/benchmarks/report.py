"""Report a run: print its tables, draw them as `docs/matching.svg`, and write them into the README.

Its one argument is the file that `pytest --benchmark-json` wrote.
"""

import re
import sys
from pathlib import Path

from benchmarks import plot, tables
from benchmarks.conftest import LARGEST
from benchmarks.results import Results

ROOT = Path(__file__).parents[2]
PLOT = ROOT / "docs" / "matching.svg"
_SECTION = re.compile("(?<=<!-- benchmarks -->\n).*?(?=<!-- /benchmarks -->)", re.DOTALL)


def section(results: Results) -> str:
    """What stands in the README."""
    largest = max(results.sizes("matching"))
    options = "" if largest == LARGEST else f" -- --largest={largest}"
    size = max(results.sizes("calls"))
    return f"""```sh
nox -s benchmarks{options}
```

measured all of this in one run and wrote it here. Times are medians, and tell about one machine; the ratios are what
is claimed. PostgreSQL ran on the same machine, behind a socket, with its files in memory if there was room for them: a
commit costs it little. SQLite wrote to the disk.

![Time of rank_context and of the alternatives over the number of stored patterns]({PLOT.relative_to(ROOT)})

`rank_context(limit=10)`, and what one would write in its place as a multiple of it. The automaton answers from memory,
and so knows nothing that another process wrote.

{tables.matching(results)}

{tables.aims_of_matching(results)}

The other calls, with {size:,} stored patterns (`create_many`: that many new ones), beside raw SQL on one open
connection, with rows and index rows made beforehand, and beside plain SQLModel code, a session for each call:

{tables.calls(results)}

{tables.imports(results)}

The most memory that a process needed that made one call, with {max(results.sizes("memory")):,} stored patterns:

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
    readme = ROOT / "README.md"
    text, found = _SECTION.subn(lambda _: f"\n{written}\n", readme.read_text(encoding="utf-8"))
    if found != 1:
        sys.exit("README.md: expected <!-- benchmarks --> and <!-- /benchmarks --> once")
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
