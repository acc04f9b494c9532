"""Every door of accounts: as somebody else, as nobody, with a forged form, with half the rights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.accounts.conftest import Somebody
from tests.accounts.lone_hub import LoneHub

# Method and path below /hub/api/karvdash, body; {n} is somebody else.
API = [
    pytest.param("GET", "/users/{n}/", None, id="read"),
    pytest.param("PATCH", "/users/{n}/", {"email": "evil@example.org"}, id="email"),
    pytest.param("PATCH", "/users/{n}/", {"password": "another password 1"}, id="password"),
    pytest.param("PATCH", "/users/{n}/", {"active": False}, id="deactivate"),
    pytest.param("PATCH", "/users/{n}/", {"admin": True}, id="promote"),
    pytest.param("PATCH", "/users/{n}/", {"groups": ["x"]}, id="groups"),
    pytest.param("DELETE", "/users/{n}/", None, id="delete"),
]
COLLECTION = [
    pytest.param("GET", "/users/", None, id="list"),
    pytest.param("POST", "/users/", {"name": "x", "password": "correct horse"}, id="add"),
    pytest.param("GET", "/audit/?user={n}", None, id="audit"),
]
PAGES = [
    pytest.param("GET", "accounts/{n}", {}, id="page"),
    *(
        pytest.param("POST", f"accounts/{{n}}/{verb}", fields, id=verb)
        for verb, fields in {
            "activate": {},
            "deactivate": {"services": "stop"},
            "promote": {},
            "demote": {},
            "email": {"email": "evil@example.org"},
            "password": {"password": "another password 1"},
            "groups": {"groups": "x"},
            "delete": {"confirm": "yes"},
        }.items()
    ),
    pytest.param("GET", "as/{n}/home", {}, id="act"),
    pytest.param("GET", "as/{n}", {}, id="act-short"),
    pytest.param("POST", "as/{n}/service/x/stop", {}, id="act-stop"),
    pytest.param("POST", "as/{n}/templates", {"data": "x"}, id="act-upload"),
]
FORMS = [door for door in PAGES if door.values[0] == "POST"] + [
    pytest.param("POST", "accounts", {"name": "x", "password": "correct horse"}, id="add"),
    pytest.param("POST", "account/email", {"email": "evil@example.org"}, id="own-email"),
    pytest.param("POST", "account/password", {"password": "another password 1"}, id="own-password"),
]


@pytest.fixture(scope="module")
def other(hub: LoneHub) -> Any:
    """Whoever is attacked."""
    name = "victim"
    password = hub.add(name, email="victim@example.org")
    return Somebody(hub, name, password, hub.token(name))


@pytest.fixture(scope="module")
def stranger(hub: LoneHub) -> Somebody:
    """An ordinary user."""
    return Somebody(hub, "stranger", hub.add("stranger"), hub.token("stranger"))


@pytest.fixture(scope="module")
def session(stranger: Somebody) -> Any:
    """The ordinary user's browser."""
    return stranger.session()


@pytest.fixture(autouse=True)
def untouched(other: Somebody) -> Any:
    """Whatever is tried, the victim is as before."""
    yield
    answer = other.api("GET", f"/users/{other.name}/")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["state"], found["email"], found["admin"], found["groups"]) == (
        "active",
        "victim@example.org",
        False,
        [],
    )


@pytest.mark.parametrize(("method", "path", "body"), API)
def test_others_are_hidden_from_the_api(
    stranger: Somebody, other: Somebody, method: str, path: str, body: Any
) -> None:
    answer = stranger.api(method, path.format(n=other.name), body)
    nobody = stranger.api(method, path.format(n="nosuchuser"), body)
    assert (answer.status_code, nobody.status_code) == (404, 404)
    assert answer.json()["error"].replace(other.name, "nosuchuser") == nobody.json()["error"]


@pytest.mark.parametrize(("method", "path", "body"), COLLECTION)
def test_lists_need_the_scope(stranger: Somebody, other: Somebody, method: str, path: str, body: Any) -> None:
    answer = stranger.api(method, path.format(n=other.name), body)
    assert answer.status_code == 403
    assert "custom:karvdash:" in answer.json()["error"]


@pytest.mark.parametrize(("method", "path", "body"), API + COLLECTION)
def test_nobody_is_refused(hub: LoneHub, other: Somebody, method: str, path: str, body: Any) -> None:
    url = f"{hub.url}/hub/api/karvdash{path.format(n=other.name)}"
    answer = requests.request(method, url, json=body, timeout=60)
    assert answer.status_code == 403
    assert "Missing or invalid credentials" in answer.json()["error"]


@pytest.mark.parametrize(("method", "path", "fields"), PAGES)
def test_pages_hide_others(
    session: Any, other: Somebody, method: str, path: str, fields: dict[str, str]
) -> None:
    path = f"/hub/{path.format(n=other.name)}"
    answer = session.get(path, follow=True) if method == "GET" else session.post(path, fields, follow=False)
    assert answer.status_code == 404


@pytest.mark.parametrize(("method", "path", "fields"), PAGES)
def test_pages_send_nobody_to_the_sign_in(
    hub: LoneHub, other: Somebody, method: str, path: str, fields: dict[str, str]
) -> None:
    url = f"{hub.url}/hub/{path.format(n=other.name)}"
    answer = requests.request(method, url, data=fields, allow_redirects=False, timeout=60)
    if method == "GET":
        assert answer.status_code == 302
        assert "/hub/login" in answer.headers["Location"]
    else:
        assert answer.status_code == 403


@pytest.mark.parametrize(("method", "path", "fields"), FORMS)
def test_a_forged_form_changes_nothing(
    admin: Somebody, other: Somebody, method: str, path: str, fields: dict[str, str]
) -> None:
    """An administrator's browser, made to send it by another page."""
    answer = admin.session().request(
        method,
        f"/hub/{path.format(n=other.name)}",
        data=fields,
        headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"},
        follow=False,
    )
    assert answer.status_code == 403
    assert "_xsrf" in answer.text


def test_a_forged_sign_up_makes_no_account(hub: LoneHub) -> None:
    fields = {"name": "forged", "email": "f@example.org", "password": "correct horse staple"}
    answer = requests.post(f"{hub.url}/hub/signup", data=fields, timeout=60)
    assert answer.status_code == 403
    assert "forged" not in hub.command("user", "list").stdout


def test_everybody_has_a_little_to_say_about_oneself(person: Somebody) -> None:
    me = f"/users/{person.name}/"
    assert person.api("GET", me).json()["name"] == person.name
    assert person.api("PATCH", me, {"email": f"{person.name}@example.org"}).status_code == 200
    for changes in ({"admin": True}, {"groups": ["keepers"]}, {"active": False}, {"active": True}):
        assert person.api("PATCH", me, changes).status_code == 403
    assert person.api("DELETE", me).status_code == 404
    assert [one["action"] for one in person.api("GET", "/audit/").json()["objects"]][:1] == ["account.email"]


def test_a_keeper_manages_accounts_but_makes_no_administrators(
    keeper: Somebody, person: Somebody, somebody: Callable[..., Somebody]
) -> None:
    them = f"/users/{person.name}/"
    assert person.name in {one["name"] for one in keeper.api("GET", "/users/").json()["objects"]}
    assert keeper.api("PATCH", them, {"active": False}).json()["state"] == "deactivated"
    assert keeper.api("PATCH", them, {"active": True}).json()["state"] == "active"
    new = {"name": f"{person.name}b", "password": "correct horse staple"}
    assert keeper.api("POST", "/users/", new).status_code == 201
    for refused in (
        keeper.api("PATCH", them, {"admin": True}),
        keeper.api("POST", "/users/", {**new, "name": f"{person.name}c", "admin": True}),
        # Groups carry roles.
        keeper.api("PATCH", them, {"groups": ["keepers"]}),
        keeper.api("PATCH", f"/users/{keeper.name}/", {"groups": ["keepers", "another"]}),
    ):
        assert refused.status_code == 403, refused.text
    boss = somebody(admin=True)
    for changes in ({"password": "another password 1"}, {"active": False}, {"email": "e@example.org"}):
        assert keeper.api("PATCH", f"/users/{boss.name}/", changes).status_code == 403
    assert keeper.api("DELETE", f"/users/{boss.name}/").status_code == 403
    assert keeper.session().get(f"/hub/as/{person.name}/home").status_code == 404
