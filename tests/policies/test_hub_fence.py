"""The Hub's own fence (D6): whoever has its token has users' namespaces, not the cluster.

What is refused here is also asked of an administrator's account that no role holds back, so that it is
the policy which refuses and not the Hub's roles of today.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from karvdash_hub.data import DOMAINS, VolumeClaim, parse_location
from karvdash_hub.data.settings import DataDomains
from karvdash_hub.kube.rbac import install_manifests
from karvdash_hub.kube.rest import Kube
from karvdash_hub.policies import Policies, manifests
from karvdash_hub.settings import Platform
from tests.policies.conftest import FILES, Parameters, User, refusal
from tests.policies.pods import Json

RBAC = "rbac.authorization.k8s.io/v1"
HUB = "system:serviceaccount:karvdash:karvdash-hub"


@pytest.fixture(scope="module")
async def powerful(admin_kube: Kube, alice: User) -> AsyncIterator[Kube]:
    """A client that is the Hub, with cluster-admin on top: only the fence holds it."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"kind": "ServiceAccount", "name": "karvdash-hub", "namespace": "karvdash"}
    name = "karvdash-test-powerful-hub"
    binding = {"apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": {"name": name}}
    await admin_kube.create({**binding, "roleRef": role, "subjects": [subject]})
    yield admin_kube
    await admin_kube.delete(RBAC, "ClusterRoleBinding", name)


async def as_hub(kube: Kube, manifest: Json) -> str:
    return await refusal(kube.create(manifest, as_user=HUB, dry_run=True))


def manifest(api_version: str, kind: str, name: str, namespace: str = "", **body: Any) -> Json:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **place}, **body}


def binding(kind: str, namespace: str = "") -> Json:
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"kind": "ServiceAccount", "name": "karvdash-hub", "namespace": "karvdash"}
    return manifest(RBAC, kind, "x", namespace, roleRef=role, subjects=[subject])


INSIDE = [
    pytest.param(binding("RoleBinding", "kube-system"), "kube-system", id="role-in-kube-system"),
    pytest.param(binding("RoleBinding", "karvdash"), "karvdash", id="role-in-the-release"),
    pytest.param(binding("RoleBinding", "default"), "default", id="role-in-default"),
    pytest.param(manifest("v1", "ConfigMap", "x", "kube-system"), "kube-system", id="configmap"),
    pytest.param(manifest("v1", "ConfigMap", "x", "karvdash"), "karvdash", id="in-the-release"),
    pytest.param(manifest("v1", "Secret", "x", "default"), "default", id="secret"),
    pytest.param(manifest("v1", "Namespace", "foo"), "foo", id="a-namespace"),
    pytest.param(manifest("v1", "Namespace", "karvdash2"), "karvdash2", id="the-prefix-without-its-hyphen"),
]


@pytest.mark.parametrize(("what", "namespace"), INSIDE)
async def test_other_namespaces(powerful: Kube, what: Json, namespace: str) -> None:
    assert await as_hub(powerful, what) == (
        f"metadata.namespace: the Hub may write nothing in {namespace}. Allowed: karvdash-…."
    )


CLUSTER_WIDE = [
    pytest.param(binding("ClusterRoleBinding"), id="ClusterRoleBinding"),
    pytest.param(manifest(RBAC, "ClusterRole", "x", rules=[]), id="ClusterRole"),
    pytest.param(manifest("v1", "Node", "x"), id="Node"),
    pytest.param(
        manifest("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "karvdash-x"),
        id="Webhook",
    ),
    pytest.param(
        manifest("storage.k8s.io/v1", "StorageClass", "karvdash-x", provisioner="a/b"), id="StorageClass"
    ),
    pytest.param(
        manifest("scheduling.k8s.io/v1", "PriorityClass", "karvdash-x-pv", value=1), id="PriorityClass"
    ),
]


@pytest.mark.parametrize("what", CLUSTER_WIDE)
async def test_cluster_wide_objects(powerful: Kube, what: Json) -> None:
    answer = await as_hub(powerful, what)
    assert answer.startswith(
        f"metadata.name: the Hub may not write {what['kind']} {what['metadata']['name']}."
    )


async def test_what_is_there_already(powerful: Kube) -> None:
    """UPDATE and DELETE."""
    for attempt in (
        powerful.delete("v1", "Namespace", "karvdash", as_user=HUB, dry_run=True),
        powerful.delete("v1", "ConfigMap", "kube-root-ca.crt", "karvdash", as_user=HUB, dry_run=True),
        powerful.patch(
            "v1", "Namespace", "default", "", {"metadata": {"labels": {"a": "b"}}}, as_user=HUB, dry_run=True
        ),
        powerful.patch(
            "v1", "ConfigMap", "kube-root-ca.crt", "karvdash", {"data": {}}, as_user=HUB, dry_run=True
        ),
    ):
        assert "the Hub may write nothing in" in await refusal(attempt)


async def test_nothing_is_executed_elsewhere(powerful: Kube) -> None:
    """CONNECT: pods of others, with whatever accounts they have."""
    answer = await refusal(powerful.exec("kube-system", "x", ["id"], as_user=HUB))
    # The pod is looked up first where it does not exist; nothing is told of it either way.
    assert answer == "" or "the Hub may write nothing in" in answer


def volume(user: User, domain: str = "private", **changes: Any) -> Json:
    """As karvdash_hub.data makes it, with changes of its spec."""
    root = parse_location(FILES["files_url"])
    made = VolumeClaim(root, domain, user.namespace, user.slug, user.slug, "1Gi").volume()  # type: ignore[arg-type]
    made["spec"].update(changes)
    return made


async def test_volumes_of_users_files(alice: User, powerful: Kube, parameters_with: Parameters) -> None:
    await parameters_with(FILES)
    assert [await as_hub(powerful, volume(alice, domain)) for domain in DOMAINS] == ["", ""]


async def test_volumes_that_lead_elsewhere(alice: User, powerful: Kube, parameters_with: Parameters) -> None:
    """A volume of the whole node would make the Hub's token the node's root."""
    await parameters_with(FILES)
    allowed = f"Allowed: /srv/files/shared, /srv/files/private/{alice.slug}."
    paths = ["/", "/srv/files", "/srv/files/private", "/srv/files/private/bob", "/srv/files/shared/x", "/etc"]
    for path in paths:
        answer = await as_hub(powerful, volume(alice, hostPath={"path": path, "type": "Directory"}))
        assert answer.startswith("spec: PersistentVolume "), path
        assert answer.endswith(allowed), path


async def test_volumes_of_others(alice: User, powerful: Kube, parameters_with: Parameters) -> None:
    await parameters_with(FILES)
    foreign = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": "x"}
    answers = {
        "no claim": await as_hub(powerful, volume(alice, claimRef=None)),
        "another claim": await as_hub(powerful, volume(alice, claimRef=foreign)),
        "another source": await as_hub(
            powerful,
            {**volume(alice), "spec": {**without_source(alice), "nfs": {"server": "a", "path": "/"}}},
        ),
    }
    assert [name for name, answer in answers.items() if not answer.startswith("spec")] == []
    named = volume(alice)
    named["metadata"]["name"] = "other-pv"
    assert "the Hub may not write PersistentVolume other-pv" in await as_hub(powerful, named)


def without_source(user: User) -> Json:
    return {key: value for key, value in volume(user)["spec"].items() if key != "hostPath"}


async def test_no_volumes_without_files(alice: User, powerful: Kube) -> None:
    answer = await as_hub(powerful, volume(alice))
    assert answer.endswith("leads to another place than its user's files. Allowed: none.")


async def test_volumes_of_an_nfs_server(alice: User, powerful: Kube, parameters_with: Parameters) -> None:
    url = "nfs://nfs.example.org/exports/files"
    await parameters_with({**FILES, "files_url": url})

    def made(location: str) -> Json:
        root = parse_location(location)
        return VolumeClaim(
            root, "private", alice.namespace, alice.slug, alice.slug, "1Gi", ("hard",)
        ).volume()

    assert await as_hub(powerful, made(url)) == ""
    for other in (
        "nfs://nfs.example.org/exports",
        "nfs://evil.example.org/exports/files",
        FILES["files_url"],
    ):
        assert (await as_hub(powerful, made(other))).startswith("spec: PersistentVolume ")
    lower = made(url)
    lower["spec"]["csi"]["volumeAttributes"]["subdir"] = "../bob"
    assert (await as_hub(powerful, lower)).startswith("spec: PersistentVolume ")


async def test_users_namespaces_are_open_to_it(alice: User, powerful: Kube) -> None:
    for what in (
        binding("RoleBinding", alice.namespace),
        manifest("v1", "Namespace", "karvdash-new"),
        manifest("v1", "ConfigMap", "karvdash-x", alice.namespace),
    ):
        assert await as_hub(powerful, what) == ""


async def test_its_own_pods_are_judged_as_everybodys(alice: User, powerful: Kube) -> None:
    spec = {"containers": [{"name": "a", "image": "b"}], "hostPID": True}
    answer = await as_hub(powerful, manifest("v1", "Pod", "x", alice.namespace, spec=spec))
    assert answer.startswith("spec.hostPID: true is not allowed")


def test_what_the_fence_leaves_out_the_hub_may_not_write() -> None:
    """Kinds that are written all the time are not held against the fence; the Hub's roles hold it there."""
    (fence,) = (
        one["spec"]["matchConstraints"]
        for one in manifests(Platform(), DataDomains(), Policies())
        if one["metadata"]["name"] == "karvdash-hub" and one["kind"] == "ValidatingAdmissionPolicy"
    )
    excluded = {
        (group, resource)
        for rule in fence["excludeResourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    written = {
        (group, resource)
        for role in install_manifests()
        if role["kind"] in ("ClusterRole", "Role") and role["metadata"]["name"].startswith("karvdash-hub")
        for rule in role["rules"]
        if not set(rule["verbs"]) <= {"get", "list", "watch", "bind", "impersonate"}
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert written
    assert written & excluded == set()
    assert {group for group, _ in written} & {group for group, name in excluded if name == "*"} == set()
