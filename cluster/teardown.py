"""Stop exactly what an instance started and take away what it left, however it ended."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from . import isolation, machine, processes
from .addresses import Plan
from .cgroups import PODS, Tree
from .components import Component
from .errors import ClusterError
from .paths import Paths
from .processes import Records

_POD_GRACE = 1.0
_LAST = {"containerd", "etcd"}


def stop(paths: Paths, plan: Plan, components: Sequence[Component]) -> None:
    """Stop an instance in order: who acts on the cluster, then the pods, then what both stood on."""
    records = Records(paths.pids)
    _stop([component for component in components if component.name not in _LAST], records)
    Tree(paths.cgroup).kill(PODS, grace=_POD_GRACE)
    _stop([component for component in components if component.name in _LAST], records)
    sweep(paths, plan)


def _stop(components: Sequence[Component], records: Records) -> None:
    living = [process for component in components if (process := records.load(component.name))]
    processes.stop(living, max((component.grace for component in components), default=0))


def sweep(paths: Paths, plan: Plan) -> None:
    """Leave nothing of an instance but its state and its addresses, whatever is still there.

    Control groups name every process of the instance, so this needs no records. With the last
    process go the namespaces, and with those all mounts, rules, and the links of the pods.
    """
    tree = Tree(paths.cgroup)
    tree.kill()
    isolation.disconnect(plan)
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
