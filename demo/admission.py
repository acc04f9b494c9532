"""The admission server of the demonstration, and the program that makes its certificate.

They listen on the host's end of the cluster's link, because it is the API server that asks. Kubernetes is
told about the webhook by the second program, and forgets it before the server stops: pods of users could not
be made otherwise.
"""

from __future__ import annotations

import json
import ssl
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import ClusterError
from demo.processes import Died

if TYPE_CHECKING:
    from demo.stack import Stack

PORT = 9443
#: Their parts; the order is that of starting.
PARTS = ("admission", "certificate")
#: Their ServiceAccounts are karvdash-<name>.
ACCOUNTS = ("admission", "admission-certificate")
_CONFIGURATION = "mutatingwebhookconfiguration/karvdash-hub"


def server(stack: Stack) -> list[str]:
    """The command line of part ``admission``."""
    return [
        sys.executable, "-m", "karvdash_hub.admission",
        "--listen", f"{stack.cluster.host_address}:{PORT}",
        "--kubeconfig", str(stack.kubeconfig("admission")),
        *_files(stack),
        "--ingress-url", stack.hub_url,
        "--registry", stack.cluster.registry,
    ]  # fmt: skip


def certificate(stack: Stack) -> list[str]:
    """The command line of part ``certificate``."""
    return [
        sys.executable, "-m", "karvdash_hub.admission.certificate",
        "--url", _url(stack),
        "--kubeconfig", str(stack.kubeconfig("admission-certificate")),
        *_files(stack),
    ]  # fmt: skip


def wait_until_asked(stack: Stack, seconds: float = 60) -> None:
    """Wait until the server can judge pods and Kubernetes knows of it.

    Raises: Died with the end of a log.
    """
    deadline = time.monotonic() + seconds
    while problem := _missing(stack):
        dead = [part for part in PARTS if stack.processes[part].pid is None]
        if dead or time.monotonic() > deadline:
            logs = "\n".join(stack.processes[part].last_lines() for part in dead or PARTS)
            raise Died(f"The admission server at {_url(stack)} is not in use: {problem}\n{logs}")
        time.sleep(0.1)


def withdraw(stack: Stack) -> None:
    """Stop the certificate program, then make Kubernetes forget the webhook."""
    stack.processes["certificate"].stop()
    if not _has_api_server(stack):
        return  # nobody would be asked; the next start puts everything right
    try:
        stack.cluster.kubectl("delete", _CONFIGURATION, "--ignore-not-found")
    except ClusterError as error:
        print(f"The webhook stays configured, so users' pods wait for the next start: {error}")


def _has_api_server(stack: Stack) -> bool:
    try:
        return stack.cluster.status()["kube-apiserver"] is not None
    except ClusterError:  # the cluster has never been started
        return False


def _missing(stack: Stack) -> str:
    """Why pods do not get their volumes yet; empty when they do."""
    try:
        context = ssl.create_default_context(cafile=_folder(stack) / "ca.crt")
        with urllib.request.urlopen(f"{_url(stack)}/readyz", context=context, timeout=5):  # noqa: S310
            pass
        found = stack.cluster.kubectl("get", _CONFIGURATION, "--ignore-not-found", "--output=json")
    except (OSError, ClusterError) as error:
        return str(error)
    hooks = json.loads(found)["webhooks"] if found else []
    asked = [hook["clientConfig"].get("url") for hook in hooks]
    return "" if asked == [f"{_url(stack)}/mutate"] else "Kubernetes has not been told about it"


def _url(stack: Stack) -> str:
    return f"https://{stack.cluster.host_address}:{PORT}"


def _folder(stack: Stack) -> Path:
    return stack.state / "admission"


def _files(stack: Stack) -> list[str]:
    folder = _folder(stack)
    return ["--cert-file", str(folder / "tls.crt"), "--key-file", str(folder / "tls.key")]
