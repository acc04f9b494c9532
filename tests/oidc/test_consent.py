"""The page that asks a person before a client that is not first-party learns anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.oidc.conftest import ProviderHub
from tests.oidc.party import Browser, Party, returned


@pytest.fixture(scope="module")
def foreign(hub: ProviderHub) -> Party:
    """A client of somebody else."""
    return hub.party(first_party=False, name='Foreign <b>"app"</b>')


def allow(party: Party, browser: Browser, **changes: str | None) -> dict[str, str]:
    """Go through the page."""
    page = party.ask(browser, **changes)
    assert (page.status_code, "Do not allow" in page.text) == (200, True)
    return returned(browser.get(browser.submit(page, decision="allow").headers["Location"], follow=False))


def test_the_page_says_who_and_what(foreign: Party, somebody: Callable[[], Browser]) -> None:
    page = foreign.ask(somebody(), scope="openid email")
    assert "Foreign &lt;b&gt;&#34;app&#34;&lt;/b&gt;" in page.text
    assert "<code>app.example.org</code>" in page.text
    assert "see your e-mail address" in page.text
    assert "which groups" not in page.text


def test_yes_is_remembered(foreign: Party, somebody: Callable[[], Browser]) -> None:
    browser = somebody()
    assert returned(foreign.ask(browser, prompt="none"))["error"] == "consent_required"
    answer = allow(foreign, browser, scope="openid profile")
    assert foreign.token(code=answer["code"]).json()["scope"] == "openid profile"
    assert "code" in returned(foreign.ask(browser, scope="openid profile"))
    assert "code" in returned(foreign.ask(browser, scope="openid", prompt="none"))
    # More than was allowed is asked for again, and what was allowed before stays so.
    assert returned(foreign.ask(browser, scope="openid groups", prompt="none"))["error"] == "consent_required"
    allow(foreign, browser, scope="openid groups")
    assert "code" in returned(foreign.ask(browser, scope="openid groups profile", prompt="none"))


@pytest.mark.parametrize("decision", [{"decision": "deny"}, {"decision": ""}, {}])
def test_no_is_told_to_the_client(
    foreign: Party, somebody: Callable[[], Browser], decision: dict[str, str]
) -> None:
    browser = somebody()
    answer = returned(browser.submit(foreign.ask(browser), **decision))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "st4te", foreign.issuer)
    assert returned(foreign.ask(browser, prompt="none"))["error"] == "consent_required"


def test_it_is_the_persons_own(foreign: Party, somebody: Callable[[], Browser]) -> None:
    allow(foreign, somebody())
    assert returned(foreign.ask(somebody(), prompt="none"))["error"] == "consent_required"


def test_asked_for_by_the_client(party: Party, somebody: Callable[[], Browser]) -> None:
    browser = somebody()
    assert "code" in returned(party.ask(browser))
    for _ in range(2):
        assert "code" in allow(party, browser, prompt="consent")


def test_taken_back(foreign: Party, hub: ProviderHub, somebody: Callable[[], Browser]) -> None:
    browser = somebody()
    tokens = foreign.token(code=allow(foreign, browser)["code"]).json()
    hub.store.oidc.revoke_grant(browser.name, foreign.client.client_id)
    assert foreign.userinfo(tokens["access_token"]).status_code == 401
    assert returned(foreign.ask(browser, prompt="none"))["error"] == "consent_required"


def test_forged_forms(foreign: Party, other: Party, somebody: Callable[[], Browser]) -> None:
    """No other page, and no ticket of another request or person, allows anything."""
    browser = somebody()
    page = foreign.ask(browser, state="one")
    other_page = other.ask(browser, prompt="consent", state="two")
    hidden = {"decision": "allow", "ticket": "x"}
    assert browser.submit(page, **hidden).status_code == 400
    mixed = {"query": other_page.text.partition('name="query" value="')[2].partition('"')[0]}
    mixed["query"] = mixed["query"].replace("&amp;", "&")
    assert browser.submit(page, decision="allow", **mixed).status_code == 400
    for token in ("x", "", somebody().cookies["_xsrf"]):
        assert browser.submit(page, decision="allow", _xsrf=token).status_code == 403
    assert browser.get("/hub/oidc/consent", follow=False).status_code == 405
    assert returned(foreign.ask(browser, prompt="none"))["error"] == "consent_required"


def test_a_client_that_is_gone_meanwhile(hub: ProviderHub, somebody: Callable[[], Browser]) -> None:
    browser, gone = somebody(), hub.party(first_party=False)
    page = gone.ask(browser)
    hub.store.oidc.remove_client(gone.client.client_id)
    answer = browser.submit(page, decision="allow")
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
