"""What becomes of sign-ins at applications when an account changes; and whose tokens are whose."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from tests.oidc.conftest import CHEAP_HASH, PASSWORD, ProviderHub, sign_in
from tests.oidc.party import Browser, Party, returned


def is_over(party: Party, tokens: dict[str, str], code: str) -> None:
    """Nothing that the person had is worth anything."""
    assert party.userinfo(tokens["access_token"]).status_code == 401
    assert party.send("introspect", {"token": tokens["access_token"]}).json() == {"active": False}
    assert party.send("introspect", {"token": tokens["refresh_token"]}).json() == {"active": False}
    assert party.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert party.token(code=code).json()["error"] == "invalid_grant"


def change(hub: ProviderHub, token: str, name: str, **fields: object) -> None:
    answer = hub.api("PATCH", f"/karvdash/users/{name}/", token, fields)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("how", ["api", "command"])
def test_deactivation(
    party: Party, hub: ProviderHub, admin_token: str, somebody: Callable[[], Browser], how: str
) -> None:
    browser = somebody()
    tokens, code = party.sign_in(browser), party.code(browser)
    if how == "api":
        change(hub, admin_token, browser.name, active=False)
    else:
        hub.store.people.deactivate(browser.name, "stop")  # what the command line writes
    is_over(party, tokens, code)
    if how == "api":
        assert "/hub/login" in party.ask(browser).headers["Location"]
    change(hub, admin_token, browser.name, active=True)
    if how == "api":
        is_over(party, tokens, code)


def test_a_new_password_ends_them(
    party: Party, hub: ProviderHub, admin_token: str, somebody: Callable[[], Browser]
) -> None:
    browser = somebody()
    tokens, code = party.sign_in(browser), party.code(browser)
    change(hub, admin_token, browser.name, password="an0ther good one")
    is_over(party, tokens, code)


def test_who_is_deleted_and_comes_back_is_somebody_else(
    party: Party, hub: ProviderHub, admin_token: str
) -> None:
    name = "phoenix"
    browser = sign_in(hub, name)
    tokens, code = party.sign_in(browser), party.code(browser)
    before = party.verify(tokens["id_token"])["sub"]
    # JupyterHub's own door, as its admin page uses it: ours answers before the cluster has been asked.
    assert hub.api("DELETE", f"/users/{name}", admin_token).status_code == 204
    assert hub.store.account(name) is None
    # The name is given back when Kubernetes has deleted the namespace; the subject is not, ever.
    assert hub.store.oidc.subject(name) != before
    is_over(party, tokens, code)


def test_groups_are_those_of_now(
    party: Party, hub: ProviderHub, admin_token: str, somebody: Callable[[], Browser]
) -> None:
    browser = somebody()
    tokens = party.sign_in(browser)

    def groups(tokens: dict[str, str]) -> tuple[list[str], list[str]]:
        about = party.userinfo(tokens["access_token"]).json()
        return about["groups"], party.verify(tokens["id_token"])["groups"]

    assert groups(tokens) == ([], [])
    change(hub, admin_token, browser.name, groups=["biology", "admin"])
    assert party.userinfo(tokens["access_token"]).json()["groups"] == ["biology"]
    change(hub, admin_token, browser.name, admin=True)
    tokens = party.refresh(tokens["refresh_token"]).json()
    assert groups(tokens) == (["admin", "biology"], ["admin", "biology"])
    change(hub, admin_token, browser.name, groups=[], admin=False)
    tokens = party.refresh(tokens["refresh_token"]).json()
    assert groups(tokens) == ([], [])


def test_a_client_that_is_removed(hub: ProviderHub, alice: Browser) -> None:
    gone = hub.party()
    tokens, code = gone.sign_in(alice), gone.code(alice)
    hub.store.oidc.remove_client(gone.client.client_id)
    assert gone.userinfo(tokens["access_token"]).status_code == 401
    assert gone.token(code=code).json()["error"] == "invalid_client"
    assert gone.ask(alice).status_code == 400


def test_it_is_in_the_audit_log(party: Party, hub: ProviderHub, somebody: Callable[[], Browser]) -> None:
    browser = somebody()
    party.sign_in(browser)
    found = hub.store.audit.entries(subject=browser.name)
    actions = {(entry.action, entry.object, entry.outcome) for entry in found}
    assert ("application.sign-in", party.client.client_id, "done") in actions


# --- tokens of the Hub, tokens of the provider ---------------------------------------------------


@pytest.mark.parametrize("path", ["/user", "/users", "/karvdash/services/", "/karvdash/whoami", "/info"])
@pytest.mark.parametrize("kind", ["access_token", "id_token", "refresh_token"])
@pytest.mark.parametrize("scheme", ["token", "Bearer"])
def test_the_hubs_api_takes_none_of_ours(
    party: Party, hub: ProviderHub, alice: Browser, path: str, kind: str, scheme: str
) -> None:
    token = party.sign_in(alice)[kind]
    headers = {"Authorization": f"{scheme} {token}"}
    answer = requests.get(f"{hub.url}/hub/api{path}", headers=headers, timeout=30)
    assert answer.status_code == 403
    assert "alice" not in answer.text


@pytest.mark.parametrize("scheme", ["token", "Bearer"])
def test_userinfo_takes_none_of_the_hubs(hub: ProviderHub, alice: Browser, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {hub.token('alice')}"}
    assert requests.get(f"{hub.url}/hub/api/user", headers=headers, timeout=30).status_code == 200
    assert requests.get(f"{hub.issuer}/userinfo", headers=headers, timeout=30).status_code == 401


def test_a_token_of_the_hub_gets_no_code(party: Party, hub: ProviderHub, alice: Browser) -> None:
    """Else a token that may do one small thing could sign its person in everywhere."""
    for name in ("Authorization", "X-Unused"):
        headers = {name: f"token {hub.token('alice')}"}
        answer = requests.get(party.url(), headers=headers, allow_redirects=False, timeout=30)
        assert "/hub/login" in answer.headers["Location"]


def test_the_hubs_own_oauth_is_as_it_was(party: Party, hub: ProviderHub, alice: Browser) -> None:
    """A service of JupyterHub signs people in by /hub/api/oauth2, and the two know nothing of each other."""
    query = "client_id=service-plain&response_type=code&redirect_uri=https://plain.example.org/callback"
    sent = alice.get(f"/hub/api/oauth2/authorize?{query}&state=x", follow=False)
    code = sent.headers["Location"].partition("code=")[2].partition("&")[0]
    fields = {
        "client_id": "service-plain",
        "client_secret": "plain-service-secret",
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": "https://plain.example.org/callback",
    }
    assert party.token(code=code).json()["error"] == "invalid_grant"
    ours = fields | {"code": party.code(alice)}
    address = f"{hub.url}/hub/api/oauth2/token"
    assert requests.post(address, data=ours, timeout=30).status_code in (400, 401, 403)
    token = requests.post(address, data=fields, timeout=30).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{hub.url}/hub/api/user", headers=headers, timeout=30).json()["name"] == "alice"
    assert requests.get(f"{hub.issuer}/userinfo", headers=headers, timeout=30).status_code == 401
    assert returned(party.ask(alice))["state"] == "st4te"


def test_inactive_from_the_start(party: Party, hub: ProviderHub) -> None:
    hub.store.add_account("waiting", CHEAP_HASH, admin=False, active=False)
    browser = Browser(hub.url, "waiting", PASSWORD)
    sent = party.ask(browser)
    browser.get(sent.headers["Location"])
    fields = {"username": browser.name, "password": browser.password}
    answer = browser.post(sent.headers["Location"], fields, follow=False)
    assert (answer.status_code, answer.headers.get("Location")) == (403, None)
