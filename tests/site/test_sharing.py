"""Sharing a service on its page: who may open it, where they find it, and how it ends."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.site.site import Account, Site
from tests.site.visitor import Visitor

SHARE, UNSHARE, KEEP = (f"/hub/service/echo/{verb}" for verb in ("share", "unshare", "keep"))


@pytest.fixture
def bob(site: Site) -> Account:
    return site.account()


@pytest.fixture
def guest(site: Site, bob: Account) -> Visitor:
    return Visitor(site).sign_in(bob)


def test_a_share_opens_at_once_and_says_what_it_allows(
    site: Site, host: str, browser: Visitor, bob: Account, guest: Visitor, alice: Account
) -> None:
    refused = guest.open(site.url(host))
    assert refused.status == 403
    assert "Shared with you" not in guest.hub("/hub/home").data.decode()

    page = browser.post(SHARE, {"kind": "user", "who": f" {bob.name} "})
    assert page.status == 200
    assert re.search(
        rf"<strong>{bob.name}</strong>\s*<span class=\"kv-quiet\">may open it</span>", page.data.decode()
    )
    opened = guest.open(site.url(host, "/x"))
    assert (opened.status, json.loads(opened.data)["headers"]["X-Forwarded-User"]) == (200, [bob.name])

    home = guest.hub("/hub/home").data.decode()
    assert "Shared with you" in home and f"{alice.name} shares it with you." in home
    assert site.url(host) in home
    # Opening is all: its page, its settings and its buttons stay the owner's.
    assert guest.hub("/hub/service/echo").status == 404
    denied = bob.api("DELETE", f"/users/{alice.name}/servers/echo")
    assert denied.status_code in (403, 404)

    gone = browser.post(UNSHARE, {"kind": "user", "who": bob.name}).data.decode()
    assert f"<strong>{bob.name}</strong>" not in gone
    assert "Shared with you" not in guest.hub("/hub/home").data.decode()


def test_a_group(
    site: Site, host: str, browser: Visitor, bob: Account, guest: Visitor, alice: Account
) -> None:
    for path, body in (("/groups/team", None), ("/groups/team/users", {"users": [bob.name]})):
        assert site.api("POST", path, body).status_code in (200, 201)
    assert guest.open(site.url(host)).status == 403
    page = browser.post(SHARE, {"kind": "group", "who": "team"}).data.decode()
    assert "<strong>team</strong>" in page and '<span class="kv-tag">group</span>' in page
    assert guest.open(site.url(host)).status == 200
    assert f"{alice.name} shares it with the group team." in guest.hub("/hub/home").data.decode()
    browser.post(UNSHARE, {"kind": "group", "who": "team"})
    assert "Shared with you" not in guest.hub("/hub/home").data.decode()


@pytest.mark.parametrize(
    ("kind", "who", "said"),
    [
        pytest.param("user", "nosuch", "There is no user &#39;nosuch&#39;.", id="unknown user"),
        pytest.param("group", "nosuch", "There is no group &#39;nosuch&#39;.", id="unknown group"),
        pytest.param("user", "<b>x", "There is no user &#39;&lt;b&gt;x&#39;.", id="markup"),
        pytest.param("user", "", "There is no user &#39;&#39;.", id="nobody"),
        pytest.param("user", "x" * 300, f"There is no user &#39;{'x' * 64}&#39;.", id="long"),
    ],
)
def test_whom_it_cannot_be_shared_with(host: str, browser: Visitor, kind: str, who: str, said: str) -> None:
    """What was typed stays in the form."""
    page = browser.post(SHARE, {"kind": kind, "who": who})
    assert page.status == 400
    assert said in page.data.decode()


def test_shares_and_their_ends_are_in_the_log(
    site: Site, host: str, browser: Visitor, bob: Account, alice: Account
) -> None:
    """By page and by JupyterHub's API, with whom; for the owner, for administrators, and for nobody else."""
    for path, form in ((SHARE, {"who": bob.name}), (UNSHARE, {"who": bob.name}), (KEEP, {})):
        assert browser.post(path, form).status == 200
    for method in ("POST", "PATCH"):
        assert alice.api(method, f"/shares/{alice.name}/echo", {"user": bob.name}).status_code == 200

    path = f"/karvdash/audit/?user={alice.name}&limit=5"
    shared, ended = [("service." + verb, f"echo with {bob.name}") for verb in ("share", "unshare")]
    for reader in (alice, site.account(admin=True)):
        entries = reader.api("GET", path).json()["objects"]
        found = [(one["via"], one["action"], one["object"]) for one in reversed(entries)]
        assert found == [
            ("page", *shared), ("page", *ended), ("page", "service.keep", "echo"),
            ("api", *shared), ("api", *ended),
        ]  # fmt: skip
        assert {(one["actor"], one["subject"], one["outcome"]) for one in entries} == {
            (alice.name, alice.name, "done")
        }
    assert bob.api("GET", path).status_code == 403


def test_it_is_not_shared_with_its_owner(host: str, browser: Visitor, alice: Account) -> None:
    assert "It is yours already." in browser.post(SHARE, {"kind": "user", "who": alice.name}).data.decode()


def test_only_the_owner_shares(host: str, guest: Visitor, bob: Account) -> None:
    """The page of a service is one's own; a forged form is refused."""
    assert guest.post(SHARE, {"kind": "user", "who": bob.name}).status == 404


async def _websocket(
    site: Site, host: str, visitor: Visitor, closing: ExitStack
) -> WebSocketClientConnection:
    cookies = "; ".join(f"{c.name}={c.value}" for c in visitor.cookies.values() if c.goes_to(host, "/"))
    origin = site.url(host).rstrip("/")
    headers = {"Host": f"{host}:{site.port}", "Origin": origin, "Cookie": cookies}
    request = HTTPRequest(f"wss://127.0.0.1:{site.port}/ws", headers=headers, validate_cert=False)
    socket = await websocket_connect(request)
    closing.callback(socket.close)
    return socket


async def _until(look: Callable[[], Any], wanted: Any, deadline: float) -> None:
    """Wait for an answer: each of the two gates learns by itself what has ended."""
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, seen
        await asyncio.sleep(0.5)


@pytest.mark.slow
async def test_what_ends_access_closes_within_a_minute(
    site: Site, host: str, browser: Visitor, alice: Account, bob: Account, guest: Visitor
) -> None:
    """Requests and open websockets: of a share, of a group, of a password. The owner's go on."""
    carol, dave = site.account(), site.account()
    others = {bob.name: guest, **{who.name: Visitor(site).sign_in(who) for who in (carol, dave)}}
    for path, body in (("/groups/crew", None), ("/groups/crew/users", {"users": [carol.name]})):
        assert site.api("POST", path, body).status_code in (200, 201)
    for kind, who in (("user", bob.name), ("group", "crew"), ("user", dave.name)):
        browser.post(SHARE, {"kind": kind, "who": who})
    assert {name: visitor.open(site.url(host)).status for name, visitor in others.items()} == dict.fromkeys(
        others, 200
    )
    assert browser.open(site.url(host)).status == 200
    with ExitStack() as closing:
        sockets = [await _websocket(site, host, visitor, closing) for visitor in others.values()]
        mine = await _websocket(site, host, browser, closing)
        for socket in (*sockets, mine):
            assert await socket.read_message()

        browser.post(UNSHARE, {"kind": "user", "who": bob.name})
        assert site.api("DELETE", "/groups/crew/users", {"users": [carol.name]}).status_code == 200
        words = {"old_password": dave.password, "password": "another correct horse"}
        changed = dave.api("PATCH", f"/karvdash/users/{dave.name}/", words)
        assert changed.status_code == 200, changed.text
        deadline = time.monotonic() + 60
        assert [await socket.read_message() for socket in sockets] == [None] * 3
        assert time.monotonic() < deadline
        for visitor in others.values():
            fetch = functools.partial(visitor.fetch, site.url(host), headers={"Sec-Fetch-Mode": "cors"})
            await _until(lambda fetch=fetch: fetch().status, 401, deadline)
        for who in (bob, carol):
            await _until(lambda who=who: others[who.name].open(site.url(host)).status, 403, deadline)
        await _until(lambda: b"password_input" in others[dave.name].open(site.url(host)).data, True, deadline)
        await mine.write_message("still here")
        assert await mine.read_message() == "still here"
