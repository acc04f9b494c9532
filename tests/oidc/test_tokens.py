"""What becomes of tokens: introspection, revocation, refreshing."""

from __future__ import annotations

import pytest

from tests.oidc.party import Browser, Party
from tests.oidc.test_codes import error

# --- revocation and introspection --------------------------------------------------------------


def test_introspection_of_both_kinds(party: Party, alice: Browser) -> None:
    tokens = party.sign_in(alice)
    sub = party.verify(tokens["id_token"])["sub"]
    access = party.send("introspect", {"token": tokens["access_token"]}).json()
    common = {
        "active": True,
        "scope": "openid profile email groups",
        "client_id": party.client.client_id,
        "username": "alice",
        "sub": sub,
        "iss": party.issuer,
    }
    assert access == common | {"token_type": "Bearer", "exp": access["exp"]}
    refresh = party.send("introspect", {"token": tokens["refresh_token"], "token_type_hint": "x"}).json()
    assert refresh == common | {"exp": refresh["exp"]}


def test_introspection_tells_nobody_about_others_tokens(
    party: Party, other: Party, public: Party, alice: Browser
) -> None:
    tokens = party.sign_in(alice)
    for token in (tokens["access_token"], tokens["refresh_token"], tokens["id_token"], "x"):
        assert other.send("introspect", {"token": token}).json() == {"active": False}
    assert error(public.send("introspect", {"token": tokens["access_token"]})) == (401, "invalid_client")


def test_introspection_needs_a_token(party: Party) -> None:
    assert error(party.send("introspect", {})) == (400, "invalid_request")
    assert error(party.send("revoke", {})) == (400, "invalid_request")


def test_revoking_an_access_token(party: Party, alice: Browser) -> None:
    tokens = party.sign_in(alice)
    answer = party.send("revoke", {"token": tokens["access_token"], "token_type_hint": "refresh_token"})
    assert (answer.status_code, answer.text) == (200, "")
    assert party.userinfo(tokens["access_token"]).status_code == 401
    assert party.refresh(tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("kind", ["party", "public"])
def test_revoking_a_refresh_token(request: pytest.FixtureRequest, alice: Browser, kind: str) -> None:
    client: Party = request.getfixturevalue(kind)
    tokens = client.sign_in(alice)
    assert client.send("revoke", {"token": tokens["refresh_token"]}).status_code == 200
    assert client.userinfo(tokens["access_token"]).status_code == 401
    assert error(client.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert client.send("revoke", {"token": tokens["refresh_token"]}).status_code == 200


def test_revoking_others_tokens_does_nothing(party: Party, other: Party, alice: Browser) -> None:
    tokens = party.sign_in(alice)
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert other.send("revoke", {"token": token}).status_code == 200
    assert party.userinfo(tokens["access_token"]).status_code == 200
    assert party.refresh(tokens["refresh_token"]).status_code == 200


# --- refreshing --------------------------------------------------------------------------------


def test_a_refresh_token_is_good_once(party: Party, alice: Browser) -> None:
    first = party.sign_in(alice)
    second = party.refresh(first["refresh_token"]).json()
    assert set(second) == set(first)
    assert second["refresh_token"] != first["refresh_token"]
    before, after = party.verify(first["id_token"]), party.verify(second["id_token"])
    # Core 12.2: the same person, client, issuer and time of sign-in; no nonce.
    kept = ("iss", "sub", "aud", "auth_time")
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    assert "nonce" not in after
    assert error(party.refresh(first["refresh_token"])) == (400, "invalid_grant")


def test_a_second_use_ends_the_family(party: Party, alice: Browser) -> None:
    """RFC 9700 4.14.2: nobody knows which of the two is the thief."""
    first = party.sign_in(alice)
    second = party.refresh(first["refresh_token"]).json()
    elsewhere = party.sign_in(alice)
    assert error(party.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert error(party.refresh(second["refresh_token"])) == (400, "invalid_grant")
    assert party.userinfo(second["access_token"]).status_code == 401
    assert party.userinfo(first["access_token"]).status_code == 401
    assert party.userinfo(elsewhere["access_token"]).status_code == 200


def test_refresh_tokens_are_bound_to_their_client(
    party: Party, other: Party, public: Party, alice: Browser
) -> None:
    tokens = party.sign_in(alice)
    for thief in (other, public):
        assert error(thief.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert party.refresh(tokens["refresh_token"]).status_code == 200


def test_other_tokens_do_not_refresh(party: Party, alice: Browser) -> None:
    tokens = party.sign_in(alice)
    for token in (tokens["access_token"], tokens["id_token"]):
        assert error(party.refresh(token))[1] == "invalid_grant"


def test_fewer_scopes_but_not_more(party: Party, alice: Browser) -> None:
    tokens = party.sign_in(alice, scope="openid profile email")
    fewer = party.refresh(tokens["refresh_token"], scope="openid email offline_access").json()
    assert fewer["scope"] == "openid email"
    assert set(party.userinfo(fewer["access_token"]).json()) == {"sub", "email", "email_verified"}
    more = party.refresh(fewer["refresh_token"], scope="openid groups")
    assert error(more) == (400, "invalid_scope")
    all_of_them = party.refresh(fewer["refresh_token"]).json()
    assert all_of_them["scope"] == "openid profile email"


def test_without_openid_there_is_no_userinfo(party: Party, alice: Browser) -> None:
    tokens = party.sign_in(alice, scope="openid email")
    narrow = party.refresh(tokens["refresh_token"], scope="email").json()
    assert "id_token" not in narrow
    answer = party.userinfo(narrow["access_token"])
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
