"""Manifests of a server, as short as they can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Answers on port 8080, and ends at once when told to.
ANSWERS = "trap 'exit 0' TERM; mkdir -p /w; echo hello > /w/index.html; httpd -p 8080 -h /w; sleep 600 & wait"


def metadata(
    namespace: str, name: str, server: str, owner: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Name, labels and owner of a server's object."""
    owners = (
        [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
            }
        ]
        if owner
        else []
    )
    return {
        "name": name,
        "namespace": namespace,
        "labels": {"karvdash.io/server": server},
        "ownerReferences": owners,
    }


def anchor(namespace: str, server: str) -> dict[str, Any]:
    """The ConfigMap that owns the server's objects."""
    made = metadata(namespace, f"karvdash-{server}", server)
    made["labels"]["karvdash.io/anchor"] = "true"
    made["annotations"] = {"karvdash.io/user": "alice", "karvdash.io/auth": "true"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": made}


def deployment(
    namespace: str,
    server: str,
    script: str,
    *,
    image: str,
    owner: Mapping[str, Any] | None = None,
    volumes: list[dict[str, Any]] | None = None,
    kind: str = "Deployment",
    **container: Any,
) -> dict[str, Any]:
    """A workload of one pod whose container ``web`` runs a shell script."""
    labels = {"karvdash.io/server": server, "app": server}
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes or []]
    made: dict[str, Any] = {
        "name": "web",
        "image": image,
        "command": ["sh", "-c", script],
        "volumeMounts": mounts,
        **container,
    }
    spec: dict[str, Any] = {
        "selector": {"matchLabels": {"app": server}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "terminationGracePeriodSeconds": 2,
                "volumes": volumes or [],
                "containers": [made],
            },
        },
    }
    if kind == "StatefulSet":
        spec["serviceName"] = server
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": metadata(namespace, server, server, owner),
        "spec": spec,
    }


def service(
    namespace: str,
    server: str,
    *,
    owner: Mapping[str, Any] | None = None,
    selector: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A Service in front of it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(namespace, server, server, owner),
        "spec": {
            "selector": dict(selector or {"app": server}),
            "ports": [{"port": 80, "targetPort": 8080}],
        },
    }
