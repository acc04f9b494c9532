"""A cluster full of servers, made through the API alone: no node runs any of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from karvdash_hub.kube.rest import Kube

NAMESPACE = "karvdash-test-many"
AT_ONCE = 16


async def fill(kube: Kube, servers: int, pods: int) -> None:
    """Make servers with a Deployment, Service, slice and anchor each, and ``pods`` pods in all."""
    await kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    gate = asyncio.Semaphore(AT_ONCE)

    async def make(manifest: dict[str, Any]) -> None:
        async with gate:
            await kube.create(manifest)
            if manifest["kind"] == "Pod":
                status = {"status": pod_status(manifest["metadata"]["name"])}
                await kube.patch(
                    "v1", "Pod", manifest["metadata"]["name"], NAMESPACE, status, subresource="status"
                )

    await asyncio.gather(*(make(manifest) for manifest in manifests(servers, pods)))


def manifests(servers: int, pods: int) -> Iterator[dict[str, Any]]:
    """Yield every object, of the size that they have in life (a pod is 10 KB with its status)."""
    for number in range(servers):
        yield from server_objects(f"s{number}")
    for number in range(pods):
        yield pod(f"s{number % servers}", number)


def metadata(name: str, server: str, **labels: str) -> dict[str, Any]:
    """Name, namespace and labels of a server's object."""
    return {
        "name": name,
        "namespace": NAMESPACE,
        "labels": {"karvdash.io/server": server, "app": server, **labels},
    }


def server_objects(server: str) -> Iterator[dict[str, Any]]:
    """Yield what a server has besides pods."""
    anchor = metadata(f"karvdash-{server}", server) | {
        "annotations": {"karvdash.io/user": "alice", "karvdash.io/host": f"{server}-alice.localhost"}
    }
    anchor["labels"]["karvdash.io/anchor"] = "true"
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": anchor}
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(server, server),
        "spec": {
            "selector": {"matchLabels": {"app": server}},
            "template": {"metadata": {"labels": {"app": server}}, "spec": pod_spec()},
        },
    }
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(server, server),
        "spec": {"clusterIP": "None", "selector": {"app": server}, "ports": [{"port": 80}]},
    }
    slice_metadata = metadata(f"{server}-x", server)
    slice_metadata["labels"]["kubernetes.io/service-name"] = server
    yield {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": slice_metadata,
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.244.0.9"], "conditions": {"ready": True}}],
        "ports": [{"name": "", "port": 80}],
    }


def pod(server: str, number: int) -> dict[str, Any]:
    """A pod that a node has taken."""
    name = f"{server}-7d9f8b6c5-{number:05}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(name, server, **{"pod-template-hash": "7d9f8b6c5"}),
        "spec": pod_spec() | {"nodeName": f"node-{number % 10}"},
    }


def pod_spec() -> dict[str, Any]:
    """One container with volumes and environment, as an injected notebook has them."""
    mounts = [{"name": f"v{index}", "mountPath": f"/data/{index}"} for index in range(6)]
    return {
        "containers": [
            {
                "name": "web",
                "image": "registry.example.org/team/notebook:2026-11-21",
                "env": [{"name": f"VARIABLE_{index}", "value": "x" * 40} for index in range(30)],
                "volumeMounts": mounts,
                "resources": {"limits": {"cpu": "2", "memory": "4Gi"}},
            }
        ],
        "volumes": [{"name": mount["name"], "emptyDir": {}} for mount in mounts],
    }


def pod_status(name: str) -> dict[str, Any]:
    """Running and ready."""
    now = "2026-11-21T12:30:00Z"
    number = int(name[-5:])
    return {
        "phase": "Running",
        "podIP": f"10.244.{number // 250}.{number % 250 + 1}",
        "startTime": now,
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": now}
            for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        ],
        "containerStatuses": [
            {
                "name": "web",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "image": "registry.example.org/team/notebook:2026-11-21",
                "imageID": "registry.example.org/team/notebook@sha256:" + "0" * 64,
                "containerID": "containerd://" + f"{number:064x}",
                "state": {"running": {"startedAt": now}},
            }
        ],
    }
