"""Everything that the Hub knows about servers' objects, by server, without asking.

    one watch a kind, whole cluster, by label ─► index (namespace, server) ─► snapshot() ─► readiness
    one short-lived watch of events a namespace, while somebody waits for a launch there ─┘

The number of watches does not depend on the number of users. Whoever waits is woken by changes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from karvdash_hub import names
from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.events import EventWatches
from karvdash_hub.kube.items import Key
from karvdash_hub.kube.stock import StockPods
from karvdash_hub.kube.watch import Watch
from karvdash_hub.readiness.model import (
    Anchor,
    Claim,
    Endpoint,
    Ingress,
    Node,
    Pod,
    Service,
    Snapshot,
    Workload,
)
from karvdash_hub.readiness.projections import (
    project_anchor,
    project_claim,
    project_endpoint,
    project_ingress,
    project_node,
    project_pod,
    project_service,
)
from karvdash_hub.readiness.workloads import PROJECTIONS

log = logging.getLogger(__name__)

#: Namespace and name of a server.
ServerKey = tuple[str, str]
Indexed = Anchor | Pod | Workload | Endpoint | Claim | Service | Ingress

#: Seconds after which a waiter looks again without news: some verdicts change by time alone.
RECHECK = 1.0
#: Longest time in seconds that telling subscribers may hold up the event loop at once.
_SLICE = 0.002

_PATHS: dict[str, tuple[str, Callable[[dict[str, Any]], Indexed]]] = {
    "ConfigMap": ("/api/v1/configmaps", project_anchor),
    "Pod": ("/api/v1/pods", project_pod),
    "Service": ("/api/v1/services", project_service),
    "PersistentVolumeClaim": ("/api/v1/persistentvolumeclaims", project_claim),
    "Deployment": ("/apis/apps/v1/deployments", PROJECTIONS["Deployment"]),
    "StatefulSet": ("/apis/apps/v1/statefulsets", PROJECTIONS["StatefulSet"]),
    "DaemonSet": ("/apis/apps/v1/daemonsets", PROJECTIONS["DaemonSet"]),
    "Job": ("/apis/batch/v1/jobs", PROJECTIONS["Job"]),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1/endpointslices", project_endpoint),
    "Ingress": ("/apis/networking.k8s.io/v1/ingresses", project_ingress),
}
_WORKLOADS = frozenset(PROJECTIONS)


class Informers:
    """The Hub's copy of all servers' objects.

    Attributes:
        synced: set once every kind has been seen completely.
        stock: what KubeSpawner needs for stock notebooks.
    """

    def __init__(self, config: KubeConfig) -> None:
        self.synced = asyncio.Event()
        self._watches: dict[str, Watch[Indexed]] = {
            kind: Watch(
                config,
                path,
                label_selector=f"{names.LABEL_ANCHOR}=true" if kind == "ConfigMap" else names.LABEL_SERVER,
                project=project,
            )
            for kind, (path, project) in _PATHS.items()
        }
        for kind, watch in self._watches.items():
            watch.subscribe(self._observer(kind))
        # Only for better sentences; the Hub may be forbidden to see nodes.
        self._nodes: Watch[Node] = Watch(config, "/api/v1/nodes", project=project_node)
        # Namespace, server, then kind and name of each of its objects.
        self._index: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {}
        self._events = EventWatches(config, self._event_changed)
        self.stock = StockPods(config, self._events.all)
        self._subscribers: list[Callable[[str, str], object]] = []
        self._outage_subscribers: list[Callable[[], object]] = []
        for required in self._required:
            required.outage.on_change = self._outage_changed
        self._waiters: dict[ServerKey, set[asyncio.Event]] = {}
        self._touched: dict[ServerKey, None] = {}
        self._draining: asyncio.Handle | None = None
        self._syncing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin all watches, in the running event loop."""
        for watch in self._watches.values():
            watch.start()
        self._nodes.start()
        self.stock.begin()
        if self._syncing is None:
            self._syncing = asyncio.get_running_loop().create_task(self._sync())

    async def stop(self) -> None:
        """End all watches."""
        if self._syncing is not None:
            self._syncing.cancel()
        if self._draining is not None:
            self._draining.cancel()
        stops = [watch.stop() for watch in self._watches.values()]
        await asyncio.gather(*stops, self._nodes.stop(), self._events.stop(), self.stock.close())

    @property
    def healthy(self) -> bool:
        """Whether what is known is complete and, as far as can be told, current."""
        return all(watch.healthy for watch in self._required)

    @property
    def outage(self) -> str:
        """What is wrong and since when, as a sentence for a person; empty when nothing is."""
        since = [watch.outage.since for watch in self._required]
        begun = [moment for moment in since if moment is not None]
        if not begun:
            return ""
        if len(begun) < len(since):
            return next(watch.outage.text for watch in self._required if watch.outage.text)
        return f"Kubernetes has not answered since {time.strftime('%H:%M', time.gmtime(min(begun)))} UTC."

    def servers(self) -> set[ServerKey]:
        """Return every server of which any object exists."""
        return {(namespace, server) for namespace, servers in self._index.items() for server in servers}

    def anchors(self) -> list[Anchor]:
        """Return all anchors of the cluster, those of other Hubs too."""
        return cast("list[Anchor]", list(self._watches["ConfigMap"].items.values()))

    def workloads(self) -> Iterator[tuple[str, Workload]]:
        """Yield all workloads of all servers, each with its namespace."""
        for kind in PROJECTIONS:
            for (namespace, _), workload in self._watches[kind].items.items():
                yield namespace, cast(Workload, workload)

    def snapshot(self, namespace: str, server: str) -> Snapshot:
        """Return all objects of a server as they are now; its cost does not depend on other servers."""
        found: dict[str, list[Any]] = {}
        wanted = self._index.get(namespace, {}).get(server, ())
        for kind, name in wanted:
            if (item := self._watches[kind].items.get((namespace, name))) is not None:
                found.setdefault("Workload" if kind in _WORKLOADS else kind, []).append(item)
        anchors = found.get("ConfigMap", [])
        return Snapshot(
            anchor=anchors[0] if anchors else None,
            pods=found.get("Pod", ()),
            workloads=found.get("Workload", ()),
            endpoints=found.get("EndpointSlice", ()),
            claims=found.get("PersistentVolumeClaim", ()),
            services=found.get("Service", ()),
            ingresses=[ingress.name for ingress in found.get("Ingress", ())],
            events=self._events.about(namespace, wanted),
            nodes=tuple(self._nodes.items.values()),
        )

    def stock_snapshot(self, namespace: str, pod: str) -> Snapshot:
        """Return what is known of a stock notebook, which is one pod of this name."""
        found = self.stock.pod(namespace, pod)
        return Snapshot(
            pods=(found,) if found is not None else (),
            events=self._events.about(namespace, (("Pod", pod),)),
            nodes=tuple(self._nodes.items.values()),
        )

    def subscribe(self, callback: Callable[[str, str], object]) -> Callable[[], None]:
        """Call ``callback(namespace, server)`` after changes; several at once are told as one.

        Returns: a function that ends the subscription.
        """
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def subscribe_outage(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call back whenever ``outage`` may have changed; returns how to end that."""
        self._outage_subscribers.append(callback)
        return lambda: self._outage_subscribers.remove(callback)

    def _outage_changed(self) -> None:
        for callback in tuple(self._outage_subscribers):
            callback()

    async def wait(
        self, namespace: str, server: str, predicate: Callable[[Snapshot], object], timeout: float | None
    ) -> Snapshot:
        """Wait until ``predicate(snapshot)`` holds, and return that snapshot.

        It is asked at once, after every change, and every second.
        Raises: TimeoutError after ``timeout`` seconds.
        """
        key, changed = (namespace, server), asyncio.Event()
        self._waiters.setdefault(key, set()).add(changed)
        try:
            async with asyncio.timeout(timeout):
                while not predicate(snapshot := self.snapshot(namespace, server)):
                    changed.clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), RECHECK)
            return snapshot
        finally:
            self._waiters[key].discard(changed)
            if not self._waiters[key]:
                del self._waiters[key]

    @asynccontextmanager
    async def events(self, namespace: str) -> AsyncIterator[None]:
        """Watch the events of a namespace as long as the context lasts, so that snapshots have them.

        Several contexts of one namespace share a watch. Warnings are kept afterwards, because the
        sentence that they explain is still asked for.
        """
        self._events.enter(namespace)
        try:
            yield
        finally:
            await self._events.leave(namespace)

    async def events_known(self, namespace: str) -> None:
        """Wait until the events of a namespace have been read; return at once if nobody watches them."""
        await self._events.known(namespace)

    @property
    def _required(self) -> Iterator[Watch[Any]]:
        yield from self._watches.values()
        yield self.stock.watch

    async def _sync(self) -> None:
        began = time.monotonic()
        for watch in self._required:
            await watch.synced.wait()
        self.synced.set()
        log.info("%d servers known after %.1f s", len(self.servers()), time.monotonic() - began)

    def _observer(self, kind: str) -> Callable[[Key, Indexed | None, Indexed | None], None]:
        def observe(key: Key, old: Indexed | None, new: Indexed | None) -> None:
            namespace, name = key
            if old is not None and (new is None or new.server != old.server):
                self._unindex(namespace, old.server, (kind, name))
            if new is not None and (old is None or new.server != old.server):
                servers = self._index.setdefault(namespace, {})
                servers[new.server] = (*servers.get(new.server, ()), (kind, name))
            for server in {item.server for item in (old, new) if item is not None}:
                self._touch((namespace, server))

        return observe

    def _unindex(self, namespace: str, server: str, entry: tuple[str, str]) -> None:
        servers = self._index.get(namespace, {})
        servers[server] = tuple(other for other in servers.get(server, ()) if other != entry)
        if not servers[server]:
            del servers[server]
        if not servers:
            self._index.pop(namespace, None)
            self._events.forget(namespace)

    def _event_changed(self, namespace: str, kind: str, name: str) -> None:
        watch = self._watches.get(kind)
        item = watch.items.get((namespace, name)) if watch is not None else None
        if item is not None and item.server:
            self._touch((namespace, item.server))
        if kind == "Pod":
            self.stock.reported(namespace, name)

    def _touch(self, server: ServerKey) -> None:
        self._touched[server] = None
        if self._draining is None:
            self._draining = asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        """Tell of changed servers for a moment, then let the event loop go on before the rest."""
        self._draining = None
        until = time.perf_counter() + _SLICE
        while self._touched:
            server = next(iter(self._touched))
            del self._touched[server]
            for changed in self._waiters.get(server, ()):
                changed.set()
            for callback in tuple(self._subscribers):
                try:
                    callback(*server)
                except Exception:
                    # One subscriber's defect must not cost the others their news.
                    log.exception("A subscriber failed at server %s of %s", server[1], server[0])
            if time.perf_counter() > until and self._touched:
                self._draining = asyncio.get_running_loop().call_soon(self._drain)
                return
