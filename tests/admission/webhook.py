"""The admission server and its certificate program as processes, on the link between host and cluster."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from cluster import Cluster
from demo.processes import Process

ROOT = Path(__file__).parent.parent.parent


class Webhook:
    """One configuration, one certificate and any number of replicas behind one address.

    Args:
        cluster: the embedded cluster whose API server asks.
        folder: for kubeconfigs, certificates, logs and process ids.
    """

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.port = _free_port(cluster.host_address)
        self.url = f"https://{cluster.host_address}:{self.port}"
        self.cert_file, self.key_file = folder / "tls.crt", folder / "tls.key"
        self.replicas = [Process(name, run=folder, log=folder) for name in ("one", "two")]
        for account in ("karvdash-admission", "karvdash-admission-certificate"):
            self._write_kubeconfig(account)

    def certificate(self, *flags: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the certificate program to its end."""
        where = [] if "--remove" in flags else ["--url", self.url, "--once"]
        command = [
            sys.executable, "-m", "karvdash_hub.admission.certificate", *where,
            "--kubeconfig", str(self.folder / "karvdash-admission-certificate.kubeconfig"),
            "--cert-file", str(self.cert_file), "--key-file", str(self.key_file), *flags,
        ]  # fmt: skip
        done = subprocess.run(command, text=True, capture_output=True, cwd=ROOT, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done

    def start(self, replicas: int = 1) -> None:
        """Start replicas and wait until each can judge pods."""
        for process in self.replicas[:replicas]:
            process.start(self.command(), env=dict(os.environ), cwd=ROOT)
        self.wait_ready()

    def command(self, **changes: str) -> list[str]:
        """The command line; ``changes`` replace flags (kubeconfig="…")."""
        flags = {
            "listen": f"{self.cluster.host_address}:{self.port}",
            "kubeconfig": str(self.folder / "karvdash-admission.kubeconfig"),
            "cert_file": str(self.cert_file),
            "key_file": str(self.key_file),
            "ingress_url": "https://hub.example.com",
            "registry": "registry.example.com:5000",
            "argo_url": "https://argo.example.com",
        } | changes
        pairs = ((f"--{name.replace('_', '-')}", value) for name, value in flags.items())
        return [sys.executable, "-m", "karvdash_hub.admission", *(word for pair in pairs for word in pair)]

    def one_again(self) -> None:
        """Have one replica run as usual, whatever a test has done to both; a good one goes on."""
        first, second = self.replicas
        if self._arguments(first) != self.command():
            first.stop()
        first.start(self.command(), env=dict(os.environ), cwd=ROOT)
        second.stop()
        self.wait_ready()

    @staticmethod
    def _arguments(process: Process) -> list[str]:
        path = Path(f"/proc/{process.pid}/cmdline")
        return path.read_text().rstrip("\0").split("\0") if process.pid else []

    def stop(self) -> None:
        """Stop all replicas."""
        for process in self.replicas:
            process.stop()

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until every replica that runs listens, and /readyz says yes."""
        deadline = time.monotonic() + seconds
        while (answer := self.get("/readyz"))[0] != 200 or not self._all_listen():
            logs = "\n".join(process.last_lines() for process in self.replicas)
            assert time.monotonic() < deadline, f"{answer}\n{logs}"
            time.sleep(0.1)

    def _all_listen(self) -> bool:
        """The kernel knows: they share one port."""
        text = subprocess.run(["ss", "-tlnpH"], capture_output=True, text=True, check=True).stdout
        pids = (process.pid for process in self.replicas)
        return all(f"pid={pid}," in text for pid in pids if pid is not None)

    def get(self, path: str) -> tuple[int, str]:
        """GET from one replica, trusting what Kubernetes trusts; (0, reason) without an answer."""
        return self.send("GET", path)

    def post(self, body: Any, path: str = "/mutate") -> tuple[int, Any]:
        """POST JSON (or bytes as they are) to one replica."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, text = self.send("POST", path, content)
        return status, json.loads(text) if text.startswith("{") else text

    def send(self, method: str, path: str, content: bytes | None = None) -> tuple[int, str]:
        """One request on a connection of its own."""
        request = urllib.request.Request(self.url + path, method=method, data=content)
        try:
            context = ssl.create_default_context(cadata=self.trusted())
            with urllib.request.urlopen(request, timeout=15, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def trusted(self) -> str:
        """The authorities that this webhook's server may come from."""
        files = (self.folder / name for name in ("ca.crt", "next.crt", "former.crt"))
        return "".join(file.read_text() for file in files if file.exists())

    def configuration(self) -> dict[str, Any]:
        """What Kubernetes has been told."""
        name = "mutatingwebhookconfiguration/karvdash-hub"
        found: dict[str, Any] = json.loads(self.cluster.kubectl("get", name, "--output", "json"))
        return found

    def _write_kubeconfig(self, account: str) -> None:
        token = self.cluster.kubectl(
            "create", "token", account, "--namespace", "karvdash", "--duration", "8h"
        ).strip()
        config = yaml.safe_load(self.cluster.kubeconfig.read_text())
        config["users"] = [{"name": config["contexts"][0]["context"]["user"], "user": {"token": token}}]
        (self.folder / f"{account}.kubeconfig").write_text(yaml.safe_dump(config))


def _free_port(address: str) -> int:
    with socket.create_server((address, 0)) as server:
        return int(server.getsockname()[1])
