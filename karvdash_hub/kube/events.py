"""Watches of events, one a namespace, open only while somebody waits for something there.

A cluster makes many more events than anything else; a launch explains itself by a handful of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.items import Key
from karvdash_hub.kube.watch import Watch
from karvdash_hub.readiness.model import Event
from karvdash_hub.readiness.projections import project_event

#: Warnings kept of a namespace after its watch has ended.
KEPT = 100


class EventWatches:
    """Counts who wants the events of which namespace, and watches those.

    Args:
        changed: called with namespace, and kind and name of the object that an event is about.
    """

    def __init__(self, config: KubeConfig, changed: Callable[[str, str, str], object]) -> None:
        self._config = config
        self._changed = changed
        self._watches: dict[str, Watch[Event]] = {}
        self._wanted: dict[str, int] = {}
        self._kept: dict[str, tuple[Event, ...]] = {}

    @staticmethod
    def concerns(kind: str, name: str, entries: Iterable[Key]) -> bool:
        """Whether an event about this object belongs to a server that has these (kind, name) objects."""
        if kind == "ReplicaSet":  # not watched itself; named <deployment>-<hash>
            kind, name = "Deployment", name.rpartition("-")[0]
        return (kind, name) in entries

    def enter(self, namespace: str) -> None:
        """Watch the namespace until ``leave`` has been called as often."""
        self._wanted[namespace] = self._wanted.get(namespace, 0) + 1
        if namespace not in self._watches:
            path = f"/api/v1/namespaces/{namespace}/events"
            watch: Watch[Event] = Watch(self._config, path, project=project_event)
            watch.subscribe(self._observe)
            self._watches[namespace] = watch
            watch.start()

    async def leave(self, namespace: str) -> None:
        """Undo one ``enter``."""
        self._wanted[namespace] -= 1
        if self._wanted[namespace]:
            return
        del self._wanted[namespace]
        watch = self._watches.pop(namespace)
        if watch.synced.is_set():
            warnings = [event for event in watch.items.values() if event.type == "Warning"]
            self._kept[namespace] = tuple(sorted(warnings, key=lambda event: event.time)[-KEPT:])
        await watch.stop()

    async def known(self, namespace: str) -> None:
        """Wait until the namespace's events have been read, if they are being watched."""
        if (watch := self._watches.get(namespace)) is not None:
            await watch.synced.wait()

    def forget(self, namespace: str) -> None:
        """Drop what was kept of a namespace."""
        self._kept.pop(namespace, None)

    def about(self, namespace: str, entries: Iterable[Key]) -> list[Event]:
        """Return the known events about these (kind, name) objects."""
        known = {*entries}
        return [event for event in self._of(namespace) if self.concerns(event.kind, event.name, known)]

    def all(self) -> Iterator[Event]:
        """Return all events of the namespaces that are being watched."""
        for watch in self._watches.values():
            yield from watch.items.values()

    async def stop(self) -> None:
        """End all watches."""
        watches = [*self._watches.values()]
        await asyncio.gather(*(watch.stop() for watch in watches))

    def _of(self, namespace: str) -> Iterable[Event]:
        watch = self._watches.get(namespace)
        if watch is not None and watch.synced.is_set():
            return watch.items.values()
        return self._kept.get(namespace, ())

    def _observe(self, key: Key, old: Event | None, new: Event | None) -> None:
        event = new or old
        if event is not None:
            self._changed(key[0], event.kind, event.name)
