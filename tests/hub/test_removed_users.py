"""A user who is deleted in the Hub leaves nothing to whoever gets the name next."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import requests

from demo.stack import Stack
from tests.fixtures.stacks import Person, make_person
from tests.hub.conftest import HubProcess
from tests.hub.helpers import BRIEF, launch, namespace_of, upload
from tests.hub_http.test_api import events


def bootstrap(stack: Stack) -> dict[str, str]:
    """The headers of somebody who may delete and make users."""
    return {"Authorization": f"token {(stack.state / 'secrets' / 'bootstrap.token').read_text().strip()}"}


def delete_user(stack: Stack, name: str) -> requests.Response:
    """Delete a user as JupyterHub's admin page does."""
    return requests.delete(f"{stack.hub_url}/hub/api/users/{name}", headers=bootstrap(stack), timeout=120)


def wait_until_gone(stack: Stack, namespace: str, seconds: float = 120) -> None:
    """Wait until Kubernetes has deleted a namespace."""
    deadline = time.monotonic() + seconds
    while stack.cluster.kubectl("get", "namespace", namespace, "--ignore-not-found", "--output", "name"):
        assert time.monotonic() < deadline, f"{namespace} is still there"
        time.sleep(0.2)


def make_again(stack: Stack, name: str, seconds: float = 60) -> Person:
    """Make the person once more, as soon as the Hub allows it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = requests.post(
            f"{stack.hub_url}/hub/api/users/{name}",
            headers=bootstrap(stack),
            timeout=60,
        )
        if answer.status_code == 201:
            return make_person(stack, name)
        # JupyterHub keeps the reason for its log; who signs in reads it.
        assert (answer.status_code, "Failed to create user" in answer.text) == (400, True), answer.text
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)


def test_a_namesake_starts_with_nothing(stack: Stack, person: Callable[..., Person]) -> None:
    """Running services, a stopped one, and the account go; the name is free when the namespace is gone."""
    alice = person()
    launch(alice, upload(alice, BRIEF), NAME="running")
    alice.wait_for("running", "running")
    launch(alice, "hello-kubernetes", NAME="stopped")
    alice.wait_for("stopped", "running")
    alice.api("POST", "/karvdash/services/stopped/stop")
    alice.wait_for("stopped", "stopped")
    namespace = namespace_of(alice)
    open_page = alice.api("GET", "/karvdash/events", stream=True)

    answer = delete_user(stack, alice.name)
    assert answer.status_code == 204, answer.text

    wait_until_gone(stack, namespace)
    namesake = make_again(stack, alice.name)
    assert namesake.api("GET", "/karvdash/services/").json()["objects"] == []
    launch(namesake, upload(namesake, BRIEF), NAME="of-the-next")
    namesake.wait_for("of-the-next", "running")
    with open_page:
        heard = [data for _, data, _ in events(open_page)]
    assert "of-the-next" not in json.dumps(heard)


def test_a_user_whose_service_has_just_become_ready(
    stack: Stack, person: Callable[..., Person], hub: HubProcess
) -> None:
    """Everybody hears of that before JupyterHub has done its part; nobody is told to try again for it."""
    hub.restart("from karvdash_hub.spawner import spawner", "spawner._TOLD = 0.5")
    alice = person()
    launch(alice, upload(alice, BRIEF))
    alice.wait_for("brief", "running")
    answer = delete_user(stack, alice.name)
    assert answer.status_code == 204, answer.text


def test_a_killed_hub_goes_on_removing(stack: Stack, person: Callable[..., Person], hub: HubProcess) -> None:
    """The row says what is left to do."""
    alice = person()
    launch(alice, upload(alice, BRIEF))
    alice.wait_for("brief", "running")
    namespace = namespace_of(alice)
    assert delete_user(stack, alice.name).status_code == 204
    hub.kill()
    hub.start()
    wait_until_gone(stack, namespace)
    assert make_again(stack, alice.name).api("GET", "/karvdash/services/").json()["objects"] == []
