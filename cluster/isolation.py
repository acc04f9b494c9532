"""The network and mount namespaces of an instance, and the link to the host.

Nothing here pins a namespace to a file: they live as long as their keeper and the programs in them,
so that after ``kill -9`` of everything the kernel itself takes mounts, links, routes and rules away.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .addresses import LINK_PREFIX, Plan
from .errors import ClusterError
from .paths import Paths
from .processes import Process, run, spawn, wait_for

_KEEPER = Path(__file__).with_name("keeper.py")

# What the kubelet demands of the machine (pkg/kubelet/cm/container_manager_linux.go). It would write
# these values itself, for the whole host; it finds them in its own view of /proc instead.
KERNEL_TUNABLES = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}


def folders(paths: Paths) -> dict[Path, Path]:
    """Folders of the instance, and the place in its own view of the file system where each appears.

    Kubernetes, containerd and CNI have these places compiled in; without a view of its own, a second
    cluster on the machine would share them. The places themselves are made on the host when absent.
    """
    return {
        paths.run / "containerd": Path("/run/containerd"),
        paths.run / "netns": Path("/run/netns"),
        paths.run / "cni": Path("/var/lib/cni"),
        paths.state / "kubelet": Path("/var/lib/kubelet"),
        paths.log / "pods": Path("/var/log/pods"),
        paths.log / "containers": Path("/var/log/containers"),
        # The controller manager's host-path provisioner knows no other folder.
        paths.volumes: Path("/tmp/hostpath_pv"),  # noqa: S108
    }


def enter(keeper: Process) -> list[str]:
    """Words to put before a command so that it runs in the namespaces of `keeper`."""
    return ["nsenter", f"--target={keeper.pid}", "--net", "--mount", "--"]


def start_keeper(paths: Paths, cgroups: Sequence[Path]) -> Process:
    """Make the namespaces. Mounts of the host appear in ours, ours never on the host (slave, then shared)."""
    command = ["unshare", "--net", "--mount", "--propagation", "slave"]
    command += [sys.executable, "-I", "-S", str(_KEEPER), str(paths.volumes)]
    keeper = spawn(command, log=paths.log / "keeper.log", cgroups=cgroups, environment={})
    if not wait_for(lambda: _is_apart(keeper), 5):
        raise ClusterError(f"cannot make namespaces: {(paths.log / 'keeper.log').read_text().strip()}")
    return keeper


def _is_apart(keeper: Process) -> bool:
    """Whether unshare has done its work and become the keeper."""
    try:
        words = Path(f"/proc/{keeper.pid}/cmdline").read_bytes().split(b"\0")
        return words[0] != b"unshare" and _namespace(keeper.pid) != _namespace("self")
    except OSError:
        return False


def _namespace(process: int | str) -> Path:
    return Path(f"/proc/{process}/ns/mnt").readlink()


def mount(paths: Paths, keeper: Process) -> None:
    """Give the instance its own view of the shared places, and of the kernel's tunables."""
    within = enter(keeper)
    run([*within, "mount", "--make-rshared", "/"])
    # A second, whole /proc: the kernel lets pods with a user namespace mount theirs only beside one.
    whole = paths.run / "proc"
    whole.mkdir()
    run([*within, "mount", "-t", "proc", "proc", str(whole)])
    for source, target in folders(paths).items():
        run([*within, "mount", "--bind", str(source), str(target)])
    for number, (name, value) in enumerate(KERNEL_TUNABLES.items()):
        if (place := Path("/proc/sys", name)).exists():
            file = paths.run / f"tunable-{number}"
            file.write_text(f"{value}\n")
            run([*within, "mount", "--bind", str(file), str(place)])
    # iptables takes one lock for the whole machine; ours waits for nobody and holds up nobody.
    lock, shared_lock = paths.run / "xtables.lock", Path("/run/xtables.lock")
    lock.touch()
    shared_lock.touch()
    run([*within, "mount", "--bind", str(lock), str(shared_lock)])


def link_owners() -> dict[int, str]:
    """Who owns the links that exist on this machine: index of the plan to the instance's identity."""
    places = Path("/sys/class/net").glob(f"{LINK_PREFIX}[0-9]*")
    return {int(place.name.removeprefix(LINK_PREFIX)): _alias(place) for place in places}


def _alias(place: Path) -> str:
    try:
        return (place / "ifalias").read_text().strip()
    except OSError:  # it went away while we looked
        return ""


def connect(plan: Plan, identity: str, keeper: Process) -> None:
    """Link the namespace to the host, and route pods and Services there.

    The link is made inside and signed before the host's end moves out, so that nobody ever sees one
    without its owner.
    """
    link, prefix = plan.host_link, plan.link.prefixlen
    inside = [
        f"link add {link} type veth peer name eth0",
        f"link set dev {link} alias {identity}",
        f"link set {link} netns {os.getpid()}",
        "link set lo up",
        f"address add {plan.node_address}/{prefix} dev eth0",
        "link set eth0 up",
        f"route add default via {plan.host_address}",
        # Fake pods refuse at once, instead of being looked for outside.
        f"route add unreachable {plan.fake_pods}",
    ]
    run([*enter(keeper), "ip", "-batch", "-"], text_in="\n".join(inside))
    outside = [
        f"address add {plan.host_address}/{prefix} dev {link}",
        f"link set {link} up",
        *(
            f"route add {range_} via {plan.node_address}"
            for range_ in (plan.fake_pods, plan.pods, plan.services)
        ),
    ]
    run(["ip", "-batch", "-"], text_in="\n".join(outside))


def disconnect(identity: str) -> None:
    """Remove the instance's links, and with them routes. The kernel may be removing them at the same time."""
    for index in _links_of(identity):
        with contextlib.suppress(ClusterError):
            run(["ip", "link", "delete", f"{LINK_PREFIX}{index}"])
    if not wait_for(lambda: not _links_of(identity), 5):
        raise ClusterError(
            f"the network interface khub{_links_of(identity)} cannot be removed (ip link delete)"
        )


def _links_of(identity: str) -> list[int]:
    return [index for index, owner in link_owners().items() if owner == identity]


def prepare(paths: Paths) -> None:
    """Make the instance's folders and the places where they appear."""
    for source, target in folders(paths).items():
        source.mkdir(parents=True, exist_ok=True)
        target.mkdir(parents=True, exist_ok=True)
    paths.volumes.chmod(0o755)
