"""Hub, files, admission and policies come up in any order; what people do meanwhile waits."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from cluster.errors import ClusterError
from demo import admission
from demo.stack import ROOT, Stack
from tests.fixtures.stacks import Person
from tests.hub.helpers import namespace_of

BINDINGS = "validatingadmissionpolicybindings"
OURS = "app.kubernetes.io/part-of=karvdash-hub"
CONFIG = ("--config", str(ROOT / "jupyterhub_config.py"))


class Parts:
    """The four, each to be taken away and brought back."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.away: list[str] = []

    def stop(self) -> None:
        """Take all of them away; the webhook stays configured, as after a power cut."""
        self.away = ["policies", "admission", "files", "hub"]
        self.stack.processes["hub"].stop()
        self.stack.processes["files"].stop()
        for part in reversed(admission.PARTS):
            self.stack.processes[part].kill()
        # Not the Hub's own fence: without any binding the API server would never look at changed parameters
        # again (docs/reference/policies.md), and other tests change them.
        self.stack.cluster.kubectl(
            "delete", BINDINGS, "--selector", OURS, "--field-selector", "metadata.name!=karvdash-hub"
        )

    def start(self, part: str) -> None:
        """Bring one back, without waiting for what it can do."""
        if part == "policies":
            kubeconfig = str(self.stack.cluster.kubeconfig)
            self.stack.hub_command("policies", "apply", *CONFIG, "--kubeconfig", kubeconfig)
        elif part == "admission":
            self.stack.start_parts(admission.PARTS)
        else:
            self.stack.start_parts((part,))
        if part == "hub":
            self.stack.wait_for(f"{self.stack.hub_url}/hub/health", "hub")
        self.away.remove(part)


@pytest.fixture
def parts(stack: Stack) -> Iterator[Parts]:
    made = Parts(stack)
    yield made
    for part in list(made.away):
        made.start(part)
    admission.wait_until_asked(stack)


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(("hub", "files", "admission", "policies"), id="Hub first"),
        pytest.param(("policies", "admission", "files", "hub"), id="Hub last"),
        pytest.param(("files", "hub", "policies", "admission"), id="webhook last"),
    ],
)
def test_a_launch_in_between_works_in_the_end(
    stack: Stack, parts: Parts, person: Callable[..., Person], order: tuple[str, ...]
) -> None:
    """Launched as soon as the Hub answers, with whatever else is there by then."""
    alice = person()
    namespace = namespace_of(alice)
    parts.stop()
    answers: list[requests.Response] = []
    launching: threading.Thread | None = None

    def launch() -> None:
        answers.append(alice.api("POST", "/karvdash/services/", {"id": "hello-kubernetes", "NAME": "hello"}))

    for part in order:
        parts.start(part)
        if part == "hub":
            launching = threading.Thread(target=launch)
            launching.start()
    assert launching is not None
    launching.join(120)
    assert [answer.status_code for answer in answers] == [201], answers[0].text
    alice.wait_for("hello", "running", seconds=120)
    assert mounts(stack, namespace) >= {"/private", "/shared", "/var/lib/karvdash"}
    assert "spec.type: NodePort is not allowed" in refused_node_port(stack, namespace)


def mounts(stack: Stack, namespace: str) -> set[str]:
    """Where the service's pod has volumes."""
    found = stack.cluster.kubectl(
        "get", "pods", "--namespace", namespace, "--selector", "karvdash.io/server=hello", "--output", "json"
    )
    return {
        mount["mountPath"]
        for pod in json.loads(found)["items"]
        for container in pod["spec"]["containers"]
        for mount in container["volumeMounts"]
    }


def refused_node_port(stack: Stack, namespace: str) -> str:
    """What the policies answer to a user who wants a port of the node; "" if there are none."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "out", "namespace": namespace},
        "spec": {"type": "NodePort", "selector": {"app": "out"}, "ports": [{"port": 80}]},
    }
    user = f"--as=system:serviceaccount:{namespace}:default"
    arguments = ("create", user, "--dry-run=server", "--filename", "-")
    # The API server reads bindings some moments after they are made.
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            stack.cluster.kubectl(*arguments, text_in=json.dumps(service))
        except ClusterError as refusal:
            return str(refusal)
        time.sleep(0.5)
    return ""
