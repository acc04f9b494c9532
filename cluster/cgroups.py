"""Control groups: one tree an instance, in every hierarchy of the machine (version 1, 2 and hybrid).

The tree says which processes belong to an instance, whoever started them: programs, shims, pods.

    karvdash-hub/<name>-<digest>/programs    what this package started
    karvdash-hub/<name>-<digest>/kubepods    what the kubelet started
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import ClusterError

PROGRAMS = "programs"
PODS = "kubepods"


def hierarchies(mounts: str) -> list[Path]:
    """Mount points of control group hierarchies, from the text of ``/proc/self/mounts``, each once."""
    fields = (line.split() for line in mounts.splitlines())
    return list(dict.fromkeys(Path(row[1]) for row in fields if row[2] in ("cgroup", "cgroup2")))


def version(mounts: str) -> int:
    """2 when all controllers are in the unified hierarchy, 1 otherwise (also for the hybrid form)."""
    return 1 if any(line.split()[2] == "cgroup" for line in mounts.splitlines()) else 2


class Tree:
    """The control groups of one instance."""

    def __init__(self, path: str, mounts: str | None = None) -> None:
        text = Path("/proc/self/mounts").read_text() if mounts is None else mounts
        self.path = path
        self.version = version(text)
        self.roots = hierarchies(text)

    def create(self) -> list[Path]:
        """Make the tree and return the groups that a program of the instance must join."""
        for root in self.roots:
            self._create_in(root)
        return [root / self.path / PROGRAMS for root in self.roots]

    def _create_in(self, root: Path) -> None:
        parent = root
        for part in [*Path(self.path).parts, PROGRAMS]:
            if (parent / "cgroup.subtree_control").exists() and part != PROGRAMS:
                _delegate(parent)
            group = parent / part
            group.mkdir(exist_ok=True)
            _copy_cpuset(parent, group)
            parent = group
        if (root / "cgroup.subtree_control").exists():
            _delegate(root / self.path)

    def processes(self, below: str = "") -> set[int]:
        """Ids of all processes in the tree (or below one group of it)."""
        return {
            int(line)
            for root in self.roots
            for group in _groups(root / self.path / below)
            for line in _read(group / "cgroup.procs").split()
        }

    def kill(self, below: str = "", grace: float = 0.0, timeout: float = 10.0) -> None:
        """End the processes of the tree: SIGTERM, up to `grace` seconds, then SIGKILL until none is left."""
        if grace:
            _signal(self.processes(below), signal.SIGTERM)
            _wait_empty(self, below, grace)
        end = time.monotonic() + timeout
        while left := self.processes(below):
            if time.monotonic() > end:
                raise ClusterError(
                    f"processes {sorted(left)} of {self.path} do not end; see /proc/<id>/stack"
                )
            _signal(left, signal.SIGKILL)
            time.sleep(0.01)

    def remove(self, timeout: float = 10.0) -> None:
        """Remove the tree, and the common parent when this was the last instance."""
        end = time.monotonic() + timeout
        while left := [error for root in self.roots for error in _remove(root / self.path)]:
            if time.monotonic() > end:
                raise ClusterError(f"control groups are still busy: {'; '.join(left)}")
            time.sleep(0.02)
        for root in self.roots:
            with contextlib.suppress(OSError):  # other instances live there
                (root / Path(self.path).parts[0]).rmdir()


def _delegate(group: Path) -> None:
    """Hand every controller of a version 2 group to its children, one by one: some may be refused."""
    for controller in _read(group / "cgroup.controllers").split():
        with contextlib.suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def _copy_cpuset(parent: Path, group: Path) -> None:
    """A new version 1 cpuset has no processors, and nothing can join it until it has."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (
            (group / name).exists()
            and not (group / "cgroup.controllers").exists()
            and not _read(group / name).strip()
        ):
            (group / name).write_text(_read(parent / name))


def _groups(top: Path) -> Iterator[Path]:
    """The group `top` and all below it, deepest first; groups that vanish meanwhile are left out."""
    for folder, _, _ in os.walk(top, topdown=False, onerror=lambda error: None):
        yield Path(folder)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, OSError):
        return ""


def _signal(processes: set[int], number: signal.Signals) -> None:
    for process in processes - {os.getpid()}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def _wait_empty(tree: Tree, below: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while tree.processes(below) and time.monotonic() < end:
        time.sleep(0.02)


def _remove(top: Path) -> list[str]:
    errors = []
    for group in _groups(top):
        try:
            group.rmdir()
        except FileNotFoundError:
            continue
        except OSError as error:
            errors.append(str(error))
    return errors
