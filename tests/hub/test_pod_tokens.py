"""The token that pods find in config.ini, on a real Hub."""

from __future__ import annotations

import base64
import configparser
import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from demo.stack import ROOT, Stack
from tests.fixtures.stacks import Person
from tests.hub.conftest import HubProcess
from tests.hub.helpers import launch, namespace_of


def config_of(stack: Stack, person: Person) -> dict[str, str]:
    """What a pod of this person would find."""
    text = stack.cluster.kubectl(
        "get", "secret", "karvdash-api", "--namespace", namespace_of(person), "--output", "json"
    )
    config = configparser.ConfigParser()
    config.read_string(base64.b64decode(json.loads(text)["data"]["config.ini"]).decode())
    return dict(config["Karvdash"])


def ask(config: dict[str, str], method: str, path: str, **more: Any) -> requests.Response:
    """Call the API as Karvdash's client does it, with what is in config.ini."""
    headers = {"Authorization": f"Token {config['token'].lower()}"}
    return requests.request(method, f"{config['base_url']}{path}", headers=headers, timeout=30, **more)


def started(person: Callable[..., Person]) -> Person:
    """A person with a running server."""
    somebody = person()
    launch(somebody, "hello-kubernetes", NAME="hello")
    somebody.wait_for("hello", "running")
    return somebody


def tokens_of(stack: Stack, person: Person) -> list[str]:
    """When the tokens for config.ini end that JupyterHub knows of this person."""
    with sqlite3.connect(stack.hub_dir / "jupyterhub.sqlite") as database:
        query = (
            "select expires_at from api_tokens join users on users.id = user_id "
            "where name = ? and note like 'config.ini%' order by api_tokens.id"
        )
        return [str(row[0]) for row in database.execute(query, (person.name,))]


def test_it_does_what_the_client_of_karvdash_needs(stack: Stack, person: Callable[..., Person]) -> None:
    config = config_of(stack, started(person))
    assert config["base_url"] == f"http://{stack.cluster.host_address}:8081/hub/api/karvdash"
    assert "hello-kubernetes" in [one["id"] for one in ask(config, "GET", "/templates/").json()["objects"]]
    made = ask(config, "POST", "/services/", json={"id": "hello-kubernetes", "NAME": "other"})
    assert made.status_code == 201, made.text
    names = {one["name"] for one in ask(config, "GET", "/services/").json()["objects"]}
    assert names == {"hello", "other"}
    assert ask(config, "DELETE", "/services/other/").status_code == 204


def test_the_how_to_runs(stack: Stack, person: Callable[..., Person], tmp_path: Path) -> None:
    """As it stands, but for the place of the file, which is a pod's."""
    config = config_of(stack, started(person))
    file = tmp_path / "config.ini"
    file.write_text(f"[Karvdash]\nbase_url = {config['base_url']}\ntoken = {config['token']}\n")
    page = (ROOT / "docs" / "howto" / "use-the-api-from-a-container.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)\n```", page, re.DOTALL)
    assert "/var/lib/karvdash/config.ini" in code
    code = code.replace("/var/lib/karvdash/config.ini", str(file))
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True)
    assert (done.stdout, done.stderr) == ("['hello']\n", "")


def test_it_does_nothing_else(stack: Stack, person: Callable[..., Person]) -> None:
    alice, bob = started(person), person()
    config = config_of(stack, alice)
    hub_api = {**config, "base_url": config["base_url"].removesuffix("/karvdash")}
    refused = {
        "run a command": ask(config, "POST", "/services/hello/", json={"command": ["id"]}),
        "add a template": ask(config, "POST", "/templates/", json={"data": "x"}),
        "make a token": ask(hub_api, "POST", f"/users/{alice.name}/tokens", json={}),
        "list users": ask(hub_api, "GET", "/users"),
        "list groups": ask(hub_api, "GET", "/groups"),
        "see another": ask(hub_api, "GET", f"/users/{bob.name}"),
        "start another's": ask(hub_api, "POST", f"/users/{bob.name}/servers/x", json={}),
        "delete oneself": ask(hub_api, "DELETE", f"/users/{alice.name}"),
    }
    assert {
        what: answer.status_code for what, answer in refused.items() if answer.status_code not in (403, 404)
    } == {}


def test_it_is_not_renewed_needlessly(stack: Stack, hub: HubProcess, person: Callable[..., Person]) -> None:
    alice = started(person)
    first = config_of(stack, alice)
    hub.restart()
    launch(alice, "hello-kubernetes", NAME="again")
    alice.wait_for("again", "running")
    assert config_of(stack, alice) == first, "the same token is derived after a restart, and written again"
    assert len(tokens_of(stack, alice)) == 1


def test_it_is_renewed_while_nobody_signs_in(
    stack: Stack, hub: HubProcess, person: Callable[..., Person]
) -> None:
    """With a lifetime of 24 s: new after half of it, and the former one ends a second later."""
    alice = started(person)
    before = config_of(stack, alice)
    hub.restart(
        # Less than an administrator may set, so that nobody has to watch for a minute.
        "from karvdash_hub.kube.settings import UserNamespaces",
        "UserNamespaces.token_lifetime.min = 1",
        "c.UserNamespaces.token_lifetime = 24",
    )
    first = wait_for_another(stack, alice, before)
    second = wait_for_another(stack, alice, first)
    assert ask(second, "GET", "/services/").status_code == 200
    time.sleep(2)
    answers = [ask(config, "GET", "/services/").status_code for config in (before, first, second)]
    assert answers == [403, 403, 200]
    log = stack.processes["hub"].log_file.read_text()
    assert [config["token"] for config in (before, first, second) if config["token"] in log] == []


def wait_for_another(stack: Stack, person: Person, before: dict[str, str]) -> dict[str, str]:
    deadline = time.monotonic() + 60
    while (config := config_of(stack, person)) == before:
        assert time.monotonic() < deadline, "the token has not been renewed"
        time.sleep(0.5)
    return config


def test_a_revoked_one_is_replaced(stack: Stack, hub: HubProcess, person: Callable[..., Person]) -> None:
    """Its owner sees it on the page of tokens, and may revoke it there."""
    alice = started(person)
    first = config_of(stack, alice)
    listed = alice.api("GET", f"/users/{alice.name}/tokens").json()["api_tokens"]
    (mine,) = [one for one in listed if one["note"].startswith("config.ini")]
    assert mine["expires_at"] is not None
    assert alice.api("DELETE", f"/users/{alice.name}/tokens/{mine['id']}").status_code == 204
    assert ask(first, "GET", "/services/").status_code == 403
    hub.restart()
    launch(alice, "hello-kubernetes", NAME="again")
    alice.wait_for("again", "running")
    assert ask(config_of(stack, alice), "GET", "/services/").status_code == 200


def test_nothing_is_left_of_a_removed_user(stack: Stack, person: Callable[..., Person]) -> None:
    alice, admin = started(person), person(admin=True)
    config = config_of(stack, alice)
    assert admin.api("DELETE", f"/users/{alice.name}").status_code == 204
    assert ask(config, "GET", "/services/").status_code == 403
    assert tokens_of(stack, alice) == []
    with sqlite3.connect(stack.hub_dir / "karvdash.sqlite") as database:
        rows = database.execute("select * from pod_tokens where username = ?", (alice.name,)).fetchall()
    assert rows == []
