"""From Deployments, StatefulSets, DaemonSets and Jobs to one shape: how many pods, how many are ready.

The rules are those of ``kubectl rollout status``.
ref: kubernetes/staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go (1.35)
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any

from karvdash_hub import names
from karvdash_hub.readiness.model import Workload

Json = Mapping[str, Any]


def project_deployment(item: Json) -> Workload:
    """Project a Deployment. A quota or a missed progress deadline is a condition of it."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or []}
    trouble: Json = {}
    if (conditions.get("ReplicaFailure") or {}).get("status") == "True":
        trouble = conditions["ReplicaFailure"]
    elif (conditions.get("Progressing") or {}).get("reason") == "ProgressDeadlineExceeded":
        trouble = conditions["Progressing"]
    return _workload(
        item,
        "Deployment",
        replicas=_replicas(spec),
        ready=_count(status, "readyReplicas"),
        updated=_count(status, "updatedReplicas"),
        total=_count(status, "replicas"),
        trouble=trouble,
    )


def project_statefulset(item: Json) -> Workload:
    """Project a StatefulSet. Only a rolling update of all its pods replaces the old ones by itself."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    replicas = _replicas(spec)
    strategy = spec.get("updateStrategy") or {}
    partial = strategy.get("type") == "OnDelete" or (strategy.get("rollingUpdate") or {}).get("partition")
    current = status.get("currentRevision") == status.get("updateRevision")
    return _workload(
        item,
        "StatefulSet",
        replicas=replicas,
        ready=_count(status, "readyReplicas"),
        updated=replicas if partial or current else _count(status, "updatedReplicas"),
        total=_count(status, "replicas"),
    )


def project_daemonset(item: Json) -> Workload:
    """Project a DaemonSet; it wants as many pods as there are nodes that take it."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    replicas = _count(status, "desiredNumberScheduled")
    by_hand = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
    return _workload(
        item,
        "DaemonSet",
        replicas=replicas,
        ready=_count(status, "numberReady"),
        updated=replicas if by_hand else _count(status, "updatedNumberScheduled"),
        total=_count(status, "currentNumberScheduled"),
    )


def project_job(item: Json) -> Workload:
    """Project a Job. It is up when its pods run, and stays "ready" when they are done."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or [] if c.get("status") == "True"}
    at_once = int(spec.get("parallelism", 1))
    completions = spec.get("completions")
    wanted = 0 if spec.get("suspend") else min(at_once, at_once if completions is None else int(completions))
    done = _count(status, "succeeded")
    return _workload(
        item,
        "Job",
        replicas=wanted,
        ready=min(wanted, _count(status, "ready") + done),
        updated=wanted,
        total=_count(status, "active"),
        # FailureTarget comes first, Failed when the last pod has ended.
        trouble=conditions.get("Failed") or conditions.get("FailureTarget") or {},
        complete=bool(conditions.get("Complete") or conditions.get("SuccessCriteriaMet")),
        # The Job controller reports no generation.
        observed=bool(status),
    )


PROJECTIONS = {
    "Deployment": project_deployment,
    "StatefulSet": project_statefulset,
    "DaemonSet": project_daemonset,
    "Job": project_job,
}


def _workload(
    item: Json,
    kind: str,
    *,
    replicas: int,
    ready: int,
    updated: int,
    total: int,
    trouble: Json = {},  # noqa: B006  # read only
    complete: bool = False,
    observed: bool | None = None,
) -> Workload:
    metadata, status = item["metadata"], item.get("status") or {}
    if observed is None:
        observed = _count(status, "observedGeneration") >= int(metadata.get("generation") or 1)
    return Workload(
        kind=kind,
        name=metadata["name"],
        server=intern((metadata.get("labels") or {}).get(names.LABEL_SERVER, "")),
        replicas=replicas,
        ready=ready,
        updated=updated,
        observed=observed,
        failure=str(trouble.get("message") or ""),
        deleting=bool(metadata.get("deletionTimestamp")),
        reason=intern(str(trouble.get("reason") or "")),
        total=total,
        complete=complete,
        generation=int(metadata.get("generation") or 0),
    )


def _replicas(spec: Json) -> int:
    return int(spec.get("replicas", 1))


def _count(status: Json, key: str) -> int:
    return int(status.get(key) or 0)
