"""The gate's view of the cluster: four watches that keep the table current, and wake who waits for a host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from karvdash_hub import names
from karvdash_hub.gate.table import Key, Kind, Table
from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.watch import Watch
from karvdash_hub.readiness.projections import (
    project_anchor,
    project_endpoint,
    project_ingress,
    project_service,
)

_WATCHED: Mapping[Kind, tuple[str, str, Callable[[dict[str, Any]], Any]]] = {
    "anchor": ("/api/v1/configmaps", names.LABEL_ANCHOR, project_anchor),
    "ingress": ("/apis/networking.k8s.io/v1/ingresses", names.LABEL_SERVER, project_ingress),
    "service": ("/api/v1/services", names.LABEL_SERVER, project_service),
    "endpoint": ("/apis/discovery.k8s.io/v1/endpointslices", names.LABEL_SERVER, project_endpoint),
}


class Watches:
    """Keeps a table current.

    Args:
        config: the API server, with rights to list and watch the four kinds (share/rbac/gate.yaml).
    """

    def __init__(self, config: KubeConfig, table: Table) -> None:
        self.table = table
        self.by_kind: dict[Kind, Watch[Any]] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        for kind, (path, label, project) in _WATCHED.items():
            watch: Watch[Any] = Watch(config, path, label_selector=label, project=project)
            watch.subscribe(self._follow(kind))
            self.by_kind[kind] = watch

    @property
    def synced(self) -> bool:
        """Whether everything has been seen once. Afterwards the gate goes on even without Kubernetes."""
        return all(watch.synced.is_set() for watch in self.by_kind.values())

    @property
    def outages(self) -> list[str]:
        """What is wrong with the watches, in sentences."""
        return [watch.outage for watch in self.by_kind.values() if watch.outage]

    def start(self) -> None:
        """Begin to watch."""
        for watch in self.by_kind.values():
            watch.start()

    async def stop(self) -> None:
        """End all watches."""
        await asyncio.gather(*(watch.stop() for watch in self.by_kind.values()))

    async def wait(self, host: str, seconds: float) -> None:
        """Wait until something about this host changes, ``seconds`` at most."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(host, set())
        waiting.add(future)
        try:
            await asyncio.wait([future], timeout=seconds)
        finally:
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(host, None)

    def _follow(self, kind: Kind) -> Callable[[Key, Any, Any], None]:
        def changed(key: Key, old: Any, new: Any) -> None:
            for host in self.table.change(kind, key, old, new):
                for future in self._waiting.get(host, ()):
                    if not future.done():
                        future.set_result(None)

        return changed
