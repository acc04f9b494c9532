"""Dry run and apply of all objects of a server, as their owner, on a real cluster."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from karvdash_hub.kube import errors
from karvdash_hub.kube.apply import Refused, apply_all, dry_run, stages
from karvdash_hub.kube.rest import Kube, Manifests
from tests.kube.conftest import UserNamespace

RBAC = "rbac.authorization.k8s.io"


def labels(server: str = "web") -> dict[str, Any]:
    return {"labels": {"karvdash.io/server": server}}


def deployment(alice: UserNamespace, name: str = "web", **spec: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "web", "image": "pause:3.10"}]}
    body = {
        "replicas": 0,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
    }
    return alice.manifest("apps/v1", "Deployment", name, metadata=labels(), spec=body | spec)


def service(alice: UserNamespace, server: str = "web") -> dict[str, Any]:
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    return alice.manifest("v1", "Service", "web", metadata=labels(server), spec=spec)


def no_links(api_version: str, kind: str) -> dict[str, Any]:
    """What makes pods that find no Services in their environment."""
    spec: dict[str, Any] = {"enableServiceLinks": False}
    spec = spec if kind == "Pod" else {"template": {"spec": spec}}
    return {"apiVersion": api_version, "kind": kind, "spec": spec}


@pytest.mark.parametrize(
    ("manifests", "expected"),
    [
        pytest.param([no_links("apps/v1", "Deployment"), "Service", "Ingress"], [[0, 1, 2]], id="at once"),
        pytest.param(["Deployment", "Service", "Ingress"], [[1], [0, 2]], id="pods may look for Services"),
        pytest.param([no_links("v1", "Pod"), "Pod", "Service"], [[2], [0, 1]], id="one of them does"),
        pytest.param(["Workflow", "Service"], [[1], [0]], id="an unknown kind may make pods"),
        pytest.param(
            [no_links("apps/v1", "StatefulSet"), "PersistentVolumeClaim", "Service", "Secret"],
            [[1, 3], [0, 2]],
            id="claims first",
        ),
        pytest.param(["RoleBinding", "Role"], [[1], [0]], id="roles first"),
        pytest.param(["NetworkPolicy", no_links("batch/v1", "Job")], [[0], [1]], id="rules first"),
        pytest.param(["ConfigMap"], [[0]], id="only one stage"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_what_pods_need_comes_first(manifests: list[str | dict[str, Any]], expected: list[list[int]]) -> None:
    assert stages([{"kind": one} if isinstance(one, str) else one for one in manifests]) == expected


async def test_a_good_set_passes_and_is_stored_in_the_order_given(
    hub_kube: Kube, alice: UserNamespace
) -> None:
    manifests = [deployment(alice), service(alice), alice.manifest("v1", "ConfigMap", "c", metadata=labels())]
    assert await dry_run(hub_kube, manifests, as_user=alice.account) == []

    stored = await apply_all(hub_kube, manifests, as_user=alice.account)
    assert [item["kind"] for item in stored] == ["Deployment", "Service", "ConfigMap"]
    assert all(item["metadata"]["uid"] for item in stored)

    assert await dry_run(hub_kube, manifests, as_user=alice.account) == [], "a second launch may find them"


async def test_objects_that_need_each_other_pass_and_are_applied_in_time(
    hub_kube: Kube, alice: UserNamespace
) -> None:
    """A Pod needs its ServiceAccount and a RoleBinding its Role; neither exists during the dry run."""
    role_ref = {"apiGroup": RBAC, "kind": "Role", "name": "reader"}
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    manifests: Manifests = [
        alice.manifest(f"{RBAC}/v1", "RoleBinding", "reader", roleRef=role_ref, subjects=[]),
        alice.manifest(
            "v1",
            "Pod",
            "p",
            spec={"serviceAccountName": "worker", "containers": [{"name": "a", "image": "pause:3.10"}]},
        ),
        alice.manifest(f"{RBAC}/v1", "Role", "reader", rules=[rule]),
        alice.manifest("v1", "ServiceAccount", "worker"),
    ]
    assert await dry_run(hub_kube, manifests, as_user=alice.account) == []
    assert len(await apply_all(hub_kube, manifests, as_user=alice.account)) == 4


async def test_what_is_needed_and_not_in_the_set_is_refused(hub_kube: Kube, alice: UserNamespace) -> None:
    pod = {"serviceAccountName": "nosuch", "containers": [{"name": "a", "image": "pause:3.10"}]}
    manifests = [alice.manifest("v1", "Pod", "p", spec=pod), alice.manifest("v1", "ServiceAccount", "worker")]
    refusals = await dry_run(hub_kube, manifests, as_user=alice.account)
    assert [
        f'Pod p: Error looking up service account {alice.name}/nosuch: serviceaccount "nosuch" not found'
    ] == [str(refusal) for refusal in refusals]


async def test_everything_that_is_refused_is_reported_at_once(hub_kube: Kube, alice: UserNamespace) -> None:
    """All objects, all fields, with the index of the object; and nothing is stored."""
    role_ref = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"}
    bad_pod = {
        "containers": [
            {"name": "web", "image": "x", "ports": [{"containerPort": 80, "protcol": "TCP"}]},
            {"name": "UPPER", "imag": "y", "env": [{"name": "PORT", "value": 8080}]},
        ]
    }
    template = {"metadata": {"labels": {"app": "other"}}, "spec": bad_pod}
    manifests: Manifests = [
        deployment(alice, "bad", replicas="2", template=template, foo=1),
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": alice.name},
            "roleRef": role_ref,
        },
        service(alice),
        alice.manifest("bar/v1", "Foo", "f"),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}},
        alice.manifest("v1", "Secret", "s", data={"password": 12345}),
        alice.manifest("v1", "Secret", "t", data={"password": "hunter2!"}),
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": alice.name}},
    ]
    refusals = await dry_run(hub_kube, manifests, as_user=alice.account)

    containers = "spec.template.spec.containers"
    fields = [(refusal.document, refusal.field) for refusal in refusals]
    assert sorted(
        [
            (0, "spec.foo"),
            (0, "spec.replicas"),
            (0, f"{containers}[0].ports[0].protcol"),
            (0, f"{containers}[1].imag"),
            (0, f"{containers}[1].env[0].value"),
            (0, f"{containers}[1].name"),
            (0, "spec.template.metadata.labels"),
            (1, ""),
            (3, ""),
            (4, ""),
            (5, "data.password"),
            (6, ""),
            (7, ""),
        ]
    ) == sorted(fields)
    sentences = {str(refusal) for refusal in refusals}
    assert {
        f"ClusterRoleBinding {alice.name}: you may not create cluster-wide objects.",
        f"PersistentVolume {alice.name}: you may not create cluster-wide objects.",
        "Foo f: There is no kind Foo in apiVersion bar/v1 on this cluster.",
        'ConfigMap c: you may not create or change configmaps in namespace "default".',
        "Deployment bad, spec.foo: there is no such field.",
        "Deployment bad, spec.replicas: must be a number.",
        f"Deployment bad, {containers}[1].env[0].value: must be a string.",
        "Secret s, data.password: must be a string.",
    } <= sentences
    assert not [sentence for sentence in sentences if "12345" in sentence or "hunter2" in sentence]

    with pytest.raises(errors.NotFound):
        await hub_kube.get("v1", "Service", "web", alice.name, as_user=alice.account)


@pytest.mark.parametrize(
    ("owner", "message"),
    [
        pytest.param(labels("other"), "exists already and belongs to service other", id="another server's"),
        pytest.param({}, "exists already and belongs to no service", id="made by hand"),
    ],
)
async def test_what_exists_is_not_taken_over(
    hub_kube: Kube, alice: UserNamespace, owner: dict[str, Any], message: str
) -> None:
    """A forced apply would change it silently, and the next stop would delete it."""
    existing = alice.manifest("v1", "ConfigMap", "settings", metadata=owner, data={"a": "theirs"})
    await hub_kube.create(existing, as_user=alice.account)

    ours = alice.manifest("v1", "ConfigMap", "settings", metadata=labels("web"), data={"a": "ours"})
    refusals = await dry_run(hub_kube, [service(alice), ours], as_user=alice.account)
    assert [f"ConfigMap settings: {message}. Choose another name or delete it."] == [str(r) for r in refusals]


async def test_what_is_being_deleted_is_not_built_on(
    hub_kube: Kube, admin_kube: Kube, alice: UserNamespace
) -> None:
    kept = labels() | {"finalizers": ["karvdash.io/test"]}
    ours = alice.manifest("v1", "ConfigMap", "settings", metadata=labels())
    await hub_kube.create(alice.manifest("v1", "ConfigMap", "settings", metadata=kept), as_user=alice.account)
    await hub_kube.delete("v1", "ConfigMap", "settings", alice.name, as_user=alice.account)
    try:
        refusals = await dry_run(hub_kube, [ours], as_user=alice.account)
        assert [str(r) for r in refusals] == ["ConfigMap settings: is being deleted. Try again in a moment."]
    finally:
        await admin_kube.patch("v1", "ConfigMap", "settings", alice.name, {"metadata": {"finalizers": None}})


async def test_a_refused_apply_raises_with_all_refusals_of_its_stage(
    hub_kube: Kube, alice: UserNamespace
) -> None:
    manifests = [
        alice.manifest("v1", "ConfigMap", "fine"),
        deployment(alice, "a", replicas=-1),
        deployment(alice, "b", replicas=-1),
    ]
    with pytest.raises(Refused) as refused:
        await apply_all(hub_kube, manifests, as_user=alice.account)
    assert [(e.document, e.field) for e in refused.value.errors] == [
        (1, "spec.replicas"),
        (2, "spec.replicas"),
    ]
    assert (refused.value.status, refused.value.reason) == (422, "refused")
    assert refused.value.message.startswith(
        "Kubernetes refuses this:\n- Deployment a, spec.replicas: Invalid value"
    )


async def test_outside_the_users_namespace_nothing_is_known_but_the_refusal(
    hub_kube: Kube, alice: UserNamespace
) -> None:
    """Whether an object of that name exists elsewhere is not told."""
    elsewhere = service(alice) | {"metadata": {"name": "kubernetes", "namespace": "default", **labels()}}
    refusals = await dry_run(hub_kube, [elsewhere], as_user=alice.account)
    assert [str(refusal) for refusal in refusals] == [
        'Service kubernetes: you may not create or change services in namespace "default".'
    ]


async def test_manifests_are_left_unchanged(hub_kube: Kube, alice: UserNamespace) -> None:
    manifests = [deployment(alice, "bad", foo=1, replicas="x")]
    before = copy.deepcopy(manifests)
    await dry_run(hub_kube, manifests, as_user=alice.account)
    assert before == manifests
