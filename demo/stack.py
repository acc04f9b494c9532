"""All parts of the demonstration, in the order in which they start."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster import Cluster
from cluster.envfile import parse_env, write_env
from demo import admission
from demo.http import call
from demo.packages import install_missing
from demo.parts import HUB_PORT, PARTS, ROOT, Ports, command, environment
from demo.processes import Died, Process
from demo.progress import Steps
from images import push_all

RELEASE = "karvdash"


class Stack:
    """One demonstration: a cluster, and the parts of karvdash_hub as processes of this machine.

    Args:
        name: of the cluster; two stacks of different names run side by side.
        port: of the front on 127.0.0.1; the four ports after it are used as well.
        state: folder of everything that is kept (database, keys, logs, process ids).
        extra_config: a Python file that the Hub's configuration loads last.
    """

    def __init__(
        self, name: str = "demo", *, port: int = 8000, state: Path, extra_config: Path | None = None
    ):
        self.ports = Ports(port)
        self.state = state
        self.extra_config = extra_config
        self.cluster = Cluster(name=name, state=state / "cluster")
        self.processes = {part: Process(part, run=state / "run", log=state / "log") for part in PARTS}

    @property
    def hub_url(self) -> str:
        """The Hub's address in a browser on this machine."""
        return f"http://localhost:{self.ports.front}"

    @property
    def env(self) -> dict[str, str]:
        """What ``.demo/env`` holds."""
        path = self.state / "env"
        return parse_env(path.read_text()) if path.exists() else {}

    @property
    def running(self) -> bool:
        """Whether every part runs."""
        return all(process.pid for process in self.processes.values())

    def up(self, steps: Steps | None = None) -> None:
        """Start what is not running, and return when a person can sign in."""
        steps = steps or Steps(6)
        with steps.step("Kubernetes"):
            install_missing(steps.note)
            self.cluster.up(progress=steps.note)
        with steps.step("Container images"):
            push_all(
                self.cluster.registry,
                programs={"kubectl": self.cluster.kubectl_program},
                progress=steps.note,
            )
        with steps.step("Roles, accounts and the Template resource"):
            self.install()
        with steps.step("Admission, proxy, gate, files and Hub"):
            self.start_parts((*admission.PARTS, "proxy", "gate", "files", "hub"))
            admission.wait_until_asked(self)
            self.wait_for(f"http://{self.cluster.host_address}:{HUB_PORT}/hub/health", "hub")
        with steps.step("Front"):
            self.start_parts(("front",))
            self.wait_for(f"{self.hub_url}/hub/health", "front")
        with steps.step("Two accounts"):
            self.make_accounts()
        steps.finish()

    def down(self, *, wipe: bool = False) -> None:
        """Stop everything that ``up`` started; ``wipe`` also forgets the state."""
        self.stop_parts()
        self.cluster.down(wipe=wipe)
        if wipe:
            subprocess.run(["rm", "-rf", "--one-file-system", str(self.state)], check=True)

    def stop_parts(self) -> None:
        """Stop front, Hub, proxy, gate, files and admission; the cluster goes on with what runs in it."""
        admission.withdraw(self)
        for part in reversed(PARTS):
            self.processes[part].stop()

    # --- objects and credentials -------------------------------------------------------

    def install(self) -> None:
        """Apply share/rbac and the policies as an admin would, and give each part its own credentials."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": RELEASE}}
        self.cluster.kubectl("apply", "--server-side", "-f", "-", text_in=json.dumps(namespace))
        self.cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "share" / "rbac"))
        self.cluster.kubectl(
            "wait", "--for=condition=Established", "crd/templates.karvdash.carv.ics.forth.gr"
        )
        for account in ("hub", "gate", *admission.ACCOUNTS):
            self._write_kubeconfig(account)
        for name in ("files", "gate", "bootstrap", "proxy"):
            self.secret(name)
        # With the Hub's own configuration: they hold what it relies on.
        config = ("--config", str(ROOT / "jupyterhub_config.py"))
        self.hub_command("policies", "apply", *config, "--kubeconfig", str(self.cluster.kubeconfig))
        write_env(self.state / "env", {"KUBECONFIG": str(self.cluster.kubeconfig), "HUB_URL": self.hub_url})

    def _write_kubeconfig(self, account: str) -> None:
        """A kubeconfig of ServiceAccount karvdash-<account>: the rights of the chart and no more."""
        token = self.cluster.kubectl(
            "create", "token", f"karvdash-{account}", "--namespace", RELEASE, "--duration", "8760h"
        ).strip()
        admin = yaml.safe_load(Path(self.cluster.kubeconfig).read_text())["clusters"][0]["cluster"]
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": admin}],
            "users": [{"name": account, "user": {"token": token}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": account}}],
            "current-context": "local",
        }
        _write_private(self.kubeconfig(account), json.dumps(config, indent=1))

    def kubeconfig(self, account: str) -> Path:
        """Where the kubeconfig of ``hub`` or ``gate`` is."""
        return self.state / "secrets" / f"{account}.kubeconfig"

    def secret(self, name: str) -> Path:
        """A random token, made once."""
        path = self.state / "secrets" / f"{name}.token"
        if not path.exists():
            _write_private(path, secrets.token_hex(32))
        return path

    # --- processes ---------------------------------------------------------------------

    def start_parts(self, parts: tuple[str, ...]) -> None:
        """Start these parts unless they run."""
        for part in parts:
            self.processes[part].start(command(self, part), env=environment(self, part), cwd=self.hub_dir)

    @property
    def hub_dir(self) -> Path:
        """Where the Hub keeps its databases and cookie secret."""
        folder = self.state / "hub"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    @property
    def files_dir(self) -> Path:
        """The tree of all users' files."""
        folder = self.state / "files"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def wait_for(self, url: str, part: str, seconds: float = 60) -> None:
        """Wait until ``url`` answers 2xx; Died with the end of the log if the part does not live."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own http address
                    return
            except (OSError, urllib.error.URLError) as problem:
                process = self.processes[part]
                if process.pid is None or time.monotonic() > deadline:
                    raise Died(
                        f"The {part} does not answer at {url}: {problem}\n{process.last_lines()}"
                    ) from problem
            time.sleep(0.1)

    # --- accounts ----------------------------------------------------------------------

    def make_accounts(self) -> None:
        """An admin and alice, with random passwords and API tokens, once."""
        for key, name, flags in (("ADMIN", "admin", ["--admin"]), ("USER", "alice", [])):
            self.make_account(name, flags=flags, env_prefix=key)

    def make_account(self, name: str, *, flags: list[str], env_prefix: str) -> None:
        """Make one account unless .demo/env has it with a token that still works."""
        known = self.env
        token = known.get(f"{env_prefix}_TOKEN")
        if token and self.api("GET", "/user", token=token)[0] == 200:
            return
        password = known.get(f"{env_prefix}_PASSWORD") or secrets.token_urlsafe(12)
        user_key = "ADMIN_USER" if env_prefix == "ADMIN" else f"{env_prefix}_NAME"
        # Written first: whatever fails below is done again, with the same password, by the next start.
        write_env(self.state / "env", {user_key: name, f"{env_prefix}_PASSWORD": password})
        self.add_user(name, password, *flags)
        bootstrap = self.secret("bootstrap").read_text()
        self.api("POST", f"/users/{name}", {"admin": "--admin" in flags}, token=bootstrap)
        status, answer = self.api("POST", f"/users/{name}/tokens", {"note": "demonstration"}, token=bootstrap)
        if status not in (200, 201):
            raise Died(f"The Hub gave no token for {name}: {status} {answer}")
        write_env(self.state / "env", {f"{env_prefix}_TOKEN": answer["token"]})

    def add_user(self, name: str, password: str, *flags: str) -> None:
        """Make a local account, or give the one that exists this password."""
        accounts = self.hub_command("user", "list").splitlines()
        verb = "password" if any(line.split("\t")[0] == name for line in accounts) else "add"
        self.hub_command(
            "user", verb, name, "--password-stdin", *(flags if verb == "add" else ()), text_in=password
        )

    def hub_command(self, *arguments: str, text_in: str = "") -> str:
        """Run ``karvdash-hub`` and return what it printed. Raises Died with what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "karvdash_hub.cli", *arguments],
            input=text_in, text=True, capture_output=True, env=environment(self, "hub"),
        )  # fmt: skip
        if done.returncode:
            raise Died(f"karvdash-hub {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def api(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str
    ) -> tuple[int, Any]:
        """One call of the Hub's API: (status, JSON or text)."""
        return call(f"{self.hub_url}/hub/api{path}", method, body, token)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
