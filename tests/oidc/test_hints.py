"""Attacks O3: tokens that are not ours where one of ours is taken, as a hint of who the person is."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.oidc.conftest import CHEAP_HASH, PASSWORD, ProviderHub
from tests.oidc.party import Browser, Party, returned


@pytest.fixture(scope="module")
def token(party: Party, alice: Browser) -> str:
    """An ID token of ours."""
    return str(party.sign_in(alice)["id_token"])


def b64(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signing_key(hub: ProviderHub, token: str) -> tuple[str, str]:
    """Id and private half of the key that signed a token."""
    kid = jwt.get_unverified_header(token)["kid"]
    pem = hub.store.oidc.private_key(kid)
    assert pem is not None
    return kid, pem


@functools.cache
def strangers_key() -> rsa.RSAPrivateKey:
    """A key that the Hub does not know."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def forge(hub: ProviderHub, token: str, case: str) -> str:
    """A token that says what ours says, and is not ours."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    kid, pem = signing_key(hub, token)
    public = serialization.load_pem_private_key(pem.encode(), None).public_key()
    spki = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (jwk,) = (k for k in requests.get(f"{hub.issuer}/jwks", timeout=30).json()["keys"] if k["kid"] == kid)
    stranger = strangers_key()

    def hs256(secret: bytes) -> str:
        text = f"{b64({'alg': 'HS256', 'typ': 'JWT', 'kid': kid})}.{payload}"
        return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"

    cases: dict[str, Callable[[], str]] = {
        "alg-none": lambda: f"{b64({'alg': 'none', 'kid': kid})}.{payload}.",
        "alg-None": lambda: f"{b64({'alg': 'None', 'kid': kid})}.{payload}.",
        "alg-none-signed": lambda: f"{b64({'alg': 'none', 'kid': kid})}.{payload}.{signature}",
        "alg-missing": lambda: f"{b64({'kid': kid})}.{payload}.{signature}",
        "no-signature": lambda: f"{header}.{payload}.",
        "hs256-pem": lambda: hs256(spki),
        "hs256-pem-stripped": lambda: hs256(spki.strip()),
        "hs256-modulus": lambda: hs256(jwk["n"].encode()),
        "hs256-jwk": lambda: hs256(json.dumps(jwk).encode()),
        "hs256-empty": lambda: hs256(b""),
        "unknown-kid": lambda: jwt.encode(claims, pem, "RS256", headers={"kid": "other"}),
        "no-kid": lambda: jwt.encode(claims, pem, "RS256"),
        "kid-path": lambda: jwt.encode(claims, pem, "RS256", headers={"kid": "../../../dev/null"}),
        "kid-sql": lambda: jwt.encode(claims, pem, "RS256", headers={"kid": "' OR 1=1 --"}),
        "strangers-key": lambda: jwt.encode(claims, stranger, "RS256", headers={"kid": kid}),
        "embedded-jwk": lambda: jwt.encode(
            claims,
            stranger,
            "RS256",
            headers={
                "kid": kid,
                "jwk": json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(stranger.public_key())),
            },
        ),
        "jku": lambda: jwt.encode(claims, stranger, "RS256", headers={"jku": "http://127.0.0.1:9/jwks"}),
        "rs384": lambda: jwt.encode(claims, pem, "RS384", headers={"kid": kid}),
        "ps256": lambda: jwt.encode(claims, pem, "PS256", headers={"kid": kid}),
        "other-issuer": lambda: jwt.encode(
            claims | {"iss": "https://evil.com"}, pem, "RS256", headers={"kid": kid}
        ),
        "no-subject": lambda: jwt.encode(
            {k: v for k, v in claims.items() if k != "sub"}, pem, "RS256", headers={"kid": kid}
        ),
        "other-subject": lambda: jwt.encode(claims | {"sub": "x"}, pem, "RS256", headers={"kid": kid}),
        "subject-list": lambda: jwt.encode(
            claims | {"sub": [claims["sub"]]}, pem, "RS256", headers={"kid": kid}
        ),
        "payload-changed": lambda: f"{header}.{b64(claims | {'groups': ['admin']})}.{signature}",
        "signature-cut": lambda: token[:-4],
        "two-tokens": lambda: f"{token} {token}",
        "garbage": lambda: "x.y.z",
        "encrypted": lambda: "a.b.c.d.e",
        "not-ascii": lambda: "é" + token,
    }
    return cases[case]()


CASES = [
    *("alg-none", "alg-None", "alg-none-signed", "alg-missing", "no-signature", "hs256-pem"),
    *("hs256-pem-stripped", "hs256-modulus", "hs256-jwk", "hs256-empty", "unknown-kid", "no-kid"),
    *("kid-path", "kid-sql", "strangers-key", "embedded-jwk", "jku", "rs384", "ps256", "other-issuer"),
    *("no-subject", "other-subject", "subject-list", "payload-changed", "signature-cut", "two-tokens"),
    *("garbage", "encrypted", "not-ascii"),
]


@pytest.mark.parametrize("case", CASES)
def test_forged_tokens_at_authorize(
    party: Party, hub: ProviderHub, alice: Browser, token: str, case: str
) -> None:
    hint = forge(hub, token, case)
    for prompt in (None, "none"):
        answer = returned(party.ask(alice, id_token_hint=hint, prompt=prompt))
        assert (answer["error"], answer["state"]) == ("login_required", "st4te")


@pytest.mark.parametrize("case", CASES)
def test_forged_tokens_sign_nobody_out(hub: ProviderHub, alice: Browser, token: str, case: str) -> None:
    answer = alice.get(f"/hub/oidc/logout?id_token_hint={requests.utils.quote(forge(hub, token, case))}")
    assert (answer.status_code, "Sign out?" in answer.text) == (200, True)
    assert alice.get("/hub/account", follow=False).status_code == 200


@pytest.mark.parametrize("case", CASES)
def test_forged_tokens_are_no_access_tokens(party: Party, hub: ProviderHub, token: str, case: str) -> None:
    forged = forge(hub, token, case)
    headers = {"Authorization": f"Bearer {forged}".encode()}
    for address in (f"{hub.issuer}/userinfo", f"{hub.url}/hub/api/user"):
        answer = requests.get(address, headers=headers, timeout=30)
        assert answer.status_code in (401, 403)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="as-it-is"),
        pytest.param({"exp": int(time.time()) - 86400}, id="expired"),
        pytest.param(
            {"iat": int(time.time()) + 300, "exp": int(time.time()) + 3900}, id="five-minutes-ahead"
        ),
        pytest.param({"iat": int(time.time()) - 300, "exp": int(time.time()) - 1}, id="five-minutes-behind"),
        pytest.param({"nbf": int(time.time()) + 300}, id="not-yet"),
        pytest.param({"aud": "another-client"}, id="another-clients"),
    ],
)
def test_hints_that_are_ours(
    party: Party, hub: ProviderHub, alice: Browser, token: str, change: dict[str, Any]
) -> None:
    """Core 3.1.2.1: the provider need not be the audience; an old token still says who it was about."""
    kid, pem = signing_key(hub, token)
    claims = jwt.decode(token, options={"verify_signature": False}) | change
    hint = jwt.encode(claims, pem, "RS256", headers={"kid": kid})
    assert "code" in returned(party.ask(alice, id_token_hint=hint, prompt="none"))


def test_the_hint_of_somebody_else(party: Party, somebody: Callable[[], Browser], token: str) -> None:
    browser = somebody()
    answer = returned(party.ask(browser, id_token_hint=token))
    assert answer["error"] == "login_required"


def test_what_a_client_has_to_check_fails_when_it_is_wrong(
    party: Party, other: Party, alice: Browser, token: str
) -> None:
    """Our tokens are for one audience, one issuer and one hour, and say so to whoever looks."""
    claims = party.verify(token)
    with pytest.raises(jwt.InvalidAudienceError):
        other.verify(token)
    with pytest.raises(jwt.InvalidSignatureError):
        party.verify(token[:-6] + "AAAAAA")
    half = hashlib.sha256(party.sign_in(alice)["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] != b64(half)
    tokens = party.sign_in(alice)
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert party.verify(tokens["id_token"])["at_hash"] == b64(half)  # Core 3.1.3.6


@pytest.mark.parametrize(("name", "expected"), [("alice", "code"), ("robert", "error")])
def test_the_hint_is_remembered_over_the_sign_in_page(
    party: Party, hub: ProviderHub, alice: Browser, token: str, name: str, expected: str
) -> None:
    """The token itself is not in the address of that page, from which it would get into the log."""
    if name != "alice":
        hub.store.add_account(name, CHEAP_HASH, admin=False)
    browser = Browser(hub.url, name, PASSWORD)
    sent = party.ask(browser, id_token_hint=token)
    assert token not in sent.headers["Location"]
    browser.get(sent.headers["Location"])
    fields = {"username": name, "password": PASSWORD}
    back = browser.post(sent.headers["Location"], fields, follow=False)
    answer = returned(browser.get(back.headers["Location"], follow=False))
    assert expected in answer
    assert answer.get("error") in (None, "login_required")
