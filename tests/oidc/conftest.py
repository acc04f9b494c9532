"""Fixture ``hub``: one Hub without a cluster for all tests of the provider, with clients and people."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from karvdash_hub.oidc.model import Client, digest, new_secret
from karvdash_hub.store import Store
from tests.accounts.lone_hub import LoneHub
from tests.fixtures.accounts import cheap_hash
from tests.oidc.party import Browser, Party

PASSWORD = "correct horse battery"
CHEAP_HASH = cheap_hash(PASSWORD)
CALLBACK = "https://app.example.org/callback"
#: Everything is logged, so that a test can look for secrets; and JupyterHub's own OAuth has a client.
CONFIG = """
c.JupyterHub.log_level = 10
c.JupyterHub.services.append({
    "name": "plain", "api_token": "plain-service-secret", "oauth_client_id": "service-plain",
    "oauth_redirect_uri": "https://plain.example.org/callback", "oauth_no_confirm": True,
})
c.JupyterHub.extra_user_scopes.update({"access:services!service=plain"})
"""


class ProviderHub(LoneHub):
    """A Hub whose database the tests read and write as ``karvdash-hub`` does."""

    _store: Store | None = None

    @property
    def store(self) -> Store:
        """Our database."""
        if self._store is None:
            self._store = Store(f"sqlite:///{self.state_dir / 'karvdash.sqlite'}")
        return self._store

    @property
    def issuer(self) -> str:
        """Address of the provider."""
        return f"{self.url}/hub/oidc"

    @property
    def cookie_secret(self) -> bytes:
        """With which the Hub signs cookies."""
        return bytes.fromhex((self.state_dir / "jupyterhub_cookie_secret").read_text().strip())

    def party(self, **changes: object) -> Party:
        """Register a client; return it with its secret."""
        name = "app-" + secrets.token_hex(4)
        secret = "" if changes.get("public") else new_secret()
        hashed = digest(secret) if secret else ""
        client = replace(Client(name, f"App {name}", (CALLBACK,), hashed), **changes)  # type: ignore[arg-type]
        self.store.oidc.add_client(client)
        return Party(self.issuer, client, secret)


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderHub]:
    """JupyterHub and its proxy."""
    hub = ProviderHub(tmp_path_factory.mktemp("hub"), CONFIG)
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture(scope="package")
def party(hub: ProviderHub) -> Party:
    """A confidential client of our own, for tests that change nothing about it."""
    return hub.party(post_logout_redirect_uris=("https://app.example.org/bye",))


@pytest.fixture(scope="package")
def public(hub: ProviderHub) -> Party:
    """A public client."""
    return hub.party(public=True)


@pytest.fixture(scope="package")
def other(hub: ProviderHub) -> Party:
    """Another confidential client."""
    return hub.party()


@pytest.fixture(scope="package")
def alice(hub: ProviderHub) -> Browser:
    """The browser of somebody who has signed in, for tests that leave it so."""
    return sign_in(hub, "alice", email="alice@example.org")


@pytest.fixture(scope="package")
def admin_token(hub: ProviderHub) -> str:
    """A token of an administrator."""
    sign_in(hub, "boss", admin=True)
    return hub.token("boss")


@pytest.fixture
def somebody(hub: ProviderHub) -> Callable[[], Browser]:
    """Make people for one test."""
    return lambda: sign_in(hub, "p" + secrets.token_hex(4))


def sign_in(hub: ProviderHub, name: str, *, email: str = "", admin: bool = False) -> Browser:
    """Make an account and sign in by the form."""
    hub.store.add_account(name, CHEAP_HASH, admin=admin)
    if email:
        hub.store.people.set_email(name, email)
    browser = Browser(hub.url, name, PASSWORD)
    browser.sign_in()
    return browser
