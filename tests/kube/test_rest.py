"""Every verb of ``Kube`` against a real API server, and what it makes of refusals."""

from __future__ import annotations

import asyncio

import pytest

from karvdash_hub.kube import errors
from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.rest import Kube, default_account
from tests.fixtures.clusters import SomeCluster
from tests.kube.conftest import UserNamespace


async def test_create_get_apply_patch_list_delete(hub_kube: Kube, alice: UserNamespace) -> None:
    labels = {"labels": {"app": "x"}}
    made = await hub_kube.create(
        alice.manifest("v1", "ConfigMap", "c", metadata=labels, data={"a": "1"}), as_user=alice.account
    )
    assert made["data"] == {"a": "1"}

    applied = await hub_kube.apply(
        alice.manifest("v1", "ConfigMap", "c", data={"b": "2"}), as_user=alice.account
    )
    assert applied["data"] == {"a": "1", "b": "2"}, "a field of somebody else stays"

    patched = await hub_kube.patch(
        "v1", "ConfigMap", "c", alice.name, {"data": {"a": None}}, as_user=alice.account
    )
    assert patched["data"] == {"b": "2"}

    read = await hub_kube.get("v1", "ConfigMap", "c", alice.name, as_user=alice.account)
    assert patched["data"] == read["data"]

    found = await hub_kube.list("v1", "ConfigMap", alice.name, label_selector="app=x", as_user=alice.account)
    assert [item["metadata"]["name"] for item in found] == ["c"]

    await hub_kube.delete("v1", "ConfigMap", "c", alice.name, as_user=alice.account)
    with pytest.raises(errors.NotFound, match="ConfigMap c"):
        await hub_kube.get("v1", "ConfigMap", "c", alice.name, as_user=alice.account)


async def test_a_dry_run_stores_nothing(hub_kube: Kube, alice: UserNamespace) -> None:
    manifest = alice.manifest("v1", "ConfigMap", "c", data={"a": "1"})
    kept = alice.manifest("v1", "ConfigMap", "kept", data={"a": "1"})
    await hub_kube.create(kept, as_user=alice.account)

    await hub_kube.create(manifest, as_user=alice.account, dry_run=True)
    await hub_kube.apply(manifest, as_user=alice.account, dry_run=True)
    await hub_kube.patch(
        "v1", "ConfigMap", "kept", alice.name, {"data": {"a": "2"}}, as_user=alice.account, dry_run=True
    )
    await hub_kube.delete("v1", "ConfigMap", "kept", alice.name, as_user=alice.account, dry_run=True)

    left = await hub_kube.list("v1", "ConfigMap", alice.name, as_user=alice.account)
    assert {
        item["metadata"]["name"]: item["data"]
        for item in left
        if item["metadata"]["name"] != "kube-root-ca.crt"
    } == {"kept": {"a": "1"}}


async def test_a_long_list_comes_in_pages(hub_kube: Kube, alice: UserNamespace) -> None:
    names = [f"c{i:03}" for i in range(205)]
    for name in names:
        await hub_kube.create(alice.manifest("v1", "ConfigMap", name, metadata={"labels": {"app": "many"}}))

    found = await hub_kube.list("v1", "ConfigMap", alice.name, label_selector="app=many")
    assert names == [item["metadata"]["name"] for item in found]


async def test_refusals_are_classes(hub_kube: Kube, alice: UserNamespace) -> None:
    """What kubernetes_asyncio's dynamic client returns as an object of kind Status has to be raised."""
    config = alice.manifest("v1", "ConfigMap", "c", data={"a": "1"})
    made = await hub_kube.create(config)

    with pytest.raises(errors.AlreadyExists):
        await hub_kube.create(config)
    with pytest.raises(errors.NotFound):
        await hub_kube.get("v1", "ConfigMap", "nosuch", alice.name)
    with pytest.raises(errors.NotFound, match="There is no kind Foo in apiVersion bar/v1 on this cluster"):
        await hub_kube.apply(alice.manifest("bar/v1", "Foo", "x"))
    with pytest.raises(errors.NotFound, match=r"It is served as networking\.k8s\.io/v1"):
        await hub_kube.apply(alice.manifest("extensions/v1beta1", "Ingress", "x"))
    with pytest.raises(errors.Conflict):
        await hub_kube.delete("v1", "ConfigMap", "c", alice.name, uid="00000000-0000-0000-0000-000000000000")
    with pytest.raises(errors.Conflict):
        stale = {"metadata": {"resourceVersion": "1"}, "data": {"a": "2"}}
        await hub_kube.patch("v1", "ConfigMap", "c", alice.name, stale)
    with pytest.raises(errors.Invalid) as invalid:
        await hub_kube.create(alice.manifest("v1", "ConfigMap", "A_B"))
    assert [found.field for found in invalid.value.errors] == ["metadata.name"]
    with pytest.raises(errors.Invalid) as invalid:
        await hub_kube.apply(alice.manifest("v1", "ConfigMap", "c", dat={"a": "1"}))
    assert [found.field for found in invalid.value.errors] == [".dat"]
    with pytest.raises(errors.Invalid) as invalid:
        await hub_kube.create(alice.manifest("v1", "ConfigMap", "d", dat={"a": "1"}))
    assert [found.field for found in invalid.value.errors] == ["dat"]
    assert made["data"] == (await hub_kube.get("v1", "ConfigMap", "c", alice.name))["data"]


async def test_fields_of_others_are_taken_only_by_force(
    hub_kube: Kube, admin_kube: Kube, alice: UserNamespace, cluster: SomeCluster
) -> None:
    cluster.kubectl("create", "configmap", "c", "--namespace", alice.name, "--from-literal=a=theirs")
    ours = alice.manifest("v1", "ConfigMap", "c", data={"a": "ours"})

    with pytest.raises(errors.Conflict, match="conflict"):
        await hub_kube.apply(ours, force=False)
    assert (await admin_kube.get("v1", "ConfigMap", "c", alice.name))["data"] == {"a": "theirs"}
    assert (await hub_kube.apply(ours))["data"] == {"a": "ours"}


async def test_the_hub_acts_for_a_user_in_the_users_namespace_only(
    hub_kube: Kube, admin_kube: Kube, alice: UserNamespace
) -> None:
    """The right to impersonate is bound in each user namespace, so nobody else can be impersonated."""
    pod = alice.manifest("v1", "Pod", "p", spec={"containers": [{"name": "a", "image": "x"}]})

    with pytest.raises(errors.Forbidden, match=r"The Hub .* may not patch pods"):
        await hub_kube.apply(pod, dry_run=True)
    await hub_kube.apply(pod, as_user=alice.account, dry_run=True)
    elsewhere = {**pod, "metadata": {"name": "p", "namespace": "default"}}
    with pytest.raises(errors.Forbidden, match='you may not create or change pods in namespace "default"'):
        await hub_kube.apply(elsewhere, as_user=alice.account, dry_run=True)
    for stranger in (default_account("default"), default_account("kube-system"), "admin", "system:admin"):
        with pytest.raises(errors.Forbidden, match=r"The Hub .* may not impersonate"):
            await hub_kube.get("v1", "Pod", "p", alice.name, as_user=stranger)


async def test_an_empty_user_is_not_the_hub(hub_kube: Kube, alice: UserNamespace) -> None:
    """The API server takes an empty Impersonate-User header for none at all."""
    with pytest.raises(ValueError, match="as_user"):
        await hub_kube.get("v1", "Namespace", alice.name, as_user="")


@pytest.mark.parametrize("name", ["", ".", "..", "c/../../../secrets", "c%2F..", "/"])
async def test_a_name_that_would_change_the_meaning_of_the_path(
    hub_kube: Kube, alice: UserNamespace, name: str
) -> None:
    """Without a name, a DELETE would delete all objects of the kind, and %2F is decoded by the API server."""
    with pytest.raises(errors.Invalid, match=r"metadata\.name"):
        await hub_kube.delete("v1", "ConfigMap", name, alice.name)
    with pytest.raises(errors.Invalid, match=r"metadata\.name"):
        await hub_kube.apply(alice.manifest("v1", "ConfigMap", name))


async def test_an_object_without_namespace(hub_kube: Kube, alice: UserNamespace) -> None:
    with pytest.raises(errors.Invalid, match=r"ConfigMap: metadata\.namespace is missing"):
        await hub_kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}})


async def test_a_kind_that_was_installed_meanwhile_is_found(
    hub_config: KubeConfig, admin_kube: Kube, alice: UserNamespace
) -> None:
    group = f"{alice.slug}.example.org"
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                    },
                }
            ],
        },
    }
    thing = alice.manifest(f"{group}/v1", "Thing", "t", size=1)
    async with Kube(hub_config) as kube:
        with pytest.raises(errors.NotFound, match="no kind Thing"):
            await kube.apply(thing, as_user=alice.account)
        await admin_kube.apply(crd)
        try:
            stored = await _eventually_applied(kube, thing, alice.account)
            assert stored["size"] == 1
        finally:
            await admin_kube.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"things.{group}")


async def _eventually_applied(kube: Kube, manifest: dict[str, object], account: str) -> dict[str, object]:
    """A new kind is served some moments after its definition is stored."""
    for _ in range(100):
        try:
            return await kube.apply(manifest, as_user=account)
        except errors.NotFound:
            await asyncio.sleep(0.1)
    return await kube.apply(manifest, as_user=account)
