"""Labels, owners and the datasets mark."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from karvdash_hub.names import LABEL_KEEP
from karvdash_hub.service_templates import Manifest, own, with_owner, workloads
from karvdash_hub.service_templates.own import without_datasets
from karvdash_hub.service_templates.tree import dig

LABELS = {
    "karvdash.io/server": "web",
    "karvdash.io/template": "nginx",
    "app.kubernetes.io/managed-by": "karvdash-hub",
}
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "karvdash-web", "uid": "1-2-3"}


def owned(*manifests: Manifest, **changes: Any) -> list[Manifest]:
    arguments: dict[str, Any] = {
        "namespace": "karvdash-alice",
        "server": "web",
        "template_id": "nginx",
        "anchor_name": "karvdash-web",
        "anchor_uid": "1-2-3",
    }
    return own(manifests, **(arguments | changes))


def manifest(version: str, kind: str, **fields: Any) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, **fields}


def workload(kind: str, version: str = "apps/v1") -> Manifest:
    pod = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "main"}]}}
    return manifest(version, kind, spec={"selector": {"matchLabels": {"app": "a"}}, "template": pod})


JOBS = {"spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}}
WORKLOADS = [
    pytest.param(workload("Deployment"), ("spec", "template"), id="Deployment"),
    pytest.param(workload("StatefulSet"), ("spec", "template"), id="StatefulSet"),
    pytest.param(workload("DaemonSet"), ("spec", "template"), id="DaemonSet"),
    pytest.param(workload("ReplicaSet"), ("spec", "template"), id="ReplicaSet"),
    pytest.param(workload("ReplicationController", "v1"), ("spec", "template"), id="ReplicationController"),
    pytest.param(workload("Job", "batch/v1"), ("spec", "template"), id="Job"),
    pytest.param(
        manifest("batch/v1", "CronJob", spec={"jobTemplate": JOBS}),
        ("spec", "jobTemplate", "spec", "template"),
        id="CronJob",
    ),
    pytest.param(manifest("v1", "Pod", spec={"containers": [{"name": "main"}]}), (), id="Pod"),
]


@pytest.mark.parametrize(("given", "path"), WORKLOADS)
def test_objects_and_their_pods_are_labelled_and_selectors_are_not(
    given: Manifest, path: tuple[str, ...]
) -> None:
    before = json.dumps(given)
    (result,) = owned(given)
    assert json.dumps(given) == before
    assert result["metadata"] == {
        "name": "a",
        "namespace": "karvdash-alice",
        "labels": LABELS,
        "ownerReferences": [OWNER],
    }
    pod = dig(result, *path)
    expected = LABELS if path == () or given["kind"] == "CronJob" else {"app": "a", **LABELS}
    assert pod["metadata"]["labels"] == expected
    assert dig(result, "spec", "selector") == dig(given, "spec", "selector")
    if given["kind"] == "CronJob":
        assert result["spec"]["jobTemplate"]["metadata"]["labels"] == LABELS


@pytest.mark.parametrize(("given", "path"), WORKLOADS)
def test_datasets_no_reaches_every_kind_that_makes_pods(given: Manifest, path: tuple[str, ...]) -> None:
    before = json.dumps(given)
    (result,) = without_datasets([given])
    assert json.dumps(given) == before
    assert dig(result, *path, "metadata", "labels")["karvdash-no-datasets"] == "true"
    assert dig(result, "spec", "selector") == dig(given, "spec", "selector")


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        pytest.param(manifest("v1", "ConfigMap"), LABELS, id="no labels"),
        pytest.param(manifest("v1", "ConfigMap", metadata={"name": "a", "labels": None}), LABELS, id="null"),
        pytest.param(
            manifest(
                "v1", "ConfigMap", metadata={"name": "a", "labels": {"karvdash.io/server": "other", "b": "c"}}
            ),
            {"b": "c", **LABELS},
            id="another server's",
        ),
        pytest.param(manifest("x.org/v1", "Thing"), LABELS, id="custom resource"),
        pytest.param(manifest("apps/v1", "Deployment", spec=5), LABELS, id="no pods to label"),
    ],
)
def test_labels(given: Manifest, labels: dict[str, str]) -> None:
    assert owned(given)[0]["metadata"]["labels"] == labels


def test_foreign_owners_and_namespaces_are_replaced() -> None:
    metadata = {"name": "a", "namespace": "karvdash-alice", "ownerReferences": [{"name": "other"}]}
    (result,) = owned(manifest("v1", "ConfigMap", metadata=metadata))
    assert (result["metadata"]["namespace"], result["metadata"]["ownerReferences"]) == (
        "karvdash-alice",
        [OWNER],
    )


def test_the_owner_can_be_added_later() -> None:
    given = [workload("Deployment"), manifest("v1", "ConfigMap")]
    without = owned(*given, anchor_name="", anchor_uid="")
    assert [one for one in without if "ownerReferences" in one["metadata"]] == []
    assert with_owner(without, anchor_name="karvdash-web", anchor_uid="1-2-3") == owned(*given)


def test_what_is_kept_has_no_owner() -> None:
    kept = manifest("v1", "PersistentVolumeClaim", metadata={"name": "a", "labels": {LABEL_KEEP: "true"}})
    gone = manifest("v1", "PersistentVolumeClaim", metadata={"name": "b", "labels": {LABEL_KEEP: "false"}})
    first, second = owned(kept, gone)
    assert "ownerReferences" not in first["metadata"]
    assert first["metadata"]["labels"] == {LABEL_KEEP: "true", **LABELS}
    assert second["metadata"]["ownerReferences"] == [OWNER]


def test_claims_of_a_stateful_set_can_be_found_and_are_kept() -> None:
    given = workload("StatefulSet")
    given["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}}, {}, 5]
    first, second, _ = owned(given)[0]["spec"]["volumeClaimTemplates"]
    assert first["metadata"] == {"name": "data", "labels": {**LABELS, LABEL_KEEP: "true"}}
    assert second["metadata"]["labels"] == {**LABELS, LABEL_KEEP: "true"}


def test_only_the_main_service_has_karvdashs_label() -> None:
    hidden = manifest("v1", "Service", metadata={"name": "a", "labels": {"karvdash-hidden": "true"}})
    services = [hidden, *(manifest("v1", "Service", metadata={"name": name}) for name in "bc")]
    found = [service["metadata"]["labels"].get("karvdash-template") for service in owned(*services)]
    assert found == [None, "nginx", None]


def test_annotations_of_ingresses() -> None:
    ingress = manifest("networking.k8s.io/v1", "Ingress", metadata={"name": "a", "annotations": {"b": "c"}})
    first, second = owned(
        ingress, manifest("v1", "Service"), ingress_annotations={"karvdash.io/user": "alice"}
    )
    assert first["metadata"]["annotations"] == {"b": "c", "karvdash.io/user": "alice"}
    assert "annotations" not in second["metadata"]


def test_the_result_can_be_written_as_yaml() -> None:
    results = owned(*(workload("Deployment") for _ in range(2)))
    assert "&id" not in yaml.safe_dump_all(results)


def test_workloads() -> None:
    three = workload("Deployment")
    three["spec"]["replicas"] = 3
    job = workload("Job", "batch/v1")
    job["spec"]["parallelism"] = 2
    given = [manifest("v1", "Service"), three, workload("StatefulSet"), workload("DaemonSet"), job]
    assert [tuple(found) for found in workloads([*given, manifest("v1", "Pod", spec={"replicas": 5})])] == [
        ("Deployment", "a", 3),
        ("StatefulSet", "a", 1),
        ("DaemonSet", "a", None),
        ("Job", "a", 2),
        ("Pod", "a", 1),
    ]
    assert workloads([workload("Job", "batch.volcano.sh/v1")]) == []
