"""Bring an instance up: check, make namespaces and files, start what is not running, wait for the node."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from . import binaries, certificates, isolation, machine, objects, packages, preflight, settings, teardown
from .addresses import Plan
from .api import Api
from .cgroups import Tree
from .components import ON_DEMAND, Component
from .errors import ClusterError
from .paths import Paths
from .processes import Process, Records, spawn, wait_for

if TYPE_CHECKING:
    from .instance import Cluster

Progress = Callable[[str], None]


def check(paths: Paths, progress: Progress) -> None:
    """Say everything that is missing at once, then install what apt has."""
    building = os.geteuid() != 0 or bool(binaries.missing())
    starting = Records(paths.pids).load("keeper") is None
    problems = preflight.find_problems(paths.state, binaries.cache(), building=building, starting=starting)
    if building and (no_go := binaries.go_problem()):
        problems.append(no_go)
    if problems:
        raise ClusterError(preflight.report(problems))
    if absent := preflight.missing_packages():
        packages.install(absent, progress)
        if problems := preflight.try_kernel(paths.state):  # now with the programs that were missing
            raise ClusterError(preflight.report(problems))


def start(cluster: Cluster, progress: Progress) -> None:
    """Start what is not running. The caller holds the instance's lock."""
    begin = time.time()
    paths, records = cluster.paths, Records(cluster.paths.pids)
    plan = machine.claim(paths)
    if records.load("keeper") is None:
        # Without its keeper an instance is dead, like a machine without power: begin from its state.
        teardown.sweep(paths)
        _make_namespaces(paths, plan, records)
    _write_files(paths, plan, cluster)
    _start_storage(cluster)
    progress("waiting for the API server")
    api = _start_api(cluster, plan)
    progress("waiting for the node")
    _start_node(cluster, api, begin)
    progress(f"the cluster {paths.name!r} is ready after {time.time() - begin:.1f} s")


def _start_storage(cluster: Cluster) -> None:
    for name in ("etcd", "containerd", "registry"):
        cluster.component(name).start()
    _wait(cluster.paths, "etcd", 30, lambda: _answers_unix(cluster.paths.etcd_socket))


def _start_api(cluster: Cluster, plan: Plan) -> Api:
    cluster.component("kube-apiserver").start()
    api = cluster.api()
    _wait(cluster.paths, "kube-apiserver", 60, api.ready)
    for path, body in objects.base_objects(plan):
        api.create(path, body)
    return api


def _start_node(cluster: Cluster, api: Api, begin: float) -> None:
    paths, address = cluster.paths, cluster.node_address
    # What the database says of the node may be from before; a kubelet that runs already speaks seldom.
    since = 0 if cluster.component("kubelet").pid else int(begin)
    for component in cluster.components():
        if component.name not in ON_DEMAND:
            start_component(cluster, component)
    _wait(paths, "kubelet", 60, lambda: _node_is_ready(api, cluster.node_name, since))
    _wait(paths, "coredns", 30, lambda: _answers_tcp(address, 53))
    _wait(paths, "registry", 30, lambda: _answers_tcp(address, settings.REGISTRY_PORT))


def start_component(cluster: Cluster, component: Component) -> Process:
    """Start one component unless it runs."""
    records = Records(cluster.paths.pids)
    if process := records.load(component.name):
        return process
    log = cluster.paths.log / f"{component.name}.log"
    _shorten(log)
    process = spawn(
        [*cluster.enter(), str(binaries.find(component.program)), *component.arguments],
        log=log,
        cgroups=Tree(cluster.paths.cgroup).create(),
        environment=component.environment,
    )
    records.save(component.name, process)
    return process


def _shorten(log: Path) -> None:
    """Keep one earlier log, so that logs do not grow for ever."""
    if log.exists() and log.stat().st_size > 10 * 2**20:
        log.replace(log.with_suffix(".log.1"))


def _make_namespaces(paths: Paths, plan: Plan, records: Records) -> None:
    paths.run.mkdir(parents=True, mode=0o700)
    paths.owner.write_text(str(paths.state))
    isolation.prepare(paths)
    keeper = isolation.start_keeper(paths, Tree(paths.cgroup).create())
    isolation.mount(paths, keeper)
    isolation.connect(plan, paths.identity, keeper)
    # Recorded last: a keeper that is known has everything around it.
    records.save("keeper", keeper)


def _write_files(paths: Paths, plan: Plan, cluster: Cluster) -> None:
    certificates.make_all(paths.pki, plan, settings.node_name(paths.name))
    cni_programs = preflight.find_cni()
    assert cni_programs, "preflight made sure of the CNI plugins"
    authentication = cluster.authentication.read_text() if cluster.authentication else ""
    texts = settings.files(paths, plan, cni_programs, _upstream_dns(cluster), authentication)
    server, context = f"https://{plan.node_address}:6443", f"karvdash-hub-{paths.name}"
    for user in ("controller-manager", "scheduler", "node", "proxy", "dns"):
        texts[f"{user}.kubeconfig"] = certificates.kubeconfig(paths.pki, user, server, context)
    for name, text in texts.items():
        _write(paths.config / name, text)
    _write(paths.kubeconfig, certificates.kubeconfig(paths.pki, "admin", server, context))


def _write(path: Path, text: str) -> None:
    """Write a file that only root reads, unless it says so already."""
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.touch(mode=0o600)
    temporary.write_text(text)
    temporary.replace(path)


def _upstream_dns(cluster: Cluster) -> list[str]:
    """Name servers of the host that answer inside the cluster's network: none where packets cannot leave."""
    words = (line.split() for line in Path("/etc/resolv.conf").read_text().splitlines())
    servers = [row[1] for row in words if len(row) > 1 and row[0] == "nameserver" and ":" not in row[1]]
    outside = [server for server in servers if not server.startswith("127.")]
    return [server for server in outside if _dns_answers(cluster, server)]


_ASK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.3)
s.sendto(bytes.fromhex("6b680100000100000000000000000200 01".replace(" ", "")), (sys.argv[1], 53))
s.recv(512)
"""


def _dns_answers(cluster: Cluster, server: str) -> bool:
    command = [*cluster.enter(), sys.executable, "-I", "-S", "-c", _ASK, server]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _answers_unix(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _answers_tcp(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


def _node_is_ready(api: Api, name: str, since: int) -> bool:
    """Whether the node said that it is ready, at `since` (seconds since 1970) or later."""
    try:
        status, node = api.request("GET", f"/api/v1/nodes/{name}")
    except (OSError, http.client.HTTPException):
        return False
    conditions = node["status"].get("conditions", []) if status == 200 else []
    return any(
        one["type"] == "Ready"
        and one["status"] == "True"
        and datetime.fromisoformat(one["lastHeartbeatTime"]).timestamp() >= since
        for one in conditions
    )


def _wait(paths: Paths, name: str, seconds: float, ready: Callable[[], bool]) -> None:
    """Wait for a component. Gives up at once when it has ended, and shows the end of its log."""
    records = Records(paths.pids)
    wait_for(lambda: ready() or records.load(name) is None, seconds)
    if not ready():
        log = paths.log / f"{name}.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
        ended = "ended" if records.load(name) is None else f"is not ready after {seconds:.0f} s"
        raise ClusterError(f"{name} {ended}. The end of {os.fspath(log)}:\n{tail}")
