"""Volumes and claims, whole."""

from __future__ import annotations

from typing import Any

import pytest

from karvdash_hub.data import VolumeClaim, parse_location
from karvdash_hub.data.folders import Domain

LABELS = {"app.kubernetes.io/managed-by": "karvdash-hub", "karvdash.io/injected": "true"}


def wanted(url: str, domain: Domain = "private", **more: Any) -> VolumeClaim:
    root = parse_location(url)
    return VolumeClaim(root, domain, "karvdash-alice", "alice", "alice@example.org", "1Pi", **more)


def test_a_claim_is_bound_to_its_volume_by_name() -> None:
    assert wanted("file:///srv/files").claim() == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "karvdash-alice-volume-private",
            "namespace": "karvdash-alice",
            "labels": LABELS | {"karvdash.io/data-domain": "private"},
        },
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Pi"}},
            "storageClassName": "",
            "volumeMode": "Filesystem",
            "volumeName": "karvdash-alice-volume-private-pv",
        },
    }


def test_a_folder_of_the_node() -> None:
    assert wanted("file:///srv/files", "shared").volume() == {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": "karvdash-alice-volume-shared-pv",
            "labels": LABELS | {"karvdash.io/data-domain": "shared"},
            "annotations": {"karvdash.io/user": "alice@example.org"},
        },
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "capacity": {"storage": "1Pi"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": "karvdash-alice",
                "name": "karvdash-alice-volume-shared",
            },
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "volumeMode": "Filesystem",
            "hostPath": {"path": "/srv/files/shared", "type": "Directory"},
        },
    }


def test_nfs_is_what_its_driver_documents() -> None:
    """Static provisioning: a handle of its own for each volume, server and share as attributes, and the mount
    options beside them.

    ref: https://github.com/kubernetes-csi/csi-driver-nfs/blob/master/deploy/example/pv-nfs-csi.yaml
    and docs/driver-parameters.md, "PV/PVC usage (static provisioning)", read 2026-11
    """
    volume = wanted("nfs://nas.example.org/export/files", mount_options=("hard", "nfsvers=4.1")).volume()
    assert volume["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "capacity": {"storage": "1Pi"},
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": "karvdash-alice",
            "name": "karvdash-alice-volume-private",
        },
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "volumeMode": "Filesystem",
        "mountOptions": ["hard", "nfsvers=4.1"],
        "csi": {
            "driver": "nfs.csi.k8s.io",
            "volumeHandle": "karvdash-alice-volume-private",
            "volumeAttributes": {
                "server": "nas.example.org",
                "share": "/export/files/private/alice",
            },
        },
    }


def test_no_two_volumes_of_nfs_have_one_handle() -> None:
    """Everybody's shared folder is the same share, and the kubelet takes one handle for one volume."""
    root = parse_location("nfs://nas/export")
    handles = [
        VolumeClaim(root, domain, f"karvdash-{slug}", slug, slug, "1Pi").volume()["spec"]["csi"][
            "volumeHandle"
        ]
        for slug in ("alice", "bob")
        for domain in ("private", "shared")
    ]
    assert len(set(handles)) == 4


@pytest.mark.parametrize(
    ("live", "now", "same"),
    [
        pytest.param("file:///srv/files", "file:///srv/files", True, id="file"),
        pytest.param("file:///srv/files", "file:///srv/other", False, id="another-folder"),
        pytest.param("file:///srv/files", "nfs://nas/srv/files", False, id="to-nfs"),
        pytest.param("nfs://nas/a", "nfs://nas/a", True, id="nfs"),
        pytest.param("nfs://nas/a", "nfs://nas/b", False, id="another-share"),
        pytest.param("nfs://nas/a", "nfs://other/a", False, id="another-server"),
        pytest.param("nfs://nas/a", "file:///a", False, id="from-nfs"),
    ],
)
def test_whether_a_volume_leads_to_the_right_folder(live: str, now: str, same: bool) -> None:
    assert wanted(now).same_place(wanted(live).volume()) is same
