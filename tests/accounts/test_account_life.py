"""From sign-up to deletion, by forms without JavaScript, by API and by command line."""

from __future__ import annotations

import csv
import io
import json
import secrets
import time
from collections.abc import Callable

import pytest

from tests.accounts.conftest import Somebody, sign_in, try_to_sign_in
from tests.accounts.lone_hub import LoneHub
from tests.hub_http.session import Session

GOOD = "correct horse staple"


def sign_up(hub: LoneHub, **fields: str) -> tuple[int, str]:
    """Send the form as a stranger; status and page."""
    session = Session(hub.url)
    assert session.get("/hub/signup").status_code == 200
    answer = session.post("/hub/signup", fields)
    return answer.status_code, answer.text


def actions(who: Somebody, about: str = "") -> list[tuple[str, str, str]]:
    """Actor, action and outcome of the newest entries of the log, oldest first."""
    found = who.api("GET", f"/audit/?limit=50{'&user=' + about if about else ''}").json()["objects"]
    return [(one["actor"], one["action"], one["outcome"]) for one in reversed(found)]


def wait_until(there: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what the Hub does by itself."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_signing_up_and_being_let_in(hub: LoneHub, admin: Somebody) -> None:
    name = "n" + secrets.token_hex(4)
    # Telephones begin with a capital; names have none.
    status, page = sign_up(hub, name=name.capitalize(), email=f"{name}@example.org", password=GOOD)
    assert status == 200
    assert "waits for an administrator" in page
    refused = try_to_sign_in(hub, name, GOOD)
    assert refused.status_code == 403
    assert "Your account waits for an administrator to activate it." in refused.text
    assert "Invalid username or password" in try_to_sign_in(hub, name, "wrong").text

    pages = admin.session()
    assert f'action="/hub/accounts/{name}/activate"' in pages.get("/hub/accounts").text
    assert pages.post(f"/hub/accounts/{name}/activate", {"to": "list"}).status_code == 200
    assert sign_in(hub, name, GOOD).get("/hub/account").status_code == 200
    assert actions(admin, name) == [
        ("", "account.sign-up", "done"),
        ("", "sign-in", "refused"),
        ("", "sign-in", "refused"),
        (admin.name, "account.activate", "done"),
        (name, "sign-in", "done"),
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param(
            {"name": "Bob!", "email": "bob", "password": "1234"},
            ["cannot be a user name", "is not an e-mail address", "at least 8 characters", "Digits alone"],
            id="all-at-once",
        ),
        pytest.param({}, ["Choose a user name", "An e-mail address is needed", "at least 8"], id="empty"),
        pytest.param(
            {"name": "root1", "email": "x@example.org", "password": GOOD}, ["root1 is taken"], id="taken"
        ),
        pytest.param(
            {"name": "gate", "email": "x@example.org", "password": GOOD}, ["reserved"], id="reserved"
        ),
        pytest.param(
            {"name": "a" * 100_000, "email": "e" * 100_000, "password": "p" * 100_000},
            ["cannot be a user name", "at most 254", "at most 1024"],
            id="huge",
        ),
        pytest.param(
            {"name": "<script>", "email": "<b>@x", "password": GOOD}, ["&lt;script&gt;"], id="markup"
        ),
    ],
)
def test_everything_wrong_with_a_sign_up_is_said_at_once(
    hub: LoneHub, fields: dict[str, str], words: list[str]
) -> None:
    before = hub.command("user", "list").stdout
    status, page = sign_up(hub, **fields)
    assert status == 400
    for expected in words:
        assert expected in page.replace("&#39;", "'")
    assert GOOD not in page
    assert len(page) < 60_000
    assert hub.command("user", "list").stdout == before


def test_an_address_belongs_to_one_account(hub: LoneHub, somebody: Callable[..., Somebody]) -> None:
    owner = somebody(email=f"{secrets.token_hex(4)}@example.org")
    address = owner.api("GET", f"/users/{owner.name}/").json()["email"]
    status, page = sign_up(hub, name="n" + secrets.token_hex(4), email=address.upper(), password=GOOD)
    assert (status, "Somebody else has the e-mail address" in page) == (400, True)


def test_a_changed_password_ends_other_sign_ins(hub: LoneHub, person: Somebody) -> None:
    here, elsewhere = person.session(), person.session()
    wrong = here.post("/hub/account/password", {"old_password": "x", "password": GOOD})
    assert (wrong.status_code, "This is not your password." in wrong.text) == (400, True)
    weak = here.post("/hub/account/password", {"old_password": person.password, "password": person.name})
    assert weak.status_code == 400
    done = here.post("/hub/account/password", {"old_password": person.password, "password": GOOD})
    assert (done.status_code, "Your password is changed." in done.text) == (200, True)
    assert here.get("/hub/account", follow=False).status_code == 200
    assert elsewhere.get("/hub/account", follow=False).status_code == 302
    assert try_to_sign_in(hub, person.name, person.password).status_code == 403
    assert sign_in(hub, person.name, GOOD)
    assert person.api("GET", "/whoami").status_code == 200


def test_an_administrator_sets_a_password(hub: LoneHub, admin: Somebody, person: Somebody) -> None:
    theirs = person.session()
    page = admin.session()
    assert page.post(f"/hub/accounts/{person.name}/password", {"password": "12"}).status_code == 400
    assert page.post(f"/hub/accounts/{person.name}/password", {"password": GOOD}).status_code == 200
    assert theirs.get("/hub/account", follow=False).status_code == 302
    assert sign_in(hub, person.name, GOOD)


def test_deactivation_ends_cookies_and_tokens(hub: LoneHub, admin: Somebody, person: Somebody) -> None:
    session = person.session()
    page = admin.session()
    answer = page.post(f"/hub/accounts/{person.name}/deactivate", {"services": "keep"})
    assert (answer.status_code, "Deactivated since" in answer.text) == (200, True)
    assert session.get("/hub/account", follow=False).status_code == 302
    assert person.api("GET", "/whoami").status_code == 403
    assert hub.api("GET", "/user", person.token).status_code == 403
    refused = try_to_sign_in(hub, person.name, person.password)
    assert "Your account is deactivated." in refused.text
    # What an administrator makes for the person is worth nothing either.
    made = hub.token(person.name)
    assert hub.api("GET", "/karvdash/services/", made).status_code == 403
    started = hub.api("POST", f"/users/{person.name}/server", admin.token)
    assert started.status_code >= 400, started.text
    assert page.post(f"/hub/accounts/{person.name}/activate").status_code == 200
    assert sign_in(hub, person.name, person.password)


def test_the_command_line_acts_on_a_running_hub(hub: LoneHub, admin: Somebody, person: Somebody) -> None:
    session = person.session()
    assert hub.command("user", "deactivate", person.name).returncode == 0
    wait_until(lambda: session.get("/hub/account", follow=False).status_code == 302)
    assert person.api("GET", "/whoami").status_code == 403
    assert hub.command("user", "activate", person.name).returncode == 0
    assert hub.command("user", "promote", person.name).returncode == 0
    wait_until(lambda: bool(hub.api("GET", f"/users/{person.name}", admin.token).json()["admin"]))
    again = hub.command("user", "add", person.name, "--password-stdin", "--email", "x", text="1\n")
    assert again.returncode == 1
    for words in ("is taken", "not an e-mail address", "at least 8 characters", "Digits alone"):
        assert words in again.stderr


def test_promoted_and_demoted(hub: LoneHub, admin: Somebody, person: Somebody) -> None:
    session = admin.session()
    assert session.post(f"/hub/accounts/{person.name}/promote").status_code == 200
    assert person.session().get("/hub/accounts").status_code == 200
    assert session.post(f"/hub/accounts/{person.name}/demote").status_code == 200
    assert person.session().get("/hub/accounts").status_code == 403
    # JupyterHub's own admin page.
    assert hub.api("PATCH", f"/users/{person.name}", admin.token, {"admin": True}).status_code == 200
    assert person.session().get("/hub/accounts").status_code == 200


def test_nobody_locks_oneself_out(admin: Somebody) -> None:
    session, me = admin.session(), admin.name
    for verb, fields in (("deactivate", {}), ("demote", {}), ("delete", {"confirm": "yes"})):
        answer = session.post(f"/hub/accounts/{me}/{verb}", fields)
        assert (answer.status_code, "yourself. Another administrator can." in answer.text) == (409, True)
    assert session.get("/hub/accounts").status_code == 200


def test_groups(admin: Somebody, person: Somebody) -> None:
    session, group = admin.session(), "g" + secrets.token_hex(4)
    page = session.post(f"/hub/accounts/{person.name}/groups", {"groups": f"{group}, staff"}).text
    assert f'value="{group} staff"' in page
    assert group in session.get("/hub/accounts").text
    assert person.api("GET", f"/users/{person.name}/").json()["groups"] == sorted([group, "staff"])
    wrong = session.post(f"/hub/accounts/{person.name}/groups", {"groups": "a/b"})
    assert (wrong.status_code, "no spaces, commas and slashes" in wrong.text) == (400, True)


def test_a_mistake_in_one_field_changes_none(admin: Somebody, person: Somebody) -> None:
    answer = admin.api(
        "PATCH", f"/users/{person.name}/", {"email": "ok@example.org", "password": "12", "active": "yes"}
    )
    assert answer.status_code == 400
    answer = admin.api("PATCH", f"/users/{person.name}/", {"email": "no", "password": "12"})
    assert {one["field"] for one in answer.json()["errors"]} == {"email", "password"}
    assert admin.api("GET", f"/users/{person.name}/").json()["email"] == ""
    unknown = admin.api("PATCH", f"/users/{person.name}/", {"rights": "all"})
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (400, "rights")


def test_a_refused_sign_up_is_deleted(hub: LoneHub, admin: Somebody) -> None:
    name = "n" + secrets.token_hex(4)
    sign_up(hub, name=name, email=f"{name}@example.org", password=GOOD)
    session = admin.session()
    unconfirmed = session.post(f"/hub/accounts/{name}/delete")
    assert (unconfirmed.status_code, "Tick the box" in unconfirmed.text) == (400, True)
    assert session.post(f"/hub/accounts/{name}/delete", {"confirm": "yes"}).status_code == 200
    wait_until(lambda: admin.api("GET", f"/users/{name}/").status_code == 404)
    status, _ = sign_up(hub, name=name, email=f"{name}@example.org", password=GOOD)
    assert status == 200


def test_a_former_users_log_is_not_the_next_ones(hub: LoneHub, admin: Somebody) -> None:
    name = "n" + secrets.token_hex(4)
    hub.add(name)
    admin.api("PATCH", f"/users/{name}/", {"email": f"old-{name}@example.org"})
    assert admin.api("DELETE", f"/users/{name}/").status_code == 204
    wait_until(lambda: admin.api("GET", f"/users/{name}/").status_code == 404)
    password = hub.add(name)
    person = Somebody(hub, name, password, hub.token(name))
    mine = [action for _, action, _ in actions(person)]
    assert "account.add" in mine
    assert not {"account.email", "account.delete"} & set(mine)
    assert "account.delete" in [action for _, action, _ in actions(admin, name)]
    assert person.api("GET", f"/users/{name}/").json()["email"] == ""


def test_the_log_is_exported(admin: Somebody, person: Somebody) -> None:
    theirs = person.session()
    rows = list(csv.DictReader(io.StringIO(theirs.get("/hub/audit.csv").text)))
    lines = [json.loads(line) for line in theirs.get("/hub/audit.jsonl").text.splitlines()]
    assert [row["action"] for row in rows] == [line["action"] for line in lines]
    assert {row["subject"] for row in rows} == {person.name}
    assert theirs.get("/hub/audit.csv?user=root1").status_code == 403
    everything = admin.session().get("/hub/audit.jsonl").text.splitlines()
    assert len({json.loads(line)["subject"] for line in everything}) > 1
    page = admin.api("GET", "/audit/?limit=2").json()
    older = admin.api("GET", f"/audit/?limit=2&before={page['next']}").json()
    assert [one["id"] for one in page["objects"] + older["objects"]] == sorted(
        (one["id"] for one in page["objects"] + older["objects"]), reverse=True
    )
    assert admin.api("GET", "/audit/?before=x").status_code == 400


def test_a_flood_of_wrong_names_does_not_fill_the_log(hub: LoneHub, admin: Somebody) -> None:
    secret = "my password typed as a name"
    before = len(admin.api("GET", "/audit/?limit=1000").json()["objects"])
    for number in range(40):
        assert try_to_sign_in(hub, f"{secret} {number}", "x").status_code in (403, 429)
    entries = admin.api("GET", "/audit/?limit=1000").json()["objects"]
    assert secret not in json.dumps(entries)
    assert 0 < len(entries) - before <= 2 * 31


def test_a_huge_name_costs_little(hub: LoneHub, admin: Somebody) -> None:
    """Strangers' names of a megabyte fill neither log: as CVE-2026-54338 of JupyterHub had it."""
    before = len(hub.log())
    for where in ("name", "password"):
        fields = {"name": "x", "password": "y", where: "z" * 1_000_000}
        assert try_to_sign_in(hub, *fields.values()).status_code in (400, 403, 413)
    for field in ("name", "email", "password"):
        status, page = sign_up(hub, **{field: "z" * 1_000_000})
        assert (status in (400, 413), len(page) < 20_000) == (True, True)
    assert len(hub.log()) - before < 20_000
    assert len(json.dumps(admin.api("GET", "/audit/?limit=5").json())) < 5_000


def test_acting_is_written_down_and_switches_no_session(admin: Somebody, person: Somebody) -> None:
    session = admin.session()
    page = session.get(f"/hub/as/{person.name}/home")
    assert (page.status_code, f"You act as {person.name}" in page.text) == (200, True)
    assert f'href="/hub/as/{person.name}/catalogue"' in page.text
    assert session.get(f"/hub/as/{person.name}/service/none").status_code == 404
    session.get(f"/hub/as/{person.name}/catalogue")
    assert "Your account" in session.get("/hub/account").text
    assert f'<h2 id="who-title">{admin.name}</h2>' in session.get("/hub/account").text
    assert session.post(f"/hub/as/{person.name}/service/none/stop").status_code == 404
    mine = [entry for entry in actions(person) if entry[0] == admin.name]
    assert mine == [(admin.name, "act-as", "done"), (admin.name, "service.stop", "refused")]
