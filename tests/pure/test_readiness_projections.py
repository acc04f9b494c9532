"""From objects as the API server sends them to tuples; the object is left as it was."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from karvdash_hub.readiness.model import (
    ContainerState,
    Pod,
    Workload,
)
from karvdash_hub.readiness.projections import (
    project_pod,
)
from karvdash_hub.readiness.workloads import PROJECTIONS

META: dict[str, Any] = {
    "name": "web",
    "namespace": "n",
    "uid": "u",
    "generation": 2,
    "creationTimestamp": "2026-11-21T12:30:00Z",
    "labels": {"karvdash.io/server": "web"},
}
BARE: dict[str, Any] = {"metadata": {"name": "web"}}
SEEN = {"observedGeneration": 2}


def condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> dict[str, str]:
    """One condition of a status."""
    return {"type": kind, "status": status, "reason": reason, "message": message}


def pod(spec: dict[str, Any], **status: Any) -> dict[str, Any]:
    """A pod made by a ReplicaSet."""
    owners = [{"kind": "Config", "name": "x"}, {"kind": "ReplicaSet", "name": "web-1", "controller": True}]
    return {"metadata": META | {"ownerReferences": owners}, "spec": spec, "status": status}


RUNNING = {"name": "web", "ready": True, "started": True, "restartCount": 0, "image": "sha256:1"}
BASE = Pod("u", "web", "web", "Pending", False, False, META["creationTimestamp"], True, "", (), "", "")
OWNED = BASE._replace(owner="ReplicaSet/web-1")


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(BARE, Pod("", "web", "", "Pending", False, False, "", False, "", (), "", ""), id="bare"),
        pytest.param(
            pod(
                {"nodeName": "a", "containers": [{"name": "web", "image": "redis:7"}]},
                phase="Running",
                podIP="10.1.1.1",
                conditions=[condition("Ready")],
                containerStatuses=[RUNNING | {"state": {"running": {"startedAt": "t"}}}],
            ),
            OWNED._replace(
                phase="Running",
                ready=True,
                ip="10.1.1.1",
                containers=(ContainerState("web", False, True, True, "running", "", "", None, 0, "redis:7"),),
            ),
            id="ready",
        ),
        pytest.param(
            pod(
                {
                    "containers": [
                        {"name": "a", "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "2"}}},
                        {"name": "b", "resources": {"limits": {"cpu": "1", "nvidia.com/gpu": "1"}}},
                    ],
                    "initContainers": [
                        {"name": "once", "resources": {"requests": {"cpu": "16"}}},
                        {
                            "name": "side",
                            "restartPolicy": "Always",
                            "resources": {"requests": {"cpu": "250m"}},
                        },
                    ],
                },
                phase="Pending",
                conditions=[condition("PodScheduled", "False", "Unschedulable", "0/1 nodes")],
            ),
            OWNED._replace(
                scheduled=False,
                unschedulable="0/1 nodes",
                requests=(("cpu", "1.75"), ("nvidia.com/gpu", "1")),
            ),
            id="unschedulable, requests summed",
        ),
        pytest.param(
            pod(
                {
                    "nodeName": "a",
                    "containers": [{"name": "web", "resources": {"limits": {"memory": "128Mi"}}}],
                    "initContainers": [{"name": "proxy", "restartPolicy": "Always"}],
                },
                phase="Running",
                initContainerStatuses=[RUNNING | {"name": "proxy", "state": {"running": {}}}],
                containerStatuses=[
                    {
                        "name": "web",
                        "ready": False,
                        "restartCount": 2,
                        "image": "redis:7",
                        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                        "lastState": {
                            "terminated": {"exitCode": 137, "reason": "OOMKilled", "message": "help"}
                        },
                    }
                ],
            ),
            OWNED._replace(
                phase="Running",
                containers=(
                    ContainerState(
                        "proxy", True, True, True, "running", "", "", None, 0, "sha256:1", sidecar=True
                    ),
                    ContainerState(
                        "web",
                        False,
                        False,
                        False,
                        "waiting",
                        "CrashLoopBackOff",
                        "help",
                        137,
                        2,
                        "redis:7",
                        ended="OOMKilled",
                        memory_limit="128Mi",
                    ),
                ),
            ),
            id="crash loop beside a sidecar",
        ),
        pytest.param(
            pod(
                {"nodeName": "a", "containers": [{"name": "web"}]},
                phase="Running",
                containerStatuses=[
                    {
                        "name": "web",
                        "ready": True,
                        "restartCount": 1,
                        "state": {"running": {"startedAt": "2026-11-21T12:30:09Z"}},
                        "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
                    }
                ],
            ),
            OWNED._replace(
                phase="Running",
                containers=(
                    ContainerState(
                        "web",
                        False,
                        True,
                        False,
                        "running",
                        "",
                        "",
                        3,
                        1,
                        "",
                        ended="Error",
                        since="2026-11-21T12:30:09Z",
                    ),
                ),
            ),
            id="runs again",
        ),
        pytest.param(
            {
                "metadata": META | {"deletionTimestamp": "t"},
                "spec": {"nodeName": "a"},
                "status": {"phase": "Failed", "reason": "Evicted", "message": "low on memory"},
            },
            BASE._replace(phase="Failed", deleting=True, reason="Evicted", message="low on memory"),
            id="evicted, going",
        ),
    ],
)
def test_project_pod(item: dict[str, Any], expected: Pod) -> None:
    before = copy.deepcopy(item)
    assert expected == project_pod(item)
    assert before == item


@pytest.mark.parametrize(
    ("kind", "spec", "status", "expected"),
    [
        pytest.param(
            "Deployment",
            {"replicas": 2},
            SEEN | {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 1},
            Workload("Deployment", "web", "web", 2, 2, 1, True, "", False, total=3),
            id="Deployment, rolling",
        ),
        pytest.param(
            "Deployment",
            {},
            {"observedGeneration": 1},
            Workload("Deployment", "web", "web", 1, 0, 0, False, "", False),
            id="Deployment, change not observed",
        ),
        pytest.param(
            "Deployment",
            {},
            SEEN
            | {
                "conditions": [
                    condition("Progressing", "True", "ReplicaSetUpdated"),
                    condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota"),
                ]
            },
            Workload(
                "Deployment", "web", "web", 1, 0, 0, True, "exceeded quota", False, reason="FailedCreate"
            ),
            id="Deployment, refused",
        ),
        pytest.param(
            "Deployment",
            {},
            SEEN | {"conditions": [condition("Progressing", "False", "ProgressDeadlineExceeded", "late")]},
            Workload(
                "Deployment", "web", "web", 1, 0, 0, True, "late", False, reason="ProgressDeadlineExceeded"
            ),
            id="Deployment, late",
        ),
        pytest.param(
            "StatefulSet",
            {"replicas": 3},
            SEEN
            | {
                "replicas": 3,
                "readyReplicas": 3,
                "updatedReplicas": 1,
                "currentRevision": "a",
                "updateRevision": "b",
            },
            Workload("StatefulSet", "web", "web", 3, 3, 1, True, "", False, total=3),
            id="StatefulSet, rolling",
        ),
        pytest.param(
            "StatefulSet",
            {"replicas": 3, "updateStrategy": {"type": "OnDelete"}},
            SEEN | {"replicas": 3, "readyReplicas": 3, "currentRevision": "a", "updateRevision": "b"},
            Workload("StatefulSet", "web", "web", 3, 3, 3, True, "", False, total=3),
            id="StatefulSet, replaced by hand",
        ),
        pytest.param(
            "DaemonSet",
            {},
            SEEN
            | {
                "desiredNumberScheduled": 2,
                "currentNumberScheduled": 2,
                "numberReady": 1,
                "updatedNumberScheduled": 2,
            },
            Workload("DaemonSet", "web", "web", 2, 1, 2, True, "", False, total=2),
            id="DaemonSet",
        ),
        pytest.param(
            "Job",
            {"parallelism": 3, "completions": 2},
            {"active": 1, "ready": 1, "succeeded": 1},
            Workload("Job", "web", "web", 2, 2, 2, True, "", False, total=1),
            id="Job, one done and one running",
        ),
        pytest.param(
            "Job",
            {},
            {},
            Workload("Job", "web", "web", 1, 0, 1, False, "", False),
            id="Job, not observed",
        ),
        pytest.param(
            "Job",
            {"suspend": True},
            {"conditions": [condition("Suspended")]},
            Workload("Job", "web", "web", 0, 0, 0, True, "", False),
            id="Job, suspended",
        ),
        pytest.param(
            "Job",
            {},
            {"failed": 1, "conditions": [condition("Failed", "True", "BackoffLimitExceeded", "too often")]},
            Workload("Job", "web", "web", 1, 0, 1, True, "too often", False, reason="BackoffLimitExceeded"),
            id="Job, failed",
        ),
        pytest.param(
            "Job",
            {},
            {"succeeded": 1, "conditions": [condition("Complete"), condition("Failed", "False")]},
            Workload("Job", "web", "web", 1, 1, 1, True, "", False, complete=True),
            id="Job, complete",
        ),
    ],
)
def test_workloads(kind: str, spec: dict[str, Any], status: dict[str, Any], expected: Workload) -> None:
    item = {"metadata": META, "spec": spec, "status": status}
    before = copy.deepcopy(item)
    assert expected._replace(generation=META["generation"]) == PROJECTIONS[kind](item)
    assert before == item
