"""One measured ratio, and the table of several."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """``ours`` and ``peer`` in ``unit``; the floor is about ``ratio``: at most, or ``at_least``."""

    name: str
    ours: float
    peer: float
    unit: str
    ratio: float
    floor: float
    note: str = ""
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the floor holds."""
        return self.ratio >= self.floor if self.at_least else self.ratio <= self.floor

    def to_dict(self) -> dict[str, Any]:
        """For results.json."""
        return {**asdict(self), "holds": self.holds}


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0..1) of the values do not exceed, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]


def summary(values: Sequence[float]) -> str:
    """Median, p95, minimum and maximum in milliseconds."""
    ms = [value * 1000 for value in values]
    return (
        f"median {statistics.median(ms):.0f} ms, p95 {percentile(ms, 0.95):.0f} ms, "
        f"{min(ms):.0f} to {max(ms):.0f} ms"
    )


def table(results: Sequence[Result]) -> str:
    """A table for people."""
    rows = [("benchmark", "ours", "peer", "ratio", "floor", "")]
    for result in results:
        sign = "≥" if result.at_least else "≤"
        rows.append(
            (
                result.name,
                f"{result.ours:.4g} {result.unit}",
                f"{result.peer:.4g} {result.unit}",
                f"{result.ratio:.2f}",
                f"{sign} {result.floor:g}",
                "holds" if result.holds else "MISSED",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    )
