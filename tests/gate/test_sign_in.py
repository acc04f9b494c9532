"""Signing in at a service with the real Hub: the ticket, who passes, and how access ends."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tornado.websocket import WebSocketClientConnection

from demo.stack import Stack
from tests.fixtures.stacks import Person, make_person
from tests.gate.people import Browser, Opened, upload, websocket, websocket_by_token

#: The issue promises a minute; the gate asks each half minute and the front remembers for two seconds.
MINUTE = 60


def somebody(stack: Stack) -> Person:
    """Who has an account and nothing else."""
    return make_person(stack, "u" + secrets.token_hex(4))


@pytest.fixture(scope="module")
def alice(stack: Stack) -> Iterator[Person]:
    made = somebody(stack)
    yield made
    made.remove_everything()


@pytest.fixture(scope="module")
def hello(alice: Person) -> Opened:
    """A service of alice's, one for all tests here."""
    return Opened(alice)


@pytest.fixture
def browser(stack: Stack, alice: Person) -> Browser:
    """Alice's, signed in at the Hub."""
    made = Browser(stack)
    made.sign_in(alice)
    return made


def ticket_of(browser: Browser, opened: Opened, path: str = "/") -> str:
    """Go the way to the callback and stop before it; returns the callback's address."""
    answer = browser.fetch(opened.url + path)
    assert answer.status_code == 302
    answer = browser.fetch(answer.headers["Location"])
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def test_the_first_answer_after_running_is_the_page(hello: Opened, browser: Browser) -> None:
    """Signed in at the Hub, a person is at the service after five answers, with the address they wanted."""
    page = browser.open(f"{hello.url}/headers/x?a=1&b=%26")

    assert page.status_code == 200
    assert page.json()["uri"] == "/headers/x?a=1&b=%26"
    assert len(browser.steps) <= 5, browser.steps
    assert page.json()["headers"]["X-Forwarded-User"] == [hello.owner.name]
    assert "Cookie" not in page.json()["headers"]
    assert browser.fetch(hello.url).status_code == 200


def test_the_cookie_is_this_hosts_alone(hello: Opened, browser: Browser) -> None:
    callback = ticket_of(browser, hello)
    answer = browser.fetch(callback)
    kept = next(c for c in answer.raw.headers.getlist("Set-Cookie") if c.startswith("karvdash="))

    assert "Domain" not in kept
    assert "; HttpOnly" in kept and "; SameSite=Lax" in kept and "; Path=/" in kept
    assert 11 * 3600 < int(kept.partition("Max-Age=")[2].partition(";")[0]) <= 12 * 3600
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_ticket_works_once(hello: Opened, browser: Browser) -> None:
    callback = ticket_of(browser, hello)
    state = dict(browser.cookies[hello.host])
    assert browser.fetch(callback).status_code == 303
    browser.cookies[hello.host] = state  # as it was before
    again = browser.fetch(callback)

    assert again.status_code == 403
    assert "This sign-in cannot be used any more" in again.text


def test_a_ticket_is_for_one_host(alice: Person, hello: Opened, browser: Browser) -> None:
    """Even for another service of the same owner."""
    other = Opened(alice, "other")
    browser.fetch(other.url)
    state = browser.cookies[other.host]["karvdash-login"]
    ticket = parse_qs(urlsplit(ticket_of(browser, hello)).query)["ticket"][0]
    query = urlencode({"ticket": ticket, "next": f"/.karvdash/state/{state}/"})

    assert browser.fetch(f"{other.url}/.karvdash/callback?{query}").status_code == 403
    assert "karvdash" not in browser.cookies[other.host]


def test_nobody_is_signed_in_as_somebody_else(stack: Stack, hello: Opened, browser: Browser) -> None:
    """A link with an attacker's ticket in it does not make a visitor the attacker."""
    callback, victim = ticket_of(browser, hello), Browser(stack)
    answer = victim.fetch(callback)
    assert (answer.status_code, "karvdash" in victim.cookies[hello.host]) == (403, False)

    victim.fetch(hello.url)  # has begun a way of his own
    answer = victim.fetch(callback)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "karvdash" not in victim.cookies[hello.host]


def test_somebody_else_gets_a_page_that_says_why(stack: Stack, hello: Opened) -> None:
    """And the same for a host that does not exist."""
    bob = Browser(stack)
    bob.sign_in(somebody(stack))
    pages = [bob.open(url) for url in (hello.url, hello.url.replace("hello-", "no-such-", 1))]

    assert [page.status_code for page in pages] == [403, 403]
    texts = [re.sub(r"(hello|no-such)-", "", page.text) for page in pages]
    assert texts[0] == texts[1]


def test_tokens(hello: Opened, alice: Person) -> None:
    """The owner's token passes and is not passed on; another's is refused; what is no token is no token."""
    for scheme in ("token", "Bearer"):
        answer = hello.ask("/headers", Authorization=f"{scheme} {alice.token}")
        assert answer.status_code == 200
        assert "Authorization" not in answer.json()["headers"]
        assert answer.json()["headers"]["X-Forwarded-User"] == [alice.name]
    assert hello.ask(Authorization=f"token {somebody(alice.stack).token}").status_code == 403
    of_the_gate = (alice.stack.state / "secrets" / "gate.token").read_text()
    assert hello.ask(Authorization=f"Bearer {of_the_gate}").status_code == 403
    assert hello.ask(Authorization=f"token {'0' * 32}", **{"Sec-Fetch-Mode": "cors"}).status_code == 401


def test_a_token_of_the_hubs_is_stripped_beside_a_cookie(
    hello: Opened, alice: Person, browser: Browser
) -> None:
    browser.open(hello.url)
    for value, kept in ((f"Bearer {alice.token}", None), ("Bearer somebodyelses", ["Bearer somebodyelses"])):
        page = browser.fetch(f"{hello.url}/headers", headers={"Authorization": value})
        assert (page.status_code, page.json()["headers"].get("Authorization")) == (200, kept)


def test_a_stopped_service_says_so_and_opens_again(alice: Person, hello: Opened, browser: Browser) -> None:
    browser.open(hello.url)
    assert alice.api("POST", f"/karvdash/services/{hello.name}/stop").status_code < 300
    alice.wait_for(hello.name, "stopped")
    time.sleep(2.1)
    page = browser.open(hello.url)
    assert page.status_code == 404
    assert f"{hello.name} is not running" in page.text and f"/hub/service/{hello.name}" in page.text

    assert alice.api("POST", f"/karvdash/services/{hello.name}/start").status_code < 300
    alice.wait_for(hello.name, "running")
    assert browser.open(hello.url).status_code == 200


def guest_of(opened: Opened) -> tuple[Person, Browser]:
    """Make somebody with whom a service is shared, and who has opened it."""
    stack = opened.owner.stack
    bob, browser = somebody(stack), Browser(stack)
    opened.share(bob)
    browser.sign_in(bob)
    assert browser.open(opened.url).status_code == 200
    return bob, browser


@dataclass
class Ended:
    """Access that was taken away in three ways at ``began``: the gate learns of all in the same half minute.

    Attributes:
        guest: had a share of ``web``.
        by_share, by_token: websockets of what has ended.
        owners, by_other_token: of what has not.
        signed_out: alice's browser, with the cookies it had before it signed out.
    """

    web: Opened
    guest: Browser
    by_share: WebSocketClientConnection
    by_token: WebSocketClientConnection
    owners: WebSocketClientConnection
    by_other_token: WebSocketClientConnection
    signed_out: Browser
    began: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds until the minute is over."""
        return self.began + MINUTE - time.monotonic()


@pytest.fixture(scope="module")
async def ended(alice: Person, hello: Opened) -> AsyncIterator[Ended]:
    stack, carol = alice.stack, somebody(alice.stack)  # alice signs out, which ends all that is hers
    web = Opened(carol, "web", upload(carol))
    bob, guest = guest_of(web)
    owner, signed_out = Browser(stack), Browser(stack)
    for browser, person, url in ((owner, carol, web.url), (signed_out, alice, hello.url)):
        browser.sign_in(person)
        assert browser.open(url).status_code == 200
    status, made = stack.api("POST", f"/users/{carol.name}/tokens", {}, token=carol.token)
    assert status in (200, 201), made
    async with (
        websocket(guest, web) as by_share,
        websocket(owner, web) as owners,
        websocket_by_token(web, made["token"]) as by_token,
        websocket_by_token(web, carol.token) as by_other_token,
    ):
        assert json.loads(str(await by_share.read_message()))["X-Forwarded-User"] == bob.name
        await owners.read_message()
        for connection in (by_token, by_other_token):
            assert "Authorization" not in json.loads(str(await connection.read_message()))
        web.unshare(bob)
        carol.api("DELETE", f"/users/{carol.name}/tokens/{made['id']}")
        signed_out.fetch(f"{stack.hub_url}/hub/logout")
        yield Ended(web, guest, by_share, by_token, owners, by_other_token, signed_out)
    carol.remove_everything()


async def ends(ended: Ended, browser: Browser, url: str) -> None:
    """Wait until a page answers no more."""
    while browser.fetch(url).status_code == 200:
        assert ended.left() > 0
        await asyncio.sleep(0.5)


async def goes_on(connection: WebSocketClientConnection) -> None:
    await connection.write_message("still here")
    assert await connection.read_message() == "still here"


@pytest.mark.slow
async def test_revoked_access_ends_within_a_minute(ended: Ended) -> None:
    """For requests and for open websockets; the owner's go on."""
    assert await asyncio.wait_for(ended.by_share.read_message(), ended.left()) is None
    await ends(ended, ended.guest, ended.web.url)
    assert ended.guest.open(ended.web.url).status_code == 403
    await goes_on(ended.owners)


@pytest.mark.slow
async def test_a_websocket_ends_with_the_token_that_opened_it(ended: Ended) -> None:
    """Within a minute, though its user keeps the right to the service."""
    assert await asyncio.wait_for(ended.by_token.read_message(), ended.left()) is None
    await goes_on(ended.by_other_token)


@pytest.mark.slow
async def test_signing_out_of_the_hub_ends_the_sessions_at_services(ended: Ended, hello: Opened) -> None:
    """Within a minute, and with the cookie still in the browser; signing in again makes a new one."""
    await ends(ended, ended.signed_out, hello.url)
    ended.signed_out.sign_in(hello.owner)
    assert ended.signed_out.open(hello.url).status_code == 200


def test_a_new_gate_asks_before_it_lets_an_old_session_in(stack: Stack, hello: Opened) -> None:
    """As with every session that comes back after a pause: access that ended meanwhile is of no use."""
    bob, browser = guest_of(hello)
    stack.processes["gate"].stop()
    hello.unshare(bob)
    stack.start_parts(("gate",))
    stack.wait_for(f"http://127.0.0.1:{stack.ports.gate}/readyz", "gate")
    time.sleep(2.1)  # what the front has in memory

    assert browser.fetch(hello.url).status_code == 302


def test_services_stay_open_while_the_hub_is_down(stack: Stack, hello: Opened, browser: Browser) -> None:
    browser.open(hello.url)
    stack.processes["hub"].stop()
    try:
        assert [browser.fetch(hello.url).status_code for _ in range(20)] == [200] * 20
        stranger = Browser(stack).open(hello.url)
        assert stranger.status_code == 503
    finally:
        stack.start_parts(("hub",))
        stack.wait_for(f"{stack.hub_url}/hub/health", "hub")
    assert browser.open(hello.url).status_code == 200
