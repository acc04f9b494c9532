"""A Hub that has lost a database: what still runs is listed, adopted without a break, or deleted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.parts import HUB_PORT
from demo.stack import Stack
from tests.fixtures.stacks import Person, make_person
from tests.hub.conftest import HubProcess
from tests.hub.helpers import labelled, launch, namespace_of, wait_until_empty

OURS, JUPYTERHUBS = "karvdash.sqlite", "jupyterhub.sqlite"


def adopt(stack: Stack, *arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``karvdash-hub adopt`` as an administrator."""
    token = token or (stack.state / "secrets" / "bootstrap.token").read_text()
    api = f"http://{stack.cluster.host_address}:{HUB_PORT}/hub/api"
    return subprocess.run(
        [sys.executable, "-m", "karvdash_hub.cli", "adopt", "--hub-api", api, *arguments],
        env={**os.environ, "JUPYTERHUB_API_TOKEN": token},
        text=True,
        capture_output=True,
    )


def listed(stack: Stack, namespace: str) -> list[tuple[str, ...]]:
    """User, service and template of what may be adopted in a namespace."""
    done = adopt(stack, "list")
    assert done.returncode == 0, done.stderr
    rows = [tuple(line.split("\t")) for line in done.stdout.splitlines()]
    return [row[1:4] for row in rows if row[0] == namespace]


@pytest.fixture
def lose(stack: Stack, hub: HubProcess, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Take a database away and restart the Hub; after the test it is as it was."""
    lost: list[str] = []

    def swap(name: str, source: Path, target: Path) -> None:
        for file in source.glob(f"{name}*"):
            file.rename(target / file.name)

    def take(name: str) -> None:
        hub.stop()
        lost.append(name)
        swap(name, stack.hub_dir, tmp_path)
        hub.start()

    tokens = (stack.state / "env").read_bytes()
    yield take
    hub.stop()
    (stack.state / "env").write_bytes(tokens)  # of the database that comes back
    for name in lost:
        for file in stack.hub_dir.glob(f"{name}*"):
            file.unlink()
        swap(name, tmp_path, stack.hub_dir)
    hub.start()


def running(person: Callable[..., Person]) -> Person:
    somebody = person()
    launch(somebody, "hello-kubernetes", NAME="hello", MESSAGE="still here")
    somebody.wait_for("hello", "running")
    return somebody


def pods(stack: Stack, namespace: str) -> list[str]:
    """Identities and restarts of all pods: the same ones, if nothing was interrupted."""
    found = json.loads(stack.cluster.kubectl("get", "pods", "--namespace", namespace, "--output", "json"))
    return sorted(
        f"{item['metadata']['uid']} {status['restartCount']}"
        for item in found["items"]
        for status in item["status"]["containerStatuses"]
    )


def shown(service: dict[str, Any]) -> tuple[Any, ...]:
    return service["state"], service["url"], service["values"]["MESSAGE"], service["template"]["id"]


def test_our_database_is_lost(
    stack: Stack, person: Callable[..., Person], lose: Callable[[str], None]
) -> None:
    alice = running(person)
    namespace, before = namespace_of(alice), shown(alice.service("hello"))
    same_pods = pods(stack, namespace)

    lose(OURS)
    assert listed(stack, namespace) == [(alice.name, "-", "-"), (alice.name, "hello", "hello-kubernetes")]
    refused = alice.api("POST", "/karvdash/services/", {"id": "hello-kubernetes", "NAME": "more"})
    assert refused.status_code == 409
    assert "was made by another Hub" in refused.json()["error"]

    done = adopt(stack, "take", namespace)
    assert (done.returncode, done.stderr) == (
        0,
        f"Adopted {namespace} of {alice.name}.\nAdopted hello of {alice.name}.\n",
    )
    assert listed(stack, namespace) == []
    assert shown(alice.wait_for("hello", "running")) == before
    assert pods(stack, namespace) == same_pods
    alice.api("DELETE", "/karvdash/services/hello/")
    wait_until_empty(stack, alice)


def test_the_database_of_jupyterhub_is_lost(
    stack: Stack, person: Callable[..., Person], lose: Callable[[str], None]
) -> None:
    alice = running(person)
    namespace, before = namespace_of(alice), shown(alice.service("hello"))
    same_pods = pods(stack, namespace)

    lose(JUPYTERHUBS)
    assert listed(stack, namespace) == [(alice.name, "hello", "hello-kubernetes")]
    done = adopt(stack, "take", namespace, "hello")
    assert (done.returncode, done.stderr) == (0, f"Adopted hello of {alice.name}.\n")
    again = make_person(stack, alice.name)
    assert shown(again.wait_for("hello", "running")) == before
    assert pods(stack, namespace) == same_pods
    again.api("POST", "/karvdash/services/hello/stop")
    again.wait_for("hello", "stopped")
    assert again.api("POST", "/karvdash/services/hello/start").ok
    assert shown(again.wait_for("hello", "running")) == before
    again.remove_everything()


def test_it_is_deleted_instead(
    stack: Stack, person: Callable[..., Person], lose: Callable[[str], None]
) -> None:
    alice = running(person)
    namespace = namespace_of(alice)
    lose(OURS)
    done = adopt(stack, "delete", namespace, "hello", "--yes")
    assert (done.returncode, done.stderr) == (0, f"Deleted hello in {namespace}.\n")
    wait_until_empty(stack, alice)
    assert listed(stack, namespace) == [(alice.name, "-", "-")]


def test_a_namespace_that_names_somebody_else_is_refused(stack: Stack, person: Callable[..., Person]) -> None:
    """Its annotation is all that says whose it is; the name has to agree."""
    alice, bob = person(), person()
    manifest = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": f"karvdash-{alice.name}x",
            "labels": {"karvdash.io/injected": "true"},
            "annotations": {"karvdash.io/hub": "another", "karvdash.io/user": bob.name},
        },
    }
    name = manifest["metadata"]["name"]  # type: ignore[index]
    stack.cluster.kubectl("apply", "--filename", "-", text_in=json.dumps(manifest))
    try:
        while not listed(stack, name):
            pass
        done = adopt(stack, "take", name)
        assert done.returncode == 1
        assert f"says that it belongs to '{bob.name}', whose namespace is karvdash-{bob.name}" in done.stderr
        assert adopt(stack, "delete", name, "--yes").returncode == 0
    finally:
        stack.cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


def test_only_for_administrators(stack: Stack, person: Callable[..., Person]) -> None:
    alice = person()
    for arguments in (("list",), ("take", "karvdash-x"), ("delete", "karvdash-x", "--yes")):
        done = adopt(stack, *arguments, token=alice.token)
        assert done.returncode == 1
        assert "The Hub answered 403" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(
            ("take", "karvdash-nobody"), "404: There is nothing to adopt or delete: namespace", id="no"
        ),
        pytest.param(
            ("take", "default", "x"), "404: There is nothing to adopt or delete: service x", id="other"
        ),
        pytest.param(("delete", "kube-system", "--yes"), "404: There is nothing", id="not one of ours"),
    ],
)
def test_nothing_to_adopt(stack: Stack, arguments: tuple[str, ...], said: str) -> None:
    done = adopt(stack, *arguments)
    assert done.returncode == 1
    assert said in done.stderr


def test_the_hub_has_to_run(stack: Stack, hub: HubProcess) -> None:
    hub.stop()
    done = adopt(stack, "list")
    assert done.returncode == 1
    assert "It has to run for this." in done.stderr


def test_what_is_looked_after_is_not_listed(stack: Stack, person: Callable[..., Person]) -> None:
    alice = running(person)
    assert listed(stack, namespace_of(alice)) == []
    assert "ConfigMap/karvdash-hello" in labelled(stack, alice)
