"""Attacks O1: every redirect URI but the registered ones, and every way to get a code somewhere else."""

from __future__ import annotations

import pytest

from tests.oidc.conftest import ProviderHub
from tests.oidc.party import Browser, Party, returned

REGISTERED = "https://app.example.org/callback"
#: Each differs from the registered address in one thing.
WRONG = [
    pytest.param(REGISTERED + "/evil", id="longer-path"),
    pytest.param(REGISTERED + "evil", id="prefix"),
    pytest.param("https://app.example.org/callbac", id="shorter"),
    pytest.param("https://app.example.org/", id="root"),
    pytest.param("https://app.example.org", id="origin"),
    pytest.param("https://app.example.org.evil.com/callback", id="host-prefix"),
    pytest.param("https://evil.com/callback", id="other-host"),
    pytest.param("https://evil.app.example.org/callback", id="subdomain"),
    pytest.param("//app.example.org/callback", id="no-scheme"),
    pytest.param("//evil.com", id="no-scheme-evil"),
    pytest.param("https:///evil.com/callback", id="three-slashes"),
    pytest.param("https:app.example.org/callback", id="no-slashes"),
    pytest.param("https://app.example.org@evil.com/callback", id="at"),
    pytest.param("https://evil.com@app.example.org/callback", id="user-name"),
    pytest.param("https://app.example.org\\@evil.com/callback", id="backslash-at"),
    pytest.param("https://app.example.org\\callback", id="backslash"),
    pytest.param("https://evil.com\\.app.example.org/callback", id="backslash-host"),
    pytest.param(REGISTERED + "#", id="empty-fragment"),
    pytest.param(REGISTERED + "#evil", id="fragment"),
    pytest.param(REGISTERED + "?", id="empty-query"),
    pytest.param(REGISTERED + "?next=https://evil.com", id="added-query"),
    pytest.param(REGISTERED + "&next=https://evil.com", id="ampersand"),
    pytest.param(REGISTERED + ";x", id="semicolon"),
    pytest.param(REGISTERED + "/", id="trailing-slash"),
    pytest.param("https://app.example.org/x/../callback", id="dot-dot"),
    pytest.param("https://app.example.org/callback/..", id="dot-dot-end"),
    pytest.param("https://app.example.org/callback/../../evil", id="dot-dot-out"),
    pytest.param("https://app.example.org/%2e%2e/callback", id="encoded-dots"),
    pytest.param("https://app.example.org/./callback", id="dot"),
    pytest.param("https://app.example.org//callback", id="double-slash"),
    pytest.param("https://app.example.org/%63allback", id="encoded-letter"),
    pytest.param("https://app.example.org/callback%00", id="encoded-nul"),
    pytest.param("https://app.example.org/Callback", id="case-of-path"),
    pytest.param("https://APP.example.org/callback", id="case-of-host"),
    pytest.param("HTTPS://app.example.org/callback", id="case-of-scheme"),
    pytest.param("https://app.example.org:443/callback", id="default-port"),
    pytest.param("https://app.example.org:8443/callback", id="port"),
    pytest.param("https://app.example.org:/callback", id="empty-port"),
    pytest.param("http://app.example.org/callback", id="http"),
    pytest.param("javascript://app.example.org/callback", id="javascript"),
    pytest.param("javascript:alert(1)", id="javascript-alert"),
    pytest.param("data:text/html,<script>alert(1)</script>", id="data"),
    pytest.param("https://app.example.org./callback", id="dot-behind-host"),
    pytest.param("https://аpp.example.org/callback", id="cyrillic-a"),
    pytest.param("https://xn--pp-6kc.example.org/callback", id="punycode"),
    pytest.param("https://ａpp.example.org/callback", id="full-width"),
    pytest.param("https://app。example。org/callback", id="ideographic-dots"),
    pytest.param("https://app.example.org/callback\u200b", id="zero-width"),
    pytest.param(" " + REGISTERED, id="space-before"),
    pytest.param(REGISTERED + " ", id="space-behind"),
    pytest.param("/callback", id="relative"),
    pytest.param("*", id="star"),
    pytest.param("urn:ietf:wg:oauth:2.0:oob", id="out-of-band"),
    pytest.param("null", id="null"),
    pytest.param(REGISTERED + "\r\nLocation: https://evil.com", id="new-line"),
    pytest.param(REGISTERED + "\x00", id="nul"),
    pytest.param(REGISTERED + " https://evil.com", id="two-in-one"),
    pytest.param("https://app.example.org/callback|https://evil.com", id="pipe"),
    pytest.param("https://[::1]@app.example.org/callback", id="brackets"),
    pytest.param("https://app.example.org/callback" + "x" * 4000, id="long"),
]


@pytest.mark.parametrize("uri", WRONG)
@pytest.mark.parametrize("prompt", [None, "none"])
def test_others_get_nothing(party: Party, alice: Browser, uri: str, prompt: str | None) -> None:
    answer = party.ask(alice, redirect_uri=uri, prompt=prompt)
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "The application's request is wrong" in answer.text


@pytest.mark.parametrize("uri", [WRONG[0], WRONG[6], WRONG[20]])
def test_mistakes_are_not_sent_there_either(party: Party, alice: Browser, uri: str) -> None:
    answer = party.ask(alice, redirect_uri=uri, scope="profile", response_type="token")
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)


def test_a_missing_one_is_not_filled_in(party: Party, alice: Browser) -> None:
    answer = party.ask(alice, redirect_uri=None)
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert "does not say where to go back to" in answer.text


def test_two_of_them(party: Party, alice: Browser) -> None:
    answer = alice.get(party.url() + "&redirect_uri=https://evil.com", follow=False)
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)


def test_another_clients_one(party: Party, hub: ProviderHub, alice: Browser) -> None:
    mine = hub.party(redirect_uris=("https://app.example.org/mine",))
    answer = party.ask(alice, redirect_uri=mine.client.redirect_uris[0])
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert "code" in returned(mine.ask(alice))


def test_each_of_several_and_its_own_query(hub: ProviderHub, alice: Browser) -> None:
    uris = ("https://app.example.org/a?x=1&y=%2F", "https://app.example.org/b")
    several = hub.party(redirect_uris=uris)
    first, second = (returned(several.ask(alice, redirect_uri=uri)) for uri in uris)
    assert (first["x"], first["y"], "code" in first) == ("1", "/", True)
    assert set(second) == {"code", "state", "iss"}


def test_custom_scheme_of_a_native_application(hub: ProviderHub, alice: Browser) -> None:
    native = hub.party(public=True, redirect_uris=("org.example.app:/callback",))
    answer = native.ask(alice)
    assert answer.headers["Location"].startswith("org.example.app:/callback?code=")


@pytest.mark.parametrize(
    "client_id",
    [
        pytest.param("nobody", id="unknown"),
        pytest.param("' OR 1=1 --", id="sql"),
        pytest.param("<script>alert(1)</script>", id="html"),
        pytest.param("\x00", id="nul"),
        pytest.param("ａpp", id="full-width"),
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
    ],
)
def test_unknown_clients(party: Party, alice: Browser, client_id: str | None) -> None:
    answer = party.ask(alice, client_id=client_id)
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    "target",
    ["https://evil.com", "//evil.com", "/\\evil.com", "https:evil.com", "/%09/evil.com"],
)
def test_the_way_over_the_sign_in_page_is_no_open_door(party: Party, hub: ProviderHub, target: str) -> None:
    """``next`` of the sign-in page comes back to the provider, and to nothing that a parameter says."""
    nobody = Browser(hub.url, "alice", "")
    answer = party.ask(nobody, next=target, state=target)
    location = answer.headers["Location"]
    assert location.startswith("/hub/login?next=%2Fhub%2Foidc%2Fauthorize%3F")
    assert "next%3D" not in location


def test_redirects_say_who_answers(party: Party, alice: Browser) -> None:
    """RFC 9207: a client that knows several providers can tell whose code it has got."""
    assert returned(party.ask(alice))["iss"] == party.issuer
    assert returned(party.ask(alice, scope="profile"))["iss"] == party.issuer


def test_pages_are_in_nobodys_frame_and_name_nobody(party: Party, alice: Browser) -> None:
    answer = party.ask(alice, prompt="consent")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
