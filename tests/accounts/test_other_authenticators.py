"""People whom another system signs in: here a second JupyterHub, by OAuth."""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import requests

from tests.accounts.conftest import Somebody
from tests.accounts.lone_hub import LoneHub
from tests.hub_http.session import Session

CLIENT = """
c.JupyterHub.services.append(
    {{
        "name": "other",
        "oauth_client_id": "service-other",
        "api_token": {secret!r},
        "oauth_redirect_uri": "{url}/hub/oauth_callback",
        "oauth_no_confirm": True,
        "oauth_client_allowed_scopes": ["read:users!user"],
    }}
)
"""
EVERYBODY = """
c.JupyterHub.extra_user_scopes.add("access:services!service=other")
"""
PROVIDED = """
from oauthenticator.generic import GenericOAuthenticator
from karvdash_hub.authenticator import KarvdashHandlersMixin


class SignIn(KarvdashHandlersMixin, GenericOAuthenticator):
    pass


c.JupyterHub.authenticator_class = SignIn
c.GenericOAuthenticator.client_id = "service-other"
c.GenericOAuthenticator.client_secret = {secret!r}
c.GenericOAuthenticator.authorize_url = "{provider}/hub/api/oauth2/authorize"
c.GenericOAuthenticator.token_url = "{provider}/hub/api/oauth2/token"
c.GenericOAuthenticator.userdata_url = "{provider}/hub/api/user"
c.GenericOAuthenticator.oauth_callback_url = "{url}/hub/oauth_callback"
c.GenericOAuthenticator.username_claim = "name"
c.GenericOAuthenticator.allow_all = True
"""


@pytest.fixture(scope="module")
def hubs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LoneHub, LoneHub]]:
    """The Hub that signs people in, and the one that they come to."""
    secret = secrets.token_hex()
    other = LoneHub(tmp_path_factory.mktemp("other"))
    provider = LoneHub(
        tmp_path_factory.mktemp("provider"), CLIENT.format(secret=secret, url=other.url) + EVERYBODY
    )
    (other.folder / "extra.py").write_text(
        PROVIDED.format(secret=secret, url=other.url, provider=provider.url)
    )
    provider.start()
    other.start()
    yield provider, other
    other.stop()
    provider.stop()


def at(provider: LoneHub, name: str, password: str) -> Session:
    """Sign in at the provider."""
    session = Session(provider.url)
    session.get("/hub/login")
    session.post("/hub/login?next=/hub/account", {"username": name, "password": password})
    return session


def come(at_provider: Session, session: Session, way: str) -> requests.Response:
    """Go to the provider by a link of the other Hub, and come back; what is answered then."""
    asked = session.get(way, follow=False)
    granted = at_provider.get(asked.headers["Location"], follow=False)
    return session.get(granted.headers["Location"], follow=False)


def sign_in(provider: LoneHub, other: LoneHub, name: str, password: str) -> Session:
    """Sign in at the provider, then come to the other Hub by its button."""
    session = Session(other.url)
    session.get("/hub/login")
    come(at(provider, name, password), session, "/hub/oauth_login?next=/hub/account")
    return session


def test_oauth_people_are_managed_like_others(hubs: tuple[LoneHub, LoneHub]) -> None:
    provider, other = hubs
    password = provider.add("ada")
    session = sign_in(provider, other, "ada", password)
    page = session.get("/hub/account").text
    assert "Your password is not kept here." in page
    assert session.get("/hub/signup").status_code == 404
    ada = Somebody(other, "ada", "", other.token("ada"))
    assert ada.api("PATCH", "/users/ada/", {"email": "ada@example.org"}).status_code == 200
    assert ada.api("PATCH", "/users/ada/", {"password": "correct horse staple"}).status_code == 403
    assert [one["action"] for one in ada.api("GET", "/audit/").json()["objects"]][-1] == "sign-in"

    provider.add("boss")
    assert other.api("POST", "/users/boss", other.bootstrap, {"admin": True}).status_code == 201
    boss = Somebody(other, "boss", "", other.token("boss"))
    assert boss.api("PATCH", "/users/ada/", {"active": False}).json()["state"] == "deactivated"
    assert session.get("/hub/account", follow=False).status_code == 302
    refused = sign_in(provider, other, "ada", password)
    assert refused.get("/hub/account", follow=False).status_code == 302
    assert boss.api("PATCH", "/users/ada/", {"active": True}).json()["state"] == "active"
    assert sign_in(provider, other, "ada", password).get("/hub/account", follow=False).status_code == 200


def test_an_application_that_asks_to_sign_in_again_sends_people_there(hubs: tuple[LoneHub, LoneHub]) -> None:
    """Their password is not kept here, so that no form can ask for it."""
    provider, other = hubs
    at_provider = at(provider, "eve", provider.add("eve"))
    session = Session(other.url)
    session.get("/hub/login")
    come(at_provider, session, "/hub/oauth_login?next=/hub/account")
    back = "https://wiki.example.com/back"
    added = other.command("oidc", "client", "add", "Wiki", "--client-id", "wiki", "--redirect-uri", back)
    assert added.returncode == 0, added.stderr
    asked = {"response_type": "code", "client_id": "wiki", "redirect_uri": back, "scope": "openid"}
    page = session.get(f"/hub/oidc/authorize?{urlencode(asked | {'prompt': 'login'})}", follow=False)
    assert (page.status_code, "Sign in again" in page.text) == (200, True)
    assert 'type="password"' not in page.text
    link = re.search(r'href="([^"]*oauth_login[^"]*)"', page.text)
    assert link is not None
    returned = come(at_provider, session, html.unescape(link[1]))
    assert returned.status_code == 302
    answer = session.get(returned.headers["Location"], follow=False).headers["Location"]
    assert answer.startswith(f"{back}?code="), answer
