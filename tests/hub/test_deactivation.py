"""Deactivating ends everything that a person has within a minute, and activating brings it back."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import yaml

from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.helpers import launch, namespace_of
from tests.hub_http.session import sign_in

#: What the design promises (seconds).
SOON = 60.0
RULE = ["create", "rolebinding", "mine", "--clusterrole=admin"]


@pytest.fixture
def boss(person: Callable[..., Person]) -> Person:
    """An administrator."""
    return person(admin=True)


class Cluster:
    """The API server, as anybody with a token sees it."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        cluster = yaml.safe_load(Path(stack.cluster.kubeconfig).read_text())["clusters"][0]["cluster"]
        self.server = cluster["server"]
        self._authority = folder / "ca.pem"
        self._authority.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))

    def pods(self, namespace: str, token: str) -> int:
        """Status of a list of pods."""
        return requests.get(
            f"{self.server}/api/v1/namespaces/{namespace}/pods",
            headers={"Authorization": f"Bearer {token}"},
            verify=str(self._authority),
            timeout=30,
        ).status_code


def wait_until(there: Callable[[], bool], what: str, seconds: float = SOON) -> None:
    """Wait for something that was promised."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


def bindings(stack: Stack, namespace: str) -> set[str]:
    """Whom the role bindings of a namespace give rights to."""
    found = json.loads(
        stack.cluster.kubectl("get", "rolebindings", "--namespace", namespace, "--output", "json")
    )
    return {subject["name"] for item in found["items"] for subject in item["subjects"]}


def test_deactivation_ends_everything_and_activation_brings_it_back(
    stack: Stack, person: Callable[..., Person], boss: Person, tmp_path: Path
) -> None:
    alice, cluster = person(), Cluster(stack, tmp_path)
    launch(alice, "hello-kubernetes", NAME="hello")
    alice.wait_for("hello", "running")
    namespace, browser = namespace_of(alice), sign_in(alice)
    stack.cluster.kubectl("create", "serviceaccount", "mine", "--namespace", namespace)
    stack.cluster.kubectl(*RULE, f"--serviceaccount={namespace}:mine", "--namespace", namespace)
    tokens = [
        stack.cluster.kubectl("create", "token", account, "--namespace", namespace).strip()
        for account in ("default", "mine")
    ]
    assert [cluster.pods(namespace, token) for token in tokens] == [200, 200]

    def opens() -> int:
        # By the address: not every resolver knows names below localhost.
        headers = {
            "Authorization": f"token {alice.token}",
            "Host": f"hello-{alice.name}.{stack.ports.domain}",
        }
        url = f"http://127.0.0.1:{stack.ports.front}/"
        return requests.get(url, headers=headers, allow_redirects=False, timeout=30).status_code

    assert opens() == 200
    changed = boss.api("PATCH", f"/karvdash/users/{alice.name}/", {"active": False, "services": "keep"})
    assert (changed.status_code, changed.json()["state"]) == (200, "deactivated"), changed.text
    assert browser.get("/hub/account", follow=False).status_code == 302
    assert alice.api("GET", "/user").status_code == 403
    for token in tokens:
        wait_until(lambda t=token: cluster.pods(namespace, t) in (401, 403), "the token still works")
    wait_until(lambda: opens() != 200, "the service still opens")
    assert bindings(stack, namespace) == {"karvdash-hub"}
    pods = stack.cluster.kubectl("get", "pods", "--namespace", namespace, "--output", "name")
    assert "hello" in pods
    started = boss.api("POST", f"/users/{alice.name}/servers/hello")
    assert started.status_code >= 400

    answer = boss.api("PATCH", f"/karvdash/users/{alice.name}/", {"active": True})
    assert answer.json()["state"] == "active"
    wait_until(lambda: "default" in bindings(stack, namespace), "the binding is not back")
    assert cluster.pods(namespace, tokens[0]) == 401, "an old token lives again"
    again = sign_in(alice)
    assert "hello" in again.get("/hub/home").text
    started = again.post("/hub/launch/hello-kubernetes", {"var.NAME": "second"})
    assert "/hub/service/second" in started.url, started.text[-3000:]


def test_deactivation_stops_what_runs(stack: Stack, person: Callable[..., Person], boss: Person) -> None:
    alice = person()
    launch(alice, "redis", NAME="cache")
    alice.wait_for("cache", "running")
    namespace = namespace_of(alice)
    page = sign_in(boss)
    answer = page.post(f"/hub/accounts/{alice.name}/deactivate", {"services": "stop"})
    assert answer.status_code == 200, answer.text[-3000:]

    def runs() -> bool:
        selector = "karvdash.io/server=cache"
        found = stack.cluster.kubectl("get", "pods", "-n", namespace, "-l", selector, "--output", "name")
        return bool(found.strip())

    wait_until(lambda: not runs(), "cache still runs")
    wait_until(lambda: "being ended" not in page.get(f"/hub/accounts/{alice.name}").text, "not done")
    assert page.post(f"/hub/accounts/{alice.name}/activate").status_code == 200
    back = sign_in(alice)
    assert "Stopped" in back.get("/hub/service/cache").text
    assert back.post("/hub/service/cache/start").status_code == 200
    acted = page.get(f"/hub/as/{alice.name}/service/cache")
    assert (acted.status_code, f"You act as {alice.name}" in acted.text) == (200, True)
    assert page.post(f"/hub/as/{alice.name}/service/cache/stop").status_code == 200

    done = page.post(f"/hub/accounts/{alice.name}/delete", {"confirm": "yes"})
    assert done.status_code == 200, done.text[-3000:]
    wait_until(lambda: boss.api("GET", f"/users/{alice.name}").status_code == 404, "the user is there")
    entries = boss.api("GET", f"/karvdash/audit/?user={alice.name}&limit=1000").json()["objects"]
    acts = [(one["actor"], one["action"], one["object"], one["outcome"]) for one in reversed(entries)]
    for expected in (
        (alice.name, "service.launch", "cache", "done"),
        (boss.name, "account.deactivate", "services: stop", "done"),
        (boss.name, "account.activate", "", "done"),
        (boss.name, "act-as", "", "done"),
        (boss.name, "service.stop", "cache", "done"),
        (boss.name, "account.delete", "", "done"),
    ):
        assert expected in acts
