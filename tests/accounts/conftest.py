"""Fixture ``hub``: one Hub without a cluster for all tests of accounts."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.accounts.lone_hub import LoneHub
from tests.hub_http.session import Session

#: A group whose members manage accounts and are no administrators.
CONFIG = """
c.JupyterHub.load_groups = {"keepers": {"users": []}}
role = {"name": "keepers", "groups": ["keepers"], "scopes": ["custom:karvdash:users"]}
c.JupyterHub.load_roles.append(role)
c.OIDCProvider.secret_namespaces = ["argo"]
c.OIDCProvider.clients = [{
    "client_id": "configured", "client_secret": "s" * 32, "redirect_uris": ["https://app.example.com/"],
}]
"""


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneHub]:
    """JupyterHub, the proxy, and one administrator."""
    hub = LoneHub(tmp_path_factory.mktemp("hub"), CONFIG)
    hub.add("root1", admin=True)
    hub.start()
    yield hub
    hub.stop()


@dataclass
class Somebody:
    """A person with an account."""

    hub: LoneHub
    name: str
    password: str
    token: str

    def api(self, method: str, path: str, json: Any = None) -> requests.Response:
        """A request to /hub/api/karvdash with the person's token."""
        return self.hub.api(method, f"/karvdash{path}", self.token, json)

    def session(self) -> Session:
        """A browser without JavaScript, signed in."""
        return sign_in(self.hub, self.name, self.password)


def sign_in(hub: LoneHub, name: str, password: str) -> Session:
    """Sign in by the form."""
    session = Session(hub.url)
    session.get("/hub/login")
    answer = session.post("/hub/login?next=/hub/account", {"username": name, "password": password})
    assert answer.status_code == 200, answer.text[-2000:]
    assert "Your account" in answer.text
    return session


def try_to_sign_in(hub: LoneHub, name: str, password: str) -> requests.Response:
    """Send the sign-in form; 200 is the page behind it, 403 the form again."""
    session = Session(hub.url)
    session.get("/hub/login")
    return session.post("/hub/login?next=/hub/account", {"username": name, "password": password})


class Boss(Somebody):
    """An administrator, who signs in once for all tests."""

    _shared: Session | None = None

    def session(self) -> Session:
        """The browser of all tests."""
        if self._shared is None:
            self._shared = super().session()
        return self._shared


@pytest.fixture(scope="package")
def admin(hub: LoneHub) -> Boss:
    """An administrator."""
    boss = Boss(hub, "boss", hub.add("boss", admin=True), "")
    boss.session()  # JupyterHub learns the role at the first sign-in
    boss.token = hub.token(boss.name)
    return boss


@pytest.fixture
def somebody(hub: LoneHub) -> Callable[..., Somebody]:
    """Make people."""

    def make(*, admin: bool = False, email: str = "") -> Somebody:
        name = "p" + secrets.token_hex(4)
        password = hub.add(name, email=email, admin=admin)
        return Somebody(hub, name, password, hub.token(name))

    return make


@pytest.fixture
def person(somebody: Callable[..., Somebody]) -> Somebody:
    """An ordinary user."""
    return somebody()


@pytest.fixture
def keeper(somebody: Callable[..., Somebody], admin: Somebody) -> Somebody:
    """Somebody who manages accounts and is no administrator."""
    made = somebody()
    answer = admin.api("PATCH", f"/users/{made.name}/", {"groups": ["keepers"]})
    assert answer.status_code == 200, answer.text
    made.token = made.hub.token(made.name)
    return made
