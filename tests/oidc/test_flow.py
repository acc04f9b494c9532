"""The code flow as the specifications have it, documents and claims compared whole."""

from __future__ import annotations

import time
import uuid

import requests

from tests.oidc.conftest import ProviderHub
from tests.oidc.party import Browser, Party, returned


def test_discovery_document(hub: ProviderHub) -> None:
    answer = requests.get(f"{hub.issuer}/.well-known/openid-configuration", timeout=30)
    issuer = hub.issuer
    assert answer.json() == {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "end_session_endpoint": f"{issuer}/logout",
        "scopes_supported": ["openid", "profile", "email", "groups"],
        "claims_supported": [
            *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "name"),
            *("preferred_username", "karvdash_namespace", "email", "email_verified", "groups"),
        ],
        "claim_types_supported": ["normal"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_jwks(hub: ProviderHub) -> None:
    keys = requests.get(f"{hub.issuer}/jwks", timeout=30).json()["keys"]
    assert keys
    for key in keys:
        always = {"kty": "RSA", "use": "sig", "alg": "RS256", "e": "AQAB"}
        assert key == always | {"kid": key["kid"], "n": key["n"]}  # nothing private
        assert (len(key["kid"]), len(key["n"])) == (43, 342)  # RFC 7638 with SHA-256; 2048 bits


def test_whole_flow(party: Party, alice: Browser) -> None:
    before = int(time.time())
    answer = returned(party.ask(alice))
    assert answer == {"code": answer["code"], "state": "st4te", "iss": party.issuer}
    token = party.token(code=answer["code"])
    assert (token.status_code, token.headers["Cache-Control"]) == (200, "no-store")
    tokens = token.json()
    assert tokens == {
        "access_token": tokens["access_token"],
        "refresh_token": tokens["refresh_token"],
        "id_token": tokens["id_token"],
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "openid profile email groups",
    }
    claims = party.verify(tokens["id_token"])
    about = {
        "sub": claims["sub"],
        "name": "alice",
        "preferred_username": "alice",
        "karvdash_namespace": "karvdash-alice",
        "email": "alice@example.org",
        "email_verified": False,
        "groups": [],
    }
    assert claims == {
        **about,
        "iss": party.issuer,
        "aud": party.client.client_id,
        "nonce": "n0nce",
        "at_hash": claims["at_hash"],
        "auth_time": claims["auth_time"],
        "iat": claims["iat"],
        "exp": claims["iat"] + 3600,
    }
    assert uuid.UUID(claims["sub"]).version == 4
    assert before - 300 < claims["auth_time"] <= claims["iat"]
    assert before <= claims["iat"] <= time.time()
    assert party.userinfo(tokens["access_token"]).json() == about
    again = party.verify(party.sign_in(alice)["id_token"])
    assert (again["sub"], again["auth_time"]) == (claims["sub"], claims["auth_time"])
