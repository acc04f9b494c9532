"""Figures of the admission server for Prometheus.

Written by hand, as the gate's are: the client library would take 5 MiB for three kinds of lines.
ref: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import Final

#: Upper bounds in seconds.
BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """Counts of answers and how long they took."""

    def __init__(self) -> None:
        # A counter that appears only with its first count hides that count from rate().
        self.answers: Counter[str] = Counter({"patched": 0, "unchanged": 0})
        self.left_out = 0
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0

    def answered(self, outcome: str, seconds: float) -> None:
        """Count one answer. ``outcome``: patched, unchanged, or the reason of a refusal."""
        self.answers[outcome] += 1
        self._buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds

    def lines(self) -> Iterator[str]:
        """Yield the lines about answers."""
        yield from _head("reviews_total", "counter", "Answers to the API server.")
        for outcome, count in sorted(self.answers.items()):
            yield f'karvdash_admission_reviews_total{{outcome="{outcome}"}} {count}'
        yield from _head("review_seconds", "histogram", "Time from the whole question to the answer.")
        total = 0
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), self._buckets, strict=True):
            total += count
            yield f'karvdash_admission_review_seconds_bucket{{le="{bound}"}} {total}'
        yield f"karvdash_admission_review_seconds_sum {self._seconds:.6f}"
        yield f"karvdash_admission_review_seconds_count {total}"
        yield from single(
            "datasets_left_out_total", "counter", "Datasets that a pod did not get.", self.left_out
        )


def single(name: str, form: str, text: str, value: float) -> Iterator[str]:
    """Yield the lines of a figure without labels."""
    yield from _head(name, form, text)
    yield f"karvdash_admission_{name} {value}"


def healthy(states: dict[str, bool]) -> Iterator[str]:
    """Yield the lines about watches."""
    yield from _head("watch_healthy", "gauge", "Whether a watch is current.")
    for kind, state in states.items():
        yield f'karvdash_admission_watch_healthy{{kind="{kind}"}} {int(state)}'


def _head(name: str, form: str, text: str) -> Iterator[str]:
    yield f"# HELP karvdash_admission_{name} {text}"
    yield f"# TYPE karvdash_admission_{name} {form}"
