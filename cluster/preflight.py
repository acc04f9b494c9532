"""Everything that would stop a cluster here, found before anything starts, each with its cure.

Standard library only, so that it can speak before the Python environment exists.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import inotify

MINIMUM_PYTHON = (3, 11)
MACHINES = ("x86_64", "aarch64")
GIB = 1024**3
CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
CNI_PROGRAMS = ("ptp", "host-local", "portmap", "loopback")
_SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Problem:
    """What is wrong, in one sentence, and what to do about it."""

    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.what}\n    {self.cure}"


@dataclass(frozen=True)
class Package:
    """A Debian package, what of it must be there, and the system services that must not start with it."""

    name: str
    programs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    cni_plugins: bool = False
    services: tuple[str, ...] = ()

    def present(self) -> bool:
        """Whether all of it is there, no matter how it came."""
        programs = all(find_program(program) for program in self.programs)
        return (
            programs
            and all(Path(file).exists() for file in self.files)
            and not (self.cni_plugins and not find_cni())
        )


# The one list of what the cluster takes from the system. Whoever needs more passes a list of its own.
CLUSTER_PACKAGES = (
    Package("containerd", ("containerd", "containerd-shim-runc-v2", "ctr"), services=("containerd.service",)),
    Package("runc", ("runc",)),
    Package("iproute2", ("ip",)),
    Package("iptables", ("iptables", "iptables-save", "iptables-restore")),
    Package("mount", ("mount", "umount")),
    Package("util-linux", ("nsenter", "unshare")),
    Package("containernetworking-plugins", cni_plugins=True),
    Package("docker-registry", ("docker-registry",), services=("docker-registry.service",)),
)


def find_program(name: str) -> str | None:
    """Path of a program, also where PATH of the caller lacks the sbin folders."""
    return shutil.which(name, path=_SEARCH)


def find_cni() -> Path | None:
    """The folder that holds the CNI plugins: Debian's own or the one that upstream uses."""
    return next((path for path in CNI_FOLDERS if all((path / name).exists() for name in CNI_PROGRAMS)), None)


def missing_packages(packages: Iterable[Package] = CLUSTER_PACKAGES) -> list[Package]:
    """Packages of which something is not there."""
    return [package for package in packages if not package.present()]


@dataclass(frozen=True)
class Machine:
    """The facts that the checks judge. Sizes in bytes."""

    system: str
    machine: str
    python: tuple[int, ...]
    user_id: int
    memory_available: int
    state_free: int
    cache_free: int
    cgroup_controllers: frozenset[str]
    inotify_free: int


# What compiling from an empty cache takes (Go's modules, its build cache, and the programs), measured.
BUILD_BYTES = 10 * GIB
STATE_BYTES = 4 * GIB
MEMORY_BYTES = 2 * GIB
CONTROLLERS = frozenset({"cpu", "cpuset", "memory", "pids"})


def find_problems(state: Path, cache: Path, *, building: bool, starting: bool = True) -> list[Problem]:
    """Everything that is wrong with this machine, without changing it. Arguments as of ``judge``."""
    facts = inspect(state, cache)
    able = facts.system == "Linux" and facts.user_id == 0
    return judge(facts, building=building, starting=starting) + (try_kernel(state) if able else [])


def judge(facts: Machine, *, building: bool, starting: bool = True) -> list[Problem]:
    """All that is wrong with a machine, from its facts alone.

    Args:
        building: the programs have to be compiled.
        starting: the cluster does not run yet, and will take its share.
    """
    version = ".".join(map(str, facts.python[:2]))
    needed = BUILD_BYTES if building else GIB // 4
    absent = sorted(CONTROLLERS - facts.cgroup_controllers)
    checks = [
        (
            facts.system != "Linux",
            f"This is {facts.system}.",
            "Use Linux: a virtual machine or WSL 2 will do.",
        ),
        (
            facts.machine not in MACHINES,
            f"The processor is {facts.machine}.",
            f"Use one of {', '.join(MACHINES)}; nothing else is built.",
        ),
        (
            facts.user_id != 0,
            "You are not root.",
            "Run it with sudo: namespaces and control groups need root.",
        ),
        (
            facts.python[:2] < MINIMUM_PYTHON,
            f"Python is {version}.",
            f"Install Python {'.'.join(map(str, MINIMUM_PYTHON))} or newer and make the environment with it.",
        ),
        (
            facts.memory_available < MEMORY_BYTES,
            f"{_gib(facts.memory_available)} of memory are available.",
            f"Free some: {_gib(MEMORY_BYTES)} are needed.",
        ),
        (
            facts.state_free < STATE_BYTES,
            f"{_gib(facts.state_free)} of disk are free for the state of the cluster.",
            f"Free some, or name another folder with --state: {_gib(STATE_BYTES)} are needed.",
        ),
        (
            facts.cache_free < needed,
            f"{_gib(facts.cache_free)} of disk are free for programs and their build.",
            f"Free some, or name another folder with XDG_CACHE_HOME: {_gib(needed)} are needed.",
        ),
        (
            facts.system == "Linux" and bool(absent),
            f"The control groups lack {', '.join(absent)}.",
            "Mount /sys/fs/cgroup with them; run a container with --privileged --cgroupns=host.",
        ),
        (
            starting and facts.inotify_free < inotify.NEEDED,
            f"The kernel has {facts.inotify_free} inotify instances left for this user.",
            f"A cluster takes {inotify.NEEDED}. Stop another one (python -m cluster down --name NAME), or "
            f"allow more than {inotify.limit()}: sysctl -w fs.inotify.max_user_instances=1024",
        ),
    ]
    return [Problem(what, cure) for wrong, what, cure in checks if wrong]


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"


def inspect(state: Path, cache: Path) -> Machine:
    """Look at this machine."""
    return Machine(
        system=platform.system(),
        machine=platform.machine(),
        python=tuple(sys.version_info[:3]),
        user_id=os.geteuid(),
        memory_available=_memory_available(),
        state_free=shutil.disk_usage(_existing(state)).free,
        cache_free=shutil.disk_usage(_existing(cache)).free,
        cgroup_controllers=cgroup_controllers(),
        inotify_free=inotify.free(),
    )


def _existing(path: Path) -> Path:
    # os.path, because it takes what may not be looked into as absent and does not raise.
    return next(folder for folder in [path, *path.parents] if os.path.exists(folder))  # noqa: PTH110


def _memory_available() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except FileNotFoundError:
        return MEMORY_BYTES  # not Linux, which is said already
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def cgroup_controllers() -> frozenset[str]:
    """Controllers that can be used here, of version 1 (mount options) or 2 (a file in the root)."""
    try:
        rows = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except FileNotFoundError:
        return frozenset()
    first = {option for row in rows if row[2] == "cgroup" for option in row[3].split(",")}
    files = (Path(row[1], "cgroup.controllers") for row in rows if row[2] == "cgroup2")
    second = {name for file in files if file.exists() for name in file.read_text().split()}
    return frozenset(first | second)


# Each: what is tried in namespaces of its own, what it shows to be missing, and the cure.
_TRIALS = (
    (
        ["ip", "link", "add", "trial0", "type", "veth", "peer", "name", "trial1"],
        "The kernel has no veth devices.",
        "Load the module (modprobe veth), or use a kernel that has it.",
    ),
    (
        ["iptables", "--table", "nat", "--new-chain", "TRIAL"],
        "iptables cannot make NAT rules.",
        "Load the modules (modprobe nf_tables nf_nat nft_compat), or use a kernel that has them.",
    ),
    (
        ["iptables", "--append", "OUTPUT", "--match", "conntrack", "--ctstate", "INVALID", "--jump", "DROP"],
        "iptables cannot follow connections.",
        "Load the modules (modprobe nf_conntrack xt_conntrack), or use a kernel that has them.",
    ),
)


def try_kernel(state: Path) -> list[Problem]:
    """Try what the cluster will do, in namespaces that vanish at once; what has no program yet waits."""
    if not root_is_mounted(Path("/proc/self/mounts").read_text()):
        cure = "Enter it with pivot_root or systemd-nspawn."
        return [Problem("This is a chroot, where no mount namespace can be made.", cure)]
    if (said := _trial(["true"])) is not None:
        cure = "Run it as root of the machine; in a container, with --privileged."
        return [Problem(f"Namespaces cannot be made. ({said})", cure)]
    found = [
        Problem(f"{what} ({said})", cure)
        for command, what, cure in _TRIALS
        if find_program(command[0]) and (said := _trial(command)) is not None
    ]
    if find_program("mount") and (said := _try_overlay(_existing(state))) is not None:
        what = f"The file system of {_existing(state)} cannot carry overlay mounts. ({said})"
        found.append(Problem(what, "Name a folder on ext4, xfs or btrfs with --state."))
    return found


def root_is_mounted(mounts: str) -> bool:
    """Whether `/` is a mount, from the text of ``/proc/self/mounts``: in a chroot it is none."""
    return any(line.split()[1] == "/" for line in mounts.splitlines())


def _trial(command: Sequence[str]) -> str | None:
    """None when the command works in new namespaces, else what it said."""
    done = subprocess.run(
        ["unshare", "--net", "--mount", *command],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": _SEARCH, "LC_ALL": "C"},
    )
    return None if done.returncode == 0 else (done.stderr or done.stdout).strip().splitlines()[-1][:200]


def _try_overlay(folder: Path) -> str | None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".overlay-") as name:
        parts = {part: Path(name, part) for part in ("lowerdir", "upperdir", "workdir", "merged")}
        for part in parts.values():
            part.mkdir()
        merged = parts.pop("merged")
        options = ",".join(f"{part}={path}" for part, path in parts.items())
        return _trial(["mount", "-t", "overlay", "overlay", "-o", options, str(merged)])


def port_problem(address: str, port: int, use: str) -> Problem | None:
    """Whether a port is taken. For programs that run beside the cluster: the cluster has ports of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            cure = f"Stop what listens there (ss -ltnp sport = :{port}); {use} needs it."
            return Problem(f"Port {port} of {address} cannot be used ({error.strerror}).", cure)
    return None


def report(problems: Sequence[Problem]) -> str:
    """All problems as one text."""
    return "\n".join(["This machine cannot run the cluster yet:", *(f"- {problem}" for problem in problems)])
