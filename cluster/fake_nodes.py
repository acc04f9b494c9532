"""Fake nodes, played by kwok: for numbers of pods that no single machine could run."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from .errors import ClusterError
from .processes import wait_for

if TYPE_CHECKING:
    from .instance import Cluster

_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}
LABELS = {
    "type": "kwok",
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": _ARCHITECTURE.get(platform.machine(), platform.machine()),
}
TAINT = {"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}
_NODES = "/api/v1/nodes"
_OURS = "labelSelector=type%3Dkwok"


def node(name: str) -> dict[str, Any]:
    """A node that kwok will keep ready."""
    size = {"cpu": "64", "memory": "512Gi", "pods": "1000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {**LABELS, "kubernetes.io/hostname": name},
        },
        "spec": {"taints": [TAINT]},
        "status": {"allocatable": size, "capacity": size},
    }


def add(cluster: Cluster, count: int, timeout: float) -> None:
    """Start kwok and create nodes until there are `count`; wait until all are ready."""
    cluster.component("kwok").start()
    api = cluster.api()
    for number in range(count):
        api.create(_NODES, node(f"kwok-{number}"))
    if not wait_for(lambda: _ready(cluster) >= count, timeout, interval=0.1):
        raise ClusterError(
            f"{_ready(cluster)} of {count} fake nodes are ready; see {cluster.paths.log / 'kwok.log'}"
        )


def _ready(cluster: Cluster) -> int:
    _, answer = cluster.api().request("GET", f"{_NODES}?{_OURS}")
    conditions = (node["status"].get("conditions", []) for node in answer["items"])
    return sum(any(one["type"] == "Ready" and one["status"] == "True" for one in some) for some in conditions)


def remove(cluster: Cluster) -> None:
    """Remove the nodes. Their pods are deleted by force: with kwok gone, nobody would end them."""
    api = cluster.api()
    _, answer = api.request("GET", f"{_NODES}?{_OURS}")
    for name in [node["metadata"]["name"] for node in answer["items"]]:
        api.delete(f"{_NODES}/{name}")
        _, pods = api.request("GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3D{name}")
        for pod in (pod["metadata"] for pod in pods["items"]):
            api.delete(f"/api/v1/namespaces/{pod['namespace']}/pods/{pod['name']}?gracePeriodSeconds=0")
    cluster.component("kwok").stop()
