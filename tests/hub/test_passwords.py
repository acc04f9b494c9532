"""Values of password variables are in the Secret and in the pods, and nowhere else."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.conftest import HubProcess
from tests.hub.helpers import labelled, launch, namespace_of, wait_until_empty


def written(stack: Stack) -> bytes:
    """Everything that the Hub has written to disk: databases, their logs, its log."""
    files = [*Path(stack.hub_dir).glob("*"), stack.processes["hub"].log_file]
    return b"".join(file.read_bytes() for file in files if file.is_file())


def secret(stack: Stack, somebody: Person, name: str) -> dict[str, str]:
    """The values of a Secret, decoded."""
    where = ["--namespace", namespace_of(somebody), "--output", "json"]
    data = json.loads(stack.cluster.kubectl("get", "secret", name, *where))["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def stored(stack: Stack, somebody: Person, server: str) -> str:
    """The password in the Secret of a redis service that outlives a stop."""
    return secret(stack, somebody, f"karvdash-{server}-values")["PASSWORD"]


def started_with(stack: Stack, somebody: Person, server: str) -> str:
    """What the redis container was really given; its template keeps it in Secret <server>."""
    return " ".join(secret(stack, somebody, server).values())


def put(alice: Person, options: dict[str, Any]) -> None:
    """Make a server that is not started."""
    answer = alice.api("PUT", f"/users/{alice.name}/servers/cache", {"user_options": options})
    assert answer.status_code == 201, answer.text


def by_our_api(alice: Person, password: str) -> None:
    launch(alice, "redis", NAME="cache", PASSWORD=password)


def by_the_hubs_post(alice: Person, password: str) -> None:
    options = {"template": "redis", "variables": {"PASSWORD": password}}
    answer = alice.api("POST", f"/users/{alice.name}/servers/cache", {"user_options": options})
    assert answer.status_code == 202, answer.text


def by_put_and_post(alice: Person, password: str) -> None:
    options = {"template": "redis", "variables": {"PASSWORD": password}}
    put(alice, options)
    assert alice.api("POST", f"/users/{alice.name}/servers/cache").status_code == 202


def by_patch_and_post(alice: Person, password: str) -> None:
    put(alice, {})
    options = {"template": "redis", "variables": {"PASSWORD": password}}
    answer = alice.api("PATCH", f"/users/{alice.name}/servers/cache", {"user_options": options})
    assert answer.status_code == 200, answer.text
    assert alice.api("POST", f"/users/{alice.name}/servers/cache").status_code == 202


@pytest.mark.parametrize("door", [by_our_api, by_the_hubs_post, by_put_and_post, by_patch_and_post])
def test_by_whatever_door_it_comes(
    stack: Stack, person: Callable[..., Person], door: Callable[[Person, str], None]
) -> None:
    alice = person()
    password = "pw" + secrets.token_hex(8)
    door(alice, password)
    service = alice.wait_for("cache", "running")
    assert password == stored(stack, alice, "cache")
    assert password in started_with(stack, alice, "cache")

    assert password not in json.dumps(service)
    model = alice.api("GET", f"/users/{alice.name}/servers/cache").json()
    assert password not in json.dumps(model)
    assert model["user_options"]["secrets"] == ["PASSWORD"]
    anchor = stack.cluster.kubectl(
        "get", "configmap", "karvdash-cache", "--namespace", namespace_of(alice), "--output", "json"
    )
    assert password not in anchor
    assert password.encode() not in written(stack)


def test_it_survives_stop_restart_and_change_and_goes_with_the_service(
    stack: Stack, person: Callable[..., Person], hub: HubProcess
) -> None:
    alice = person()
    launch(alice, "redis", NAME="cache", PASSWORD="first-one")
    alice.wait_for("cache", "running")
    alice.api("POST", "/karvdash/services/cache/stop")
    alice.wait_for("cache", "stopped")
    assert labelled(stack, alice) == ["Secret/karvdash-cache-values"]

    hub.restart()
    alice.api("POST", "/karvdash/services/cache/start")
    alice.wait_for("cache", "running")
    assert "first-one" in started_with(stack, alice, "cache")

    # A change of something else keeps it, a change of itself replaces it.
    answer = alice.api("PATCH", "/karvdash/services/cache/", {"size": {"memory": "64Mi"}})
    assert answer.status_code == 200, answer.text
    alice.wait_for("cache", "running")
    assert "first-one" in started_with(stack, alice, "cache")
    answer = alice.api("PATCH", "/karvdash/services/cache/", {"variables": {"PASSWORD": "second-one"}})
    assert answer.status_code == 200, answer.text
    alice.wait_for("cache", "running")
    assert "second-one" in started_with(stack, alice, "cache")
    assert stored(stack, alice, "cache") == "second-one"

    # Changed while stopped, and the Hub restarted before the start.
    alice.api("POST", "/karvdash/services/cache/stop")
    alice.wait_for("cache", "stopped")
    alice.api("PATCH", "/karvdash/services/cache/", {"variables": {"PASSWORD": "third-one"}})
    hub.restart()
    alice.api("POST", "/karvdash/services/cache/start")
    alice.wait_for("cache", "running")
    assert "third-one" in started_with(stack, alice, "cache")

    assert b"first-one" not in written(stack)
    assert b"third-one" not in written(stack)
    alice.api("DELETE", "/karvdash/services/cache/")
    wait_until_empty(stack, alice)


def test_one_that_was_lost_is_asked_for_again(
    stack: Stack, person: Callable[..., Person], hub: HubProcess
) -> None:
    """A Hub killed between form and Secret must not start a database without its password."""
    alice = person()
    options = {"template": "redis", "variables": {"PASSWORD": "lost-one"}}
    put(alice, options)
    hub.kill()
    hub.start()
    answer = alice.api("POST", "/karvdash/services/cache/start")
    assert answer.status_code == 409
    assert "PASSWORD is not known any more" in answer.json()["error"]
    assert labelled(stack, alice) == []
    alice.api("PATCH", "/karvdash/services/cache/", {"variables": {"PASSWORD": "new-one"}})
    assert alice.api("POST", "/karvdash/services/cache/start").status_code == 200
    alice.wait_for("cache", "running")
    assert "new-one" in started_with(stack, alice, "cache")
