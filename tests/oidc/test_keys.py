"""New signing keys while applications go on, over real HTTP; when each is due: tests/pure/test_oidc.py."""

from __future__ import annotations

import time

import jwt
import pytest
import requests
import sqlalchemy as sa

from karvdash_hub.oidc_settings import OIDCProvider
from karvdash_hub.provider import rotate
from karvdash_hub.store_oidc_tables import OIDC_KEYS
from tests.oidc.conftest import ProviderHub
from tests.oidc.party import Browser, Party, returned


def kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def published(hub: ProviderHub) -> set[str]:
    keys = requests.get(f"{hub.issuer}/jwks", timeout=30).json()["keys"]
    return {key["kid"] for key in keys}


def begin(hub: ProviderHub, key: str) -> None:
    """Let the time come from which a key signs."""
    with hub.store._transaction() as connection:
        mine = OIDC_KEYS.c.kid == key
        connection.execute(sa.update(OIDC_KEYS).where(mine).values(signs_from=time.time() - 1))


def test_a_new_key_in_the_middle_of_a_flow(party: Party, hub: ProviderHub, alice: Browser) -> None:
    before = party.sign_in(alice)
    code = party.code(alice)
    new = rotate(hub.store, OIDCProvider(), time.time())
    # Published, and not used before everybody has had time to read it.
    assert published(hub) >= {new, kid(before["id_token"])}
    between = party.sign_in(alice)
    assert kid(between["id_token"]) == kid(before["id_token"])
    begin(hub, new)
    after = party.token(code=code).json()
    assert kid(after["id_token"]) == new
    for tokens in (before, between, after):
        assert party.verify(tokens["id_token"])["preferred_username"] == "alice"
        assert party.userinfo(tokens["access_token"]).status_code == 200
    assert kid(party.refresh(before["refresh_token"]).json()["id_token"]) == new
    assert "code" in returned(party.ask(alice, id_token_hint=between["id_token"], prompt="none"))


def test_a_key_that_somebody_has_got_hold_of(party: Party, hub: ProviderHub, alice: Browser) -> None:
    before = party.sign_in(alice)
    new = rotate(hub.store, OIDCProvider(), time.time(), at_once=True)
    assert published(hub) == {new}
    with pytest.raises(StopIteration):
        party.verify(before["id_token"])
    answer = returned(party.ask(alice, id_token_hint=before["id_token"], prompt="none"))
    assert answer["error"] == "login_required"
    # Access and refresh tokens are not signed: they go on.
    assert party.userinfo(before["access_token"]).status_code == 200
    assert party.verify(party.refresh(before["refresh_token"]).json()["id_token"])["sub"]


def test_without_any_key_one_is_made(party: Party, hub: ProviderHub, alice: Browser) -> None:
    with hub.store._transaction() as connection:
        connection.execute(sa.delete(OIDC_KEYS))
    assert party.verify(party.sign_in(alice)["id_token"])["preferred_username"] == "alice"
    assert len(published(hub)) == 1


def test_private_keys_are_nowhere_but_in_the_database(hub: ProviderHub) -> None:
    for key, _ in hub.store.oidc.signing_keys():
        assert "PRIVATE KEY" in (hub.store.oidc.private_key(key) or "")
    assert "PRIVATE KEY" not in hub.log()
    texts = [requests.get(f"{hub.issuer}/{path}", timeout=30).text for path in ("jwks", "keys", "")]
    assert not [text for text in texts if "PRIVATE" in text or '"d"' in text]
    assert (hub.state_dir / "karvdash.sqlite").stat().st_mode & 0o077 == 0
