"""A whole platform under https without nodes: API server, Hub, proxy, gate, front with TLS, and one "pod".

What it has no need of is left out: no kubelet, no controllers but the garbage collector, no images. A
service here has a Service without selector, so its EndpointSlice is made by hand, as Kubernetes has it for
Services without selector. Its pod is a process with an address of its own (``pod.Pod``).

The Hub is at ``hub.karvdash.test``, services at ``*.hub.karvdash.test``: one *site* for browsers, as in
production. Below localhost every name would be a site of its own, and browsers refuse cookies for it.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import yaml

from cluster import binaries
from cluster.certificates import Authority, Leaf
from demo.node import proxy_command
from demo.processes import Process
from karvdash_hub.kube.rbac import install_manifests
from karvdash_hub.names import user_slug
from tests.fixtures.accounts import CHEAP_PASSWORDS, add_account
from tests.gate.conftest import free_ports
from tests.kube.api_server import ADMIN, ApiServer
from tests.site.account import HOSTNAME, TEMPLATE, Account
from tests.site.pod import Pod

ROOT = Path(__file__).parent.parent.parent


class Site:
    """The processes, and ways to act on them.

    Args:
        folder: for everything.
        gates: replicas of the gate.
        config: text of one more configuration file of the Hub.
        front, gate: more flags of the front and of the gate.
    """

    def __init__(
        self,
        folder: Path,
        *,
        gates: int = 1,
        config: str = "",
        front: tuple[str, ...] = (),
        gate: tuple[str, ...] = (),
        templates: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.cluster = ApiServer()
        self.pod = Pod(folder, (8080, 8081, 8082))
        self.port, self.plain_port, self.proxy_port, self.proxy_api, self.hub_port, *self.gate_ports = (
            free_ports(5 + gates)
        )
        self._config, self._front, self._gate_flags = config, front, gate
        self._templates = {"echo": TEMPLATE, **(templates or {})}
        self._collector = Process("collector", run=folder / "run", log=folder / "log")
        names = ["gate", *(f"gate{number}" for number in range(2, gates + 1))]
        self._gates = dict(zip(names, self.gate_ports, strict=True))
        self.processes = {
            name: Process(name, run=folder / "run", log=folder / "log")
            for name in ("proxy", *self._gates, "hub", "front")
        }

    @property
    def hub_url(self) -> str:
        """The Hub's address in browsers."""
        return f"https://{HOSTNAME}:{self.port}"

    @property
    def ca_file(self) -> Path:
        """Who has signed the front's certificate."""
        return self.folder / "tls" / "ca.crt"

    def url(self, host: str, path: str = "/") -> str:
        """The address of a service's host."""
        return f"https://{host}:{self.port}{path}"

    # --- life ----------------------------------------------------------------------------------

    def up(self) -> None:
        """Start everything."""
        self.cluster.up()
        self.pod.up()
        self._prepare()
        self._collector.start(self._collector_command(), env={}, cwd=self.folder)
        for step in (self.launch, self._await):  # side by side: each process needs a second or more
            for name in self.processes:
                step(name)

    def down(self) -> None:
        """End everything."""
        for process in reversed(self.processes.values()):
            process.stop()
        self._collector.stop()
        self.pod.down()
        self.cluster.down()

    def launch(self, name: str) -> None:
        """Start one process unless it runs."""
        commands = {"proxy": self._proxy, "hub": self._hub, "front": self._front_command}
        command = commands[name]() if name in commands else self._gate(self._gates[name])
        self.processes[name].start(command, env=self._environment(), cwd=self.folder / "hub")

    def start(self, name: str) -> None:
        """Start one process unless it runs, and wait until it serves."""
        self.launch(name)
        self._await(name)

    def _await(self, name: str) -> None:
        addresses = {
            "proxy": "",
            "hub": f"http://127.0.0.1:{self.hub_port}/hub/health",
            "front": f"http://127.0.0.1:{self.plain_port}/",
            **{gate: f"http://127.0.0.1:{port}/readyz" for gate, port in self._gates.items()},
        }
        self._wait(self.processes[name], addresses[name])

    def _wait(self, process: Process, url: str) -> None:
        """Wait until an address answers, if there is one."""
        deadline = time.monotonic() + 150
        while url:
            try:
                if requests.get(url, timeout=5, allow_redirects=False).status_code < 400:
                    return
            except requests.ConnectionError:
                pass
            assert process.pid and time.monotonic() < deadline, f"no {url}: {process.last_lines()}"
            time.sleep(0.1)

    # --- people and objects --------------------------------------------------------------------

    def account(self, name: str = "", *, admin: bool = False) -> Account:
        """Make somebody, with a new name or the one given."""
        name, password = name or "u" + secrets.token_hex(4), secrets.token_urlsafe(12)
        add_account(self.folder / "hub", name, password, admin=admin)
        return self.user(name, password, admin=admin)

    def user(self, name: str, password: str, *, admin: bool = False) -> Account:
        """Make somebody known to JupyterHub who has an account."""
        quoted = quote(name, safe="")
        self.api("POST", f"/users/{quoted}", {"admin": admin})
        answer = self.api("POST", f"/users/{quoted}/tokens", {"note": "tests"})
        assert answer.ok, answer.text
        return Account(self, name, password, answer.json()["token"])

    def api(self, method: str, path: str, body: Any = None, *, token: str = "") -> requests.Response:
        """Call the Hub's API."""
        token = token or (self.folder / "secrets" / "bootstrap").read_text()
        return requests.request(
            method, f"http://127.0.0.1:{self.hub_port}/hub/api{path}", json=body,
            headers={"Authorization": f"token {token}"}, timeout=60,
        )  # fmt: skip

    def endpoints(self, user: str, server: str, port: int = 8080) -> None:
        """Let the pod answer for a service: the EndpointSlice of its Service."""
        namespace = f"karvdash-{user_slug(user)}"
        service = self.kube("GET", f"/api/v1/namespaces/{namespace}/services/{server}")
        owner = {"apiVersion": "v1", "kind": "Service", "name": server, "uid": service["metadata"]["uid"]}
        labels = {
            **service["metadata"]["labels"],
            "kubernetes.io/service-name": server,
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        }
        self.kube(
            "PATCH",
            f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices/{server}-x?fieldManager=tests",
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": f"{server}-x", "namespace": namespace, "labels": labels,
                             "ownerReferences": [owner]},
                "addressType": "IPv4",
                "endpoints": [{"addresses": [self.pod.address], "conditions": {"ready": True}}],
                "ports": [{"name": "web", "port": port}, {"name": "more", "port": 8081}],
            },
            kind="application/apply-patch+yaml",
        )  # fmt: skip

    def kube(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """Ask the API server as an administrator. Not kubectl: a test does this often."""
        api = self.cluster.config()
        answer = requests.request(
            method, f"{api.server}{path}", data=json.dumps(body) if body is not None else None, timeout=60,
            headers={"Authorization": f"Bearer {ADMIN}", "Content-Type": kind}, verify=api.ca_file,
        )  # fmt: skip
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def _install(self) -> None:
        """Apply share/rbac, as an administrator of the cluster does."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(install_manifests())})
        command = [str(binaries.find("kubectl")), f"--kubeconfig={self._kubeconfig('admin')}", "apply"]
        command += ["--server-side", "-f", "-"]
        done = subprocess.run(command, input=text, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr

    def log(self, name: str) -> str:
        """What a process has written."""
        return (self.folder / "log" / f"{name}.log").read_text()

    # --- files and commands ------------------------------------------------------------------------

    def _prepare(self) -> None:
        for name in ("secrets", "hub/templates"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        # The key too, which else both gates would make at once.
        for name in ("secrets/bootstrap", "secrets/gate", "secrets/proxy", "gate.key"):
            (self.folder / name).write_text(secrets.token_hex(32))
        for name, text in self._templates.items():
            (self.folder / "hub" / "templates" / f"{name}.template.yaml").write_text(text)
        (self.folder / "extra.py").write_text(
            f"{CHEAP_PASSWORDS}from traitlets.config import get_config\nc = get_config()\n{self._config}"
        )
        Authority(self.folder / "tls", "ca").issue(Leaf("site", HOSTNAME, hosts=[HOSTNAME, f"*.{HOSTNAME}"]))
        self._write_kubeconfig("admin", ADMIN)
        self._install()
        for name in ("hub", "gate"):
            path = f"/api/v1/namespaces/karvdash/serviceaccounts/karvdash-{name}/token"
            request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
            self._write_kubeconfig(name, self.kube("POST", path, request)["status"]["token"])

    def _kubeconfig(self, name: str) -> Path:
        return self.folder / f"{name}.kubeconfig"

    def _write_kubeconfig(self, name: str, token: str) -> None:
        api = self.cluster.config()
        cluster = {"server": api.server, "certificate-authority": api.ca_file}
        config = {
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        self._kubeconfig(name).write_text(yaml.safe_dump(config))

    def _environment(self) -> dict[str, str]:
        secret = self.folder / "secrets"
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "CONFIGPROXY_AUTH_TOKEN": (secret / "proxy").read_text(),
            "KARVDASH_PUBLIC_URL": self.hub_url,
            "KARVDASH_BIND_URL": f"http://127.0.0.1:{self.proxy_port}",
            "KARVDASH_KUBECONFIG": str(self._kubeconfig("hub")),
            "KARVDASH_HUB_IP": "127.0.0.1",
            "KARVDASH_HUB_PORT": str(self.hub_port),
            "KARVDASH_STATE_DIR": str(self.folder / "hub"),
            "KARVDASH_GATE_TOKEN_FILE": str(secret / "gate"),
            "KARVDASH_BOOTSTRAP_TOKEN_FILE": str(secret / "bootstrap"),
            "KARVDASH_PROXY_API_URL": f"http://127.0.0.1:{self.proxy_api}",
            "KARVDASH_EXTRA_CONFIG": str(self.folder / "extra.py"),
        }

    def _collector_command(self) -> list[str]:
        """What deletes the objects of an anchor that is deleted, and namespaces."""
        return [
            str(binaries.find("kube-controller-manager")), "--kubeconfig", str(self._kubeconfig("admin")),
            "--controllers", "garbage-collector-controller,namespace-controller", "--leader-elect=false",
            "--bind-address", "127.0.0.1", "--secure-port", "0",
        ]  # fmt: skip

    def _proxy(self) -> list[str]:
        hub = f"http://127.0.0.1:{self.hub_port}"
        return [
            *proxy_command(), "--ip", "127.0.0.1", "--port", str(self.proxy_port),
            "--api-ip", "127.0.0.1", "--api-port", str(self.proxy_api),
            "--default-target", hub, "--error-target", f"{hub}/hub/error", "--host-routing",
        ]  # fmt: skip

    def _hub(self) -> list[str]:
        return [sys.executable, "-m", "jupyterhub", "--config", str(ROOT / "jupyterhub_config.py")]

    def _gate(self, port: int) -> list[str]:
        return [
            sys.executable, "-m", "karvdash_hub.gate", "--listen", f"127.0.0.1:{port}",
            "--hub-api", f"http://127.0.0.1:{self.hub_port}/hub/api", "--hub-url", self.hub_url,
            "--domain", f"{HOSTNAME}:{self.port}", "--kubeconfig", str(self._kubeconfig("gate")),
            "--token-file", str(self.folder / "secrets" / "gate"),
            "--key-file", str(self.folder / "gate.key"),
            "--pod-cidr", "10.213.0.0/16", "--report", "2", *self._gate_flags,
        ]  # fmt: skip

    def front_beside(self, folder: Path, flags: list[str]) -> tuple[int, Process]:
        """Start one more front, without TLS of its own; returns its port and the process."""
        [port] = free_ports(1)
        process = Process(f"front-{port}", run=folder, log=folder)
        command = [
            sys.executable, "-m", "karvdash_hub.front", "--config-dir", str(folder / "front"),
            "--listen", f"127.0.0.1:{port}", "--hub-proxy", f"127.0.0.1:{self.proxy_port}",
            "--gate", f"127.0.0.1:{self.gate_ports[0]}", "--domain", f"{HOSTNAME}:{self.port}", *flags,
        ]  # fmt: skip
        process.start(command, env=self._environment(), cwd=folder)
        self._wait(process, f"http://127.0.0.1:{port}/healthz")
        return port, process

    def _front_command(self) -> list[str]:
        tls = self.folder / "tls"
        return [
            sys.executable, "-m", "karvdash_hub.front", "--config-dir", str(self.folder / "front"),
            "--listen", f"127.0.0.1:{self.port}", "--redirect-from", f"127.0.0.1:{self.plain_port}",
            "--certificate", str(tls / "site.crt"), "--certificate-key", str(tls / "site.key"),
            "--hub-proxy", f"127.0.0.1:{self.proxy_port}", "--domain", f"{HOSTNAME}:{self.port}",
            *(word for port in self.gate_ports for word in ("--gate", f"127.0.0.1:{port}")),
            *self._front,
        ]  # fmt: skip
