"""Where the pods are in a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from karvdash_hub.service_templates.tree import Manifest, dig

_TEMPLATE: Final = ("spec", "template")
#: API group and kind to the path of the pod template; a Pod is its own.
_POD_TEMPLATES: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("apps", "Deployment"): _TEMPLATE,
    ("apps", "StatefulSet"): _TEMPLATE,
    ("apps", "DaemonSet"): _TEMPLATE,
    ("apps", "ReplicaSet"): _TEMPLATE,
    ("batch", "Job"): _TEMPLATE,
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("", "ReplicationController"): _TEMPLATE,
    ("", "Pod"): (),
}


class Workload(NamedTuple):
    """An object that makes pods. ``replicas`` is None where their number is not its own to say."""

    kind: str
    name: str
    replicas: int | None


def api_group(manifest: Manifest) -> str:
    """Return the API group, "" for core."""
    version = manifest.get("apiVersion")
    return version.rpartition("/")[0] if isinstance(version, str) else ""


def is_kind(manifest: Manifest, group: str, kind: str) -> bool:
    """Tell whether a manifest is of this kind of this API group, in any version."""
    return manifest.get("kind") == kind and api_group(manifest) == group


def pod_template_path(manifest: Manifest) -> tuple[str, ...] | None:
    """Return where the pod template is: () for a Pod, None for what makes no pods."""
    kind = manifest.get("kind")
    return _POD_TEMPLATES.get((api_group(manifest), kind)) if isinstance(kind, str) else None


def pod_template(manifest: Manifest) -> dict[str, Any] | None:
    """Return the pod template inside a manifest (the Pod itself for a Pod), not a copy."""
    path = pod_template_path(manifest)
    if path is None:
        return None
    template = dig(manifest, *path)
    return template if isinstance(template, dict) else None


def workloads(manifests: Sequence[Manifest]) -> list[Workload]:
    """List what makes pods, in file order."""
    return [
        Workload(manifest["kind"], str(dig(manifest, "metadata", "name")), _replicas(manifest))
        for manifest in manifests
        if pod_template_path(manifest) is not None
    ]


def _replicas(manifest: Manifest) -> int | None:
    kind = manifest["kind"]
    if kind in ("DaemonSet", "CronJob"):
        return None
    field = {"Job": "parallelism"}.get(kind, "replicas")
    replicas = dig(manifest, "spec", field)
    return replicas if isinstance(replicas, int) and kind != "Pod" else 1
