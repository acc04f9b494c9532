"""A dictionary that tells of its changes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
#: Namespace and name; the namespace of cluster-wide objects is ``""``.
Key = tuple[str, str]


class Items(Generic[T]):
    """Objects by key. Subscribers hear of every difference, None stands for "not there".

    Args:
        source: where the objects come from, for the log.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._items: dict[Key, T] = {}
        self._subscribers: list[Callable[[Key, T | None, T | None], object]] = []

    @property
    def view(self) -> Mapping[Key, T]:
        """The objects as they are now, read-only."""
        return MappingProxyType(self._items)

    def subscribe(self, callback: Callable[[Key, T | None, T | None], object]) -> Callable[[], None]:
        """Call ``callback(key, old, new)`` after each difference; return what ends that."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def change(self, key: Key, new: T | None) -> None:
        """Put one object in place of another, or take it out."""
        old = self._items.get(key)
        put(self._items, key, new)
        if old != new:
            self._tell(key, old, new)

    def replace(self, fresh: dict[Key, T]) -> None:
        """Put a complete state in place of the former one, at once, then tell the differences."""
        old, self._items = self._items, fresh
        for key in old.keys() - fresh.keys():
            self._tell(key, old[key], None)
        for key, new in fresh.items():
            if (before := old.get(key)) != new:
                self._tell(key, before, new)

    def _tell(self, key: Key, old: T | None, new: T | None) -> None:
        for callback in tuple(self._subscribers):
            try:
                callback(key, old, new)
            except Exception:
                # One subscriber's defect must not cost the others their news.
                log.exception("A subscriber to %s failed at %s", self._source, "/".join(key))


def put(items: dict[Key, T], key: Key, item: T | None) -> None:
    """Put an object into a dictionary, or take it out."""
    if item is None:
        items.pop(key, None)
    else:
        items[key] = item
