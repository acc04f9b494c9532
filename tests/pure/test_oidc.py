"""The provider's rules without a Hub: whose key's turn it is, what comes next, what may be registered."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749.errors import OAuth2Error

from karvdash_hub.oidc import keys
from karvdash_hub.oidc.clients import client_mistakes, redirect_uri_mistake
from karvdash_hub.oidc.credentials import Credentials, presented
from karvdash_hub.oidc.keys import Plan, Policy, plan
from karvdash_hub.oidc.model import Client, Consent, Person
from karvdash_hub.oidc.steps import Situation, Step, next_step

DAY = 86400.0
POLICY = Policy(period=90 * DAY, lead=DAY, overlap=DAY)


@pytest.mark.parametrize(
    ("known", "now", "expected"),
    [
        pytest.param([], 5.0, Plan(None, (), 5.0, ()), id="none"),
        pytest.param([("a", 0.0)], 88 * DAY, Plan("a", ("a",), None, ()), id="one"),
        pytest.param([("a", 0.0)], 89 * DAY, Plan("a", ("a",), 90 * DAY, ()), id="next-is-due"),
        pytest.param(
            [("a", 0.0), ("b", 90 * DAY)], 89.5 * DAY, Plan("a", ("a", "b"), None, ()), id="published"
        ),
        pytest.param(
            [("b", 90 * DAY), ("a", 0.0)], 90 * DAY, Plan("b", ("a", "b"), None, ()), id="takes-over"
        ),
        pytest.param(
            [("a", 0.0), ("b", 90 * DAY)], 90.9 * DAY, Plan("b", ("a", "b"), None, ()), id="overlap"
        ),
        pytest.param(
            [("a", 0.0), ("b", 90 * DAY)], 91 * DAY, Plan("b", ("b",), None, ("a",)), id="forgotten"
        ),
        # A Hub that was switched off: the old key goes on until clients have had time to read the new one.
        pytest.param([("a", 0.0)], 500 * DAY, Plan("a", ("a",), 501 * DAY, ()), id="long-off"),
        pytest.param(
            [("a", 0.0), ("b", 90 * DAY), ("c", 180 * DAY)],
            500 * DAY,
            Plan("c", ("c",), 501 * DAY, ("a", "b")),
            id="long-off-with-three",
        ),
        # A clock that was put back: what clients know goes on, and no second key is made.
        pytest.param([("a", 100.0)], 0.0, Plan("a", ("a",), None, ()), id="clock-back"),
        pytest.param(
            [("a", 100.0), ("b", 90 * DAY)], 0.0, Plan("a", ("a", "b"), None, ()), id="clock-back-two"
        ),
    ],
)
def test_whose_turn_it_is(known: list[tuple[str, float]], now: float, expected: Plan) -> None:
    assert plan(known, now, POLICY) == expected


def test_every_token_verifies_for_as_long_as_it_is_good() -> None:
    """Two years, looked at every hour: the key of a token is published from before until after its hour."""
    known: list[tuple[str, float]] = []
    published: list[tuple[float, set[str]]] = []
    signed: list[tuple[float, str]] = []
    for hour in range(2 * 365 * 24):
        now = hour * 3600.0
        todo = plan(known, now, POLICY)
        if todo.make is not None:
            known.append((f"k{len(published)}", todo.make))
        known = [key for key in known if key[0] not in todo.forget]
        todo = plan(known, now, POLICY)
        assert todo.signing is not None
        published.append((now, set(todo.published)))
        signed.append((now, todo.signing))
    for index, (_, kid) in enumerate(signed[1:-1], start=1):
        assert kid in published[index - 1][1] & published[index][1] & published[index + 1][1]
    assert len({kid for _, kid in signed}) == 9
    assert max(len(kids) for _, kids in published) == 2


def test_a_key_is_named_by_what_it_is() -> None:
    """RFC 7638; the same key has the same name, another one another."""
    (one, pem), (two, _) = keys.new_key(), keys.new_key()
    assert keys.thumbprint(keys.load(pem)) == one != two
    assert set(keys.jwk(one, keys.load(pem))) == {"kid", "use", "alg", "kty", "n", "e"}


# --- what comes next ---------------------------------------------------------------------------

ALICE = Person("alice", "sub-alice", None, (), "")
NOW = 10_000.0


def asked(*, first_party: bool = True, **parameters: str) -> Request:
    request = Request("", "POST", parameters)
    request.client = Client("app", "App", ("https://app/cb",), first_party=first_party)
    request.scopes = ["openid", "email"]
    request.redirect_uri = "https://app/cb"
    return request


def there(**changes: Any) -> Situation:
    return Situation(**({"person": ALICE, "auth_time": NOW - 100} | changes))


def consent(*scopes: str, given: float = 0.0) -> Consent:
    return Consent("alice", "app", scopes, given)


@pytest.mark.parametrize(
    ("request_", "situation", "expected"),
    [
        pytest.param(asked(), Situation(None), Step.SIGN_IN, id="nobody"),
        pytest.param(asked(), there(), Step.APPROVE, id="signed-in"),
        pytest.param(asked(), there(auth_time=None), Step.SIGN_IN_AGAIN, id="since-when-is-unknown"),
        pytest.param(asked(prompt="login"), there(), Step.SIGN_IN_AGAIN, id="login"),
        pytest.param(asked(prompt="login"), there(since=NOW - 99), Step.SIGN_IN_AGAIN, id="login-not-yet"),
        pytest.param(asked(prompt="login"), there(since=NOW - 100), Step.APPROVE, id="login-done"),
        pytest.param(asked(prompt="select_account"), there(), Step.SIGN_IN_AGAIN, id="select-account"),
        pytest.param(asked(max_age="100"), there(), Step.APPROVE, id="max-age-just"),
        pytest.param(asked(max_age="99"), there(), Step.SIGN_IN_AGAIN, id="max-age-over"),
        pytest.param(asked(max_age="0"), there(since=NOW - 101), Step.APPROVE, id="max-age-0-done"),
        pytest.param(asked(prompt="consent"), there(), Step.CONSENT, id="consent"),
        pytest.param(
            asked(prompt="consent"),
            there(consent=consent("openid", "email", given=NOW - 2), since=NOW - 1),
            Step.CONSENT,
            id="consent-of-before",
        ),
        pytest.param(
            asked(prompt="consent"),
            there(consent=consent("openid", "email", given=NOW), since=NOW - 1),
            Step.APPROVE,
            id="consent-done",
        ),
        pytest.param(asked(first_party=False), there(), Step.CONSENT, id="foreign"),
        pytest.param(
            asked(first_party=False), there(consent=consent("openid")), Step.CONSENT, id="foreign-more"
        ),
        pytest.param(
            asked(first_party=False),
            there(consent=consent("openid", "email", "groups")),
            Step.APPROVE,
            id="foreign-allowed",
        ),
        pytest.param(
            asked(prompt="login consent", first_party=False), there(), Step.SIGN_IN_AGAIN, id="login-first"
        ),
        pytest.param(asked(), there(hinted="sub-alice"), Step.APPROVE, id="hinted"),
        pytest.param(asked(), Situation(None, hinted="sub-bob"), Step.SIGN_IN, id="hinted-nobody"),
        pytest.param(asked(), there(hinted="sub-bob"), "login_required", id="hinted-other"),
        pytest.param(asked(), there(hinted=""), "login_required", id="hinted-badly"),
        pytest.param(asked(prompt="none"), there(), Step.APPROVE, id="none"),
        pytest.param(asked(prompt="none"), Situation(None), "login_required", id="none-nobody"),
        pytest.param(asked(prompt="none"), there(auth_time=None), "login_required", id="none-unknown"),
        pytest.param(asked(prompt="none", max_age="1"), there(), "login_required", id="none-old"),
        pytest.param(asked(prompt="none", first_party=False), there(), "consent_required", id="none-foreign"),
    ],
)
def test_next_step(request_: Request, situation: Situation, expected: Step | str) -> None:
    try:
        found: Step | str = next_step(request_, situation, NOW)
    except OAuth2Error as error:
        found = error.error
    assert found == expected


# --- what may be registered ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.org/callback",
        "https://app.example.org:8443/callback?tenant=1",
        "https://app.example.org",
        "http://localhost:8000/",
        "http://127.0.0.1:8400/cb",
        "http://[::1]:8400/cb",
        "http://grafana.localhost:8000/login/generic_oauth",
        "org.example.app:/callback",
        "org.example.app://callback",
    ],
)
def test_redirect_uris_that_may_be_registered(uri: str) -> None:
    assert redirect_uri_mistake(uri) is None


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("http://app.example.org/cb", "https://", id="http"),
        pytest.param("http://localhost.evil.com/cb", "https://", id="like-localhost"),
        pytest.param("https://app.example.org/*", "wildcard", id="wildcard"),
        pytest.param("https://*.example.org/cb", "wildcard", id="wildcard-host"),
        pytest.param("https://app.example.org/cb#x", "fragment", id="fragment"),
        pytest.param("https://app.example.org/cb#", "fragment", id="empty-fragment"),
        pytest.param("https://user@app.example.org/cb", "user name", id="user"),
        pytest.param("https://app.example.org/a/../cb", "..", id="dots"),
        pytest.param("https://app.example.org\\cb", "backslash", id="backslash"),
        pytest.param("https://app.example.org/c b", "spaces", id="space"),
        pytest.param("https://аpp.example.org/cb", "characters", id="cyrillic"),
        pytest.param("https://app.example.org/cb\n", "characters", id="new-line"),
        pytest.param("https:///cb", "host", id="no-host"),
        pytest.param("https://app.example.org:x/cb", "not a URI", id="port"),
        pytest.param("https://[::1/cb", "not a URI", id="bracket"),
        pytest.param("/cb", "whole address", id="relative"),
        pytest.param("//app.example.org/cb", "whole address", id="no-scheme"),
        pytest.param("javascript:alert(1)", "https://", id="javascript"),
        pytest.param("data:text/html,x", "https://", id="data"),
        pytest.param("myapp:/cb", "own such as", id="scheme-without-dot"),
        pytest.param("urn:ietf:wg:oauth:2.0:oob", "https://", id="out-of-band"),
        pytest.param("https://app.example.org/" + "x" * 2000, "2000", id="long"),
    ],
)
def test_redirect_uris_that_may_not(uri: str, says: str) -> None:
    assert says in (redirect_uri_mistake(uri) or "")


def test_all_mistakes_of_a_client_at_once() -> None:
    found = client_mistakes(" ", ["x", "https://a/b"], ["https://a/#"])
    assert [error.field for error in found] == ["name", "redirect_uris[0]", "post_logout_redirect_uris[0]"]
    assert [error.field for error in client_mistakes("App", [])] == ["redirect_uris"]
    assert client_mistakes("App", ["http://app.internal/cb"], insecure=True) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a:b", Credentials("a", "b"), id="plain"),
        pytest.param("a%3Ab:c%25d+e", Credentials("a:b", "c%d e"), id="encoded"),
        pytest.param("a:b:c", Credentials("a", "b:c"), id="colon-in-secret"),
        pytest.param("a", Credentials("a", ""), id="no-colon"),
    ],
)
def test_basic(text: str, expected: Credentials) -> None:
    header = "Basic " + base64.b64encode(text.encode()).decode()
    assert presented(Request("", "POST", "", {"Authorization": header})) == expected
