"""A database that does not take anything, and what the log says."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.oidc.conftest import ProviderHub
from tests.oidc.party import Browser, Party, post, returned


@contextmanager
def occupied(hub: ProviderHub) -> Iterator[None]:
    """Let another program write into our database, and not end."""
    connection = sqlite3.connect(hub.state_dir / "karvdash.sqlite", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def test_database_occupied(party: Party, hub: ProviderHub, alice: Browser) -> None:
    code, tokens = party.code(alice), party.sign_in(alice)
    with occupied(hub):
        answer = returned(party.ask(alice))
        assert (answer["error"], answer["state"]) == ("temporarily_unavailable", "st4te")
        for refused in (party.token(code=code), party.refresh(tokens["refresh_token"])):
            assert refused.status_code == 503
            assert refused.json() == {"error": "temporarily_unavailable"}
            assert refused.headers["Cache-Control"] == "no-store"
        assert party.send("revoke", {"token": tokens["access_token"]}).status_code == 503
        # What only reads goes on.
        assert party.userinfo(tokens["access_token"]).status_code == 200
        assert requests.get(f"{hub.issuer}/jwks", timeout=30).status_code == 200
    # Nothing was used up by the attempts.
    assert party.token(code=code).status_code == 200
    assert party.refresh(tokens["refresh_token"]).status_code == 200


def test_the_log_has_no_secrets(party: Party, public: Party, hub: ProviderHub, alice: Browser) -> None:
    """At the level DEBUG, where oauthlib would write every code and token."""
    secrets = [party.secret, alice.password]
    for client in (party, public):
        code = client.code(alice)
        tokens = client.token(code=code).json()
        renewed = client.refresh(tokens["refresh_token"]).json()
        client.token(code=code)  # refused, and logged
        names = ("access_token", "refresh_token", "id_token")
        secrets += [code, *(one[name] for one in (tokens, renewed) for name in names)]
        client.send("revoke", {"token": renewed["refresh_token"]})
        hinted, nobody = client.url(id_token_hint=tokens["id_token"]), Browser(hub.url, "", "")
        alice.get(hinted, follow=False)
        nobody.get(nobody.get(hinted, follow=False).headers["Location"])
        alice.get(f"/hub/oidc/logout?id_token_hint={tokens['access_token']}")
        post(party.issuer, f"token?client_secret={party.secret}&code={code}", {})
        requests.get(f"{party.issuer}/userinfo?access_token={tokens['access_token']}", timeout=30)
    page = party.ask(alice, prompt="login")
    alice.submit(page, password=alice.password)
    deadline = time.monotonic() + 10
    while "used a code of 'alice' twice" not in hub.log():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    log = hub.log()
    assert [secret for secret in secrets if secret in log] == []


def test_the_hub_answers_while_nobody_is_there(hub: ProviderHub) -> None:
    assert requests.get(f"{hub.issuer}/nothing", timeout=30).status_code == 404
    assert requests.get(f"{hub.issuer}", timeout=30).status_code == 404
