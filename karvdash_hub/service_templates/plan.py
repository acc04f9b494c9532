"""From template and choices to everything that a launch applies, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from karvdash_hub.errors import ManifestsInvalid
from karvdash_hub.names import Hostname
from karvdash_hub.service_templates.expose import endpoints, expose, ingress_hosts, primary_service
from karvdash_hub.service_templates.model import ServiceTemplate
from karvdash_hub.service_templates.objects import check_objects
from karvdash_hub.service_templates.own import without_datasets
from karvdash_hub.service_templates.render import fill_text, render, variable_scope
from karvdash_hub.service_templates.size import Size, resize, size_of
from karvdash_hub.service_templates.tree import Manifest
from karvdash_hub.service_templates.values import check_values
from karvdash_hub.service_templates.variable_types import Value
from karvdash_hub.service_templates.workloads import Workload, workloads


@dataclass(frozen=True)
class Plan:
    """What one launch consists of. ``own`` adds namespace, labels and owner before it is applied.

    Attributes:
        manifests: in file order; manifest ``i`` is document ``indexes[i]`` of the template's file.
        values: checked, defaults included, passwords included (``split_secrets``).
        host: the host allocated to the server, None if it has no Ingress.
        hosts: that one and every other host of its Ingresses; each has to be allocated.
        service_name: the main Service, None if there is none.
        endpoints: as people use it, see ``expose.endpoints``.
        workloads: what makes pods.
        auth: only people with access may open it.
        connect: the template's hint how to use it, filled in; passwords are left as ``$NAME``.
        size: what the first container asks for, whether chosen or the template's own.
    """

    manifests: tuple[Manifest, ...] = field(repr=False)
    indexes: tuple[int, ...]
    values: dict[str, Value] = field(repr=False)
    host: Hostname | None
    hosts: tuple[Hostname, ...]
    service_name: str | None
    endpoints: list[dict[str, Any]]
    workloads: list[Workload]
    auth: bool
    connect: str
    size: Size


def plan(
    template: ServiceTemplate,
    *,
    server: str,
    values: Mapping[str, Any],
    platform: Mapping[str, str],
    size: Size | None = None,
    public_url: str = "http://localhost",
) -> Plan:
    """Turn a template and what a user chose into the manifests of one launch. Nothing is changed.

    Args:
        server: the server's final name, the value of ``NAME``.
        values: as sent by the user, or as checked before.
        platform: from ``platform_values``; HOSTNAME is the host allocated to the server.
        public_url: the Hub's address in browsers.
    Raises: ValuesInvalid for what the user sent; ManifestsInvalid for what comes out.
    """
    checked = check_values(template, values, name=server)
    indexes = template.document_indexes
    manifests = render(template, checked, platform)
    if errors := check_objects(manifests, indexes, namespace=platform["NAMESPACE"]):
        raise ManifestsInvalid(errors)
    manifests = expose(manifests, host=platform["HOSTNAME"], indexes=indexes)
    if not template.datasets:
        manifests = without_datasets(manifests)
    size = size or Size()
    manifests = resize(manifests, size)
    hosts = _hosts(manifests, Hostname(platform["HOSTNAME"]))
    scope = variable_scope(template, checked, platform)
    shown = {name: value for name, value in scope.items() if name not in template.secret_names}
    return Plan(
        manifests=tuple(manifests),
        indexes=indexes,
        values=checked,
        host=hosts[0] if hosts else None,
        hosts=hosts,
        service_name=primary_service(manifests),
        endpoints=endpoints(manifests, namespace=platform["NAMESPACE"], public_url=public_url),
        workloads=workloads(manifests),
        auth=template.auth,
        connect=fill_text(template.connect, {"NAMESPACE": platform["NAMESPACE"], **shown}),
        size=size_of(manifests, size.gpu_resource),
    )


def _hosts(manifests: list[Manifest], host: Hostname) -> tuple[Hostname, ...]:
    used = ingress_hosts(manifests)
    return tuple(dict.fromkeys((host, *used))) if used else ()
