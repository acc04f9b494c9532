"""Stop exactly what an instance started and take away what it left, however it ended."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import isolation, machine, processes
from .cgroups import PODS, Tree
from .errors import ClusterError
from .paths import Paths
from .processes import Records

_POD_GRACE = 1.0
_LAST = {"keeper", "containerd", "etcd"}


def stop(paths: Paths) -> None:
    """Stop an instance in order: who acts on the cluster, then the pods, then what both stood on."""
    living = Records(paths.pids).alive()
    processes.stop([process for name, process in living.items() if name not in _LAST])
    Tree(paths.cgroup).kill(PODS, grace=_POD_GRACE)
    processes.stop([living[name] for name in _LAST - {"keeper"} if name in living])
    sweep(paths)


def sweep(paths: Paths) -> None:
    """Leave nothing of an instance but its state and its addresses, whatever is still there.

    Control groups name every process of the instance and links are signed, so this needs no records
    and no state. With the last process go the namespaces, and with those all mounts and rules.
    """
    tree = Tree(paths.cgroup)
    tree.kill()
    isolation.disconnect(paths.identity)
    tree.remove()
    if paths.run.exists():
        shutil.rmtree(paths.run)


def wipe(paths: Paths) -> None:
    """Remove the state folder. Refuses a folder that no cluster made, and one with mounts in it."""
    if not paths.state.exists():
        return
    if not paths.marker.exists():
        raise ClusterError(
            f"{paths.state} was not made by a cluster (it has no {paths.marker.name}): remove it yourself"
        )
    if inside := mounts_below(paths.state, Path("/proc/self/mounts").read_text()):
        raise ClusterError(f"{', '.join(map(str, inside))} is mounted: unmount it, then wipe again")
    shutil.rmtree(paths.state)
    machine.release(paths)


def mounts_below(folder: Path, mounts: str) -> list[Path]:
    """Mount points below a folder, from the text of ``/proc/self/mounts`` (which writes a space as \\040)."""
    points = (Path(line.split()[1].replace("\\040", " ")) for line in mounts.splitlines())
    return [point for point in points if folder in point.parents]
