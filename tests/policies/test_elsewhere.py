"""What the policies leave alone: the rest of the cluster, and whom an administrator trusts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from karvdash_hub.kube.rest import Kube
from karvdash_hub.policies import LABEL_PART_OF, PART_OF
from tests.policies.conftest import POLICY_API, Parameters, User, refusal
from tests.policies.pods import Json, pod


@pytest.mark.parametrize("kind", ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"])
async def test_no_other_object_is_needed(policies: None, admin_kube: Kube, kind: str) -> None:
    """One with parameters, when it was lost, would refuse in every namespace of the cluster, or in none."""
    found = await admin_kube.list(POLICY_API, kind, label_selector=f"{LABEL_PART_OF}={PART_OF}")
    assert len(found) > 10
    assert [one["metadata"]["name"] for one in found if {"paramKind", "paramRef"} & one["spec"].keys()] == []


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
    await parameters_with(trusted=[operator])
    assert await alice.create(manifest, as_user=operator) == ""
    assert (await alice.create_pod(pod(hostPID=True), as_user=operator)).startswith("spec.hostPID: true")
    forged = alice.manifest("v1", "ConfigMap", labels={"karvdash.io/anchor": "true"})
    assert "marks what belongs to the platform" in await alice.create(forged, as_user=operator)
