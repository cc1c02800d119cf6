"""The results of a run as Markdown tables, with the aims beside the figures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.results import Figure, Key, Results

ALTERNATIVES = {
    "loop": "load all, loop",
    "FTS5": "FTS5",
    "automaton": "automaton in memory",
    "scan": "its scan, one read",
}
SCANS = {"SQLite": 12, "PostgreSQL": 18}
"""How many times the scan and one read `rank_context` may take at most."""

TIMES = "\N{MULTIPLICATION SIGN}"
REBUILD = "rebuild of the automaton from the store, needed after each write"


@dataclass(frozen=True)
class Aim:
    """A ratio, or another amount, that is to be at most, or at least, this."""

    bound: float
    is_least: bool = False
    unit: str = TIMES

    def beside(self, amount: float | None) -> str:
        """The amount, what it should be, and whether it is."""
        if amount is None:
            return "not measured"
        is_met = amount >= self.bound if self.is_least else amount <= self.bound
        aim = f"{'≥' if self.is_least else '≤'} {self.bound:g}: {'met' if is_met else '**missed**'}"
        return f"{_three_digits(amount)} {self.unit} ({aim})"


def times(ratio: float | None) -> str:
    """A ratio to three digits."""
    return "" if ratio is None else f"{_three_digits(ratio)} {TIMES}"


def milliseconds(seconds: float) -> str:
    """A time to three digits."""
    return f"{_three_digits(seconds * 1_000)} ms"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def matching(results: Results) -> str:
    """`rank_context` and the alternatives: each as a multiple of `rank_context`."""
    head = ["database", "context", "patterns", "`rank_context`", "p95", *ALTERNATIVES.values()]
    rows: list[list[str]] = []
    for backend in results.values("matching", "backend"):
        for context in filter(None, results.values("matching", "context")):
            for size in results.sizes("matching"):
                key = Key("matching", "rank_context", backend, size, context)
                others = (_alternative(results, key._replace(subject=name), key) for name in ALTERNATIVES)
                rows.append([backend, context, f"{size:,}", *_median_and_p95(results.figure(key)), *others])
    for size in results.sizes("matching"):
        rebuild = _median(results.figure(Key("matching", "rebuild", "SQLite", size)))
        rows.append(["SQLite", REBUILD, f"{size:,}", *[""] * 4, rebuild, ""])
    return table(head, rows)


def aims_of_matching(results: Results) -> str:
    """What `rank_context` was meant to reach, and what it reached."""
    rows = []
    for backend in results.values("matching", "backend"):
        for context in filter(None, results.values("matching", "context")):
            few, many, most = (
                Key("matching", "rank_context", backend, size, context) for size in (10_000, 100_000, 1_000_000)
            )
            growth = Aim(2).beside(results.ratio(most, few))
            loop = Aim(100, is_least=True).beside(results.ratio(many._replace(subject="loop"), many))
            scans = (
                Aim(SCANS[backend]).beside(results.ratio(key, key._replace(subject="scan"))) for key in (many, most)
            )
            rows.append([backend, context, growth, loop, *scans])
    head = [
        "database",
        "context",
        "at 1,000,000 : at 10,000",
        "loop : `rank_context` at 100,000",
        "`rank_context` : scan and one read at 100,000",
        "the same at 1,000,000",
    ]
    return table(head, rows)


def calls(results: Results) -> str:
    """Every other call as a multiple of the raw one, and of the hand-written one."""
    head = ["call", "database", "ours", "p95", "ours : raw", "raw", "ours : SQLModel by hand", "SQLModel"]
    size = max(results.sizes("calls"))
    every = (
        Key("calls", "ours", backend, size, call=call)
        for call in results.values("calls", "call")
        for backend in results.values("calls", "backend")
    )
    return table(head, (_call(results, key) for key in every if results.figure(key) is not None))


def _call(results: Results, ours: Key) -> list[str]:
    raw, handwritten = ours._replace(subject="raw"), ours._replace(subject="SQLModel")
    ratio = results.ratio(ours, raw)
    return [
        f"`{ours.call}`",
        ours.backend,
        *_median_and_p95(results.figure(ours)),
        Aim(3).beside(ratio) if ours.call == "create_many" else times(ratio),
        _median(results.figure(raw)),
        Aim(1).beside(results.ratio(ours, handwritten)),
        _median(results.figure(handwritten)),
    ]


def imports(results: Results) -> str:
    """What importing costs."""
    ours, sqlmodel = Key("import", "error_patterns"), Key("import", "sqlmodel")
    ratio = Aim(1.25).beside(results.ratio(ours, sqlmodel))
    row = [_median(results.figure(ours)), _median(results.figure(sqlmodel)), ratio]
    return table(["`import error_patterns`", "`import sqlmodel`", "ratio"], [row])


def memory(results: Results) -> str:
    """The most memory that a process with one call needed."""
    backends = results.values("memory", "backend")
    size = max(results.sizes("memory"))
    rows = (
        [call, *(_megabytes(results, backend, size, call) for backend in backends)]
        for call in results.values("memory", "call")
    )
    return table(["call", *backends], rows)


def _megabytes(results: Results, backend: str, size: int, call: str) -> str:
    figure = results.figure(Key("memory", "process", backend, size, call=call))
    return "" if figure is None else Aim(200, unit="MB").beside(figure.median / 10**6)


def _three_digits(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:#.3g}"


def _alternative(results: Results, key: Key, ours: Key) -> str:
    figure = results.figure(key)
    return "" if figure is None else f"{times(results.ratio(key, ours))} ({milliseconds(figure.median)})"


def _median(figure: Figure | None) -> str:
    return "" if figure is None else milliseconds(figure.median)


def _median_and_p95(figure: Figure | None) -> tuple[str, str]:
    return ("", "") if figure is None else (milliseconds(figure.median), milliseconds(figure.p95))
