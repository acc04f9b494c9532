"""Attacks O2: codes that are used twice, stolen, old, or without the right verifier."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from karvdash_hub.oidc.model import Client, digest
from karvdash_hub.store_oidc_tables import OIDC_CODES
from tests.oidc.conftest import ProviderHub, sign_in
from tests.oidc.party import VERIFIER, Browser, Party, basic, challenge, new_verifier, post, returned


def error(answer: object) -> tuple[int, str]:
    """Status and error of a token answer, which has to be what RFC 6749 5.2 describes."""
    assert answer.headers["Content-Type"] == "application/json"  # type: ignore[attr-defined]
    assert answer.headers["Cache-Control"] == "no-store"  # type: ignore[attr-defined]
    body = answer.json()  # type: ignore[attr-defined]
    assert set(body) <= {"error", "error_description"}
    return answer.status_code, body["error"]  # type: ignore[attr-defined]


def test_a_second_use_ends_what_the_first_got(party: Party, alice: Browser) -> None:
    code = party.code(alice)
    tokens = party.token(code=code).json()
    assert party.userinfo(tokens["access_token"]).status_code == 200
    assert error(party.token(code=code)) == (400, "invalid_grant")
    assert party.userinfo(tokens["access_token"]).status_code == 401
    assert error(party.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


def test_a_second_use_ends_renewed_tokens_too(party: Party, alice: Browser) -> None:
    code = party.code(alice)
    renewed = party.refresh(party.token(code=code).json()["refresh_token"]).json()
    assert error(party.token(code=code)) == (400, "invalid_grant")
    assert party.userinfo(renewed["access_token"]).status_code == 401
    assert error(party.refresh(renewed["refresh_token"])) == (400, "invalid_grant")


def test_of_many_uses_at_once_one_wins(party: Party, alice: Browser) -> None:
    code = party.code(alice)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: party.token(code=code), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + 7 * [400]
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    assert party.userinfo(won["access_token"]).status_code == 401


def test_another_client_gets_nothing_and_harms_nothing(party: Party, other: Party, alice: Browser) -> None:
    code = party.code(alice)
    assert error(other.token(code=code)) == (400, "invalid_grant")
    tokens = party.token(code=code).json()
    assert error(other.token(code=code)) == (400, "invalid_grant")
    assert party.userinfo(tokens["access_token"]).status_code == 200


def test_a_public_client_cannot_use_a_confidential_ones(party: Party, public: Party, alice: Browser) -> None:
    assert error(public.token(code=party.code(alice))) == (400, "invalid_grant")
    assert error(party.token(code=public.code(alice))) == (400, "invalid_grant")


def test_an_expired_code(party: Party, hub: ProviderHub, alice: Browser) -> None:
    code = party.code(alice)
    with hub.store._transaction() as connection:
        mine = OIDC_CODES.c.digest == digest(code)
        assert connection.execute(sa.update(OIDC_CODES).where(mine).values(expires=0.0)).rowcount == 1
    assert error(party.token(code=code)) == (400, "invalid_grant")


def test_codes_live_a_minute(party: Party, hub: ProviderHub, alice: Browser) -> None:
    kept = hub.store.oidc.code(digest(party.code(alice)))
    assert kept is not None
    assert 50 < kept.expires - time.time() <= 60


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("x", id="short"),
        pytest.param("0" * 64, id="a-digest"),
        pytest.param("é" * 30, id="not-ascii"),
        pytest.param("' OR '1'='1", id="sql"),
        pytest.param("%", id="percent"),
    ],
)
def test_codes_that_nobody_gave_out(party: Party, code: str) -> None:
    assert error(party.token(code=code)) == (400, "invalid_grant")


def test_the_digest_is_not_the_code(party: Party, alice: Browser) -> None:
    """What can be read in the database is of no use at the endpoint."""
    assert error(party.token(code=digest(party.code(alice)))) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        pytest.param("https://app.example.org/other", "invalid_grant", id="other"),
        pytest.param("https://app.example.org/callback/", "invalid_grant", id="slash"),
        pytest.param(None, "invalid_request", id="missing"),
    ],
)
def test_the_redirect_uri_has_to_be_the_same(
    party: Party, alice: Browser, uri: str | None, expected: str
) -> None:
    assert error(party.token(code=party.code(alice), redirect_uri=uri)) == (400, expected)


@pytest.mark.parametrize(
    ("verifier", "expected"),
    [
        pytest.param(None, "invalid_request", id="missing"),
        pytest.param("", "invalid_request", id="empty"),
        pytest.param(new_verifier(), "invalid_grant", id="wrong"),
        pytest.param(challenge(VERIFIER), "invalid_grant", id="the-challenge"),
        pytest.param(VERIFIER.lower(), "invalid_grant", id="case"),
        pytest.param(VERIFIER + "=", "invalid_grant", id="padded"),
        pytest.param("short", "invalid_grant", id="short"),
        pytest.param("a" * 129, "invalid_grant", id="long"),
        pytest.param("é" * 43, "invalid_grant", id="not-ascii"),
    ],
)
@pytest.mark.parametrize("kind", ["party", "public"])
def test_the_verifier_has_to_be_right(
    request: pytest.FixtureRequest, alice: Browser, kind: str, verifier: str | None, expected: str
) -> None:
    client: Party = request.getfixturevalue(kind)
    code = client.code(alice)
    assert error(client.token(code=code, code_verifier=verifier)) == (400, expected)
    assert client.token(code=code).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"code_challenge_method": "plain"}, id="plain"),
        pytest.param({"code_challenge_method": None}, id="plain-by-default"),
        pytest.param({"code_challenge_method": "s256"}, id="lower-case"),
        pytest.param({"code_challenge_method": "S512"}, id="unknown"),
        pytest.param({"code_challenge": "short"}, id="short"),
        pytest.param({"code_challenge": "=" * 43}, id="not-base64url"),
        pytest.param({"code_challenge": None}, id="method-without-challenge"),
    ],
)
@pytest.mark.parametrize("kind", ["party", "public"])
def test_s256_and_nothing_else(
    request: pytest.FixtureRequest, alice: Browser, kind: str, changes: dict[str, str | None]
) -> None:
    client: Party = request.getfixturevalue(kind)
    assert returned(client.ask(alice, **changes))["error"] == "invalid_request"


def test_public_clients_need_a_challenge(public: Party, alice: Browser) -> None:
    answer = returned(public.ask(alice, code_challenge=None, code_challenge_method=None))
    assert (answer["error"], answer["state"]) == ("invalid_request", "st4te")


def test_confidential_clients_may_do_without(party: Party, alice: Browser) -> None:
    code = party.code(alice, code_challenge=None, code_challenge_method=None)
    assert party.token(code=code, code_verifier=None).status_code == 200


def test_a_challenge_cannot_be_taken_out(party: Party, alice: Browser) -> None:
    """RFC 9700 4.8.2: the client sends a verifier, so somebody has changed its request."""
    code = party.code(alice, code_challenge=None, code_challenge_method=None)
    assert error(party.token(code=code)) == (400, "invalid_grant")


def test_state_and_nonce_come_back_as_they_were(party: Party, alice: Browser) -> None:
    state = "ä&=+%\"'<>" + secrets.token_urlsafe(1000)
    nonce = "ö " + secrets.token_urlsafe(1000)
    answer = returned(party.ask(alice, state=state, nonce=nonce))
    assert answer["state"] == state
    claims = party.verify(party.token(code=answer["code"]).json()["id_token"])
    assert claims["nonce"] == nonce


def test_without_state_and_nonce(party: Party, alice: Browser) -> None:
    answer = returned(party.ask(alice, state=None, nonce=None))
    assert set(answer) == {"code", "iss"}
    assert "nonce" not in party.verify(party.token(code=answer["code"]).json()["id_token"])


def test_secret_in_the_form(party: Party, alice: Browser) -> None:
    who = {"client_id": party.client.client_id, "client_secret": party.secret}
    uri = party.client.redirect_uris[0]
    fields = {"grant_type": "authorization_code", "redirect_uri": uri, "code_verifier": VERIFIER}
    assert post(party.issuer, "token", fields | who | {"code": party.code(alice)}).status_code == 200


def test_codes_are_bound_to_who_signed_in(party: Party, hub: ProviderHub, alice: Browser) -> None:
    """Mix-up: a code of one person never yields tokens of another, whoever redeems it."""
    codes = {browser.name: party.code(browser) for browser in (alice, sign_in(hub, "bob"))}
    who = {
        name: party.verify(party.token(code=code).json()["id_token"])["preferred_username"]
        for name, code in codes.items()
    }
    assert who == {"alice": "alice", "bob": "bob"}


def test_basic_with_characters_that_need_encoding(hub: ProviderHub, alice: Browser) -> None:
    secret = "p%:+ä &"
    client = Client("app:with+odd&id", "Odd", ("https://app.example.org/callback",), digest(secret))
    hub.store.oidc.add_client(client)
    odd = Party(hub.issuer, client, secret)
    assert odd.token(code=odd.code(alice)).status_code == 200
    assert error(odd.send("token", {"grant_type": "authorization_code"}))[0] == 400
    assert post(odd.issuer, "token", {}, basic(client.client_id, "p%")).status_code == 400
