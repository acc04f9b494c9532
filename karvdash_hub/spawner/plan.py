"""What one launch applies, and what has to be remembered of it while the service runs.

``service_templates.plan`` fills in the template, purely. Here it meets the server: its namespace, its
host, its owner. What is remembered is stored by JupyterHub with the server, so it holds no passwords.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from karvdash_hub import names
from karvdash_hub import service_templates as engine
from karvdash_hub.errors import FieldError, ValuesInvalid
from karvdash_hub.kube.rest import Manifest
from karvdash_hub.readiness.model import Expected
from karvdash_hub.service_templates import ServiceTemplate, Value
from karvdash_hub.spawner.hosts import host_of_list
from karvdash_hub.spawner.options import LaunchOptions
from karvdash_hub.spawner.registry import Key

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

#: Key in the anchor's data with what the user chose, as JSON without passwords: see adoption.py.
ANCHOR_OPTIONS = "options.json"
#: Kinds whose pods belong to the server's being ready. A CronJob's come later, if ever.
_AWAITED = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet", "ReplicationController", "Pod"}
)

Object = tuple[str, str, str]


@dataclass(frozen=True)
class LaunchPlan:
    """One launch of one server.

    Attributes:
        hosts: every host that its Ingresses use, the main one first; empty if it has no page.
        url: where it opens in a browser, or None.
        service: the main Service, None if there is none.
        expected: workloads that have to be ready.
        endpoints: how to reach it, ``{"kind", "name", "host", "port" | "url"}``.
        values: {variable: value}, defaults included, passwords left out.
        size: what the first container asks for.
        connect: how to use it, a hint of the template's author.
        objects: (apiVersion, kind, name) of everything that was applied.
        manifests: with labels and namespace, without owner. Not remembered.
        indexes: index in the template's file of each manifest. Not remembered.
        anchor: the ConfigMap that owns them. Not remembered.
        passwords: values of password variables that the user chose. Not remembered.
    """

    template: str
    hosts: tuple[str, ...]
    url: str | None
    service: str | None
    expected: tuple[Expected, ...]
    endpoints: Sequence[Mapping[str, Any]]
    values: Mapping[str, Value]
    size: Mapping[str, Any]
    connect: str
    objects: tuple[Object, ...]
    manifests: Sequence[Manifest] = field(default=(), repr=False)
    indexes: Sequence[int] = ()
    anchor: Manifest = field(default_factory=dict, repr=False)
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)

    def owned_by(self, uid: str) -> list[Manifest]:
        """Return the manifests with the anchor as owner, except those that outlive a stop."""
        name = self.anchor["metadata"]["name"]
        return engine.with_owner(self.manifests, anchor_name=name, anchor_uid=uid)

    def as_stored(self, stored: Sequence[Manifest]) -> LaunchPlan:
        """Return the plan with what Kubernetes made of it: only from these generations on it is ready."""
        generations = {
            (one["kind"], one["metadata"]["name"]): one["metadata"].get("generation", 0) for one in stored
        }
        expected = (
            one._replace(generation=generations.get((one.kind, one.name), 0)) for one in self.expected
        )
        return replace(self, expected=tuple(expected))

    def objects_not_in(self, other: LaunchPlan) -> list[Object]:
        """Return what this launch applied and another one of the same server does not."""
        return [one for one in self.objects if one not in other.objects]

    def beside(self, former: LaunchPlan | None) -> LaunchPlan:
        """Return the plan with the objects of a former one among its own, as long as they may exist."""
        if former is None:
            return self
        return replace(self, objects=(*self.objects, *former.objects_not_in(self)))

    def remembered(self) -> LaunchPlan:
        """Return the plan without what only making the objects takes: passwords, and 4 KiB a server."""
        return replace(self, manifests=(), indexes=(), anchor={}, passwords={})

    def to_state(self) -> dict[str, Any]:
        """Return what JupyterHub stores, as JSON."""
        return {
            "template": self.template,
            "hosts": list(self.hosts),
            "url": self.url,
            "service": self.service,
            "expected": [list(one) for one in self.expected],
            "endpoints": [dict(one) for one in self.endpoints],
            "values": dict(self.values),
            "size": dict(self.size),
            "connect": self.connect,
            "objects": [list(one) for one in self.objects],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LaunchPlan:
        """Return what ``to_state`` was made from."""
        return cls(
            template=state["template"],
            hosts=tuple(state["hosts"]),
            url=state["url"],
            service=state["service"],
            expected=tuple(Expected(*one) for one in state["expected"]),
            endpoints=state["endpoints"],
            values=state["values"],
            # Later than the rest: a state that was stored before them is still understood.
            size=state.get("size", {}),
            connect=state.get("connect", ""),
            objects=tuple((one[0], one[1], one[2]) for one in state.get("objects", ())),
        )


def make_plan(
    karvdash: Karvdash,
    key: Key,
    launch_id: str,
    options: LaunchOptions,
    passwords: Mapping[str, str],
) -> LaunchPlan:
    """Fill in the template for one server.

    Args:
        passwords: values of password variables that the user chose at any time.
    Raises: NotFound, ValuesInvalid, ManifestsInvalid.
    """
    platform, claim = karvdash.platform, karvdash.claim_user(key.user)
    template = karvdash.library.find(claim.namespace, options.template)
    made = engine.plan(
        template,
        server=key.server,
        values={**options.variables, **passwords},
        platform=engine.platform_values(
            namespace=claim.namespace,
            host=_host(karvdash, key, template),
            registry=platform.registry,
        ),
        size=engine.check_size(options.size, platform.gpu_resource),
        public_url=platform.public_url,
    )
    anchor = _anchor(karvdash, key, launch_id, template, made, options)
    manifests = engine.own(
        made.manifests,
        namespace=claim.namespace,
        server=key.server,
        template_id=template.id,
        anchor_name=names.anchor_name(key.server),
        anchor_uid="",  # it does not exist yet; see owned_by
        ingress_annotations={names.ANNOTATION_USER: key.user},
    )
    if platform.exposure == "ingress":
        manifests = engine.for_controller(
            manifests, ingress_class=platform.ingress_class, annotations=platform.ingress_annotations
        )
    open_, _ = engine.split_secrets(template, made.values)
    return LaunchPlan(
        template=template.id,
        hosts=made.hosts,
        url=next((endpoint["url"] for endpoint in made.endpoints if endpoint["kind"] == "http"), None),
        service=made.service_name,
        expected=_expected(made),
        endpoints=made.endpoints,
        values=open_,
        size=made.size.to_dict(),
        connect=made.connect,
        # Kept ones are not the plan's to delete: they go by label, when the server is deleted.
        objects=tuple(
            (one["apiVersion"], one["kind"], one["metadata"]["name"]) for one in manifests if not _kept(one)
        ),
        manifests=manifests,
        indexes=made.indexes,
        anchor=anchor,
        passwords=dict(passwords),
    )


def _host(karvdash: Karvdash, key: Key, template: ServiceTemplate) -> names.Hostname:
    pool = karvdash.platform.pool
    if not pool or not any(engine.is_ingress(document) for document in template.documents):
        return karvdash.service_host(key.user, key.server)
    anchor = karvdash.snapshot(key).anchor
    return host_of_list(karvdash.store, pool, key, anchored=anchor.host if anchor else "")


def checked_options(
    karvdash: Karvdash,
    template: ServiceTemplate,
    name: str,
    values: Mapping[str, Any],
    size: Mapping[str, Any] | None,
) -> LaunchOptions:
    """Hold what a user sent against a template, before anything is stored.

    Raises: ValuesInvalid with every mistake.
    """
    errors: list[FieldError] = []
    for check in (
        lambda: engine.check_values(template, values, name=name),
        lambda: engine.check_size(size, karvdash.platform.gpu_resource),
    ):
        try:
            check()
        except ValuesInvalid as invalid:
            errors += invalid.errors
    if errors:
        raise ValuesInvalid(errors)
    sent = {key: value for key, value in values.items() if key != "NAME" and value is not None}
    return LaunchOptions(
        template.id, sent, {key: str(value) for key, value in (size or {}).items() if value not in (None, "")}
    )


def check_name(options: LaunchOptions, server: str) -> None:
    """Refuse a NAME that is not the server's, which JupyterHub's own API takes from the address.

    Raises: ValuesInvalid.
    """
    wanted = options.variables.get("NAME", server)
    if wanted != server:
        message = f"The address names the server {server!r}; leave NAME out or make it the same."
        raise ValuesInvalid([FieldError(None, "NAME", message)])


def _anchor(
    karvdash: Karvdash,
    key: Key,
    launch_id: str,
    template: ServiceTemplate,
    made: engine.Plan,
    options: LaunchOptions,
) -> Manifest:
    chosen = {name: value for name, value in options.variables.items() if name not in template.secret_names}
    kept = {"variables": chosen, "size": dict(options.size), "secrets": list(options.secrets)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": names.anchor_name(key.server),
            "namespace": karvdash.namespace(key.user),
            "labels": {
                names.LABEL_ANCHOR: "true",
                names.LABEL_SERVER: key.server,
                names.LABEL_TEMPLATE: template.id,
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
            },
            "annotations": {
                names.ANNOTATION_HUB: karvdash.store.instance_id,
                names.ANNOTATION_USER: key.user,
                names.ANNOTATION_HOST: made.host or "",
                names.ANNOTATION_HOSTS: ",".join(made.hosts),
                names.ANNOTATION_AUTH: str(made.auth).lower(),
                names.ANNOTATION_LAUNCH: launch_id,
                **({names.ANNOTATION_ORIGINS: ",".join(template.origins)} if template.origins else {}),
            },
        },
        "data": {ANCHOR_OPTIONS: json.dumps(kept)},
    }


def _expected(made: engine.Plan) -> tuple[Expected, ...]:
    return tuple(
        Expected(workload.kind, workload.name, workload.replicas if workload.replicas is not None else 1)
        for workload in made.workloads
        if workload.kind in _AWAITED
    )


def _kept(manifest: Manifest) -> bool:
    return (manifest["metadata"].get("labels") or {}).get(names.LABEL_KEEP) == "true"
