"""Ingresses of any age to the form that the gate serves: networking.k8s.io/v1, our class, our host.

Source of the two forms: https://kubernetes.io/docs/reference/using-api/deprecation-guide/#ingress-v122
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

from karvdash_hub.errors import FieldError, ManifestsInvalid
from karvdash_hub.names import ANNOTATION_HOST, INGRESS_CLASS
from karvdash_hub.service_templates.tree import Manifest, dig, items, mapping, shorten
from karvdash_hub.service_templates.workloads import api_group
from karvdash_hub.service_templates.yaml_text import resolve

_GROUPS: Final = frozenset({"networking.k8s.io", "extensions"})
_CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
_PATH_TYPES: Final = {
    None: "Prefix",
    "Exact": "Exact",
    "ImplementationSpecific": "Prefix",
    "Prefix": "Prefix",
}
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_MAX_LABEL: Final = 63

Report = Callable[[str, str], None]  # field, message


def is_ingress(manifest: Manifest) -> bool:
    """Tell whether a manifest is an Ingress of any version."""
    return manifest.get("kind") == "Ingress" and api_group(manifest) in _GROUPS


def normalise_ingress(manifest: Manifest, host: str, *, document: int | None = None) -> Manifest:
    """Return an Ingress that the API server takes and the gate serves; ``manifest`` stays as it is.

    v1beta1 and its mixture with v1 (``serviceName`` under v1, no ``pathType``) become v1. Class,
    class annotation and TLS are the front's, so they are set or left out; other annotations stay.
    Rules without a host get ``host``; a rule's host is that or ``<prefix>-<host>``.

    Args:
        host: allocated to the server, without a port.
        document: index in the file, for errors.
    Raises: ManifestsInvalid with every mistake.
    """
    errors: list[FieldError] = []

    def report(field: str, message: str) -> None:
        errors.append(FieldError(document, field, message))

    metadata = deepcopy(mapping(manifest, "metadata"))
    annotations = {**mapping(metadata, "annotations"), ANNOTATION_HOST: host}
    annotations.pop(_CLASS_ANNOTATION, None)
    spec = {"ingressClassName": INGRESS_CLASS, "rules": _rules(mapping(manifest, "spec"), host, report)}
    if errors:
        raise ManifestsInvalid(errors)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {**metadata, "annotations": annotations},
        "spec": spec,
    }


def _rules(spec: dict[str, Any], host: str, report: Report) -> list[dict[str, Any]]:
    rules = spec.get("rules")
    default = next((field for field in ("defaultBackend", "backend") if field in spec), "")
    if default and rules:
        report(f"spec.{default}", "This is not possible next to rules. Add a path / to a rule instead.")
    if default and not rules:
        backend = _backend(spec[default], f"spec.{default}", report)
        return [{"host": host, "http": {"paths": [_path("/", "Prefix", backend)]}}]
    if not isinstance(rules, list) or not rules:
        report("spec.rules", "An Ingress needs at least one rule.")
        return []
    return [_rule(rule, f"spec.rules[{number}]", host, report) for number, rule in enumerate(rules)]


def _rule(rule: Any, where: str, host: str, report: Report) -> dict[str, Any]:
    given = items(rule, "http", "paths")
    if not given:
        report(f"{where}.http.paths", "A rule needs at least one path with a backend.")
    paths = [_one_path(path, f"{where}.http.paths[{number}]", report) for number, path in enumerate(given)]
    return {"host": _host(dig(rule, "host"), host, f"{where}.host", report), "http": {"paths": paths}}


def _host(given: Any, host: str, where: str, report: Report) -> str:
    if given is None or given == "":
        return host
    text = str(given).lower()
    prefix = text.removesuffix(f"-{host}")
    label = text.partition(".")[0]
    if text == host or (text != prefix and _LABEL.fullmatch(prefix) and len(label) <= _MAX_LABEL):
        return text
    cure = "is not this service's host. Write $HOSTNAME or a-prefix-$HOSTNAME."
    if "$" in text:
        cure = "is not filled in: declare the variable HOSTNAME."
    report(where, f"{shorten(str(given))} {cure}")
    return host


def _one_path(path: Any, where: str, report: Report) -> dict[str, Any]:
    text = dig(path, "path") or "/"
    if not isinstance(text, str) or not text.startswith("/"):
        report(f"{where}.path", "A path starts with /.")
    path_type = dig(path, "pathType")
    if not isinstance(path_type, str | None) or path_type not in _PATH_TYPES:
        report(f"{where}.pathType", "Use Prefix or Exact.")
        path_type = None
    return _path(text, _PATH_TYPES[path_type], _backend(dig(path, "backend"), f"{where}.backend", report))


def _path(path: str, path_type: str, backend: dict[str, Any]) -> dict[str, Any]:
    return {"path": path, "pathType": path_type, "backend": backend}


def _backend(backend: Any, where: str, report: Report) -> dict[str, Any]:
    """Bring ``{serviceName, servicePort}`` and ``{service: {name, port}}`` to the latter."""
    if not isinstance(backend, dict) or "resource" in backend:
        report(where, "A backend is a Service: name and port.")
        return {}
    if isinstance(backend.get("service"), dict):
        name, port = dig(backend, "service", "name"), dig(backend, "service", "port")
        fields = (f"{where}.service.name", f"{where}.service.port")
        if isinstance(port, dict):
            port = port.get("number", port.get("name"))
    else:
        name, port = backend.get("serviceName"), backend.get("servicePort")
        fields = (f"{where}.serviceName", f"{where}.servicePort")
    if not isinstance(name, str) or not name:
        report(fields[0], "Name the Service that the requests go to.")
    return {"service": {"name": name, "port": _port(port, fields[1], report)}}


def _port(port: Any, where: str, report: Report) -> dict[str, Any]:
    number = resolve(port) if isinstance(port, str) else port
    if type(number) is int:
        if not 0 < number < 65536:
            report(where, f"{number} is no port: use 1 to 65535.")
        return {"number": number}
    if not isinstance(port, str) or not port:
        report(where, "Give the number or the name of the Service's port.")
    return {"name": port}
