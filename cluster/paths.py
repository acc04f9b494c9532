"""Where an instance keeps what: one object that knows every path."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import ClusterError

RUN_ROOT = Path("/run/karvdash-hub")
CGROUP_ROOT = "karvdash-hub"
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?")


@dataclass(frozen=True)
class Paths:
    """Folders and files of the instance `name`, which keeps its data in `state`.

    `run` is short because the paths of sockets may have at most 107 characters, and it is on a
    tmpfs on most machines, so that it is empty after a restart of the machine, as it must be.
    """

    name: str
    state: Path

    @property
    def run(self) -> Path:
        return RUN_ROOT / self.name

    @property
    def lock(self) -> Path:
        return RUN_ROOT / f"{self.name}.lock"

    @property
    def pids(self) -> Path:
        return self.run / "pids"

    @property
    def containerd_socket(self) -> Path:
        return self.run / "containerd" / "containerd.sock"

    @property
    def etcd_socket(self) -> Path:
        return self.run / "etcd.sock"

    @property
    def marker(self) -> Path:
        """Says that `state` is ours (so that it may be wiped) and which addresses it was made for."""
        return self.state / "instance.json"

    @property
    def owner(self) -> Path:
        """Says to which state folder the running instance of this name belongs."""
        return self.run / "state"

    @property
    def config(self) -> Path:
        return self.state / "config"

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def log(self) -> Path:
        return self.state / "log"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def volumes(self) -> Path:
        return self.state / "volumes"

    @property
    def identity(self) -> str:
        """What tells this instance from all others of the machine, also from those in other containers.

        Control groups and network interfaces are seen through containers and chroots, where the same
        name and the same path may stand for something else; the root folder's own number does not.
        """
        root = Path("/").stat()
        digest = hashlib.sha256(f"{self.state}\0{root.st_dev}\0{root.st_ino}".encode())
        return f"{self.name}-{digest.hexdigest()[:8]}"

    @property
    def cgroup(self) -> str:
        """Path of the instance's control group, relative to the root of every hierarchy."""
        return f"{CGROUP_ROOT}/{self.identity}"


def paths(name: str, state: Path) -> Paths:
    """Paths of an instance. Raises ClusterError for a name that cannot be a file or interface name."""
    if not _NAME.fullmatch(name):
        raise ClusterError(
            f"{name!r} cannot be the name of a cluster: use up to 20 of a-z, 0-9 and -, a letter first"
        )
    return Paths(name, state.resolve())
