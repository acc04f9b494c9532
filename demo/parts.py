"""The parts of the demonstration: command line and environment of each.

To add one: a name in ``PARTS`` (they start in that order and stop in the other), a function in ``_COMMANDS``,
and the step of ``Stack.up`` that starts it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demo import admission
from demo.node import proxy_command

if TYPE_CHECKING:
    from demo.stack import Stack

ROOT = Path(__file__).parent.parent
PARTS = (*admission.PARTS, "files", "gate", "proxy", "hub", "front")
HUB_PORT = 8081


@dataclass(frozen=True)
class Ports:
    """The loopback ports of one demonstration: ``front`` is the one that people use."""

    front: int

    @property
    def proxy(self) -> int:
        """configurable-http-proxy, public side."""
        return self.front + 1

    @property
    def proxy_api(self) -> int:
        """configurable-http-proxy, where the Hub adds routes."""
        return self.front + 2

    @property
    def gate(self) -> int:
        """The gate, asked by the front."""
        return self.front + 3

    @property
    def files(self) -> int:
        """The files process, asked by the Hub."""
        return self.front + 4

    @property
    def domain(self) -> str:
        """Host and port of the Hub; services are below it."""
        return f"localhost:{self.front}"


def command(stack: Stack, part: str) -> list[str]:
    """The command line of a part."""
    return _COMMANDS[part](stack)


def environment(stack: Stack, part: str) -> dict[str, str]:
    """What a part finds in its environment; only the Hub and the proxy find secrets there."""
    hidden = ("KUBECONFIG", "JUPYTERHUB_API_TOKEN")
    common = {key: value for key, value in os.environ.items() if key not in hidden}
    common["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    common["PYTHONUNBUFFERED"] = "1"
    own = _ENVIRONMENTS.get(part)
    return common | (own(stack) if own else {})


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _hub_api(stack: Stack) -> str:
    return f"http://{stack.cluster.host_address}:{HUB_PORT}"


def _files(stack: Stack) -> list[str]:
    return [
        *_module("karvdash_hub.files"),
        "--listen", f"127.0.0.1:{stack.ports.files}",
        "--root", str(stack.files_dir),
        "--token-file", str(stack.secret("files")),
    ]  # fmt: skip


def _gate(stack: Stack) -> list[str]:
    return [
        *_module("karvdash_hub.gate"),
        "--listen", f"127.0.0.1:{stack.ports.gate}",
        "--hub-api", f"{_hub_api(stack)}/hub/api",
        "--hub-url", stack.hub_url,
        "--domain", stack.ports.domain,
        "--kubeconfig", str(stack.kubeconfig("gate")),
        "--token-file", str(stack.secret("gate")),
        "--key-file", str(stack.state / "secrets" / "gate.key"),
        "--pod-cidr", stack.cluster.pod_cidr,
    ]  # fmt: skip


def _proxy(stack: Stack) -> list[str]:
    return [
        *proxy_command(),
        "--ip", "127.0.0.1", "--port", str(stack.ports.proxy),
        "--api-ip", "127.0.0.1", "--api-port", str(stack.ports.proxy_api),
        "--default-target", _hub_api(stack),
        "--error-target", f"{_hub_api(stack)}/hub/error",
        "--host-routing",
    ]  # fmt: skip


def _hub(stack: Stack) -> list[str]:
    return [*_module("jupyterhub"), "--config", str(ROOT / "jupyterhub_config.py")]


def _front(stack: Stack) -> list[str]:
    return [
        *_module("karvdash_hub.front"),
        "--config-dir", str(stack.state / "front"),
        "--listen", f"127.0.0.1:{stack.ports.front}",
        "--hub-proxy", f"127.0.0.1:{stack.ports.proxy}",
        "--gate", f"127.0.0.1:{stack.ports.gate}",
        "--domain", stack.ports.domain,
    ]  # fmt: skip


def _proxy_environment(stack: Stack) -> dict[str, str]:
    return {"CONFIGPROXY_AUTH_TOKEN": stack.secret("proxy").read_text()}


def _hub_environment(stack: Stack) -> dict[str, str]:
    """See jupyterhub_config.py."""
    return {
        **_proxy_environment(stack),
        "KARVDASH_PUBLIC_URL": stack.hub_url,
        "KARVDASH_BIND_URL": f"http://127.0.0.1:{stack.ports.proxy}",
        "KARVDASH_KUBECONFIG": str(stack.kubeconfig("hub")),
        "KARVDASH_HUB_IP": stack.cluster.host_address,
        "KARVDASH_HUB_PORT": str(HUB_PORT),
        "KARVDASH_STATE_DIR": str(stack.hub_dir),
        "KARVDASH_REGISTRY": stack.cluster.registry,
        "KARVDASH_POD_CIDR": stack.cluster.pod_cidr,
        # The cluster's only node sees this machine's folders.
        "KARVDASH_FILES_URL": stack.files_dir.as_uri(),
        "KARVDASH_FILES_API": f"http://127.0.0.1:{stack.ports.files}",
        "KARVDASH_FILES_TOKEN_FILE": str(stack.secret("files")),
        "KARVDASH_GATE_TOKEN_FILE": str(stack.secret("gate")),
        "KARVDASH_BOOTSTRAP_TOKEN_FILE": str(stack.secret("bootstrap")),
        "KARVDASH_PROXY_API_URL": f"http://127.0.0.1:{stack.ports.proxy_api}",
        **({"KARVDASH_EXTRA_CONFIG": str(stack.extra_config)} if stack.extra_config else {}),
    }


_COMMANDS: dict[str, Callable[[Stack], list[str]]] = {
    "admission": admission.server,
    "certificate": admission.certificate,
    "files": _files,
    "gate": _gate,
    "proxy": _proxy,
    "hub": _hub,
    "front": _front,
}
_ENVIRONMENTS: dict[str, Callable[[Stack], dict[str, str]]] = {
    "hub": _hub_environment,
    "proxy": _proxy_environment,
}
