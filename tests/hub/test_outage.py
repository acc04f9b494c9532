"""Kubernetes is away: the Hub stays up, stops nothing, says so, and is right again when it is back."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import yaml

from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.conftest import HubProcess
from tests.hub.forwarder import Forwarder
from tests.hub.helpers import labelled, launch, wait_until_empty
from tests.notebook.server import NotebookServer

#: Seconds that Kubernetes is away. KubeSpawner's own watches would end the Hub after 5; whatever else looks
#: at servers from time to time does so several times meanwhile (IMPATIENT). The longest times are the
#: watches' own (ten minutes) and the reconciler's (five), to be seen with KARVDASH_OUTAGE_SECONDS=630.
LONG_ENOUGH = float(os.environ.get("KARVDASH_OUTAGE_SECONDS") or 20)
#: JupyterHub's and KubeSpawner's clocks, a tenth of what they are by default or less.
IMPATIENT = (
    # KubeSpawner's watches pause for 0.2 s, 0.4 s and so on, and after 53 s end the Hub: here after 5.
    "import asyncio, types, kubespawner.reflector",
    "hurried = {**vars(asyncio), 'sleep': lambda seconds: asyncio.sleep(seconds / 10)}",
    "kubespawner.reflector.asyncio = types.SimpleNamespace(**hurried)",
    "c.Spawner.poll_interval = 3",
    "c.Spawner.http_timeout = 3",
    "c.JupyterHub.last_activity_interval = 5",
    "c.JupyterHub.proxy_check_interval = 5",
    "c.JupyterHub.service_check_interval = 5",
    "c.KubeSpawner.k8s_api_request_retry_timeout = 5",
    "c.Platform.stuck_patience = 3",
    "c.Platform.launch_timeout = 15",
)
#: Seconds in which everything has to be right again.
SOON = 10.0


@pytest.fixture
def way(stack: Stack, hub: HubProcess) -> Iterator[Forwarder]:
    """The Hub reaches the API server only by this."""
    path = stack.kubeconfig("hub")
    before = path.read_text()
    config = yaml.safe_load(before)
    cluster = config["clusters"][0]["cluster"]
    address = urlsplit(cluster["server"])
    forwarder = Forwarder(str(address.hostname), address.port or 443)
    cluster["server"] = f"https://127.0.0.1:{forwarder.port}"
    cluster["tls-server-name"] = address.hostname
    path.write_text(json.dumps(config))
    try:
        hub.restart()
        yield forwarder
    finally:
        path.write_text(before)
        hub.stop()
        forwarder.end()


def wait_for_message(somebody: Person, name: str, words: str, seconds: float = 30) -> str:
    """Wait until a service says this."""
    deadline = time.monotonic() + seconds
    while words not in (message := str(somebody.service(name)["message"])):
        assert time.monotonic() < deadline, message
        time.sleep(0.2)
    return message


@pytest.mark.slow
@pytest.mark.timeout(400 + LONG_ENOUGH)
def test_kubernetes_goes_and_comes_back(
    stack: Stack, person: Callable[..., Person], hub: HubProcess, way: Forwarder
) -> None:
    """With services and a notebook running: the Hub stays up, stops nothing, and is right within seconds."""
    alice = person()
    notebook = NotebookServer(alice)
    notebook.start()
    hub.restart(*IMPATIENT)  # not before: JupyterLab takes longer than that to answer for the first time
    (pod,) = notebook.pods()
    since, process = len(hub.log()), stack.processes["hub"].pid
    launch(alice, "hello-kubernetes")
    alice.wait_for("hello-kubernetes", "running")
    launch(alice, "hello-kubernetes", NAME="asleep")
    alice.wait_for("asleep", "running")
    alice.api("POST", "/karvdash/services/asleep/stop")
    alice.wait_for("asleep", "stopped")
    before = labelled(stack, alice)

    way.close()
    message = wait_for_message(alice, "hello-kubernetes", "Kubernetes has not answered since")
    assert "What you see is from then." in message
    assert alice.service("hello-kubernetes")["state"] == "running"
    for method, path in (
        ("POST", "/karvdash/services/hello-kubernetes/stop"),
        ("POST", "/karvdash/services/asleep/start"),
        ("DELETE", "/karvdash/services/hello-kubernetes/"),
        ("DELETE", f"/users/{alice.name}/servers/hello-kubernetes"),
        ("DELETE", f"/users/{alice.name}/server"),
    ):
        answer = alice.api(method, path)
        assert answer.status_code == 503, f"{method} {path}: {answer.status_code} {answer.text}"
    assert alice.api("POST", "/karvdash/services/", {"id": "hello-kubernetes"}).status_code == 503
    assert len(alice.api("GET", "/karvdash/services/").json()["objects"]) == 2

    away_until = time.monotonic() + LONG_ENOUGH
    while time.monotonic() < away_until:
        time.sleep(2)
        states = {
            one["name"]: one["state"] for one in alice.api("GET", "/karvdash/services/").json()["objects"]
        }
        assert states == {"hello-kubernetes": "running", "asleep": "stopped"}
        assert notebook.model()["ready"]
    assert notebook.card()["state"] == "running"
    assert notebook.get("/api/status", alice.token).status_code == 200
    assert before == labelled(stack, alice)

    # Meanwhile somebody deletes the service by hand.
    anchor = ["delete", "configmap", "karvdash-hello-kubernetes", "--namespace", f"karvdash-{alice.name}"]
    stack.cluster.kubectl(*anchor)
    way.open()
    opened = time.monotonic()
    alice.wait_for("hello-kubernetes", "stopped", seconds=SOON)
    took = time.monotonic() - opened
    print(f"right again {took:.1f} s after Kubernetes was back; it had been away for {LONG_ENOUGH:.0f} s")
    assert alice.service("asleep")["message"] == "Stopped."
    (after,) = notebook.pods()
    assert (after["metadata"]["uid"], notebook.model()["ready"]) == (pod["metadata"]["uid"], True)
    assert stack.processes["hub"].pid == process
    assert "halting" not in hub.log(since)
    assert alice.api("POST", "/karvdash/services/asleep/start").status_code == 200
    alice.wait_for("asleep", "running")
    notebook.stop()


def test_a_hub_that_starts_without_kubernetes(
    stack: Stack, person: Callable[..., Person], hub: HubProcess, way: Forwarder
) -> None:
    """It stops nothing and answers; what it does not know it says."""
    alice = person()
    launch(alice, "hello-kubernetes")
    alice.wait_for("hello-kubernetes", "running")
    before = labelled(stack, alice)
    way.close()
    hub.restart()
    service = alice.service("hello-kubernetes")
    assert service["state"] != "stopped", service
    assert "Kubernetes" in wait_for_message(alice, "hello-kubernetes", "Kubernetes")
    way.open()
    alice.wait_for("hello-kubernetes", "running")
    assert before == labelled(stack, alice)


def test_what_was_deleted_while_the_hub_was_down_is_stopped(
    stack: Stack, person: Callable[..., Person], hub: HubProcess
) -> None:
    """Its settings are kept, and it can be started."""
    alice = person()
    launch(alice, "hello-kubernetes", MESSAGE="kept")
    alice.wait_for("hello-kubernetes", "running")
    hub.stop()
    namespace = f"karvdash-{alice.name}"
    stack.cluster.kubectl("delete", "configmap", "karvdash-hello-kubernetes", "--namespace", namespace)
    wait_for_no_objects(stack, namespace)
    hub.start()
    assert alice.wait_for("hello-kubernetes", "stopped")["values"]["MESSAGE"] == "kept"
    alice.api("POST", "/karvdash/services/hello-kubernetes/start")
    alice.wait_for("hello-kubernetes", "running")


def test_what_disappears_while_the_hub_runs_is_stopped_at_once(
    stack: Stack, person: Callable[..., Person]
) -> None:
    """Not at JupyterHub's next poll, half a minute later."""
    alice = person()
    launch(alice, "hello-kubernetes")
    alice.wait_for("hello-kubernetes", "running")
    stack.cluster.kubectl(
        "delete", "configmap", "karvdash-hello-kubernetes", "--namespace", f"karvdash-{alice.name}"
    )
    wait_until_empty(stack, alice)
    alice.wait_for("hello-kubernetes", "stopped", seconds=5)


@pytest.mark.parametrize(
    ("lost", "logged"),
    [
        pytest.param("jupyterhub.sqlite", "do not know", id="JupyterHub's database"),
        pytest.param("karvdash.sqlite", "of another Hub", id="our database"),
    ],
)
def test_an_empty_database_deletes_nothing(
    stack: Stack, person: Callable[..., Person], hub: HubProcess, lost: str, logged: str
) -> None:
    alice = person()
    launch(alice, "hello-kubernetes")
    alice.wait_for("hello-kubernetes", "running")
    before = labelled(stack, alice)
    hub.stop()
    moved = [file.rename(file.with_suffix(file.suffix + ".away")) for file in stack.hub_dir.glob(f"{lost}*")]
    since = len(hub.log())
    try:
        hub.start()
        hub.wait_for_log(logged, since)
        time.sleep(3)
        namespace = f"karvdash-{alice.name}"
        found = stack.cluster.kubectl(
            "get", "deployments,configmaps", "--namespace", namespace, "--output", "name"
        )
        assert "deployment.apps/hello-kubernetes" in found
        assert "configmap/karvdash-hello-kubernetes" in found
    finally:
        hub.stop()
        for file in stack.hub_dir.glob(f"{lost}*"):
            if file not in moved:
                file.unlink()
        for file in moved:
            file.rename(file.with_name(file.name.removesuffix(".away")))
        hub.start()
    assert alice.wait_for("hello-kubernetes", "running")
    assert before == labelled(stack, alice)


def wait_for_no_objects(stack: Stack, namespace: str) -> None:
    """Wait until no pod is left in a namespace."""
    deadline = time.monotonic() + 60
    while stack.cluster.kubectl(
        "get", "pods,deployments", "--namespace", namespace, "--output", "name"
    ).strip():
        assert time.monotonic() < deadline
        time.sleep(0.2)
