"""Pods, as short as they can be, and the workloads that make them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

WORKLOADS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
)
_VERSIONS = {"ReplicationController": "v1", "Job": "batch/v1", "CronJob": "batch/v1"}


def container(name: str = "c", **fields: Any) -> Json:
    """A container that says nothing but its image."""
    return {"name": name, "image": "busybox:1.36", **fields}


def pod(*containers: Json, **fields: Any) -> Json:
    """A pod's spec."""
    return {"containers": list(containers) or [container()], **fields}


def secured(**fields: Any) -> Json:
    """A pod's spec whose one container has a security context."""
    return pod(container(securityContext=fields))


def api_version(kind: str) -> str:
    """Where a kind of workload is."""
    return _VERSIONS.get(kind, "apps/v1")


def workload(kind: str, spec: Json, name: str) -> Json:
    """The spec of a workload that makes one pod."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec}
    if kind in ("Job", "CronJob"):
        job = {"backoffLimit": 0, "template": {**template, "spec": {**spec, "restartPolicy": "Never"}}}
        return job if kind == "Job" else {"schedule": "* * * * *", "jobTemplate": {"spec": job}}
    selector = labels if kind == "ReplicationController" else {"matchLabels": labels}
    more = {"serviceName": name} if kind == "StatefulSet" else {}
    return {"selector": selector, "template": template, **more}
