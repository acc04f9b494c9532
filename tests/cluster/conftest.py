"""Clusters of our own: one that is up for most tests, and traces that an instance leaves on the machine."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster import Cluster, binaries
from cluster.addresses import Plan
from images import build_all, push_all
from tests.fixtures import clusters

# A place that is the same in every run, so that a run finds what an interrupted one left.
STATE = clusters.STATE.with_name(f"{clusters.NAME}-cluster")
NAME = "ct" + clusters.NAME.removeprefix("test")
IMAGES = ("pause", "busybox", "hello-kubernetes")


@dataclass(frozen=True)
class Started:
    """A cluster that is up, and how many seconds its first `up` took."""

    cluster: Cluster
    seconds: float


def start(cluster: Cluster) -> float:
    """Bring a cluster up with the images of the tests; seconds of `up` alone."""
    begin = time.monotonic()
    cluster.up(progress=print)
    seconds = time.monotonic() - begin
    push_all(cluster.registry, IMAGES, progress=print)
    return seconds


@pytest.fixture(scope="package")
def started() -> Iterator[Started]:
    """The cluster that most tests share. Programs and images are built before the clock starts."""
    own = Cluster(name=NAME, state=STATE / NAME)
    own.down(wipe=True)  # what an interrupted run left
    binaries.ensure(print)
    build_all(IMAGES, progress=print)
    yield Started(own, start(own))
    own.down(wipe=True)


@pytest.fixture
def ct(started: Started) -> Cluster:
    return started.cluster


@pytest.fixture
def namespace(ct: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for one test."""
    name = f"t-{abs(hash(request.node.name)) % 10**8}"
    ct.kubectl("create", "namespace", name)
    yield name
    ct.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def another() -> Iterator[Callable[[str], Cluster]]:
    """Make further clusters, which are wiped after the test however it ends."""
    made: list[Cluster] = []

    def make(suffix: str) -> Cluster:
        name = f"{NAME}-{suffix}"
        made.append(Cluster(name=name, state=STATE / name))
        made[-1].down(wipe=True)
        return made[-1]

    yield make
    for cluster in made:
        cluster.down(wipe=True)


def apply(cluster: Cluster, *objects: Mapping[str, object]) -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    cluster.kubectl("apply", "-f", "-", text_in=json.dumps(items))


def run_pod(cluster: Cluster, namespace: str, script: str, *, user: int = 0, claim: str | None = None) -> str:
    """Run a shell script in a pod of busybox until it ends, and return what it printed."""
    container: dict[str, object] = {
        "name": "main",
        "image": "busybox:1.36",
        "command": ["sh", "-c", script],
        "securityContext": {"runAsUser": user},
    }
    spec: dict[str, object] = {"restartPolicy": "Never", "containers": [container]}
    if claim:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    metadata = {"name": "script", "namespace": namespace}
    apply(cluster, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    ended = "--for=jsonpath={.status.containerStatuses[0].state.terminated.reason}"
    cluster.kubectl("-n", namespace, "wait", ended, "pod/script", "--timeout=30s")
    return cluster.kubectl("-n", namespace, "logs", "script")


def traces(cluster: Cluster, plan: Plan) -> dict[str, object]:
    """Everything on this machine that belongs to an instance, but its state folder. Empty: nothing does."""
    name, state, cgroup = cluster.name, cluster.state, cluster.paths.cgroup
    found = {
        "processes": _processes(cgroup),
        "mounts": [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(state) in line],
        "run": [str(path) for path in Path("/run/karvdash-hub").glob(f"{name}*")],
        # containerd's for pods; other tests, which run beside these, name theirs otherwise.
        "named namespaces": [line for line in _lines("ip", "netns", "list") if line.startswith("cni-")],
        "links": [line for line in _lines("ip", "-brief", "link") if line.split("@")[0] == plan.host_link],
        "routes": [
            line for line in _lines("ip", "route") if str(plan.block[0]).rsplit(".", 2)[0] + "." in line
        ],
        "rules": [line for line in _lines("iptables-save") if "KUBE" in line or "CNI" in line],
        "cgroups": [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{cgroup}")],
    }
    return {what: things for what, things in found.items() if things}


def _processes(cgroup: str) -> list[str]:
    """Living processes in a control group; the dead ones that their parent has not collected yet are none."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            groups, stat = (folder / "cgroup").read_text(), (folder / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        inside = any(f"/{cgroup}/" in f"{line}/" for line in groups.splitlines())
        if inside and stat.rpartition(")")[2].split()[0] != "Z":
            found.append(stat[:60])
    return found


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
