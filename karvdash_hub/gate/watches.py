"""The gate's view of the cluster: four watches that keep the table current, and wake who waits for a host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from karvdash_hub import names
from karvdash_hub.gate.table import Key, Kind, Table
from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.watch import Watch
from karvdash_hub.kube.watched import Watched
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


class Watches(Watched[Kind]):
    """Keeps a table current. ``wait`` takes a host.

    Args:
        config: the API server, with rights to list and watch the four kinds (share/rbac/gate.yaml).
        gone: told of hosts that are nobody's any more.
    """

    def __init__(self, config: KubeConfig, table: Table, gone: Callable[[str], None]) -> None:
        self.table = table
        self._gone = gone
        by_kind: dict[Kind, Watch[Any]] = {
            kind: Watch(config, path, label_selector=label, project=project)
            for kind, (path, label, project) in _WATCHED.items()
        }
        super().__init__(by_kind)
        for kind, watch in by_kind.items():
            watch.subscribe(self._follow(kind))

    def _follow(self, kind: Kind) -> Callable[[Key, Any, Any], None]:
        def changed(key: Key, old: Any, new: Any) -> None:
            hosts = self.table.change(kind, key, old, new)
            for host in hosts:
                if kind == "anchor" and new is None and self.table.get(host) is None:
                    self._gone(host)
            self.wake(hosts)

        return changed
