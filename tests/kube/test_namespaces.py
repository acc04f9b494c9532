"""User namespaces on a real cluster, made with the Hub's own rights."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Any

import pytest

from karvdash_hub.kube import errors
from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.contents import BOUNDS, ApiAccess, Isolation
from karvdash_hub.kube.injected import InjectedObjects
from karvdash_hub.kube.namespaces import NotYours, Terminating, delete_namespace, ensure_namespace
from karvdash_hub.kube.rest import Kube
from tests.fixtures.clusters import SomeCluster
from tests.kube.conftest import OWNER_ID, UserNamespace

RBAC = "rbac.authorization.k8s.io/v1"
NETWORKING = "networking.k8s.io/v1"
QUOTA = {"hard": {"pods": "5"}}
LIMITS = {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}


async def contents(kube: Kube, namespace: str) -> dict[str, Any]:
    """What the Hub has put into a namespace, without what the API server adds."""
    found = {}
    for api_version, kind in (
        (RBAC, "RoleBinding"),
        ("v1", "ResourceQuota"),
        ("v1", "LimitRange"),
        (NETWORKING, "NetworkPolicy"),
        ("v1", "Secret"),
    ):
        for item in await kube.list(api_version, kind, namespace, label_selector="karvdash.io/injected=true"):
            assert item["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "karvdash-hub"
            body = {key: item[key] for key in ("roleRef", "subjects", "spec", "data") if key in item}
            found[f"{kind} {item['metadata']['name']}"] = body
    return found


def role(name: str) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}


def bindings(namespace: str, user_role: str = "cluster-admin") -> dict[str, Any]:
    return {
        "RoleBinding karvdash-user": {
            "roleRef": role(user_role),
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
        },
        "RoleBinding karvdash-impersonate": {
            "roleRef": role("karvdash-hub-impersonate"),
            "subjects": [{"kind": "ServiceAccount", "name": "karvdash-hub", "namespace": "karvdash"}],
        },
        "RoleBinding karvdash-secrets": {
            "roleRef": role("karvdash-hub-secrets"),
            "subjects": [{"kind": "ServiceAccount", "name": "karvdash-hub", "namespace": "karvdash"}],
        },
    }


async def test_a_new_namespace(hub_kube: Kube, admin_kube: Kube, person: UserNamespace) -> None:
    await ensure_namespace(hub_kube, **person.wishes())

    metadata = (await admin_kube.get("v1", "Namespace", person.name))["metadata"]
    assert {"karvdash.io/hub": OWNER_ID, "karvdash.io/user": person.username} == metadata["annotations"]
    assert {
        "app.kubernetes.io/managed-by": "karvdash-hub",
        "karvdash.io/injected": "true",
        "karvdash.io/user": person.slug,
        "kubernetes.io/metadata.name": person.name,
    } == metadata["labels"]
    assert bindings(person.name) == await contents(admin_kube, person.name)


async def test_the_user_can_launch_as_soon_as_it_is_made(hub_kube: Kube, person: UserNamespace) -> None:
    """Role bindings take effect some milliseconds after they are stored; ensure_namespace waits for that."""
    await ensure_namespace(hub_kube, **person.wishes())
    await hub_kube.apply(
        person.manifest("v1", "Pod", "p", spec={"containers": [{"name": "a", "image": "x"}]}),
        as_user=person.account,
        dry_run=True,
    )


async def test_twice_is_once(hub_kube: Kube, admin_kube: Kube, alice: UserNamespace) -> None:
    before = await admin_kube.list(RBAC, "RoleBinding", alice.name)
    await ensure_namespace(hub_kube, **alice.wishes(), fresh=0)
    after = await admin_kube.list(RBAC, "RoleBinding", alice.name)
    versions = [[item["metadata"]["resourceVersion"] for item in items] for items in (before, after)]
    assert versions[0] == versions[1], "nothing was written, since nothing had changed"


async def test_ten_at_once(hub_kube: Kube, admin_kube: Kube, person: UserNamespace) -> None:
    await asyncio.gather(*(ensure_namespace(hub_kube, **person.wishes()) for _ in range(10)))
    assert bindings(person.name) == await contents(admin_kube, person.name)


async def test_what_was_right_lately_costs_nothing(hub_kube: Kube, alice: UserNamespace) -> None:
    began = time.perf_counter()
    for _ in range(100):
        await ensure_namespace(hub_kube, **alice.wishes())
    assert time.perf_counter() - began < 0.05, "a hundred times takes less than one request a time"


async def test_drift_is_repaired(hub_kube: Kube, admin_kube: Kube, alice: UserNamespace) -> None:
    wishes = alice.wishes(quota=QUOTA, limit_range=LIMITS)
    await ensure_namespace(hub_kube, **wishes)
    right = await contents(admin_kube, alice.name)
    assert right["ResourceQuota karvdash-user"]["spec"] == QUOTA
    assert sorted(set(right) - set(bindings(""))) == [
        "LimitRange karvdash-user",
        "ResourceQuota karvdash-user",
    ]

    stranger = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "mallory"}
    await admin_kube.delete(RBAC, "RoleBinding", "karvdash-user", alice.name)
    await admin_kube.patch(RBAC, "RoleBinding", "karvdash-impersonate", alice.name, {"subjects": [stranger]})
    await admin_kube.patch(
        "v1", "ResourceQuota", "karvdash-user", alice.name, {"spec": {"hard": {"pods": "99"}}}
    )
    await admin_kube.patch(
        "v1", "Namespace", alice.name, "", {"metadata": {"labels": {"karvdash.io/user": None}}}
    )
    await ensure_namespace(hub_kube, **wishes, fresh=0)

    assert right == await contents(admin_kube, alice.name)
    labels = (await admin_kube.get("v1", "Namespace", alice.name))["metadata"]["labels"]
    assert alice.slug == labels["karvdash.io/user"]


async def test_changed_settings_reach_it_at_once(
    hub_kube: Kube, admin_kube: Kube, alice: UserNamespace
) -> None:
    """The role of a binding cannot be changed, so the binding is replaced."""
    await ensure_namespace(hub_kube, **alice.wishes(quota=QUOTA))
    await ensure_namespace(hub_kube, **alice.wishes(user_role="admin"))
    assert bindings(alice.name, "admin") == await contents(admin_kube, alice.name)


async def test_network_policy_and_secret(hub_kube: Kube, admin_kube: Kube, person: UserNamespace) -> None:
    """They are made with the role bindings, whose rights are in force some milliseconds later."""
    hub = {"ipBlock": {"cidr": "192.0.2.1/32"}}
    isolation = Isolation([hub], ["10.9.0.0/16"], ["169.254.169.254/32", "fd00:ec2::254/128"])
    api = ApiAccess("http://192.0.2.1:8081/hub/api/karvdash", "0" * 64, "2026-12-01T00:00:00Z")
    await ensure_namespace(hub_kube, **person.wishes(isolation=isolation, api=api))

    no_user = {"matchExpressions": [{"key": "karvdash.io/user", "operator": "DoesNotExist"}]}
    v4 = {"cidr": "0.0.0.0/0", "except": ["10.9.0.0/16", "169.254.169.254/32"]}
    v6 = {"cidr": "::/0", "except": ["fd00:ec2::254/128"]}
    found = await contents(admin_kube, person.name)
    assert found["NetworkPolicy karvdash-isolate"] == {
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": {}}, hub]}],
            "egress": [
                {
                    "to": [
                        {"podSelector": {}},
                        {"namespaceSelector": no_user},
                        {"ipBlock": v4},
                        {"ipBlock": v6},
                    ]
                }
            ],
        }
    }
    text = base64.b64decode(found["Secret karvdash-api"]["data"]["config.ini"]).decode()
    assert text == f"[Karvdash]\nbase_url = {api.base_url}\ntoken = {api.token}\n"
    secret = await admin_kube.get("v1", "Secret", "karvdash-api", person.name)
    assert secret["metadata"]["annotations"] == {"karvdash.io/expires": "2026-12-01T00:00:00Z"}

    await ensure_namespace(hub_kube, **person.wishes())
    assert set(await contents(admin_kube, person.name)) == {*bindings(""), "Secret karvdash-api"}


async def test_volumes_are_told_on_the_namespace(
    hub_kube: Kube, admin_kube: Kube, person: UserNamespace
) -> None:
    """The admission server reads them there; somebody's change is repaired."""

    async def told(**wishes: Any) -> str | None:
        await ensure_namespace(hub_kube, **person.wishes(**wishes))
        marks = (await admin_kube.get("v1", "Namespace", person.name))["metadata"]["annotations"]
        return dict(marks).get("karvdash.io/volumes")

    assert await told(volumes=["private", "shared"]) == "private shared"
    await admin_kube.patch(
        "v1", "Namespace", person.name, "", {"metadata": {"annotations": {"karvdash.io/volumes": "other"}}}
    )
    assert await told(volumes=["private", "shared"], fresh=0) == "private shared"
    assert await told() is None


async def test_pod_security_comes_and_goes_with_the_setting(
    hub_kube: Kube, admin_kube: Kube, person: UserNamespace
) -> None:
    """A stricter one that an administrator has set stays."""

    async def level(**wishes: Any) -> str | None:
        await ensure_namespace(hub_kube, **person.wishes(**wishes))
        labels = (await admin_kube.get("v1", "Namespace", person.name))["metadata"]["labels"]
        return dict(labels).get("pod-security.kubernetes.io/enforce")

    assert await level(pod_security=True) == "baseline"
    assert await level(pod_security=False) is None
    strict = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    await admin_kube.patch("v1", "Namespace", person.name, "", strict)
    assert await level(pod_security=False, fresh=0) == "restricted"


async def test_what_is_known_to_be_absent_is_not_deleted(
    hub_kube: Kube, admin_kube: Kube, hub_config: KubeConfig, person: UserNamespace
) -> None:
    """Of the Hub's watch it is known, once that has read everything."""
    objects = InjectedObjects(hub_config, lambda *_: None)
    quota = ("ResourceQuota", person.name, BOUNDS)
    assert objects.may_exist(*quota), "nothing is known yet"
    try:
        objects.start()
        await asyncio.wait_for(objects.synced(), 10)
        assert not objects.may_exist(*quota)
        assert objects.may_exist("Secret", person.name, "karvdash-api"), "Secrets are not watched"

        await ensure_namespace(hub_kube, **person.wishes(quota=QUOTA), may_exist=objects.may_exist)
        async with asyncio.timeout(10):
            while not objects.may_exist(*quota):
                await asyncio.sleep(0.02)
        await ensure_namespace(hub_kube, **person.wishes(), may_exist=lambda *_: False)
        assert "ResourceQuota karvdash-user" in await contents(admin_kube, person.name)
        await ensure_namespace(hub_kube, **person.wishes(), may_exist=objects.may_exist, fresh=0)
        assert bindings(person.name) == await contents(admin_kube, person.name)
    finally:
        await objects.stop()


async def test_quota_of_the_user_is_in_force(hub_kube: Kube, person: UserNamespace) -> None:
    await ensure_namespace(hub_kube, **person.wishes(quota={"hard": {"configmaps": "0"}}))
    with pytest.raises(errors.Forbidden, match=r"[Ee]xceeded quota"):
        async with asyncio.timeout(10):  # the API server hears of a new quota a moment after it was stored
            while config := person.manifest("v1", "ConfigMap", "c"):
                await hub_kube.apply(config, as_user=person.account, dry_run=True)


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        pytest.param({}, "exists already and was not made for a user", id="not ours"),
        pytest.param(
            {"karvdash.io/hub": "other", "karvdash.io/user": "SAME"},
            "was made by another Hub",
            id="other Hub",
        ),
        pytest.param(
            {"karvdash.io/hub": OWNER_ID, "karvdash.io/user": "bob"},
            "belongs to another user",
            id="other user",
        ),
    ],
)
async def test_a_namespace_of_somebody_else_is_refused(
    hub_kube: Kube, admin_kube: Kube, person: UserNamespace, annotations: dict[str, str], message: str
) -> None:
    marks = {key: value.replace("SAME", person.username) for key, value in annotations.items()}
    metadata = {"name": person.name, "annotations": marks}
    made = await admin_kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    with pytest.raises(NotYours, match=message):
        await ensure_namespace(hub_kube, **person.wishes())
    with pytest.raises(NotYours, match=message):
        await delete_namespace(hub_kube, namespace=person.name, username=person.username, owner_id=OWNER_ID)

    assert made == await admin_kube.get("v1", "Namespace", person.name), "it was not touched"
    assert await contents(admin_kube, person.name) == {}


async def test_a_namespace_that_is_being_deleted(
    hub_kube: Kube, admin_kube: Kube, alice: UserNamespace
) -> None:
    await admin_kube.create(
        alice.manifest("v1", "ConfigMap", "lasting", metadata={"finalizers": ["karvdash.io/test"]})
    )
    await delete_namespace(hub_kube, namespace=alice.name, username=alice.username, owner_id=OWNER_ID)
    try:
        with pytest.raises(Terminating, match="is being deleted, try again in a minute"):
            await ensure_namespace(hub_kube, **alice.wishes())
    finally:
        await admin_kube.patch("v1", "ConfigMap", "lasting", alice.name, {"metadata": {"finalizers": None}})


async def test_delete_and_make_anew(hub_kube: Kube, admin_kube: Kube, alice: UserNamespace) -> None:
    first = (await admin_kube.get("v1", "Namespace", alice.name))["metadata"]["uid"]
    await delete_namespace(hub_kube, namespace=alice.name, username=alice.username, owner_id=OWNER_ID)
    for _ in range(300):
        try:
            await ensure_namespace(hub_kube, **alice.wishes())
            break
        except Terminating:
            await asyncio.sleep(0.1)
    assert first != (await admin_kube.get("v1", "Namespace", alice.name))["metadata"]["uid"]


async def test_deleting_what_is_gone(hub_kube: Kube, person: UserNamespace) -> None:
    await delete_namespace(hub_kube, namespace=person.name, username=person.username, owner_id=OWNER_ID)


async def test_the_hub_cannot_give_other_roles(
    hub_kube: Kube, alice: UserNamespace, cluster: SomeCluster
) -> None:
    """``bind`` is limited to the roles listed in share/rbac/hub.yaml."""
    cluster.kubectl("create", "clusterrole", f"test-{alice.slug}", "--verb=get", "--resource=secrets")
    try:
        with pytest.raises(errors.Forbidden, match="attempting to grant RBAC permissions not currently held"):
            await ensure_namespace(hub_kube, **alice.wishes(user_role=f"test-{alice.slug}"), fresh=0)
    finally:
        cluster.kubectl("delete", "clusterrole", f"test-{alice.slug}")
