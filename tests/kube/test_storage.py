"""Volumes and claims on a real cluster: bound, repaired, bound again, replaced, refused."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from karvdash_hub.data import VolumeClaim
from karvdash_hub.errors import Conflict, Taken
from karvdash_hub.files.tree import Tree
from karvdash_hub.kube import storage
from karvdash_hub.kube.namespaces import delete_namespace, ensure_namespace
from karvdash_hub.kube.rest import Kube
from karvdash_hub.kube.storage import ensure_claims, remove_volumes
from tests.kube.conftest import OWNER_ID, UserNamespace
from tests.kube.volumes import CLAIM, VOLUME, claims_of, delete, gone, pod, running, states, versions

BOUND = [("Bound", "Bound")] * 2


async def phase(kube: Kube, claim: VolumeClaim) -> str:
    live = await kube.get("v1", CLAIM, claim.name, claim.namespace)
    return str(live["status"]["phase"])


async def test_claims_are_bound_when_it_returns(claims: list[VolumeClaim], hub_kube: Kube) -> None:
    assert await states(hub_kube, claims) == BOUND
    names = [(claim.name.removeprefix(claim.namespace), claim.volume_name[-3:]) for claim in claims]
    assert names == [("-volume-private", "-pv"), ("-volume-shared", "-pv")]


async def test_doing_it_again_changes_nothing(claims: list[VolumeClaim], hub_kube: Kube) -> None:
    before = await versions(hub_kube, claims)
    await asyncio.gather(*(ensure_claims(hub_kube, claims) for _ in range(3)))
    assert await versions(hub_kube, claims) == before


async def test_another_size_leaves_bound_claims_alone(
    claims: list[VolumeClaim], hub_kube: Kube, alice: UserNamespace, files_root: Path
) -> None:
    await ensure_claims(hub_kube, claims_of(alice, files_root, size="20Gi"))
    live = await hub_kube.get("v1", CLAIM, claims[0].name, alice.name)
    assert live["spec"]["resources"] == {"requests": {"storage": "1Pi"}}
    assert await states(hub_kube, claims) == BOUND


async def test_a_deleted_claim_comes_back_with_its_files(
    claims: list[VolumeClaim], hub_kube: Kube, admin_kube: Kube
) -> None:
    """The volume is Released by then, and reserved for a claim that is no more."""
    private = claims[0]
    Path(private.place.path, "a").write_text("kept")
    await delete(admin_kube, CLAIM, private.name, private.namespace)
    await gone(admin_kube, CLAIM, private.name, private.namespace)
    deadline = time.monotonic() + 20
    while (await hub_kube.get("v1", VOLUME, private.volume_name))["status"]["phase"] != "Released":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await ensure_claims(hub_kube, claims)
    assert await states(hub_kube, claims) == BOUND
    assert Path(private.place.path, "a").read_text() == "kept"


async def test_a_deleted_volume_comes_back(
    claims: list[VolumeClaim], hub_kube: Kube, admin_kube: Kube
) -> None:
    """The claim may be Lost by then."""
    for claim in claims:
        await delete(admin_kube, VOLUME, claim.volume_name)
        # Kubernetes keeps a volume that is bound; an administrator who is in earnest does this.
        await admin_kube.patch("v1", VOLUME, claim.volume_name, "", {"metadata": {"finalizers": None}})
        await gone(admin_kube, VOLUME, claim.volume_name)
    deadline = time.monotonic() + 20
    while [await phase(hub_kube, claim) for claim in claims] != ["Lost", "Lost"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await ensure_claims(hub_kube, claims)
    assert await states(hub_kube, claims) == BOUND


async def test_changed_labels_and_policies_are_repaired(
    claims: list[VolumeClaim], hub_kube: Kube, admin_kube: Kube
) -> None:
    private = claims[0]
    unlabelled: dict[str, Any] = {"metadata": {"labels": {"karvdash.io/injected": None}}}
    await admin_kube.patch("v1", CLAIM, private.name, private.namespace, unlabelled)
    spoilt = unlabelled | {"spec": {"persistentVolumeReclaimPolicy": "Delete"}}
    await admin_kube.patch("v1", VOLUME, private.volume_name, "", spoilt)
    await ensure_claims(hub_kube, claims)
    claim = await hub_kube.get("v1", CLAIM, private.name, private.namespace)
    volume = await hub_kube.get("v1", VOLUME, private.volume_name)
    assert claim["metadata"]["labels"]["karvdash.io/injected"] == "true"
    assert volume["metadata"]["labels"]["karvdash.io/injected"] == "true"
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


async def test_a_recreated_namespace_gets_its_volumes_again(
    claims: list[VolumeClaim], hub_kube: Kube, alice: UserNamespace
) -> None:
    await delete_namespace(hub_kube, namespace=alice.name, username=alice.username, owner_id=OWNER_ID)
    await gone(hub_kube, "Namespace", alice.name)
    await ensure_namespace(hub_kube, **alice.wishes(), fresh=0)
    await ensure_claims(hub_kube, claims)
    assert await states(hub_kube, claims) == BOUND


async def test_a_removed_users_volumes_go_and_files_stay(
    claims: list[VolumeClaim], hub_kube: Kube, alice: UserNamespace
) -> None:
    Path(claims[0].place.path, "a").write_text("kept")
    await delete_namespace(hub_kube, namespace=alice.name, username=alice.username, owner_id=OWNER_ID)
    await gone(hub_kube, "Namespace", alice.name)
    await remove_volumes(hub_kube, claims)
    for claim in claims:
        await gone(hub_kube, VOLUME, claim.volume_name)
    await remove_volumes(hub_kube, claims)
    assert Path(claims[0].place.path, "a").read_text() == "kept"


async def test_moved_files_are_followed(
    claims: list[VolumeClaim], admin_kube: Kube, alice: UserNamespace, tmp_path: Path
) -> None:
    """files_url has another value: what a volume leads to cannot be changed, so it is another volume.

    By an administrator, since the policies know only one files_url.
    """
    Tree(tmp_path).prepare(alice.slug)
    await ensure_claims(admin_kube, claims_of(alice, tmp_path))
    volume = await admin_kube.get("v1", VOLUME, claims[0].volume_name)
    assert volume["spec"]["hostPath"]["path"] == f"{tmp_path}/private/{alice.slug}"
    assert await states(admin_kube, claims) == BOUND


async def test_moved_files_wait_for_pods_that_use_the_former_place(
    claims: list[VolumeClaim],
    admin_kube: Kube,
    alice: UserNamespace,
    tmp_path: Path,
    busybox: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await admin_kube.create(pod(alice, busybox, "user", claims, "sleep 600"))
    await running(admin_kube, alice, "user")
    Tree(tmp_path).prepare(alice.slug)
    monkeypatch.setattr(storage, "PATIENCE", 1.0)
    for _ in range(2):
        with pytest.raises(Conflict, match="Stop all services and notebooks that run"):
            await ensure_claims(admin_kube, claims_of(alice, tmp_path))
    monkeypatch.undo()
    await admin_kube.delete("v1", "Pod", "user", alice.name)
    await gone(admin_kube, "Pod", "user", alice.name)
    for claim in claims:
        await gone(admin_kube, CLAIM, claim.name, alice.name)
    await ensure_claims(admin_kube, claims_of(alice, tmp_path))
    assert await states(admin_kube, claims) == BOUND


async def test_a_claim_of_the_users_own_is_not_taken_over(
    hub_kube: Kube, admin_kube: Kube, alice: UserNamespace, files_root: Path
) -> None:
    private = claims_of(alice, files_root)[0]
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    await admin_kube.create(alice.manifest("v1", CLAIM, private.name, spec=spec))
    with pytest.raises(Taken, match=f"{CLAIM} {private.name} in namespace {alice.name} exists and leads"):
        await ensure_claims(hub_kube, [private])


async def test_a_volume_of_an_administrator_is_not_taken_over(
    hub_kube: Kube, admin_kube: Kube, alice: UserNamespace, files_root: Path
) -> None:
    private = claims_of(alice, files_root)[0]
    theirs = private.volume()
    theirs["metadata"]["labels"] = {}
    await admin_kube.create(theirs)
    try:
        with pytest.raises(Taken, match="was not made by karvdash_hub for this user"):
            await ensure_claims(hub_kube, [private])
        await remove_volumes(hub_kube, [private])
        assert (await admin_kube.get("v1", VOLUME, private.volume_name))["metadata"]["name"]
    finally:
        await delete(admin_kube, VOLUME, private.volume_name)
