"""What a person sees while the demonstration starts: which step, how long it took, what remains."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Steps:
    """Numbered steps: ``[3/8] container images ... 1.2 s``."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.began = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step, and say how long it took when it ends."""
        self.done += 1
        began = time.monotonic()
        print(f"[{self.done}/{self.total}] {title}", flush=True)
        yield
        print(f"      {time.monotonic() - began:.1f} s", flush=True)

    def note(self, line: str) -> None:
        """A line of detail inside a step."""
        print(f"      {line}", flush=True)

    def finish(self) -> None:
        """The total time."""
        print(f"Up after {time.monotonic() - self.began:.0f} s.", file=sys.stdout, flush=True)
