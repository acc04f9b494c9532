"""JupyterHub with karvdash_hub and its proxy, without a cluster: signing in and accounts need none."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

from demo.node import proxy_command
from tests.fixtures.accounts import CHEAP_PASSWORDS, add_account

ROOT = Path(__file__).parent.parent.parent
#: A kubeconfig of an API server that nobody runs: discard, RFC 863.
NOWHERE = """\
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: nobody, user: {token: none}}]
"""


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LoneHub:
    """The two processes. ``url`` is what browsers use."""

    def __init__(self, folder: Path, config: str = "") -> None:
        self.folder = folder
        self.port, self.hub_port, self.proxy_api = free_port(), free_port(), free_port()
        self.url = f"http://localhost:{self.port}"
        self.state_dir = folder / "state"
        self.state_dir.mkdir(parents=True)
        self.bootstrap = secrets.token_hex()
        (folder / "kubeconfig").write_text(NOWHERE)
        (folder / "bootstrap.token").write_text(self.bootstrap)
        (folder / "extra.py").write_text(CHEAP_PASSWORDS + config)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start both and wait until the Hub answers."""
        env = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"} | {
            "CONFIGPROXY_AUTH_TOKEN": self.bootstrap,
            "KARVDASH_PUBLIC_URL": self.url,
            "KARVDASH_BIND_URL": f"http://127.0.0.1:{self.port}",
            "KARVDASH_HUB_PORT": str(self.hub_port),
            "KARVDASH_KUBECONFIG": str(self.folder / "kubeconfig"),
            "KARVDASH_STATE_DIR": str(self.state_dir),
            "KARVDASH_BOOTSTRAP_TOKEN_FILE": str(self.folder / "bootstrap.token"),
            "KARVDASH_PROXY_API_URL": f"http://127.0.0.1:{self.proxy_api}",
            "KARVDASH_EXTRA_CONFIG": str(self.folder / "extra.py"),
        }
        hub = f"http://127.0.0.1:{self.hub_port}"
        proxy = [
            *proxy_command(),
            *("--ip", "127.0.0.1", "--port", str(self.port)),
            *("--api-ip", "127.0.0.1", "--api-port", str(self.proxy_api)),
            *("--default-target", hub, "--error-target", f"{hub}/hub/error", "--host-routing"),
        ]
        self._run(proxy, "proxy", env)
        config = str(ROOT / "jupyterhub_config.py")
        self._run([sys.executable, "-m", "jupyterhub", "--config", config], "hub", env)
        deadline = time.monotonic() + 280
        while not self._answers():
            ended = any(process.poll() is not None for process in self._processes)
            if ended or time.monotonic() > deadline:
                self.stop()
                raise TimeoutError(f"The Hub does not answer:\n{self.log()[-4000:]}")
            time.sleep(0.2)

    def _run(self, command: list[str], name: str, env: dict[str, str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/hub/health", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def stop(self) -> None:
        """Stop what was started."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            process.wait(30)
        self._processes.clear()

    def log(self) -> str:
        """What the Hub has logged."""
        return (self.folder / "hub.log").read_text(errors="replace")

    def command(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run ``karvdash-hub`` on this Hub's database."""
        return subprocess.run(
            [sys.executable, "-m", "karvdash_hub.cli", *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "KARVDASH_STATE_DIR": str(self.state_dir)},
        )

    def add(self, name: str, *, email: str = "", admin: bool = False) -> str:
        """Add an account; return its password."""
        password = secrets.token_urlsafe(12)
        add_account(self.state_dir, name, password, email=email, admin=admin)
        return password

    def api(self, method: str, path: str, token: str, json: Any = None) -> requests.Response:
        """A request to the Hub's API, below /hub/api."""
        headers = {"Authorization": f"token {token}"}
        return requests.request(method, f"{self.url}/hub/api{path}", headers=headers, json=json, timeout=60)

    def token(self, name: str) -> str:
        """A token of this user, who is made if JupyterHub does not know the user yet."""
        self.api("POST", f"/users/{name}", self.bootstrap)
        made = self.api("POST", f"/users/{name}/tokens", self.bootstrap, {"note": "tests"})
        assert made.status_code in (200, 201), made.text
        return str(made.json()["token"])
