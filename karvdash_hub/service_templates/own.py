"""Marks by which everything of a server can be found, and by which it goes when the server goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from karvdash_hub.names import (
    LABEL_KEEP,
    LABEL_MANAGED_BY,
    LABEL_NO_DATASETS,
    LABEL_SERVER,
    LABEL_TEMPLATE,
    MANAGED_BY,
)
from karvdash_hub.service_templates.expose import primary_service
from karvdash_hub.service_templates.ingress import is_ingress
from karvdash_hub.service_templates.tree import Manifest, dig, ensure, items, mapping
from karvdash_hub.service_templates.workloads import is_kind, pod_template

#: Karvdash's own label on the main Service, which programs written for it look for.
LEGACY_TEMPLATE_LABEL: Final = "karvdash-template"


def own(
    manifests: Sequence[Manifest],
    *,
    namespace: str,
    server: str,
    template_id: str,
    anchor_name: str = "",
    anchor_uid: str = "",
    ingress_annotations: Mapping[str, str] | None = None,
) -> list[Manifest]:
    """Return the manifests with namespace, labels and owner of one server.

    Without ``anchor_uid`` they have no owner: the anchor may not exist yet (``with_owner`` adds it).

    Labels go on every object and on every pod template and claim template inside one, never on
    selectors: they would no longer match what runs. Claims that a StatefulSet makes are labelled
    ``karvdash.io/keep: "true"``, since Kubernetes keeps them.
    """
    labels = {LABEL_SERVER: server, LABEL_TEMPLATE: template_id, LABEL_MANAGED_BY: MANAGED_BY}
    main = primary_service(manifests)
    owned = []
    for manifest in deepcopy(list(manifests)):
        metadata = ensure(manifest, "metadata")
        metadata["namespace"] = namespace
        metadata.pop("ownerReferences", None)
        if is_kind(manifest, "", "Service") and metadata.get("name") == main:
            ensure(metadata, "labels")[LEGACY_TEMPLATE_LABEL] = template_id
        if is_ingress(manifest) and ingress_annotations:
            ensure(metadata, "annotations").update(ingress_annotations)
        for place in _labelled(manifest):
            ensure(place, "metadata", "labels").update(labels)
        for claim in _claim_templates(manifest):
            ensure(claim, "metadata", "labels").update({**labels, LABEL_KEEP: "true"})
        owned.append(manifest)
    return with_owner(owned, anchor_name=anchor_name, anchor_uid=anchor_uid) if anchor_uid else owned


def with_owner(manifests: Sequence[Manifest], *, anchor_name: str, anchor_uid: str) -> list[Manifest]:
    """Return the manifests owned by an anchor ConfigMap, so that its deletion deletes them.

    Objects labelled ``karvdash.io/keep: "true"`` get no owner. The reference has no
    ``blockOwnerDeletion``, which the user's rights may not set.
    """
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": anchor_name, "uid": anchor_uid}
    owned = deepcopy(list(manifests))
    for manifest in owned:
        if mapping(manifest, "metadata", "labels").get(LABEL_KEEP) != "true":
            ensure(manifest, "metadata")["ownerReferences"] = [dict(owner)]
    return owned


def _labelled(manifest: Manifest) -> list[dict[str, Any]]:
    """Return everything inside a manifest that becomes an object, itself included."""
    places = [manifest]
    if is_kind(manifest, "batch", "CronJob") and isinstance(dig(manifest, "spec", "jobTemplate"), dict):
        places.append(manifest["spec"]["jobTemplate"])
    template = pod_template(manifest)
    if template is not None and template is not manifest:
        places.append(template)
    return places


def _claim_templates(manifest: Manifest) -> list[dict[str, Any]]:
    if not is_kind(manifest, "apps", "StatefulSet"):
        return []
    return [claim for claim in items(manifest, "spec", "volumeClaimTemplates") if isinstance(claim, dict)]


def without_datasets(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Return the manifests with every pod labelled so that no dataset is mounted into it."""
    marked = deepcopy(list(manifests))
    for manifest in marked:
        template = pod_template(manifest)
        if template is not None:
            ensure(template, "metadata", "labels")[LABEL_NO_DATASETS] = "true"
    return marked
