"""What visitors get instead of a service: each time what happened and the next step."""

from __future__ import annotations

import time

import pytest

from tests.site.site import TEMPLATE, Account, Site
from tests.site.visitor import Visitor

#: Its Service has a selector that finds nothing, so it never has an endpoint.
LOST = TEMPLATE.replace("name: Echo", "name: Lost").replace(
    "spec:\n  ports", "spec:\n  selector: {a: b}\n  ports"
)


@pytest.fixture
def bob(site: Site) -> Account:
    return site.account()


@pytest.fixture
def guest(site: Site, bob: Account) -> Visitor:
    """Bob's browser; alice shares with him what the test is about."""
    return Visitor(site).sign_in(bob)


def share(alice: Account, name: str, bob: Account) -> None:
    answer = alice.api("POST", f"/shares/{alice.name}/{name}", {"user": bob.name})
    assert answer.status_code == 200, answer.text


def test_a_stopped_service_offers_its_owner_to_start_it(
    site: Site, host: str, browser: Visitor, alice: Account, bob: Account, guest: Visitor
) -> None:
    """And tells a guest who can; the button leads to the one on the service's page."""
    share(alice, "echo", bob)
    assert alice.api("POST", "/karvdash/services/echo/stop").status_code < 300
    alice.wait_for("echo", "stopped")
    time.sleep(2.1)
    page, theirs = browser.open(site.url(host)), guest.open(site.url(host))
    assert [page.status, theirs.status] == [404, 404]
    assert "Its settings are kept." in page.data.decode()
    assert f'<a href="{site.hub_url}/hub/service/echo#start">Start echo</a>' in page.data.decode()
    assert (
        "Its owner can start it again." in theirs.data.decode() and "Start echo" not in theirs.data.decode()
    )

    assert browser.post("/hub/service/echo/start").status == 200
    site.endpoints(alice.name, "echo")
    alice.wait_for("echo", "running")
    time.sleep(0.5)
    assert browser.open(site.url(host)).status == 200


def test_a_deleted_service_offers_nothing(site: Site, browser: Visitor, alice: Account) -> None:
    """Who still has its page open reads that it was deleted; a minute later it is a host like any other."""
    short = alice.launch("short")
    browser.open(site.url(short))
    assert alice.api("POST", "/karvdash/services/short/stop").status_code < 300
    alice.wait_for("short", "stopped")
    time.sleep(2.1)
    assert "Start short" in browser.fetch(site.url(short)).data.decode()
    assert alice.api("DELETE", "/karvdash/services/short/").status_code == 204
    deadline = time.monotonic() + 20
    while "short was deleted" not in (page := browser.fetch(site.url(short)).data.decode()):
        assert time.monotonic() < deadline, page
        time.sleep(0.3)
    assert "Start short" not in page


def test_sharing_can_be_ended_while_a_service_is_stopped(
    site: Site, browser: Visitor, alice: Account, bob: Account
) -> None:
    """A share outlives a stop, so it is shown then too; an administrator sees whose page it is."""
    alice.launch("held")
    share(alice, "held", bob)
    assert alice.api("POST", "/karvdash/services/held/stop").status_code < 300
    alice.wait_for("held", "stopped")
    assert f"<strong>{bob.name}</strong>" in browser.hub("/hub/service/held").data.decode()
    gone = browser.post("/hub/service/held/unshare", {"kind": "user", "who": bob.name}).data.decode()
    assert f"<strong>{bob.name}</strong>" not in gone
    boss = Visitor(site).sign_in(site.account(admin=True))
    acting = boss.hub(f"/hub/as/{alice.name}/home").data.decode()
    assert f"<h1>Services of {alice.name}</h1>" in acting and "Your services" not in acting


def test_a_service_that_does_not_get_ready_says_why_to_its_owner(
    site: Site, browser: Visitor, alice: Account, bob: Account, guest: Visitor
) -> None:
    """The page refreshes; a guest reads no details, which could quote a log."""
    added = alice.api("POST", "/karvdash/templates/", {"data": LOST})
    assert added.status_code == 200, added.text
    launched = alice.api("POST", "/karvdash/services/", {"id": added.json()["id"], "NAME": "lost"})
    assert launched.status_code == 201, launched.text
    share(alice, "lost", bob)
    said = alice.api("GET", "/karvdash/services/lost/").json()["message"]
    assert said
    page = browser.open(launched.json()["url"])
    assert page.status == 503
    assert "lost is starting" in page.data.decode() and said in page.data.decode()
    assert 'http-equiv="refresh"' in page.data.decode()
    theirs = guest.open(launched.json()["url"]).data.decode()
    assert said not in theirs


def test_a_service_that_is_open_to_all_is_marked(site: Site, alice: Account, browser: Visitor) -> None:
    text = TEMPLATE.replace("name: Echo", "name: Everybody\nauth: false")
    added = alice.api("POST", "/karvdash/templates/", {"data": text})
    host = alice.launch("everybody", added.json()["id"])
    assert Visitor(site).fetch(site.url(host)).status == 200
    assert "open to everybody" in browser.hub("/hub/catalogue").data.decode()
    page = browser.hub("/hub/service/everybody").data.decode()
    assert "Open to everybody who knows its address" in page
    assert 'action="/hub/service/everybody/share"' not in page
