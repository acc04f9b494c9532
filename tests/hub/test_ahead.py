"""Objects are made before JupyterHub keeps its books, and it knows of the server all the same."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.conftest import HubProcess
from tests.hub.helpers import labelled, launch, wait_until_empty


@pytest.mark.parametrize("step", ["dry-run", "apply"])
def test_jupyterhub_can_interrupt_what_it_has_not_begun(
    stack: Stack, person: Callable[..., Person], hub: HubProcess, step: str
) -> None:
    """Its own API starts the service, calls it pending, and ends it; nothing is left."""
    alice = person()
    hub.restart(f"c.Platform.hold_launches_at = {{'web': {step!r}}}")
    since = len(hub.log())
    path = f"/users/{alice.name}/servers/web"
    started = alice.api("POST", path, {"user_options": {"template": "hello-kubernetes"}})
    assert started.status_code == 202, started.text
    hub.wait_for_log(f"at {step}", since)
    assert alice.api("GET", path).json()["pending"] == "spawn"
    again = alice.api("POST", path, {"user_options": {"template": "hello-kubernetes"}})
    assert again.status_code == 202, again.text

    assert alice.api("DELETE", path, {"remove": True}).status_code in (202, 204)
    deadline = time.monotonic() + 30
    while alice.api("GET", path).status_code != 404:
        assert time.monotonic() < deadline, alice.api("GET", path).text
        time.sleep(0.2)
    wait_until_empty(stack, alice)


def test_jupyterhubs_limit_decides_before_anything_exists(
    stack: Stack, person: Callable[..., Person], hub: HubProcess
) -> None:
    alice = person()
    hub.restart("c.JupyterHub.active_server_limit = 1")
    launch(alice, "hello-kubernetes", NAME="one")
    alice.wait_for("one", "running")
    before = labelled(stack, alice)
    refused = alice.api("POST", "/karvdash/services/", {"id": "hello-kubernetes", "NAME": "two"})
    assert refused.status_code == 429, refused.text
    assert "Active user limit exceeded" in refused.json()["error"]
    assert labelled(stack, alice) == before
    assert [one["name"] for one in alice.api("GET", "/karvdash/services/").json()["objects"]] == ["one"]


def test_the_token_that_no_pod_gets_may_do_next_to_nothing(person: Callable[..., Person]) -> None:
    """JupyterHub makes one for every server; a service's has the one scope that cannot be left out."""
    alice = person()
    launch(alice, "hello-kubernetes", NAME="web")
    alice.wait_for("web", "running")
    # JupyterHub's books come after the objects.
    deadline = time.monotonic() + 10
    while not alice.api("GET", f"/users/{alice.name}/servers/web").json()["ready"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    tokens = alice.api("GET", f"/users/{alice.name}/tokens").json()["api_tokens"]
    found = [one["scopes"] for one in tokens if one["note"].startswith("Server at")]
    # JupyterHub adds what tells whose token it is.
    rights = [{one for one in scopes if not one.startswith("read:users:")} for scopes in found]
    assert rights == [{f"users:activity!user={alice.name}"}]
