"""Applications that sign people in: page, API and command line, and who may use them."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from karvdash_hub.cli.oidc import oidc
from tests.accounts.conftest import Boss, Somebody
from tests.accounts.lone_hub import LoneHub
from tests.hub_http.session import Session

BACK = "https://app.example.com/callback"
API = "/karvdash/oidc/clients/"
GOOD = {"name": "A", "redirect_uris": [BACK]}


def register(who: Somebody, **more: Any) -> requests.Response:
    return who.api("POST", "/oidc/clients/", {"name": "An App", "redirect_uris": [BACK], **more})


def make(hub: LoneHub) -> Somebody:
    """Somebody with an account, who signs in once for all tests."""
    name = "a" + secrets.token_hex(4)
    return Boss(hub, name, hub.add(name), hub.token(name))


@pytest.fixture(scope="module")
def person(hub: LoneHub) -> Somebody:
    """Nobody's administrator, the same for all tests here."""
    return make(hub)


@pytest.fixture(scope="module")
def other(hub: LoneHub) -> Somebody:
    """Somebody else."""
    return make(hub)


@pytest.fixture(scope="module")
def keeper(hub: LoneHub, admin: Somebody) -> Somebody:
    """Somebody who manages accounts, and is no administrator."""
    made = make(hub)
    assert admin.api("PATCH", f"/users/{made.name}/", {"groups": ["keepers"]}).status_code == 200
    made.token = hub.token(made.name)
    return made


@pytest.fixture(scope="module")
def client(admin: Somebody) -> dict[str, Any]:
    """An application that nobody here may remove."""
    return dict(register(admin).json())


def ids(admin: Somebody) -> set[str]:
    return {one["client_id"] for one in admin.api("GET", "/oidc/clients/").json()["objects"]}


def test_a_program_registers_lists_and_removes(admin: Somebody) -> None:
    answer = register(admin, first_party=False, post_logout_redirect_uris=["https://app.example.com/bye"])
    made = answer.json()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert re.fullmatch(r"an-app-[a-z]{4}", made["client_id"]) and len(made.pop("client_secret")) >= 40
    shown = admin.api("GET", f"/oidc/clients/{made['client_id']}/").json()
    assert shown == made == {
        "client_id": made["client_id"], "name": "An App", "redirect_uris": [BACK],
        "post_logout_redirect_uris": ["https://app.example.com/bye"], "public": False, "first_party": False,
        "source": "api", "secret": "", "created": made["created"],
    }  # fmt: skip
    assert made["client_id"] in ids(admin)
    assert admin.api("DELETE", f"/oidc/clients/{made['client_id']}/").status_code == 204
    assert made["client_id"] not in ids(admin)
    assert admin.api("DELETE", f"/oidc/clients/{made['client_id']}/").status_code == 404


def test_a_public_application_has_no_secret(admin: Somebody) -> None:
    made = register(admin, public=True, client_id="viewer").json()
    assert (made["client_id"], made["client_secret"]) == ("viewer", None)
    again = register(admin, public=True, client_id="viewer")
    assert (again.status_code, again.json()["errors"][0]["field"]) == (400, "client_id")
    admin.api("DELETE", "/oidc/clients/viewer/")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param({}, ["name", "redirect_uris"], id="nothing"),
        pytest.param({"name": "A", "redirect_uris": "x"}, ["redirect_uris"], id="a text for a list"),
        pytest.param(
            {"name": 1, "redirect_uris": [1], "public": 1}, ["name", "public", "redirect_uris"], id="types"
        ),
        pytest.param(
            {"name": "A", "redirect_uris": ["https://a/#b", "javascript:alert(1)", "https://a@b/"]},
            ["redirect_uris[0]", "redirect_uris[1]", "redirect_uris[2]"],
            id="addresses",
        ),
        pytest.param({**GOOD, "client_id": "a b"}, ["client_id"], id="id"),
        pytest.param({**GOOD, "client_id": "../x"}, ["client_id"], id="path"),
        pytest.param({**GOOD, "secret": "kube-system/x"}, ["secret"], id="namespace"),
        pytest.param({**GOOD, "secret": "x"}, ["secret"], id="no namespace"),
        pytest.param({**GOOD, "secret": "argo/x", "public": True}, ["secret"], id="public"),
        pytest.param({**GOOD, "scope": "openid"}, ["scope"], id="unknown field"),
    ],
)  # fmt: skip
def test_every_mistake_is_named(admin: Somebody, body: Any, fields: list[str]) -> None:
    before = ids(admin)
    answer = admin.api("POST", "/oidc/clients/", body)
    assert answer.status_code == 400, answer.text
    assert sorted(one["field"] for one in answer.json()["errors"]) == fields
    assert ids(admin) == before


def test_nothing_is_registered_whose_secret_cannot_be_written(hub: LoneHub, admin: Somebody) -> None:
    """This Hub has no Kubernetes."""
    before = ids(admin)
    answer = register(admin, secret="argo/app")
    assert answer.status_code == 503, answer.text
    assert "cannot be reached" in answer.json()["error"]
    assert ids(admin) == before


# --- doors ---------------------------------------------------------------------------------

API_DOORS = [
    pytest.param("GET", API, None, id="list"),
    pytest.param("POST", API, {"name": "A", "redirect_uris": [BACK]}, id="add"),
    pytest.param("GET", f"{API}{{id}}/", None, id="read"),
    pytest.param("DELETE", f"{API}{{id}}/", None, id="remove"),
]
PAGES = [
    pytest.param("GET", "/hub/applications", {}, id="list"),
    pytest.param("POST", "/hub/applications", {"name": "A", "redirect_uris": BACK}, id="add"),
    pytest.param("POST", "/hub/applications/{id}/remove", {"confirm": "yes"}, id="remove"),
]
OWN = [
    pytest.param("GET", "/hub/connect", {}, id="connect"),
    pytest.param("POST", "/hub/connect/kubeconfig", {}, id="kubeconfig"),
    pytest.param("POST", "/hub/connect/token/{token}/revoke", {}, id="revoke-token"),
    pytest.param("POST", "/hub/connect/application/{id}/revoke", {}, id="revoke-application"),
    pytest.param("POST", "/hub/connect/kubeconfig/1234abcd/revoke", {}, id="revoke-kubeconfig"),
]


@pytest.mark.parametrize(("method", "path", "body"), API_DOORS)
def test_the_api_is_for_administrators(
    hub: LoneHub, admin: Somebody, person: Somebody, keeper: Somebody, client: dict[str, Any], method: str,
    path: str, body: Any,
) -> None:  # fmt: skip
    before, path = ids(admin), path.format(id=client["client_id"])
    for token in (person.token, keeper.token, "nobody"):
        assert hub.api(method, path, token, body).status_code == 403
    assert ids(admin) == before


@pytest.mark.parametrize(("method", "path", "fields"), PAGES)
def test_the_pages_are_for_administrators(
    admin: Somebody, person: Somebody, client: dict[str, Any], method: str, path: str, fields: dict[str, str]
) -> None:
    before, session, path = ids(admin), person.session(), path.format(id=client["client_id"])
    send = session.get if method == "GET" else lambda page, **more: session.post(page, fields, **more)
    answer = send(path, follow=False)
    assert answer.status_code == 403
    assert client["client_id"] not in answer.text.replace(path, "")
    assert ids(admin) == before


@pytest.mark.parametrize(("method", "path", "fields"), [*PAGES, *OWN])
def test_strangers_are_sent_to_the_sign_in(
    hub: LoneHub, client: dict[str, Any], method: str, path: str, fields: dict[str, str]
) -> None:
    path = path.format(id=client["client_id"], token="a1")
    answer = requests.request(method, hub.url + path, data=fields, allow_redirects=False, timeout=60)
    assert answer.status_code == (302 if method == "GET" else 403)
    if method == "GET":
        assert "/hub/login" in answer.headers["Location"]


@pytest.mark.parametrize(
    ("method", "path", "fields"), [one for one in [*PAGES, *OWN] if one.values[0] == "POST"]
)
def test_a_form_without_its_token_changes_nothing(
    admin: Somebody, client: dict[str, Any], method: str, path: str, fields: dict[str, str]
) -> None:
    before, path = ids(admin), path.format(id=client["client_id"], token=own_token(admin.session()))
    answer = admin.session().request(
        method, path, data=fields, follow=False,
        headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"},
    )  # fmt: skip
    assert (answer.status_code, "_xsrf" in answer.text) == (403, True)
    assert ids(admin) == before
    assert admin.api("GET", "/oidc/clients/").status_code == 200


def own_token(session: Session) -> str:
    """A token of this person, as the page has it."""
    page = session.get("/hub/connect").text
    # The first is that of pods, made at the sign-in.
    return re.findall(r"/connect/token/(a\d+)/revoke", page)[-1]


# --- pages ---------------------------------------------------------------------------------


def test_the_page_shows_a_secret_once(admin: Somebody) -> None:
    session = admin.session()
    fields = {
        "name": "Paged <b>",
        "client_id": "paged",
        "redirect_uris": f"{BACK}\r\nhttps://app.example.com/two",
    }
    answer = session.post("/hub/applications", fields)
    found = re.search(r"<dt>Client secret</dt><dd><code>([\w-]{43})</code>", answer.text)
    assert found is not None and answer.headers["Cache-Control"] == "no-store"
    assert "Paged &lt;b&gt; is registered" in answer.text
    assert found[1] not in session.get("/hub/applications").text
    shown = admin.api("GET", "/oidc/clients/paged/").json()
    assert shown["redirect_uris"] == [BACK, "https://app.example.com/two"] and shown["source"] == "page"
    refused = session.post("/hub/applications/paged/remove")
    assert (refused.status_code, "paged" in ids(admin)) == (400, True)
    assert session.post("/hub/applications/paged/remove", {"confirm": "yes"}).status_code == 200
    assert "paged" not in ids(admin)


def test_the_page_says_what_is_wrong_beside_the_input(admin: Somebody) -> None:
    answer = admin.session().post(
        "/hub/applications", {"name": "A", "redirect_uris": "http://elsewhere/\nftp://x/"}
    )
    assert answer.status_code == 400
    error = re.search(r'id="redirect_uris-error"[^>]*>([^<]+)<', answer.text)
    assert error is not None and "ftp://x/" in error[1], answer.text


def test_somebody_elses_token_is_not_there(person: Somebody, other: Somebody) -> None:
    theirs = own_token(other.session())
    session = person.session()
    assert f"/token/{theirs}/" not in session.get("/hub/connect").text
    assert session.post(f"/hub/connect/token/{theirs}/revoke").status_code == 404
    assert other.api("GET", "/services/").status_code == 200
    assert "The token is deleted." in other.session().post(f"/hub/connect/token/{theirs}/revoke").text
    assert other.api("GET", "/services/").status_code == 403


def test_a_token_becomes_no_file_for_kubectl(hub: LoneHub, admin: Somebody) -> None:
    """However much it may: a program that got hold of one could make others of it that nobody sees."""
    headers = {"Authorization": f"token {admin.token}"}
    session = Session(hub.url)
    session.get("/hub/login")
    assert session.post("/hub/connect/kubeconfig", headers=headers).status_code == 403
    assert "/hub/login" in session.get("/hub/connect", headers=headers).url


def test_connect_says_what_kubernetes_cannot(person: Somebody) -> None:
    page = person.session().get("/hub/connect")
    assert page.status_code == 200
    assert "What was handed out cannot be shown now." in page.text


# --- command line --------------------------------------------------------------------------


def command(hub: LoneHub, *words: str) -> Result:
    """``karvdash-hub oidc client``, in this process: starting another takes a second each time."""
    return CliRunner().invoke(oidc, ["--state-dir", str(hub.state_dir), "client", *words])


def test_the_command_line(hub: LoneHub, admin: Somebody) -> None:
    added = command(hub, "add", "By Command", "--client-id", "cli", "--redirect-uri", BACK)
    assert added.exit_code == 0, added.output
    assert json.loads(added.stdout).keys() == {"client_id", "client_secret"}
    listed = command(hub, "list").stdout.splitlines()
    assert f"cli\tconfidential\tcommand\tBy Command\t{BACK}" in listed
    assert "cli" in ids(admin), "a running Hub knows it at once"
    wrong = command(hub, "add", "X", "--redirect-uri", "http://elsewhere.example.com/")
    assert "redirect_uris[0]" in str(wrong.exception)
    alone = command(hub, "add", "X", "--redirect-uri", BACK, "--secret", "argo/x")
    assert (alone.exit_code, "belong together" in alone.stderr) == (2, True)
    removed = command(hub, "remove", "cli")
    assert (removed.exit_code, removed.stderr) == (0, "Removed cli.\n")
    assert str(command(hub, "remove", "cli").exception) == "There is no application 'cli'."


def test_a_key_is_replaced_before_its_time(hub: LoneHub) -> None:
    def published() -> set[str]:
        answer = requests.get(f"{hub.url}/hub/oidc/jwks", timeout=60)
        return {key["kid"] for key in answer.json()["keys"]}

    before = published()
    done = CliRunner().invoke(oidc, ["--state-dir", str(hub.state_dir), "rotate"])
    assert (done.exit_code, done.stderr[:21]) == (0, "Made the signing key ")
    assert published() - before == {done.stderr.split()[-1].rstrip(".")}


def test_the_configurations_cannot_be_removed_otherwise(hub: LoneHub, admin: Somebody) -> None:
    answer = admin.api("DELETE", "/oidc/clients/configured/")
    assert (answer.status_code, "OIDCProvider.clients" in answer.json()["error"]) == (409, True)
    assert "OIDCProvider.clients" in str(command(hub, "remove", "configured").exception)
    assert "configured" in ids(admin)
    assert "/applications/configured/remove" not in admin.session().get("/hub/applications").text


def test_the_audit_log_has_it(admin: Somebody, client: dict[str, Any]) -> None:
    entries = admin.api("GET", "/audit/").json()["objects"]
    assert any(
        (one["action"], one["object"], one["actor"], one["via"])
        == ("application.add", client["client_id"], admin.name, "api")
        for one in entries
    )
