"""The time of `rank_context` and of the alternatives over the number of stored patterns, as SVG."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import Key, Results

LINES = {
    ("rank_context", "SQLite"): ("rank_context, SQLite", "#0b5fa5", "o-"),
    ("rank_context", "PostgreSQL"): ("rank_context, PostgreSQL", "#4aa3df", "o-"),
    ("loop", "SQLite"): ("load all, loop", "#c0392b", "s--"),
    ("FTS5", "SQLite"): ("FTS5", "#d68910", "^--"),
    ("automaton", "SQLite"): ("automaton in memory", "#6c7a89", "v--"),
    ("rebuild", "SQLite"): ("its rebuild, after each write", "#6c7a89", "v:"),
}


def draw(results: Results, path: Path) -> None:
    """One panel for each length of context, with logarithmic axes."""
    contexts = [context for context in results.values("matching", "context") if context]
    # The same results give the same file, with text that stays text.
    with mpl.rc_context({"svg.hashsalt": "error_patterns", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(10, 4.4), layout="constrained", facecolor="white")
        panels = figure.subplots(1, len(contexts), sharey=True, squeeze=False)[0]
        for panel, context in zip(panels, contexts, strict=True):
            _draw_panel(panel, results, context)
        panels[0].set_ylabel("median time, ms")
        lines, labels = panels[0].get_legend_handles_labels()
        figure.legend(lines, labels, loc="outside lower center", ncols=3, frameon=False)
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _draw_panel(panel: Axes, results: Results, context: str) -> None:
    for (subject, backend), (label, colour, style) in LINES.items():
        of_context = "" if subject == "rebuild" else context
        measured = [
            (size, found.median * 1_000)
            for size in results.sizes("matching")
            if (found := results.figure(Key("matching", subject, backend, size, of_context)))
        ]
        if measured:
            panel.plot(*zip(*measured, strict=True), style, color=colour, label=label, markersize=4)
    panel.set(xscale="log", yscale="log", title=f"context of {context}", xlabel="stored patterns")
    panel.grid(visible=True, which="major", alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
