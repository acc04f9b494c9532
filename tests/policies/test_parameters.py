"""Without their parameters the policies refuse, and whoever has to repair that still can."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from karvdash_hub.kube.rest import Kube
from karvdash_hub.policies import PARAMETERS
from tests.policies.conftest import Parameters, User, refusal
from tests.policies.pods import Json, pod

LOST = "failed to configure binding"
CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"


@pytest.fixture
async def lost(parameters_with: Parameters, admin_kube: Kube, alice: User) -> AsyncIterator[None]:
    """The ConfigMap is gone; ``parameters_with`` brings it back."""
    await admin_kube.delete("v1", "ConfigMap", PARAMETERS, "karvdash")
    deadline = time.monotonic() + 10
    while LOST not in (await alice.create_pod(pod())).lower():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    yield


def at(namespace: str, kind: str = "Pod") -> Json:
    body = {"spec": pod()} if kind == "Pod" else {}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": namespace}, **body}


async def test_lost_parameters(lost: None, admin_kube: Kube, hub_kube: Kube, alice: User) -> None:
    """Users wait; Kubernetes' own namespaces and the release's go on, and so does the repair."""
    assert LOST in (await alice.create(alice.manifest("v1", "Secret"))).lower()
    for namespace in ("kube-system", "karvdash"):
        assert await refusal(admin_kube.create(at(namespace), as_user=CONTROLLER, dry_run=True)) == ""
    assert await refusal(admin_kube.create(at("karvdash", "ConfigMap"), dry_run=True)) == ""
    # The Hub's roles hold it while its fence is open.
    cluster_role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"kind": "ServiceAccount", "name": "karvdash-hub", "namespace": "karvdash"}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "x"},
        "roleRef": cluster_role,
        "subjects": [subject],
    }
    assert "may not" in await refusal(hub_kube.create(binding, dry_run=True))


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("v1", "Node"),
        ("v1", "PersistentVolume"),
        ("networking.k8s.io/v1", "IngressClass"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ],
)
async def test_cluster_wide_kinds_are_none_of_the_policies_business(
    policies: None, admin_kube: Kube, operator: str, api_version: str, kind: str
) -> None:
    """For an operator with all rights, whom nothing exempts: a rule that cannot be judged would refuse."""
    source = {"hostPath": {"path": "/"}, "capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"]}
    bodies: dict[str, Json] = {
        "PersistentVolume": {"spec": source},
        "IngressClass": {"spec": {"controller": "example.org/c"}},
    }
    manifest = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **bodies.get(kind, {})}
    assert await refusal(admin_kube.create(manifest, as_user=operator, dry_run=True)) == ""


async def test_states_of_nodes_and_pods_elsewhere(policies: None, admin_kube: Kube, operator: str) -> None:
    nodes = await admin_kube.list("v1", "Node")
    change = {"status": {"conditions": []}}
    name = nodes[0]["metadata"]["name"]
    attempt = admin_kube.patch(
        "v1", "Node", name, "", change, as_user=operator, dry_run=True, subresource="status"
    )
    assert await refusal(attempt) == ""
    spec = pod(hostPID=True, nodeName=name)
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": "default"},
        "spec": spec,
    }
    assert await refusal(admin_kube.create(manifest, as_user=operator, dry_run=True)) == ""


@pytest.fixture(scope="module")
async def operator(admin_kube: Kube, alice: User) -> AsyncIterator[str]:
    """An account outside of users' namespaces that may do everything."""
    name = "karvdash-test-operator"
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": "default"}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding"}
    await admin_kube.apply(
        {**binding, "metadata": {"name": name}, "roleRef": role, "subjects": [subject]},
    )
    account = f"system:serviceaccount:default:{name}"
    deadline = time.monotonic() + 10
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "another"}}
    while await refusal(admin_kube.create(manifest, as_user=account, dry_run=True)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    yield account
    await admin_kube.delete("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", name)


async def test_an_operator_is_exempt_for_objects_if_trusted_and_never_for_pods(
    alice: User, operator: str, parameters_with: Parameters
) -> None:
    """H2, and Policies.trusted."""
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
        "volumeName": "dataset-pv",
        "storageClassName": "",
    }
    manifest = alice.manifest("v1", "PersistentVolumeClaim", spec=claim)
    assert (await alice.create(manifest, as_user=operator)).startswith("spec.volumeName: dataset-pv")
    await parameters_with(trusted=[operator], token_seconds=7000)
    assert await alice.create(manifest, as_user=operator) == ""
    assert (await alice.create_pod(pod(hostPID=True), as_user=operator)).startswith("spec.hostPID: true")
    forged = alice.manifest("v1", "ConfigMap", labels={"karvdash.io/anchor": "true"})
    assert "marks what belongs to the platform" in await alice.create(forged, as_user=operator)
