"""Who reaches a launched service, and by what: its Ingresses, its main Service, its addresses."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final
from urllib.parse import urlsplit

from karvdash_hub.errors import FieldError, ManifestsInvalid
from karvdash_hub.names import Hostname
from karvdash_hub.service_templates.ingress import is_ingress, normalise_ingress
from karvdash_hub.service_templates.tree import Manifest, dig, items, mapping, shorten
from karvdash_hub.service_templates.workloads import is_kind

HIDDEN_LABEL: Final = "karvdash-hidden"
_OPEN_FIELDS: Final = ("externalIPs", "loadBalancerIP", "loadBalancerClass", "externalName")


def expose(manifests: Sequence[Manifest], *, host: str, indexes: Sequence[int]) -> list[Manifest]:
    """Return the manifests with every Ingress brought to the gate's form, and the rest unchanged.

    Args:
        host: allocated to the server, without a port.
        indexes: index in the file of each manifest, for errors.
    Raises: ManifestsInvalid with every mistake: hosts of others, backends that are none, Services
        that would open a way round the gate.
    """
    errors: list[FieldError] = []
    exposed: list[Manifest] = []
    for index, manifest in zip(indexes, manifests, strict=True):
        errors += [FieldError(index, field, message) for field, message in _service_problems(manifest)]
        if not is_ingress(manifest):
            exposed.append(deepcopy(manifest))
            continue
        try:
            exposed.append(normalise_ingress(manifest, host, document=index))
        except ManifestsInvalid as invalid:
            errors += invalid.errors
    if errors:
        raise ManifestsInvalid(errors)
    return exposed


def _service_problems(manifest: Manifest) -> list[tuple[str, str]]:
    if not is_kind(manifest, "", "Service"):
        return []
    problems = []
    kind = dig(manifest, "spec", "type")
    if kind not in (None, "ClusterIP"):
        message = f"A Service of type {shorten(str(kind))} would go round the sign-in. Use ClusterIP."
        problems.append(("spec.type", message))
    for field in _OPEN_FIELDS:
        if dig(manifest, "spec", field):
            problems.append((f"spec.{field}", "This would go round the sign-in. Remove it."))
    return problems


def primary_service(manifests: Sequence[Manifest]) -> str | None:
    """Name the first Service that is not labelled ``karvdash-hidden: "true"``, if there is one."""
    return next(iter(_visible_services(manifests)), None)


def _visible_services(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    return {
        str(dig(manifest, "metadata", "name")): manifest
        for manifest in manifests
        if is_kind(manifest, "", "Service")
        and mapping(manifest, "metadata", "labels").get(HIDDEN_LABEL) != "true"
    }


def ingress_hosts(manifests: Sequence[Manifest]) -> list[Hostname]:
    """List the hosts of all Ingresses, each once, in file order. Each has to be allocated."""
    return list(dict.fromkeys(Hostname(host) for host, _, _ in _routes(manifests)))


def _routes(manifests: Sequence[Manifest]) -> list[tuple[str, str, str]]:
    """List host, path and Service of every path of every (normalised) Ingress."""
    return [
        (rule["host"], path["path"], path["backend"]["service"]["name"])
        for manifest in manifests
        if is_ingress(manifest)
        for rule in manifest["spec"]["rules"]
        for path in rule["http"]["paths"]
    ]


def endpoints(
    manifests: Sequence[Manifest], *, namespace: str, public_url: str = "http://localhost"
) -> list[dict[str, Any]]:
    """Say by which addresses a service can be used, the main one first.

    Args:
        manifests: as ``expose`` returns them.
        public_url: the Hub's address in browsers; scheme and port are taken over.
    Returns: for each host of an Ingress, with the shortest of its paths,
        ``{"kind": "http", "name", "host", "url"}``; for each port of the Services that no Ingress
        leads to ``{"kind": "tcp" | "udp", "name", "host", "port"}``, reachable inside the cluster.
    """
    main = primary_service(manifests)
    # All other hosts are the server's own with something in front, so the shortest is the main one.
    routes = sorted(_routes(manifests), key=lambda route: (len(route[0]), route[2] != main, len(route[1])))
    parts = urlsplit(public_url)
    port = f":{parts.port}" if parts.port else ""
    pages: dict[str, dict[str, Any]] = {}
    for host, path, service in routes:
        url = f"{parts.scheme}://{host}{port}{path}"
        pages.setdefault(host, {"kind": "http", "name": service, "host": host, "url": url})
    routed = {service for _, _, service in routes}
    return [*pages.values(), *_sockets(manifests, namespace, routed)]


def _sockets(manifests: Sequence[Manifest], namespace: str, routed: set[str]) -> list[dict[str, Any]]:
    return [
        {
            "kind": "udp" if port.get("protocol") == "UDP" else "tcp",
            "name": str(port.get("name") or service),
            "host": f"{service}.{namespace}.svc",
            "port": port["port"],
        }
        for service, manifest in _visible_services(manifests).items()
        if service not in routed
        for port in items(manifest, "spec", "ports")
        if isinstance(port, dict) and isinstance(port.get("port"), int)
    ]
