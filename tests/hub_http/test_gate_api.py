"""What the gate asks the Hub: tickets, tokens, sessions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.hub_http.conftest import Scene


@dataclass
class Gate:
    """The gate's way to the Hub, and the host of a service of the scene's owner."""

    scene: Scene
    host: str

    def ask(self, path: str, body: Any) -> requests.Response:
        stack = self.scene.owner.stack
        token = (stack.state / "secrets" / "gate.token").read_text()
        return requests.post(
            f"{stack.hub_url}/hub/api/karvdash/gate/{path}",
            json=body,
            headers={"Authorization": f"token {token}"},
            timeout=60,
        )

    def ticket(self, next_path: str = "/") -> tuple[str, str]:
        """Let the owner's browser fetch a ticket: (ticket, next)."""
        answer = self.scene.owner_session.get(
            "/hub/karvdash/grant", params={"host": self.host, "next": next_path}, follow=False
        )
        assert answer.status_code == 302, answer.text
        url = urlsplit(answer.headers["Location"])
        assert (self.host, "/.karvdash/callback") == (url.netloc, url.path)
        query = parse_qs(url.query)
        return query["ticket"][0], query["next"][0]


@pytest.fixture(scope="module")
def gate(scene: Scene) -> Iterator[Gate]:
    """With a service that has an address."""
    launched = scene.owner.api("POST", "/karvdash/services/", json={"id": "hello-kubernetes", "NAME": "web"})
    assert launched.status_code == 201, launched.text
    yield Gate(scene, urlsplit(launched.json()["url"]).netloc)
    scene.owner.api("DELETE", "/karvdash/services/web/")


def test_a_ticket_is_good_once_for_one_host(gate: Gate) -> None:
    ticket, _ = gate.ticket()
    assert gate.ask("tickets", {"ticket": ticket, "host": "hub.localhost"}).status_code == 404
    answer = gate.ask("tickets", {"ticket": ticket, "host": gate.host})
    assert answer.status_code == 200
    told = answer.json()
    assert len(told.pop("session")) == 32
    assert time.time() + 3600 < told.pop("expires") < time.time() + 24 * 3600
    owner = gate.scene.owner.name
    assert {
        "user": owner,
        "owner": owner,
        "server": "web",
        "host": gate.host.partition(":")[0],
        "admin": False,
    } == told
    assert gate.ask("tickets", {"ticket": ticket, "host": gate.host}).status_code == 404


def test_only_a_digest_of_a_ticket_is_kept(gate: Gate) -> None:
    ticket, _ = gate.ticket()
    kept = b"".join(path.read_bytes() for path in gate.scene.owner.stack.hub_dir.glob("karvdash.sqlite*"))
    assert ticket.encode() not in kept


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        pytest.param("/a?b=1&c=2#d", "/a?b=1&c=2#d", id="path"),
        pytest.param("//evil.example/", "/", id="another-host"),
        pytest.param("/\\evil.example/", "/", id="backslash"),
        pytest.param("https://evil.example/", "/", id="address"),
        pytest.param("/\n/evil.example", "/", id="line-end"),
        pytest.param("x", "/", id="no-path"),
    ],
)
def test_a_visitor_is_led_back_to_the_service_only(gate: Gate, asked: str, led: str) -> None:
    assert led == gate.ticket(asked)[1]


def test_tokens_of_people_and_of_nobody(gate: Gate) -> None:
    scene = gate.scene
    told = [
        gate.ask("tokens", {"token": who.token, "host": gate.host}).json()
        for who in (scene.owner, scene.other)
    ]
    assert [
        {"user": scene.owner.name, "allowed": True},
        {"user": scene.other.name, "allowed": False},
    ] == told
    assert gate.ask("tokens", {"token": "0" * 32, "host": gate.host}).status_code == 404


def test_sessions_that_have_to_end(gate: Gate) -> None:
    scene = gate.scene
    sessions = [
        {"user": scene.owner.name, "host": gate.host},
        {"user": scene.other.name, "host": gate.host},
        {"user": "nosuchuser", "host": gate.host},
        {"user": scene.owner.name, "host": "nosuch.localhost"},
    ]
    denied = gate.ask("sessions", {"sessions": sessions}).json()["denied"]
    assert {
        (scene.other.name, gate.host, "access"),
        ("nosuchuser", gate.host, "user"),
        (scene.owner.name, "nosuch.localhost", "host"),
    } == {(item["user"], item["host"], item["reason"]) for item in denied}


def test_sharing_gives_and_takes_access(gate: Gate) -> None:
    scene = gate.scene
    shares = f"/shares/{scene.owner.name}/web"
    other = {"sessions": [{"user": scene.other.name, "host": gate.host}]}
    assert scene.owner.api("POST", shares, json={"user": scene.other.name}).status_code == 200
    assert gate.ask("sessions", other).json()["denied"] == []
    assert scene.owner.api("PATCH", shares, json={"user": scene.other.name}).ok
    assert len(gate.ask("sessions", other).json()["denied"]) == 1


@pytest.mark.parametrize("path", ["tickets", "tokens", "sessions"])
def test_only_the_gate_may_ask(gate: Gate, path: str) -> None:
    assert gate.scene.owner.api("POST", f"/karvdash/gate/{path}", json={}).status_code == 403
    answer = gate.ask(path, {"something": 1})
    assert answer.status_code == 400
    assert "something" in answer.text


def test_signing_out_of_the_hub_ends_every_session(gate: Gate) -> None:
    """Also a copy of the Hub's own cookie, which JupyterHub would accept for two weeks."""
    scene = gate.scene
    session = gate.ask("tickets", {"ticket": gate.ticket()[0], "host": gate.host}).json()["session"]
    open_session = {"user": scene.owner.name, "host": gate.host, "session": session}
    assert gate.ask("sessions", {"sessions": [open_session]}).json()["denied"] == []
    copy = dict(scene.owner_session.cookies)
    scene.owner_session.get("/hub/logout")
    denied = gate.ask("sessions", {"sessions": [open_session]}).json()["denied"]
    assert denied == [{**open_session, "reason": "signed-out"}]
    scene.owner_session.cookies = copy
    assert "/hub/login" in scene.owner_session.get("/hub/home", follow=False).headers["Location"]


def test_a_token_of_a_hub_service_opens_nothing(gate: Gate) -> None:
    token = (gate.scene.owner.stack.state / "secrets" / "gate.token").read_text()
    answer = gate.ask("tokens", {"token": token, "host": gate.host})
    assert answer.json() == {"user": "", "allowed": False}
