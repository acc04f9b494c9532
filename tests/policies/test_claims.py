"""Claims of users get new volumes, never one that somebody else has made."""

from __future__ import annotations

import pytest

from tests.policies.conftest import User
from tests.policies.pods import Json, claim


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            claim(volumeName="karvdash-bob-volume-private-pv"),
            "spec.volumeName: karvdash-bob-volume-private-pv is not allowed: claims get a new volume",
            id="H7-volumeName",
        ),
        pytest.param(
            claim(volumeName="a", storageClassName=""), "spec.volumeName: a is not allowed", id="H6-static"
        ),
        pytest.param(
            claim(selector={"matchLabels": {"karvdash.io/injected": "true"}}),
            "spec.selector: selectors are not allowed",
            id="H7-selector",
        ),
        pytest.param(
            claim(storageClassName=""), "spec.storageClassName: none is not allowed", id="H7-no-class"
        ),
        pytest.param(
            claim(dataSourceRef={"kind": "PersistentVolumeClaim", "name": "a", "namespace": "b"}),
            "",  # without the feature gate Kubernetes drops the namespace
            id="H7-clone-from-elsewhere",
        ),
        pytest.param(claim(), "", id="default-class"),
        pytest.param(claim(storageClassName="standard"), "", id="a-class"),
        pytest.param(claim(dataSource={"kind": "PersistentVolumeClaim", "name": "a"}), "", id="clone"),
    ],
)
async def test_claims(alice: User, spec: Json, message: str) -> None:
    manifest = alice.manifest("v1", "PersistentVolumeClaim", spec=spec)
    for answer in (await alice.create(manifest), await alice.apply(manifest)):
        assert answer.startswith(message)
        assert bool(answer) == bool(message)


async def test_a_claim_that_waits_cannot_be_pointed_at_a_volume_later(alice: User) -> None:
    """H7, the race: between a claim's creation and its being bound."""
    waiting = alice.manifest("v1", "PersistentVolumeClaim", "waits", spec=claim(storageClassName="nothing"))
    assert await alice.create(waiting, dry_run=False) == ""
    where = ("v1", "PersistentVolumeClaim", "waits")
    assert await alice.patch(*where, {"metadata": {"labels": {"a": "b"}}}) == ""
    answer = await alice.patch(*where, {"spec": {"volumeName": "karvdash-bob-volume-private-pv"}})
    assert answer.startswith("spec.volumeName: karvdash-bob-volume-private-pv is not allowed")
    await alice.delete(*where, dry_run=False)


@pytest.mark.parametrize("kind", ["PersistentVolume", "StorageClass", "CSIDriver"])
async def test_volumes_and_classes_are_the_clusters(alice: User, kind: str) -> None:
    """H6: Kubernetes refuses what is not in a namespace."""
    bodies: dict[str, Json] = {
        "PersistentVolume": {
            "spec": {
                "capacity": {"storage": "1Mi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": "/"},
            }
        },
        "StorageClass": {"provisioner": "kubernetes.io/host-path"},
        "CSIDriver": {"spec": {"attachRequired": False}},
    }
    api = "v1" if kind == "PersistentVolume" else "storage.k8s.io/v1"
    manifest = {"apiVersion": api, "kind": kind, "metadata": {"name": "x"}, **bodies[kind]}
    assert await alice.create(manifest) == "you may not create cluster-wide objects."
