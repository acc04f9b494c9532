"""The PersistentVolume and the claim of one data domain of one user, as Kubernetes gets them.

Names are Karvdash's: claim ``karvdash-<user>-volume-private``, volume ``karvdash-<user>-volume-private-pv``.
Each user has a volume of the shared folder too, because a volume is bound to one claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from karvdash_hub.data.folders import Domain, folder
from karvdash_hub.data.location import Location
from karvdash_hub.names import (
    ANNOTATION_USER,
    LABEL_DOMAIN,
    LABEL_INJECTED,
    LABEL_MANAGED_BY,
    MANAGED_BY,
    claim_name,
    volume_name,
)

Manifest = dict[str, Any]

#: ref: https://github.com/kubernetes-csi/csi-driver-nfs/blob/master/docs/driver-parameters.md
NFS_DRIVER: Final = "nfs.csi.k8s.io"


@dataclass(frozen=True)
class VolumeClaim:
    """One data domain of one user.

    Attributes:
        root: of all files.
        size: a quantity, ``1Pi``. Kubernetes wants one; nothing enforces it.
        mount_options: of NFS; a folder of the node has none.
    """

    root: Location
    domain: Domain
    namespace: str
    slug: str
    username: str
    size: str
    mount_options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the claim."""
        return claim_name(self.namespace, self.domain)

    @property
    def volume_name(self) -> str:
        """Name of the volume."""
        return volume_name(self.name)

    @property
    def place(self) -> Location:
        """The folder that is mounted."""
        return self.root.below(folder(self.domain, self.slug))

    def claim(self) -> Manifest:
        """Manifest of the PersistentVolumeClaim, bound to the volume by name."""
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": self._labels()},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "resources": {"requests": {"storage": self.size}},
                # Empty, not left out: the cluster's default class would provision another volume.
                "storageClassName": "",
                "volumeMode": "Filesystem",
                "volumeName": self.volume_name,
            },
        }

    def volume(self) -> Manifest:
        """Manifest of the PersistentVolume, reserved for the claim by name."""
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {
                "name": self.volume_name,
                "labels": self._labels(),
                "annotations": {ANNOTATION_USER: self.username},
            },
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "capacity": {"storage": self.size},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": self.namespace,
                    "name": self.name,
                },
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "",
                "volumeMode": "Filesystem",
                **self._source(),
            },
        }

    def same_place(self, volume: Mapping[str, Any]) -> bool:
        """Tell whether a volume of the cluster leads to the same folder. That cannot be changed."""
        spec = volume["spec"]
        if self.root.scheme == "file":
            return bool(spec.get("hostPath") == self._source()["hostPath"])
        wanted, found = self._source()["csi"], spec.get("csi") or {}
        return all(found.get(key) == wanted[key] for key in ("driver", "volumeAttributes", "volumeHandle"))

    def _labels(self) -> dict[str, str]:
        return {LABEL_MANAGED_BY: MANAGED_BY, LABEL_INJECTED: "true", LABEL_DOMAIN: self.domain}

    def _source(self) -> Manifest:
        if self.root.scheme == "file":
            # "Directory": a node on which the file system is not mounted says so; without it the container
            # runtime would make an empty folder there.
            return {"hostPath": {"path": self.place.path, "type": "Directory"}}
        csi = {
            "driver": NFS_DRIVER,
            # Any text, but each volume's own: two volumes of one handle are one to the kubelet.
            "volumeHandle": self.name,
            "volumeAttributes": {"server": self.place.server, "share": self.place.path},
        }
        options = {"mountOptions": list(self.mount_options)} if self.mount_options else {}
        return {"csi": csi, **options}
