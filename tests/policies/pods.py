"""Specs of pods, workloads and other objects, as short as they can be."""

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


def claim(**spec: Any) -> Json:
    """A claim of the default class."""
    return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}, **spec}


def service(**spec: Any) -> Json:
    """A Service that leads to something."""
    return {"selector": {"app": "x"}, "ports": [{"port": 80}], **spec}


def ingress(host: str | None, **spec: Any) -> Json:
    """An Ingress of our class with one rule."""
    backend = {"service": {"name": "x", "port": {"number": 80}}}
    rule: Json = {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    if host is not None:
        rule["host"] = host
    return {"ingressClassName": "karvdash", "rules": [rule], **spec}
