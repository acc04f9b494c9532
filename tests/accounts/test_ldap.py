"""People in an LDAP directory, whom ldapauthenticator signs in."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.accounts.conftest import Somebody, sign_in, try_to_sign_in
from tests.accounts.directory import BASE, Directory
from tests.accounts.lone_hub import LoneHub
from tests.hub_http.session import Session

CONFIG = """
from ldapauthenticator import LDAPAuthenticator
from karvdash_hub.authenticator import KarvdashHandlersMixin


class SignIn(KarvdashHandlersMixin, LDAPAuthenticator):
    pass


c.JupyterHub.authenticator_class = SignIn
c.SignIn.server_address = "127.0.0.1"
c.SignIn.server_port = {port}
c.SignIn.tls_strategy = "insecure"
c.SignIn.bind_dn_template = ["uid={{username}},ou=people,{base}"]
c.SignIn.valid_username_regex = "^[A-Za-z][.A-Za-z0-9_-]*$"  # telephones begin with a capital
c.SignIn.allow_all = True
c.SignIn.admin_users = {{"boss"}}
"""
PEOPLE = {name: secrets.token_urlsafe(12) for name in ("ada", "boss", "grace.hopper")}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    made = Directory(tmp_path_factory.mktemp("slapd"), PEOPLE)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def ldap_hub(tmp_path_factory: pytest.TempPathFactory, directory: Directory) -> Iterator[LoneHub]:
    hub = LoneHub(tmp_path_factory.mktemp("hub"), CONFIG.format(port=directory.port, base=BASE))
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def boss(ldap_hub: LoneHub) -> Somebody:
    """An administrator, as JupyterHub's own setting names one."""
    sign_in(ldap_hub, "boss", PEOPLE["boss"])
    return Somebody(ldap_hub, "boss", PEOPLE["boss"], ldap_hub.token("boss"))


def test_people_of_the_directory_are_managed_like_others(ldap_hub: LoneHub, boss: Somebody) -> None:
    page = sign_in(ldap_hub, "ada", PEOPLE["ada"]).get("/hub/account").text
    assert "Your password is not kept here." in page
    assert Session(ldap_hub.url).get("/hub/signup").status_code == 404
    ada = Somebody(ldap_hub, "ada", PEOPLE["ada"], ldap_hub.token("ada"))
    assert ada.api("PATCH", "/users/ada/", {"email": "ada@example.org"}).status_code == 200
    assert ada.api("PATCH", "/users/ada/", {"password": "correct horse staple"}).status_code == 403
    grace = sign_in(ldap_hub, "grace.hopper", PEOPLE["grace.hopper"])
    assert '<h2 id="who-title">grace.hopper</h2>' in grace.get("/hub/account").text

    assert boss.api("PATCH", "/users/ada/", {"active": False}).json()["state"] == "deactivated"
    refused = try_to_sign_in(ldap_hub, "ada", PEOPLE["ada"])
    assert refused.status_code == 403
    assert "The account of ada is not active. An administrator can activate it." in refused.text
    assert ada.api("GET", "/audit/").status_code == 403
    assert boss.api("PATCH", "/users/ada/", {"active": True}).json()["state"] == "active"
    sign_in(ldap_hub, "ada", PEOPLE["ada"])
    about = boss.api("GET", "/audit/?user=ada&limit=50").json()["objects"]
    noted = [(one["action"], one["outcome"]) for one in reversed(about)]
    assert [entry for entry in noted if entry[0] == "sign-in"] == [
        ("sign-in", "done"), ("sign-in", "refused"), ("sign-in", "done"),
    ]  # fmt: skip
    assert ("account.deactivate", "done") in noted


def test_a_name_in_capitals_is_the_same_person(ldap_hub: LoneHub, boss: Somebody) -> None:
    """For the directory it is (peers.md O7), and one person has one account."""
    for name in ("ada", "Ada", "ADA"):
        page = sign_in(ldap_hub, name, PEOPLE["ada"]).get("/hub/account").text
        assert '<h2 id="who-title">ada</h2>' in page
    names = [user["name"] for user in boss.api("GET", "/users/").json()["objects"]]
    assert [name for name in names if name.lower() == "ada"] == ["ada"]


@pytest.mark.parametrize(
    ("name", "password"),
    [
        pytest.param("ada", "wrong", id="wrong-password"),
        pytest.param("ada", "", id="no-password: an anonymous bind would succeed"),
        pytest.param("nobody", PEOPLE["ada"], id="unknown"),
        pytest.param("*", PEOPLE["ada"], id="any"),
        pytest.param("ada)(uid=*", PEOPLE["ada"], id="filter"),
        pytest.param(f"ada,ou=people,{BASE}", PEOPLE["ada"], id="path"),
    ],
)
def test_who_is_not_let_in(ldap_hub: LoneHub, name: str, password: str) -> None:
    answer = try_to_sign_in(ldap_hub, name, password)
    assert answer.status_code == 403
    assert "Invalid username or password" in answer.text


def test_the_directory_is_away(ldap_hub: LoneHub, boss: Somebody, directory: Directory) -> None:
    """Nobody is signed in, and who is goes on."""
    session = sign_in(ldap_hub, "ada", PEOPLE["ada"])
    directory.stop()
    try:
        answer = try_to_sign_in(ldap_hub, "ada", PEOPLE["ada"])
        assert answer.status_code == 503
        assert "The system that signs people in does not answer. Try again in a minute." in answer.text
        assert session.get("/hub/account").status_code == 200
    finally:
        directory.start()
