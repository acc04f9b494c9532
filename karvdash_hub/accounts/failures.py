"""Slow down whoever guesses passwords, by the name that is tried.

The first few mistakes cost nothing. After them each try with that name has to wait, twice as long each
time; that is forgotten when the right password comes, or after a while. Names that do not exist are
counted like all others, so that the delay tells nobody which exist.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

#: Mistakes in a row that cost nothing.
FREE = 5
#: Longest delay, and time after which mistakes are forgotten (seconds).
LONGEST, FORGOTTEN = 8.0, 900.0
#: Names that are remembered. Each entry has cost somebody the time of a hash.
MOST = 4096


class _Mistakes(NamedTuple):
    number: int
    last: float


class Failures:
    """Mistakes in a row by name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._mistakes: OrderedDict[str, _Mistakes] = OrderedDict()

    def delay(self, name: str) -> float:
        """Return the seconds that the next try with this name has to wait."""
        known = self._mistakes.get(name)
        if known is None or self._clock() - known.last > FORGOTTEN or known.number < FREE:
            return 0.0
        return min(LONGEST, 2.0 ** min(known.number - FREE, 10))

    def note(self, name: str, *, right: bool) -> None:
        """Note how a try ended."""
        before = self._mistakes.pop(name, None)
        if right:
            return
        now = self._clock()
        number = before.number if before is not None and now - before.last <= FORGOTTEN else 0
        self._mistakes[name] = _Mistakes(number + 1, now)
        while len(self._mistakes) > MOST:
            self._mistakes.popitem(last=False)
