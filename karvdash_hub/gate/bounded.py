"""A dictionary that forgets: what is too old, and what is least used when it is full."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """At most ``size`` entries, each for at most ``seconds``; strangers cannot make it grow.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, size: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._seconds = seconds
        self._clock = clock
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """Return the value of a key, None when there is none any more."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= self._clock():
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: K, value: V) -> None:
        """Keep a value from now on; the least used one goes if there are too many."""
        self._entries[key] = (self._clock() + self._seconds, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a key."""
        self._entries.pop(key, None)

    def drop_all(self, which: Callable[[K], bool]) -> None:
        """Forget every key that is meant."""
        for key in [key for key in self._entries if which(key)]:
            del self._entries[key]

    def items(self) -> list[tuple[K, V]]:
        """Return what is still good."""
        now = self._clock()
        return [(key, value) for key, (until, value) in self._entries.items() if until > now]

    def keys(self) -> list[K]:
        """Return the keys that are still good."""
        now = self._clock()
        return [key for key, (until, _) in self._entries.items() if until > now]
