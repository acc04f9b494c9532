"""A server with two hosts, as Neo4j has them: its page opens a websocket at the other one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.site.chromium import chromium_at, sign_in
from tests.site.site import HOSTNAME, TEMPLATE, Account, Site
from tests.site.visitor import Visitor

RULES = """  - host: bolt-$HOSTNAME
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: $NAME, port: {number: 8081}}}}]}
  - host: $HOSTNAME
"""
TWO = TEMPLATE.replace("name: Echo", 'name: Two hosts\norigins: ["https://friend.example"]').replace(
    "  - host: $HOSTNAME\n", RULES
)


@pytest.fixture(scope="module")
def two(site: Site, alice: Account) -> Iterator[str]:
    """The main host of a running server with two."""
    added = alice.api("POST", "/karvdash/templates/", {"data": TWO})
    assert added.status_code == 200, added.text
    yield alice.launch("two", added.json()["id"])


def test_one_sign_in_is_good_for_all_hosts_of_a_server(
    site: Site, two: str, browser: Visitor, alice: Account
) -> None:
    page = browser.open(site.url(two, "/x?a=1&b=%26"))
    assert page.status == 200, browser.steps
    assert browser.fetch(site.url(f"bolt-{two}")).status == 200
    # Nobody is led anywhere else on this way.
    for to in ("evil.example", HOSTNAME, f"echo-{alice.name}.{HOSTNAME}", ""):
        answer = browser.fetch(site.url(f"bolt-{two}", f"/.karvdash/visit?to={to}&next=//evil.example/"))
        assert (answer.status, answer.headers["Location"]) == (303, "/")


def test_origins_that_a_template_lists(site: Site, two: str, host: str, browser: Visitor) -> None:
    """A service's own hosts and what its template names; nobody else, and only there."""
    for name in (two, f"bolt-{two}", host):
        browser.open(site.url(name))
    friend, sister = "https://friend.example", site.url(f"bolt-{two}").rstrip("/")

    def post(name: str, origin: str) -> int:
        return browser.fetch(site.url(name, "/sink"), "POST", body=b"x", headers={"Origin": origin}).status

    assert [post(two, friend), post(two, sister), post(two, friend + ".evil")] == [200, 200, 403]
    assert [post(host, friend), post(host, site.url(two).rstrip("/"))] == [403, 403]


@pytest.mark.browser
def test_the_page_opens_a_websocket_at_the_other_host(site: Site, two: str, alice: Account) -> None:
    with chromium_at(site) as browser:
        context = browser.new_context()
        sign_in(context, alice)
        page = context.new_page()
        page.goto(site.url(two))
        opened = page.evaluate(
            """url => new Promise(done => {
            const socket = new WebSocket(url)
            socket.onmessage = () => done('open'); socket.onerror = () => done('refused') })""",
            site.url(f"bolt-{two}", "/ws").replace("https", "wss"),
        )
        assert opened == "open"
        context.close()
