"""Token, userinfo, introspection and revocation: who may ask, and errors by RFC 6749 5.2 and RFC 6750 3.1."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import requests

from tests.oidc.conftest import ProviderHub
from tests.oidc.party import VERIFIER, Browser, Party, basic, post
from tests.oidc.test_codes import error

FORMS = ["token", "revoke", "introspect"]


def bad_credentials(party: Party, other: Party) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Headers and fields by which somebody who is not this client says that it is."""
    mine, theirs = party.client.client_id, other.client.client_id
    return {
        "none": ({}, {}),
        "id-only": ({}, {"client_id": mine}),
        "wrong-secret": (basic(mine, "wrong"), {}),
        "wrong-secret-in-form": ({}, {"client_id": mine, "client_secret": "wrong"}),
        "others-secret": (basic(mine, other.secret), {}),
        "hash-as-secret": (basic(mine, party.client.secret_hash), {}),
        "empty-secret": (basic(mine, ""), {}),
        "secret-and-more": (basic(mine, party.secret + "x"), {}),
        "unknown": (basic("nobody", party.secret), {}),
        "empty-id": (basic("", party.secret), {}),
        "not-base64": ({"Authorization": "Basic !!!"}, {}),
        "not-utf8": ({"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()}, {}),
        "no-colon": ({"Authorization": "Basic " + base64.b64encode(b"x").decode()}, {}),
        "bearer": ({"Authorization": f"Bearer {party.secret}"}, {}),
        "hub-token-scheme": ({"Authorization": f"token {party.secret}"}, {}),
        "empty-header": ({"Authorization": ""}, {}),
        "assertion": ({}, {"client_id": theirs, "client_assertion": "eyJhbGciOiJub25lIn0.e30."}),
    }


@pytest.mark.parametrize("endpoint", FORMS)
@pytest.mark.parametrize(
    "case",
    [
        *("none", "id-only", "wrong-secret", "wrong-secret-in-form", "others-secret", "hash-as-secret"),
        *("empty-secret", "secret-and-more", "unknown", "empty-id", "not-base64", "not-utf8", "no-colon"),
        *("bearer", "hub-token-scheme", "empty-header", "assertion"),
    ],
)
def test_somebody_else(party: Party, other: Party, alice: Browser, endpoint: str, case: str) -> None:
    headers, who = bad_credentials(party, other)[case]
    fields = {
        "token": {
            "grant_type": "authorization_code",
            "code": party.code(alice),
            "redirect_uri": party.client.redirect_uris[0],
            "code_verifier": VERIFIER,
        }
    }.get(endpoint, {"token": "x"})
    answer = post(party.issuer, endpoint, fields | who, headers)
    assert error(answer) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("endpoint", FORMS)
@pytest.mark.parametrize(
    "more",
    [
        pytest.param(lambda party: {"client_id": party.client.client_id}, id="with-id"),
        pytest.param(lambda party: {}, id="without-id"),
    ],
)
def test_two_authentications_at_once(party: Party, endpoint: str, more: Any) -> None:
    headers = basic(party.client.client_id, party.secret)
    fields = {"grant_type": "refresh_token", "token": "x", "client_secret": party.secret, **more(party)}
    assert error(post(party.issuer, endpoint, fields, headers)) == (400, "invalid_request")


@pytest.mark.parametrize("endpoint", FORMS)
def test_two_clients_at_once(party: Party, other: Party, endpoint: str) -> None:
    fields = {"grant_type": "refresh_token", "token": "x", "client_id": other.client.client_id}
    headers = basic(party.client.client_id, party.secret)
    assert error(post(party.issuer, endpoint, fields, headers)) == (400, "invalid_request")


def test_public_clients_have_no_secret(public: Party, alice: Browser) -> None:
    assert error(public.token(code=public.code(alice), client_secret="x")) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, "invalid_request", id="nothing"),
        pytest.param({"grant_type": ""}, "invalid_request", id="grant-type-empty"),
        pytest.param(
            {"grant_type": "password", "username": "alice", "password": "x"},
            "unsupported_grant_type",
            id="password",
        ),
        pytest.param({"grant_type": "client_credentials"}, "unsupported_grant_type", id="client-credentials"),
        pytest.param({"grant_type": "implicit"}, "unsupported_grant_type", id="implicit"),
        pytest.param({"grant_type": "openid"}, "unsupported_grant_type", id="oauthlibs-own"),
        pytest.param(
            {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "x"},
            "unsupported_grant_type",
            id="device",
        ),
        pytest.param(
            {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "x"},
            "unsupported_grant_type",
            id="jwt-bearer",
        ),
        pytest.param(
            {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"},
            "unsupported_grant_type",
            id="exchange",
        ),
        pytest.param({"grant_type": "AUTHORIZATION_CODE", "code": "x"}, "unsupported_grant_type", id="case"),
        pytest.param({"grant_type": "authorization_code"}, "invalid_request", id="code-missing"),
        pytest.param({"grant_type": "refresh_token"}, "invalid_request", id="refresh-missing"),
        pytest.param(
            {"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant", id="refresh-unknown"
        ),
        pytest.param(
            [("grant_type", "refresh_token"), ("grant_type", "authorization_code")],
            "invalid_request",
            id="grant-type-twice",
        ),
        pytest.param(
            [("grant_type", "authorization_code"), ("code", "a"), ("code", "b")],
            "invalid_request",
            id="code-twice",
        ),
        pytest.param(
            [("grant_type", "refresh_token"), ("refresh_token", "a"), ("refresh_token", "b")],
            "invalid_request",
            id="refresh-twice",
        ),
        pytest.param(
            [("grant_type", "refresh_token"), ("client_id", "a"), ("client_id", "b")],
            "invalid_request",
            id="client-twice",
        ),
        pytest.param(
            {"grant_type": "refresh_token", "refresh_token": "x" * 5000}, "invalid_request", id="long"
        ),
        pytest.param(
            {"grant_type": "refresh_token", "refresh_token": "x" * 2**20}, "invalid_request", id="megabyte"
        ),
        pytest.param([(f"a{n}", "x") for n in range(100)], "invalid_request", id="many"),
        pytest.param({"grant_type": "refresh_token", "refresh_token": "a\x00b"}, "invalid_request", id="nul"),
    ],
)
def test_wrong_token_requests(party: Party, fields: Any, expected: str) -> None:
    headers = basic(party.client.client_id, party.secret)
    assert error(post(party.issuer, "token", fields, headers)) == (400, expected)


@pytest.mark.parametrize("endpoint", FORMS)
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("application/json", b'{"grant_type": "refresh_token"}', id="json"),
        pytest.param("multipart/form-data; boundary=x", b"--x--", id="multipart"),
        pytest.param("text/plain", b"grant_type=refresh_token", id="text"),
        pytest.param("", b"grant_type=refresh_token", id="no-type"),
        pytest.param("application/x-www-form-urlencoded", b"grant_type=%FF", id="no-utf8"),
        pytest.param("application/x-www-form-urlencoded", b"\xff\xfe", id="bytes"),
    ],
)
def test_bodies_that_are_no_form(party: Party, endpoint: str, kind: str, body: bytes) -> None:
    headers = basic(party.client.client_id, party.secret) | {"Content-Type": kind}
    answer = requests.post(f"{party.issuer}/{endpoint}", data=body, headers=headers, timeout=30)
    assert error(answer) == (400, "invalid_request")


@pytest.mark.parametrize("endpoint", FORMS)
def test_parameters_in_the_address(party: Party, endpoint: str) -> None:
    who = f"client_id={party.client.client_id}&client_secret={party.secret}"
    answer = post(party.issuer, f"{endpoint}?{who}", {"grant_type": "refresh_token", "token": "x"})
    assert error(answer) == (400, "invalid_request")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("endpoint", FORMS)
def test_other_methods(hub: ProviderHub, method: str, endpoint: str) -> None:
    answer = requests.request(method, f"{hub.issuer}/{endpoint}", timeout=30)
    assert (answer.status_code, answer.json()) == (405, {"error": "invalid_request"})


@pytest.mark.parametrize("endpoint", ["token", "userinfo", "revoke", "introspect"])
def test_pages_of_any_origin_may_call(hub: ProviderHub, endpoint: str) -> None:
    asked = requests.options(
        f"{hub.issuer}/{endpoint}",
        headers={"Origin": "https://spa.example.org", "Access-Control-Request-Headers": "authorization"},
        timeout=30,
    )
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert asked.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert "Access-Control-Allow-Credentials" not in asked.headers


# --- userinfo ----------------------------------------------------------------------------------


def test_userinfo_by_every_way(party: Party, alice: Browser) -> None:
    token = party.sign_in(alice)["access_token"]
    address, header = f"{party.issuer}/userinfo", {"Authorization": f"Bearer {token}"}
    answers = [
        requests.get(address, headers=header, timeout=30),
        requests.post(address, headers=header, timeout=30),
        requests.post(address, data={"access_token": token}, timeout=30),
        requests.get(address, headers={"Authorization": f"bearer {token}"}, timeout=30),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({json.dumps(answer.json()) for answer in answers}) == 1
    assert answers[0].headers["Content-Type"] == "application/json"
    assert answers[0].headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("kind", ["wrong", "refresh", "id", "secret", "empty", "long", "not-ascii"])
def test_userinfo_with_something_else(party: Party, alice: Browser, kind: str) -> None:
    tokens = party.sign_in(alice)
    token = {
        "wrong": "x",
        "refresh": tokens["refresh_token"],
        "id": tokens["id_token"],
        "secret": party.secret,
        "empty": "",
        "long": "x" * 8000,
        "not-ascii": "caf\xe9",
    }[kind]
    headers = {"Authorization": f"Bearer {token}".encode("latin-1")}
    answer = requests.get(f"{party.issuer}/userinfo", headers=headers, timeout=30)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    assert "sub" not in answer.json()


def test_userinfo_without_a_token(hub: ProviderHub, alice: Browser) -> None:
    """The Hub's cookie is worth nothing there, and RFC 6750 3.1 wants no error code."""
    answer = alice.get("/hub/oidc/userinfo", follow=False)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_userinfo_takes_no_token_from_the_address(party: Party, alice: Browser) -> None:
    token = party.sign_in(alice)["access_token"]
    assert requests.get(f"{party.issuer}/userinfo?access_token={token}", timeout=30).status_code == 401


def test_userinfo_with_two_tokens(party: Party, alice: Browser) -> None:
    token = party.sign_in(alice)["access_token"]
    answer = post(party.issuer, "userinfo", {"access_token": token}, {"Authorization": f"Bearer {token}"})
    assert error(answer) == (400, "invalid_request")
