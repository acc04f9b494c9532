"""How long to wait before the next attempt."""

from __future__ import annotations

import random

FIRST = 0.2
LONGEST = 5.0
#: An API server may name a time (Retry-After, seconds); beyond this it is taken as this.
LONGEST_ASKED = 60.0


class Backoff:
    """Delays in seconds that double from 0.2 to 5, each shortened by chance by up to half.

    The chance keeps a dozen watches, and all replicas of the gate, from knocking at the same moment.

    Attributes:
        attempts: how often in a row a delay was needed.
    """

    def __init__(self) -> None:
        self.attempts = 0

    def reset(self) -> None:
        """Start again with the shortest delay."""
        self.attempts = 0

    def next(self, asked: float | None = None) -> float:
        """Return the next delay; never shorter than the server ``asked`` for, up to a minute."""
        delay = min(LONGEST, FIRST * 2.0 ** min(self.attempts, 10)) * random.uniform(0.5, 1.0)  # noqa: S311
        self.attempts += 1
        return delay + min(asked, LONGEST_ASKED) if asked else delay
