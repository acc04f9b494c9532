"""Authorization requests that are wrong, and what the client is told: OpenID Connect Core 3.1.2.6."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
import requests

from tests.oidc.conftest import ProviderHub
from tests.oidc.party import Browser, Party, returned

TOLD = [
    pytest.param({"response_type": None}, "invalid_request", id="response-type-missing"),
    pytest.param({"response_type": "token"}, "unsupported_response_type", id="implicit"),
    pytest.param({"response_type": "id_token"}, "unsupported_response_type", id="id-token"),
    pytest.param({"response_type": "code id_token"}, "unsupported_response_type", id="hybrid"),
    pytest.param({"response_type": "code token"}, "unsupported_response_type", id="code-token"),
    pytest.param({"response_type": "none"}, "unsupported_response_type", id="none"),
    pytest.param({"response_type": "CODE"}, "unsupported_response_type", id="case"),
    pytest.param({"response_mode": "fragment"}, "invalid_request", id="fragment"),
    pytest.param({"response_mode": "form_post"}, "invalid_request", id="form-post"),
    pytest.param({"response_mode": "web_message"}, "invalid_request", id="web-message"),
    pytest.param({"scope": None}, "invalid_scope", id="scope-missing"),
    pytest.param({"scope": "profile email"}, "invalid_scope", id="without-openid"),
    pytest.param({"scope": "OPENID"}, "invalid_scope", id="scope-case"),
    pytest.param({"scope": "admin:users"}, "invalid_scope", id="hub-scope"),
    pytest.param({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported", id="request"),
    pytest.param({"request_uri": "https://evil.com/r"}, "request_uri_not_supported", id="request-uri"),
    pytest.param({"registration": "{}"}, "registration_not_supported", id="registration"),
    pytest.param({"prompt": "none login"}, "invalid_request", id="prompt-none-and-more"),
    pytest.param({"prompt": "create"}, "invalid_request", id="prompt-unknown"),
    pytest.param({"max_age": "-1"}, "invalid_request", id="max-age-negative"),
    pytest.param({"max_age": "soon"}, "invalid_request", id="max-age-text"),
    pytest.param({"max_age": "1e9"}, "invalid_request", id="max-age-float"),
    pytest.param({"max_age": "9" * 40}, "invalid_request", id="max-age-huge"),
    pytest.param({"max_age": "٣"}, "invalid_request", id="max-age-other-digits"),
]


@pytest.mark.parametrize(("changes", "error"), TOLD)
def test_the_client_is_told(party: Party, alice: Browser, changes: dict[str, str | None], error: str) -> None:
    answer = returned(party.ask(alice, **changes))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "st4te", party.issuer)
    assert set(answer) <= {"error", "error_description", "state", "iss"}


@pytest.mark.parametrize(("changes", "error"), TOLD[:3] + TOLD[10:11])
def test_also_when_nobody_is_signed_in(
    party: Party, hub: ProviderHub, changes: dict[str, str | None], error: str
) -> None:
    assert returned(party.ask(Browser(hub.url, "", ""), **changes))["error"] == error


@pytest.mark.parametrize("name", ["client_id", "response_type", "redirect_uri", "scope", "state"])
def test_what_is_there_twice_is_not_guessed_at(party: Party, alice: Browser, name: str) -> None:
    answer = alice.get(f"{party.url()}&{name}=x", follow=False)
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert f"Duplicate {name} parameter" in answer.text


@pytest.mark.parametrize(
    "name", ["nonce", "code_challenge", "code_challenge_method", "prompt", "max_age", "id_token_hint"]
)
def test_the_client_is_told_what_is_there_twice(party: Party, alice: Browser, name: str) -> None:
    answer = returned(alice.get(f"{party.url(**{name: 'x'})}&{name}=x", follow=False))
    assert (answer["error"], answer["error_description"]) == (
        "invalid_request",
        f"Duplicate {name} parameter.",
    )


@pytest.mark.parametrize(
    "name", ["state", "nonce", "scope", "login_hint", "id_token_hint", "client_id", "redirect_uri"]
)
def test_long_values(party: Party, alice: Browser, name: str) -> None:
    answer = party.ask(alice, **{name: "x" * 5000})
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert "x" * 100 not in answer.text


def test_one_megabyte_of_state(party: Party, hub: ProviderHub, alice: Browser) -> None:
    """By GET the proxy or the Hub cut it off, by POST the provider reads no more than 64 KiB."""
    long = party.parameters(state="x" * 2**20)
    try:
        status = alice.get(f"{hub.issuer}/authorize?{urlencode(long)}", follow=False).status_code
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):  # hung up on
        status = 431
    assert status in (400, 413, 414, 431)
    answer = requests.post(f"{hub.issuer}/authorize", data=long, allow_redirects=False, timeout=30)
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert len(answer.content) < 50_000


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("%FF%FE", id="no-utf8"),
        pytest.param("client_id=%C0%AE", id="overlong-utf8"),
        pytest.param("&".join(f"a{n}=1" for n in range(200)), id="many"),
        pytest.param("=&==&&&", id="empty-names"),
        pytest.param("", id="nothing"),
        pytest.param("client_id[]=x&client_id[$ne]=y", id="brackets"),
        pytest.param("state={{7*7}}${7*7}", id="template"),
        pytest.param("%00=%00", id="nul"),
    ],
)
def test_queries_that_are_none(hub: ProviderHub, alice: Browser, query: str) -> None:
    answer = alice.get(f"{hub.issuer}/authorize?{query}", follow=False)
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)


def test_control_characters_in_state(party: Party, alice: Browser) -> None:
    answer = party.ask(alice, state="a\r\nSet-Cookie: x=y")
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert "x" not in answer.cookies


def test_html_in_state_and_hint(party: Party, hub: ProviderHub) -> None:
    nobody = Browser(hub.url, "", "")
    evil = '"><script>alert(1)</script>'
    answer = nobody.get(party.url(state=evil, login_hint=evil))
    assert (answer.status_code, "<script>alert" in answer.text) == (200, False)


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param({"display": "page"}, id="display-page"),
        pytest.param({"display": "popup"}, id="display-popup"),
        pytest.param({"ui_locales": "fr-CA el"}, id="ui-locales"),
        pytest.param({"claims_locales": "el"}, id="claims-locales"),
        pytest.param({"acr_values": "1 2"}, id="acr-values"),
        pytest.param({"extra": "foobar"}, id="unknown"),
        pytest.param({"claims": json.dumps({"userinfo": {"name": {"essential": True}}})}, id="claims"),
        pytest.param({"claims": "{"}, id="claims-malformed"),
        pytest.param({"login_hint": "alice@example.org"}, id="login-hint"),
        pytest.param({"scope": "openid offline_access address phone made_up"}, id="unknown-scopes"),
        pytest.param({"scope": "email openid"}, id="other-order"),
        pytest.param({"state": ""}, id="empty-state"),
        pytest.param({"prompt": ""}, id="empty-prompt"),
        pytest.param({"response_mode": "query"}, id="query-mode"),
        pytest.param({"max_age": "10000"}, id="long-max-age"),
        pytest.param({"prompt": "none"}, id="prompt-none"),
    ],
)
def test_what_does_not_stop_it(party: Party, alice: Browser, extra: dict[str, str]) -> None:
    assert "code" in returned(party.ask(alice, **extra))


def test_by_post(party: Party, alice: Browser) -> None:
    """Core 3.1.2.1. The form comes from another site: no cookie of the Hub is with it, no token in it."""
    first = requests.post(
        f"{party.issuer}/authorize", data=party.parameters(), allow_redirects=False, timeout=30
    )
    assert first.status_code == 303
    assert "code" in returned(alice.get(first.headers["Location"], follow=False))


def test_nobody_signs_in_first(party: Party, hub: ProviderHub, alice: Browser) -> None:
    browser = Browser(hub.url, "alice", alice.password)
    sent = party.ask(browser, login_hint="alice")
    assert sent.status_code == 302
    page = browser.get(sent.headers["Location"])
    assert 'value="alice"' in page.text
    fields = {"username": "alice", "password": alice.password}
    back = browser.post(sent.headers["Location"], fields, follow=False)
    answer = returned(browser.get(back.headers["Location"], follow=False))
    assert (set(answer), answer["state"]) == ({"code", "state", "iss"}, "st4te")


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        pytest.param("openid", {"sub"}, id="openid"),
        pytest.param(
            "openid profile", {"sub", "name", "preferred_username", "karvdash_namespace"}, id="profile"
        ),
        pytest.param("openid email", {"sub", "email", "email_verified"}, id="email"),
        pytest.param("openid groups", {"sub", "groups"}, id="groups"),
        pytest.param("openid address phone", {"sub"}, id="others"),
    ],
)
def test_each_scope_says_what_it_says(party: Party, alice: Browser, scope: str, expected: set[str]) -> None:
    tokens = party.sign_in(alice, scope=scope)
    assert set(party.userinfo(tokens["access_token"]).json()) == expected
    always = {"iss", "aud", "iat", "exp", "auth_time", "nonce", "at_hash"}
    assert set(party.verify(tokens["id_token"])) == expected | always
