"""Kubernetes objects of one server as the Hub's launch makes them, for tables and for real clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from karvdash_hub import names

Object = dict[str, Any]


def metadata(
    name: str, namespace: str, server: str, *, annotations: Mapping[str, str] | None = None, **labels: str
) -> Object:
    """Metadata with the labels that every object of a server has."""
    found: Object = {
        "name": name,
        "namespace": namespace,
        "labels": {names.LABEL_SERVER: server, names.LABEL_MANAGED_BY: names.MANAGED_BY, **labels},
        "creationTimestamp": "2026-11-21T12:00:00Z",
    }
    if annotations:
        found["annotations"] = dict(annotations)
    return found


def anchor(
    server: str = "web",
    user: str = "alice",
    *,
    host: str = "",
    hosts: Sequence[str] = (),
    auth: bool = True,
    namespace: str = "",
    name: str = "",
    created: str = "2026-11-21T12:00:00Z",
) -> Object:
    """The ConfigMap that says whose host it is."""
    made = metadata(
        name or names.anchor_name(server),
        namespace or f"karvdash-{user}",
        server,
        annotations={
            names.ANNOTATION_HUB: "0b1c",
            names.ANNOTATION_USER: user,
            names.ANNOTATION_HOST: host or f"{server}-{user}.localhost",
            names.ANNOTATION_HOSTS: ",".join(hosts or [host or f"{server}-{user}.localhost"]),
            names.ANNOTATION_AUTH: "true" if auth else "false",
            names.ANNOTATION_LAUNCH: "launch-1",
        },
        **{names.LABEL_ANCHOR: "true"},
    )
    made["creationTimestamp"] = created
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": made}


def ingress(
    server: str = "web",
    user: str = "alice",
    *,
    host: str = "",
    paths: Sequence[tuple[str, str, str, int | str]] = (),
    ingress_class: str = names.INGRESS_CLASS,
    name: str = "",
) -> Object:
    """An Ingress; ``paths``: path, path type, Service, port."""
    rules = [
        {
            "path": path,
            "pathType": kind,
            "backend": {
                "service": {"name": service, "port": {"number" if isinstance(port, int) else "name": port}}
            },
        }
        for path, kind, service, port in paths or [("/", "ImplementationSpecific", server, 8080)]
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(name or server, f"karvdash-{user}", server),
        "spec": {
            "ingressClassName": ingress_class,
            "rules": [{"host": host or f"{server}-{user}.localhost", "http": {"paths": rules}}],
        },
    }


def service(
    server: str = "web",
    user: str = "alice",
    *,
    name: str = "",
    ports: Sequence[tuple[str, int]] = (("", 8080),),
    selector: bool = True,
    cluster_ip: str = "10.0.0.1",
) -> Object:
    """A Service, as the API server returns it; ``ports``: name and number."""
    spec: Object = {
        "clusterIP": cluster_ip,
        "ports": [{"port": number} | ({"name": port} if port else {}) for port, number in ports],
    }
    if selector:
        spec["selector"] = {"app": name or server}
    made = metadata(name or server, f"karvdash-{user}", server)
    made["uid"] = uid_of(made["name"], made["namespace"])
    return {"apiVersion": "v1", "kind": "Service", "metadata": made, "spec": spec}


def uid_of(service: str, namespace: str) -> str:
    """The uid that Services get here."""
    return f"{namespace}/{service}"


def endpoints(
    server: str = "web",
    user: str = "alice",
    *,
    service: str = "",
    addresses: Sequence[tuple[str, bool]] = (("10.1.0.5", True),),
    ports: Sequence[tuple[str, int]] = (("", 8080),),
    name: str = "",
    manager: str = "endpointslice-controller.k8s.io",
    owner: str = "",
) -> Object:
    """An EndpointSlice as Kubernetes makes it; ``addresses``: IP and ready, ``owner``: uid of its Service."""
    of = service or server
    labels = {"kubernetes.io/service-name": of, "endpointslice.kubernetes.io/managed-by": manager}
    made = metadata(name or f"{of}-x7k2p", f"karvdash-{user}", server)
    made["labels"] |= labels
    owner = owner or uid_of(of, made["namespace"])
    made["ownerReferences"] = [{"apiVersion": "v1", "kind": "Service", "name": of, "uid": owner}]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": made,
        "addressType": "IPv4",
        "endpoints": [{"addresses": [ip], "conditions": {"ready": ready}} for ip, ready in addresses],
        "ports": [{"name": port, "port": number, "protocol": "TCP"} for port, number in ports],
    }


def deployment(server: str, user: str, *, image: str, port: int = 8080, **container: Any) -> Object:
    """A Deployment of one pod."""
    labels = {"app": server, names.LABEL_SERVER: server}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(server, f"karvdash-{user}", server),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": server}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [
                        {"name": "main", "image": image, "ports": [{"containerPort": port}], **container}
                    ],
                },
            },
        },
    }
