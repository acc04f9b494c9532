"""What a machine must have: every lack is said, all at once, with a cure."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path

import pytest

from cluster import inotify, preflight
from cluster.packages import removals
from cluster.preflight import GIB, Machine, Package, Problem, judge

GOOD = Machine(
    system="Linux",
    machine="x86_64",
    python=(3, 11, 4),
    user_id=0,
    memory_available=8 * GIB,
    state_free=50 * GIB,
    cache_free=50 * GIB,
    cgroup_controllers=frozenset({"cpu", "cpuset", "memory", "pids", "io"}),
    inotify_free=19,
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, [], id="nothing is missing"),
        pytest.param({"machine": "aarch64", "python": (3, 14, 0)}, [], id="arm64, newer Python"),
        pytest.param({"system": "Darwin"}, ["This is Darwin."], id="not Linux"),
        pytest.param({"machine": "riscv64"}, ["The processor is riscv64."], id="processor"),
        pytest.param({"user_id": 1000}, ["You are not root."], id="not root"),
        pytest.param({"python": (3, 10, 12)}, ["Python is 3.10."], id="old Python"),
        pytest.param({"memory_available": GIB}, ["1.0 GiB of memory are available."], id="memory"),
        pytest.param(
            {"state_free": GIB},
            ["1.0 GiB of disk are free for the state of the cluster."],
            id="disk of the state",
        ),
        pytest.param(
            {"cache_free": 3 * GIB},
            ["3.0 GiB of disk are free for programs and their build."],
            id="disk of the cache",
        ),
        pytest.param(
            {"cgroup_controllers": frozenset({"cpu", "pids"})},
            ["The control groups lack cpuset, memory."],
            id="control groups",
        ),
        pytest.param(
            {"inotify_free": 18},
            ["The kernel has 18 inotify instances left for this user."],
            id="inotify instances",
        ),
        pytest.param(
            {"user_id": 1, "python": (3, 9, 0), "machine": "mips"},
            ["The processor is mips.", "You are not root.", "Python is 3.9."],
            id="all at once",
        ),
    ],
)
def test_judge(change: dict[str, object], expected: list[str]) -> None:
    found = judge(dataclasses.replace(GOOD, **change), building=True)  # type: ignore[arg-type]
    assert [problem.what for problem in found] == expected
    assert all(problem.cure for problem in found)


def test_nothing_to_build_needs_little_disk() -> None:
    small = dataclasses.replace(GOOD, cache_free=GIB)
    assert (len(judge(small, building=True)), len(judge(small, building=False))) == (1, 0)


def test_a_cluster_that_runs_has_its_inotify_instances() -> None:
    none = dataclasses.replace(GOOD, inotify_free=0)
    assert (len(judge(none, building=False)), judge(none, building=False, starting=False)) == (1, [])


def test_inotify_instances_are_counted_by_the_kernel() -> None:
    """Counting takes none away, however often; a user may have at least as many as were found."""
    assert [inotify.free(3) for _ in range(100)] == [3] * 100
    assert inotify.limit() >= 3


def test_a_report_names_everything_with_its_cure() -> None:
    text = preflight.report([Problem("A is missing.", "Get A."), Problem("B is old.", "Renew B.")])
    assert text == (
        "This machine cannot run the cluster yet:\n- A is missing.\n    Get A.\n- B is old.\n    Renew B."
    )


def test_a_taken_port_is_a_problem_and_a_free_one_is_none() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        problem = preflight.port_problem("127.0.0.1", port, "the front")
    assert problem is not None
    assert (f"Port {port} of 127.0.0.1" in problem.what, "the front needs it" in problem.cure) == (True, True)
    assert preflight.port_problem("127.0.0.1", port, "the front") is None


@pytest.mark.parametrize(
    ("package", "missing"),
    [
        pytest.param(Package("coreutils", ("ls", "cat")), False, id="programs that are there"),
        pytest.param(Package("none", ("ls", "no-such-program")), True, id="one program is not"),
        pytest.param(Package("files", files=("/etc/passwd",)), False, id="a file that is there"),
        pytest.param(Package("files", files=("/etc/passwd", "/no/such/file")), True, id="one file is not"),
    ],
)
def test_missing_packages(package: Package, missing: bool) -> None:
    assert preflight.missing_packages([package]) == ([package] if missing else [])


@pytest.mark.parametrize(
    ("simulation", "expected"),
    [
        pytest.param("Inst runc (1.1 Debian [amd64])\nConf runc (1.1 Debian [amd64])\n", [], id="adds only"),
        pytest.param(
            "Remv docker-ce [5:24.0]\nRemv containerd.io [1.6]\nInst containerd (1.6.20)\n",
            ["docker-ce", "containerd.io"],
            id="Docker's containerd would go",
        ),
        pytest.param("Purg old [1]\n", ["old"], id="purged"),
        pytest.param("", [], id="nothing to do"),
    ],
)
def test_removals(simulation: str, expected: list[str]) -> None:
    assert removals(simulation) == expected


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        pytest.param("/dev/vda / ext4 rw 0 0\nproc /proc proc rw 0 0\n", True, id="a machine or container"),
        pytest.param("proc /proc proc rw 0 0\ntmpfs /run tmpfs rw 0 0\n", False, id="a chroot"),
    ],
)
def test_a_chroot_is_known_by_its_mounts(mounts: str, expected: bool) -> None:
    assert preflight.root_is_mounted(mounts) == expected


def test_this_machine_passes(tmp_path: Path) -> None:
    assert preflight.find_problems(tmp_path, tmp_path, building=False) == []
