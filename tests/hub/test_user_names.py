"""User names that are no namespace and no address: what their owners get, and who is refused."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from demo.stack import Stack
from karvdash_hub.accounts import LocalAccounts
from karvdash_hub.errors import KarvdashError, Taken
from karvdash_hub.names import RESERVED_USER_NAMES, Hostname, user_slug
from karvdash_hub.settings import Platform
from karvdash_hub.spawner.users import claim_user
from karvdash_hub.store import Host, Store
from tests.fixtures.stacks import Person
from tests.hub.conftest import HubProcess
from tests.hub.helpers import labelled, launch
from tests.hub_http.session import Session
from tests.hub_http.test_pages import words

LONG = "a.very.long.name.of.sixty-four.characters.from.another.directory"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database."""
    made = Store(f"sqlite:///{tmp_path}/store.sqlite")
    yield made
    made.close()


def namesakes(start: str) -> tuple[str, str]:
    """Find two user names with one slug, as somebody would who wants another's namespace.

    A slug has 32 bits of hash, so that takes some 80,000 tries, not four billion. ``start`` needs 21
    characters, all that a slug shows of a name.
    """
    seen: dict[str, str] = {}
    for number in count():
        name = f"{start}.{number}"
        if (other := seen.setdefault(user_slug(name), name)) != name:
            return other, name
    raise AssertionError("unreachable")


# --- pure ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("username", "namespace", "host"),
    [
        pytest.param("alice", "karvdash-alice", "alice.localhost", id="simple"),
        pytest.param("Alice", "karvdash-alice-3bc51062", "u--alice-3bc51062.localhost", id="capital"),
        pytest.param("alice.b", "karvdash-alice-b-9f5eb4f1", "u--alice-b-9f5eb4f1.localhost", id="dot"),
        pytest.param(
            LONG,
            "karvdash-a-very-long-name-of-s-234a0c7f",
            "u--a-very-long-name-of-s-234a0c7f.localhost",
            id="64 characters",
        ),
    ],
)
def test_what_a_name_gets(store: Store, username: str, namespace: str, host: str) -> None:
    claim = claim_user(store, Platform(), username)
    assert namespace == claim.namespace
    assert store.host(host) == Host(Hostname(host), username, "", "user")


def test_a_namesake_gets_nothing_and_costs_nothing(store: Store) -> None:
    first, second = namesakes("eve-wants-your-things")
    assert first != second
    mine = claim_user(store, Platform(), first)
    for _ in range(2):
        with pytest.raises(Taken) as refused:
            claim_user(store, Platform(), second)
        assert refused.value.message == (
            f"The name {mine.slug}, which {second!r} would get for namespace and addresses, "
            "belongs to another user. Ask an administrator for a different user name."
        )
    assert store.namespace_of(second) is None
    assert claim_user(store, Platform(), first) == mine


@pytest.mark.parametrize("name", sorted(RESERVED_USER_NAMES))
def test_the_platforms_own_addresses_are_nobodys(store: Store, name: str) -> None:
    with pytest.raises(Taken, match="is reserved, because an address"):
        claim_user(store, Platform(), name)
    # A local account of this name could never be used, so it is refused when it is made.
    with pytest.raises(KarvdashError, match="is reserved, because an address"):
        LocalAccounts(store).add(name, "correct horse")
    assert (store.namespaces(), store.accounts()) == ([], [])


# --- with the real Hub -----------------------------------------------------------------------

SIGN_IN = """
from jupyterhub.auth import DummyAuthenticator
from karvdash_hub.authenticator import KarvdashHandlersMixin

class SignIn(KarvdashHandlersMixin, DummyAuthenticator):
    def normalize_username(self, username):
        return username  # some directories tell Alice from alice; JupyterHub would not

c.JupyterHub.authenticator_class = SignIn
c.SignIn.allow_all = True
c.SignIn.password = "correct horse"
"""


@pytest.fixture(scope="module")
def directory(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The Hub with an authenticator that takes every name, as somebody's directory may have it."""
    process = HubProcess(stack, tmp_path_factory.mktemp("hub"))
    process.restart(SIGN_IN)
    yield stack
    process.restart()


def sign_in(stack: Stack, name: str) -> requests.Response:
    """Sign in by the form, and return where that leads to."""
    session = Session(stack.hub_url)
    session.get("/hub/login")
    return session.post("/hub/login?next=/hub/home", {"username": name, "password": "correct horse"})


def with_token(stack: Stack, name: str) -> Person:
    """Give a user who has signed in before a token."""
    bootstrap = (stack.state / "secrets" / "bootstrap.token").read_text()
    status, answer = stack.api("POST", f"/users/{name}/tokens", {"note": "tests"}, token=bootstrap)
    assert status == 201, answer
    return Person(stack, name, "correct horse", answer["token"])


def known(stack: Stack, name: str) -> bool:
    """Whether JupyterHub has a user of this name."""
    bootstrap = (stack.state / "secrets" / "bootstrap.token").read_text()
    status, _ = stack.api("GET", f"/users/{name}", token=bootstrap)
    return status == 200


def test_capitals_dots_and_64_characters(directory: Stack) -> None:
    """Each gets a namespace and a service with an address of its own, and Alice is not alice."""
    some = secrets.token_hex(4)
    names = [f"u{some}", f"U{some}", f"u.{some}", f"{some}.{LONG}"[:64]]
    namespaces = set()
    for name in names:
        answer = sign_in(directory, name)
        assert answer.status_code == 200, words(answer.text)[:500]
        assert "Your services" in answer.text
        somebody = with_token(directory, name)
        me = somebody.api("GET", "/karvdash/whoami").json()
        assert name == me["user"]
        slug = me["namespace"].removeprefix("karvdash-")
        assert re.fullmatch(r"[a-z0-9-]{1,30}", slug)
        assert me["namespace"] not in namespaces
        namespaces.add(me["namespace"])

        try:
            launch(somebody, "hello-kubernetes", MESSAGE=f"I am {name}")
            service = somebody.wait_for("hello-kubernetes", "running")
            host = f"hello-kubernetes-{slug}.localhost"
            assert service["url"] == directory.hub_url.replace("localhost", host) + "/"
            assert f"I am {name}" in opened(somebody, service["url"])
            owned = ["ConfigMap/karvdash-hello-kubernetes", "Deployment/hello-kubernetes"]
            assert labelled(directory, somebody, "configmaps,deployments") == owned
        finally:
            somebody.remove_everything()


def opened(somebody: Person, url: str) -> str:
    """GET a service through the front, as a program of its owner does."""
    headers = {"Host": urlsplit(url).netloc, "Authorization": f"token {somebody.token}"}
    answer = requests.get(somebody.stack.hub_url, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text[:500]
    return answer.text


def test_a_namesake_cannot_sign_in(directory: Stack) -> None:
    """Neither by the form nor by being added; the first goes on as before."""
    first, second = namesakes("eve" + secrets.token_hex(9))
    assert sign_in(directory, first).status_code == 200
    before = with_token(directory, first).api("GET", "/karvdash/whoami").json()["namespace"]

    refused = sign_in(directory, second)
    assert refused.status_code == 403
    assert "belongs to another user. Ask an administrator for a different user name." in words(refused.text)
    bootstrap = (directory.state / "secrets" / "bootstrap.token").read_text()
    status, answer = directory.api("POST", "/users", {"usernames": [second]}, token=bootstrap)
    assert (status, "belongs to another user" in str(answer)) == (400, True), answer
    assert not known(directory, second)

    assert sign_in(directory, first).status_code == 200
    assert with_token(directory, first).api("GET", "/karvdash/whoami").json()["namespace"] == before


@pytest.mark.parametrize("name", ["hub", "files", "n" * 256])
def test_names_that_cannot_be(directory: Stack, name: str) -> None:
    refused = sign_in(directory, name)
    assert refused.status_code == 403
    page = words(refused.text)
    assert "is reserved, because an address" in page or "at most 255 characters" in page
    assert not known(directory, name)
