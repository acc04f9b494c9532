"""Signing out, asked for by an application: OpenID Connect RP-Initiated Logout 1.0."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
import requests

from tests.oidc.conftest import ProviderHub
from tests.oidc.party import Browser, Party, returned

BYE = "https://app.example.org/bye"


def ask(party: Party, browser: Browser, **fields: str) -> requests.Response:
    """Send the browser to the logout endpoint; follow nothing."""
    return browser.get(f"{party.issuer}/logout?{urlencode(fields)}", follow=False)


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/hub/account", follow=False).status_code == 200


def test_with_a_hint_nobody_is_asked(party: Party, somebody: Callable[[], Browser]) -> None:
    browser = somebody()
    stolen = dict(browser.cookies)
    tokens = party.sign_in(browser)
    answer = ask(
        party, browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BYE, state="s/t=1"
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{BYE}?state=s%2Ft%3D1")
    assert not is_signed_in(browser)
    browser.cookies = stolen
    assert not is_signed_in(browser)
    assert party.userinfo(tokens["access_token"]).status_code == 401
    assert party.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert returned(party.ask(browser, prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize("by_id", [True, False])
def test_without_a_hint_the_person_is_asked(
    party: Party, somebody: Callable[[], Browser], by_id: bool
) -> None:
    browser = somebody()
    fields = {"client_id": party.client.client_id, "post_logout_redirect_uri": BYE} if by_id else {}
    page = ask(party, browser, **fields)
    assert (page.status_code, is_signed_in(browser)) == (200, True)
    assert "Sign out?" in page.text
    assert browser.submit(page, _xsrf="x").status_code == 403
    answer = browser.submit(page)
    assert not is_signed_in(browser)
    if by_id:
        assert (answer.status_code, answer.headers["Location"]) == (303, BYE)
    else:
        assert "You are signed out" in answer.text


def test_the_hint_of_somebody_else_asks(
    party: Party, alice: Browser, somebody: Callable[[], Browser]
) -> None:
    token = party.sign_in(alice)["id_token"]
    browser = somebody()
    page = ask(party, browser, id_token_hint=token, post_logout_redirect_uri=BYE)
    assert ("Sign out?" in page.text, is_signed_in(browser)) == (True, True)


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.com",
        "https://app.example.org/bye/",
        "https://app.example.org/bye?x=1",
        "https://app.example.org/callback",
        "https://app.example.org@evil.com/bye",
        "//evil.com",
        "javascript:alert(1)",
        "https://app.example.org/bye#x",
    ],
)
@pytest.mark.parametrize("who", ["hint", "client_id", "nobody"])
def test_only_registered_addresses(party: Party, alice: Browser, uri: str, who: str) -> None:
    fields = {"hint": {"client_id": party.client.client_id}, "nobody": {}}.get(
        who, {"client_id": party.client.client_id}
    )
    if who == "hint":
        fields = {"id_token_hint": party.sign_in(alice)["id_token"]}
    answer = ask(party, alice, post_logout_redirect_uri=uri, **fields)
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert is_signed_in(alice)


def test_a_registered_address_of_another_client(party: Party, other: Party, alice: Browser) -> None:
    answer = ask(party, alice, post_logout_redirect_uri=BYE, client_id=other.client.client_id)
    assert answer.status_code == 400
    token = other.sign_in(alice)["id_token"]
    answer = ask(
        party,
        alice,
        post_logout_redirect_uri=BYE,
        id_token_hint=token,
        client_id=party.client.client_id,
    )
    assert (answer.status_code, is_signed_in(alice)) == (400, True)


@pytest.mark.parametrize("name", ["state", "client_id", "id_token_hint", "post_logout_redirect_uri"])
def test_twice_or_too_long(party: Party, alice: Browser, name: str) -> None:
    for query in (f"{name}=x&{name}=y", f"{name}={'x' * 5000}"):
        answer = alice.get(f"/hub/oidc/logout?{query}", follow=False)
        assert (answer.status_code, answer.headers.get("Location")) == (400, None)


def test_by_post_and_when_nobody_is_signed_in(party: Party, hub: ProviderHub) -> None:
    fields = {"client_id": party.client.client_id, "post_logout_redirect_uri": BYE, "state": "x"}
    first = requests.post(f"{hub.issuer}/logout", data=fields, allow_redirects=False, timeout=30)
    assert first.status_code == 303
    nobody = Browser(hub.url, "", "")
    answer = nobody.get(first.headers["Location"], follow=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{BYE}?state=x")
    assert "You are signed out" in nobody.get("/hub/oidc/logout").text


def test_the_hubs_own_sign_out_ends_applications_too(party: Party, somebody: Callable[[], Browser]) -> None:
    browser = somebody()
    tokens, code = party.sign_in(browser), party.code(browser)
    browser.get("/hub/logout")
    assert party.userinfo(tokens["access_token"]).status_code == 401
    assert party.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert party.token(code=code).json()["error"] == "invalid_grant"


def test_no_other_page_signs_anybody_out(party: Party, somebody: Callable[[], Browser]) -> None:
    browser = somebody()
    tokens = party.sign_in(browser)
    browser.get("/hub/logout", headers={"Sec-Fetch-Site": "cross-site"})
    assert party.userinfo(tokens["access_token"]).status_code == 200
