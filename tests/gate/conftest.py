"""``gateway`` is a real front and a real gate in front of a real cluster; ``service`` runs behind them.

There is no Hub here: cookies are signed with the gate's key file, and the Hub's address leads nowhere, so
everything in these tests also holds while the Hub is down. With the Hub: test_sign_in.py.

The domain has two labels, because browsers take every name below localhost for a site of its own.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from demo.processes import Process
from images import push_all
from karvdash_hub.gate.cookie import Keys, Session
from karvdash_hub.kube.rbac import install_manifests
from tests.fixtures.clusters import SomeCluster
from tests.gate import objects

IMAGE = "karvdash/jupyterlab:latest"
SCRIPT = Path(__file__).parent / "service.py"
HOUR = 3600.0


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


class Gateway:
    """Front and gate as processes of this machine, and a way to ask them for a host's pages."""

    hostname = "kv.test"

    def __init__(self, cluster: SomeCluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.port, self.gate_port, self.nowhere = free_ports(3)
        self.domain = f"{self.hostname}:{self.port}"
        self.key_file = folder / "gate.key"
        self.processes = {
            name: Process(name, run=folder / "run", log=folder / "log") for name in ("gate", "front")
        }
        (folder / "token").write_text("none")
        self._write_kubeconfig()

    def start(self, name: str) -> None:
        """Start front or gate unless it runs, and wait until it serves."""
        self.processes[name].start(self._command(name), env=os.environ, cwd=self.folder)
        url = (
            f"http://127.0.0.1:{self.gate_port}/readyz"
            if name == "gate"
            else f"http://127.0.0.1:{self.port}/healthz"
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                if requests.get(url, timeout=5).status_code == 200:
                    return
            except requests.ConnectionError:
                pass
            assert time.monotonic() < deadline, f"no {name}: {self.processes[name].last_lines()}"
            time.sleep(0.05)

    def stop(self, *names: str) -> None:
        """Stop front, gate or both."""
        for name in names or ("front", "gate"):
            self.processes[name].stop()

    def host(self, server: str, user: str) -> str:
        """A service's host, without port."""
        return f"{server}-{user}.{self.hostname}"

    def cookie(
        self, host: str, user: str = "", *, owner: str = "", server: str = "", seconds: float = HOUR
    ) -> str:
        """A Cookie header of somebody who signed in at a host; its owner unless another ``user`` is named."""
        server_of_host, _, owner_of_host = host.partition(".")[0].rpartition("-")
        owner, server, now = owner or owner_of_host, server or server_of_host, time.time()
        session = Session(user or owner, host, owner, server, False, now, now + seconds)
        return f"karvdash={Keys(self.key_file).sign(session)}"

    def ask(self, host: str, path: str = "/", method: str = "GET", **more: Any) -> requests.Response:
        """Send one request through the front; ``cookie=`` and ``headers=`` as wanted, no redirects."""
        headers = {"Host": f"{host}:{self.port}", **more.pop("headers", {})}
        if cookie := more.pop("cookie", ""):
            headers["Cookie"] = cookie
        url = f"http://127.0.0.1:{self.port}{path}"
        return requests.request(method, url, headers=headers, allow_redirects=False, timeout=30, **more)

    def metric(self, pattern: str) -> float:
        """Sum of the figures of the gate whose line matches."""
        text = requests.get(f"http://127.0.0.1:{self.gate_port}/metrics", timeout=5).text
        lines = [line for line in text.splitlines() if re.match(pattern, line)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def memory(self, name: str) -> int:
        """Resident bytes of a part and its children."""
        total, leader = 0, self.processes[name].pid
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                status = (folder / "status").read_text()
            except OSError:
                continue
            if leader in (int(folder.name), int(stat[1])) and (
                rss := re.search(r"VmRSS:\s+(\d+) kB", status)
            ):
                total += int(rss[1]) * 1024
        return total

    def apply(self, *items: objects.Object) -> None:
        """Create or change objects, as an administrator."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)})
        self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text_in=text)

    def _command(self, name: str) -> list[str]:
        gate = f"127.0.0.1:{self.gate_port}"
        # A cluster given by its kubeconfig does not tell.
        ranges = [getattr(self.cluster, "pod_cidr", "")]
        arguments = {
            "gate": [
                "--listen", gate, "--domain", self.domain, "--hub-url", f"http://{self.domain}",
                "--hub-api", f"http://127.0.0.1:{self.nowhere}/hub/api",
                "--kubeconfig", str(self.folder / "kubeconfig"),
                "--token-file", str(self.folder / "token"), "--key-file", str(self.key_file),
                "--hub-grace", "86400",
                *(word for cidr in ranges if cidr for word in ("--pod-cidr", cidr)),
            ],
            "front": [
                "--config-dir", str(self.folder / "front"), "--listen", f"127.0.0.1:{self.port}",
                "--hub-proxy", f"127.0.0.1:{self.nowhere}", "--gate", gate, "--domain", self.domain,
                "--access-log", str(self.folder / "access.log"),
            ],
        }  # fmt: skip
        return [sys.executable, "-m", f"karvdash_hub.{name}", *arguments[name]]

    def _write_kubeconfig(self) -> None:
        """With the rights of share/rbac/gate.yaml and no others."""
        for item in install_manifests():
            self.apply(item)
        token = self.cluster.kubectl("create", "token", "karvdash-gate", "-n", "karvdash", "--duration", "6h")
        admin = yaml.safe_load(Path(self.cluster.kubeconfig).read_text())["clusters"][0]["cluster"]
        config = {
            "clusters": [{"name": "c", "cluster": admin}],
            "users": [{"name": "u", "user": {"token": token.strip()}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (self.folder / "kubeconfig").write_text(json.dumps(config))


class Service:
    """One server of a user: its objects in the cluster, and its host at the gateway."""

    def __init__(self, gateway: Gateway, server: str = "web") -> None:
        self.gateway = gateway
        self.server = server
        self.user = f"t{secrets.token_hex(4)}"
        self.namespace = f"karvdash-{self.user}"
        self.host = gateway.host(server, self.user)
        self.cookie = gateway.cookie(self.host)

    def create(self, *, ports: tuple[int, ...] = (8080,), auth: bool = True, **changes: Any) -> Service:
        """Make its objects: the script service.py, listening on ``ports``.

        Args:
            paths: of the Ingress: path, path type, Service, port. Default: all to the first port.
            container: fields of the container that differ.
        """
        paths = changes.get("paths") or [("/", "Prefix", self.server, ports[0])]
        container = {
            "command": ["python3", "/srv/test/service.py", *map(str, ports)],
            "volumeMounts": [{"name": "script", "mountPath": "/srv/test"}],
            "resources": {"requests": {"cpu": "10m"}},
            **changes.get("container", {}),
        }
        deployment = objects.deployment(
            self.server, self.user, image=changes.get("image", IMAGE), **container
        )
        pod = deployment["spec"]["template"]["spec"]
        pod["volumes"] = [{"name": "script", "configMap": {"name": "script"}}]
        deployment["spec"]["replicas"] = changes.get("replicas", 1)
        marks = {"karvdash.io/user": self.user}  # pods of nobody's namespace are refused
        metadata = {"name": self.namespace, "annotations": marks}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        script = {
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "script", "namespace": self.namespace},
            "data": {"service.py": SCRIPT.read_text()},
        }  # fmt: skip
        named = [(f"p{port}", port) for port in ports]
        made = objects.service(self.server, self.user, ports=named)
        del made["spec"]["clusterIP"], made["metadata"]["uid"]
        self.gateway.apply(
            namespace, script, objects.anchor(self.server, self.user, host=self.host, auth=auth),
            objects.ingress(self.server, self.user, host=self.host, paths=paths), made, deployment,
        )  # fmt: skip
        return self

    def ask(self, path: str = "/", method: str = "GET", **more: Any) -> requests.Response:
        """Send a request as the owner."""
        return self.gateway.ask(self.host, path, method, cookie=more.pop("cookie", self.cookie), **more)

    def wait(self, path: str = "/", status: int = 200, seconds: float = 90) -> Service:
        """Wait until it answers with ``status``."""
        deadline = time.monotonic() + seconds
        while (answer := self.ask(path)).status_code != status:
            assert time.monotonic() < deadline, f"{answer.status_code} {answer.text}"
        return self

    def scale(self, replicas: int) -> None:
        """Change the number of pods."""
        self.kubectl("scale", f"deployment/{self.server}", f"--replicas={replicas}")

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in its namespace."""
        return self.gateway.cluster.kubectl("--namespace", self.namespace, *arguments)

    def delete(self) -> None:
        """Remove everything; nobody waits for the pods."""
        self.gateway.cluster.kubectl(
            "delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false"
        )


@pytest.fixture(scope="package")
def gateway(cluster: SomeCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    if registry := getattr(cluster, "registry", None):  # a cluster given by its kubeconfig has them already
        programs = {"kubectl": cluster.kubectl_program}  # type: ignore[attr-defined]
        push_all(registry, names=("pause", "busybox", "jupyter"), programs=programs)
    # pytest's folders are below /tmp/pytest-of-…, which nginx's workers may not enter as www-data; what
    # they need they have opened before.
    own = Gateway(cluster, tmp_path_factory.mktemp("gateway"))
    try:
        own.start("gate")
        own.start("front")
        yield own
    finally:
        own.stop()


@pytest.fixture(scope="package")
def web(gateway: Gateway) -> Iterator[Service]:
    """A service that runs, shared by the tests that only look at it."""
    made = Service(gateway)
    try:
        yield made.create().wait("/ready")
    finally:
        made.delete()


@pytest.fixture
def new_service(gateway: Gateway) -> Iterator[Any]:
    """Make services that are a test's own: ``new_service("name")``; nothing is created yet."""
    made: list[Service] = []

    def make(server: str = "web") -> Service:
        made.append(Service(gateway, server))
        return made[-1]

    yield make
    for item in made:
        item.delete()
