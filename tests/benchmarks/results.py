"""What a run of the benchmarks measured."""

import json
import math
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Key(NamedTuple):
    """What one figure is about; what does not apply is empty."""

    table: str
    subject: str
    backend: str = ""
    size: int = 0
    context: str = ""
    call: str = ""


@dataclass(frozen=True)
class Figure:
    """All the times, in seconds, that one thing took, or the bytes that it needed."""

    values: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        """The time that 95 of 100 do not exceed: the nearest rank, so the worst of fewer than 20."""
        return sorted(self.values)[math.ceil(0.95 * len(self.values)) - 1]


class Results:
    """The figures of a run; the turns of a subject are one figure."""

    def __init__(self, path: Path) -> None:
        """Read what `pytest --benchmark-json` wrote; what is not the time of a call is in its `extra_info`."""
        values: dict[Key, list[float]] = defaultdict(list)
        for benchmark in json.loads(path.read_text(encoding="utf-8"))["benchmarks"]:
            about = benchmark["extra_info"]
            key = Key(**{name: value for name, value in about.items() if name in Key._fields})
            values[key] += [about["measured"]] if "measured" in about else benchmark["stats"]["data"]
        self._figures = {key: Figure(each) for key, each in values.items()}

    def figure(self, key: Key) -> Figure | None:
        """What was measured; None if it was not."""
        return self._figures.get(key)

    def ratio(self, key: Key, other: Key) -> float | None:
        """How many times the other's median the median is."""
        figure, divisor = self.figure(key), self.figure(other)
        return None if figure is None or divisor is None else figure.median / divisor.median

    def values(self, table: str, field: str) -> list[str]:
        """What the field of the keys has in this table, in the order of measuring."""
        return list(dict.fromkeys(str(getattr(key, field)) for key in self._figures if key.table == table))

    def sizes(self, table: str) -> list[int]:
        """The numbers of stored patterns at which something was measured."""
        return sorted({key.size for key in self._figures if key.table == table})
