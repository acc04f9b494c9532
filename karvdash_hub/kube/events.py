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
        # Namespace, object (kind, name), event: a hundred launches at once have a thousand events.
        self._by_object: dict[str, dict[Key, dict[Key, Event]]] = {}

    @staticmethod
    def subject(kind: str, name: str) -> Key:
        """Return kind and name of the watched object that an event about this one concerns."""
        if kind == "ReplicaSet":  # not watched itself; named <deployment>-<hash>
            return "Deployment", name.rpartition("-")[0]
        return kind, name

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
        self._by_object.pop(namespace, None)
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
        watch = self._watches.get(namespace)
        if watch is not None and watch.synced.is_set():
            found = self._by_object.get(namespace, {})
            return [event for entry in entries for event in found.get(entry, {}).values()]
        known = {*entries}
        kept = self._kept.get(namespace, ())
        return [event for event in kept if self.subject(event.kind, event.name) in known]

    def all(self) -> Iterator[Event]:
        """Return all events of the namespaces that are being watched."""
        for watch in self._watches.values():
            yield from watch.items.values()

    async def stop(self) -> None:
        """End all watches."""
        watches = [*self._watches.values()]
        await asyncio.gather(*(watch.stop() for watch in watches))

    def _observe(self, key: Key, old: Event | None, new: Event | None) -> None:
        event = new or old
        if event is None or key[0] not in self._watches:  # the last words of one that is being stopped
            return
        of_namespace = self._by_object.setdefault(key[0], {})
        subject = self.subject(event.kind, event.name)
        if new is not None:
            of_namespace.setdefault(subject, {})[key] = new
        elif (known := of_namespace.get(subject)) is not None:
            known.pop(key, None)
            if not known:
                del of_namespace[subject]
        self._changed(key[0], *subject)
