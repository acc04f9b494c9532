"""What KubeSpawner asks its reflectors for, answered by one of our watches.

KubeSpawner's own reflectors list everything again every 10 s and end the Hub's process when the API
server is away for a minute. A stock notebook reads ``pods``, ``events``, ``first_load_future`` and calls
``stop``; nothing else (KubeSpawner 7.1, spawner.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.items import Key
from karvdash_hub.kube.watch import Watch
from karvdash_hub.readiness.model import Event, Pod
from karvdash_hub.readiness.projections import project_pod

log = logging.getLogger(__name__)

Json = dict[str, Any]

#: KubeSpawner's ``component_label`` by default.
LABEL_SELECTOR = "component=singleuser-server"


def prune_pod(item: Json) -> Json:
    """Keep of a pod what KubeSpawner reads; a tenth of it, in the API's own shape."""
    metadata, status = item["metadata"], item.get("status") or {}
    kept = ("name", "namespace", "uid", "labels", "annotations", "creationTimestamp", "deletionTimestamp")
    return {
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {
            "containers": [
                {"name": container["name"], "ports": container.get("ports") or []}
                for container in (item.get("spec") or {}).get("containers") or []
            ]
        },
        "status": {
            "phase": status.get("phase") or "Pending",
            "podIP": status.get("podIP"),
            "containerStatuses": [
                {key: container.get(key) for key in ("name", "ready", "state", "restartCount")}
                for container in status.get("containerStatuses") or []
            ]
            or None,
        },
    }


class StockPod(NamedTuple):
    """A pod as KubeSpawner reads it, and as we judge it."""

    json: Json
    pod: Pod


def project_stock_pod(item: Json) -> StockPod:
    """Keep of a pod what either of the two needs."""
    return StockPod(prune_pod(item), project_pod(item))


class StockPods:
    """Stands in for both reflectors of KubeSpawner, and tells how notebooks are doing.

    Attributes:
        pods: ``namespace/name`` to the pruned pod.
        first_load_future: done once all pods are known.
    """

    def __init__(self, config: KubeConfig, events: Callable[[], Iterable[Event]]) -> None:
        self.pods: dict[str, Json] = {}
        self.watch: Watch[StockPod] = Watch(
            config, "/api/v1/pods", label_selector=LABEL_SELECTOR, project=project_stock_pod
        )
        self.watch.subscribe(self._changed)
        self._events = events
        self._subscribers: list[Callable[[str, str], object]] = []
        self._loaded: asyncio.Task[bool] | None = None

    def begin(self) -> None:
        """Begin to watch; needs a running event loop."""
        self.watch.start()
        if self._loaded is None:
            self._loaded = asyncio.get_running_loop().create_task(self.watch.synced.wait())

    @property
    def first_load_future(self) -> asyncio.Future[bool]:
        """Done when the pods are complete for the first time."""
        if self._loaded is None:
            raise RuntimeError("Informers.start() has not been called")
        # Whoever waits and is cancelled must not cancel it for all others.
        return asyncio.shield(self._loaded)

    @property
    def events(self) -> list[Json]:
        """Events about pods, oldest first, of namespaces in which a launch is under way."""
        pods = (event for event in self._events() if event.kind == "Pod")
        return [_event(event) for event in sorted(pods, key=lambda event: event.time)]

    async def stop(self) -> None:
        """Do nothing: KubeSpawner stops a reflector to replace it, and this one needs no replacement."""

    async def close(self) -> None:
        """End the watch."""
        if self._loaded is not None:
            self._loaded.cancel()
        await self.watch.stop()

    def pod(self, namespace: str, name: str) -> Pod | None:
        """Return one pod as we judge it, or None."""
        found = self.watch.items.get((namespace, name))
        return found.pod if found is not None else None

    def subscribe(self, callback: Callable[[str, str], object]) -> Callable[[], None]:
        """Call ``callback(namespace, pod)`` when a pod changes or something is reported about it.

        Returns: a function that ends the subscription.
        """
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def reported(self, namespace: str, name: str) -> None:
        """Hear of an event about a pod, which need not be one of ours."""
        if (namespace, name) in self.watch.items:
            self._tell(namespace, name)

    def _changed(self, key: Key, old: StockPod | None, new: StockPod | None) -> None:
        if new is None:
            self.pods.pop("/".join(key), None)
        else:
            self.pods["/".join(key)] = new.json
        self._tell(*key)

    def _tell(self, namespace: str, name: str) -> None:
        for callback in tuple(self._subscribers):
            try:
                callback(namespace, name)
            except Exception:
                # One subscriber's defect must not cost the others their news.
                log.exception("A subscriber failed at pod %s of %s", name, namespace)


def _event(event: Event) -> Json:
    return {
        "metadata": {"namespace": event.namespace, "uid": event.uid},
        "involvedObject": {"kind": event.kind, "name": event.name, "namespace": event.namespace},
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "count": event.count,
        "lastTimestamp": event.time,
        "eventTime": event.time,
    }
