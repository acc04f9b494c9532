"""What names, addresses and passwords may be, which requests are logged, how the log is exported."""

from __future__ import annotations

from datetime import datetime

import pytest

from karvdash_hub.accounts.exporting import csv_lines, json_lines
from karvdash_hub.accounts.rules import email_mistakes, name_mistakes, password_mistakes
from karvdash_hub.handlers.audit_routes import Deed, deed, outcome, shared
from karvdash_hub.kube.deactivation import is_ours
from karvdash_hub.store_rows import AuditEntry


@pytest.mark.parametrize(
    ("email", "good"),
    [
        pytest.param("ada@example.org", True, id="plain"),
        pytest.param("Ada.L+x@mail.example.org", True, id="plus"),
        pytest.param("αλίκη@παράδειγμα.δοκιμή", True, id="unicode"),
        pytest.param("ada", False, id="no-at"),
        pytest.param("ada@example", False, id="no-dot"),
        pytest.param("ada@@example.org", False, id="two-at"),
        pytest.param("a b@example.org", False, id="space"),
        pytest.param("ada@example.org\nBcc: x@y.z", False, id="header"),
        pytest.param("ada@example..org", False, id="two-dots"),
        pytest.param("a" * 250 + "@b.cd", False, id="long"),
    ],
)
def test_addresses(email: str, good: bool) -> None:
    assert (email_mistakes(email, required=True) == []) is good


@pytest.mark.parametrize(
    ("password", "words"),
    [
        pytest.param("correct horse staple", [], id="good"),
        pytest.param("short", ["at least 8"], id="short"),
        pytest.param("1234567890", ["Digits alone"], id="digits"),
        pytest.param("12", ["at least 8", "Digits alone"], id="two-mistakes"),
        pytest.param("Password123!", ["tried first"], id="common"),
        pytest.param("password of the horse", [], id="common-word-in-a-sentence"),
        pytest.param("xadalovelacex", ["user name"], id="own-name"),
        pytest.param("countess!2026", ["e-mail"], id="own-mailbox"),
        pytest.param("x" * 1025, ["at most 1024"], id="long"),
        pytest.param("", ["at least 8"], id="empty"),
    ],
)
def test_passwords(password: str, words: list[str]) -> None:
    found = password_mistakes(password, name="adalovelace", email="Countess@example.org")
    assert len(found) == len(words)
    for mistake, expected in zip(found, words, strict=True):
        assert mistake.field == "password"
        assert expected in mistake.message


@pytest.mark.parametrize("name", ["", "Ada", "a.b", "1a", "a" * 31, "admin!", "hub", "a-b"])
def test_names(name: str) -> None:
    assert [mistake.field for mistake in name_mistakes(name)] == ["name"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        pytest.param("POST", "launch/redis", Deed("service.launch", "", "redis", "page"), id="launch"),
        pytest.param(
            "POST", "as/bob/service/web/stop", Deed("service.stop", "bob", "web", "page"), id="acting"
        ),
        pytest.param(
            "POST",
            "as/b%40x/api/karvdash/services/web/stop/",
            Deed("service.stop", "b@x", "web", "api"),
            id="acting-api",
        ),
        pytest.param(
            "DELETE", "api/users/bob/servers/web", Deed("service.stop", "bob", "web", "api"), id="admin-page"
        ),
        pytest.param(
            "DELETE", "api/users/bob/server", Deed("service.stop", "bob", "", "api"), id="default-server"
        ),
        pytest.param("DELETE", "api/users/bob", Deed("account.delete", "bob", "", "api"), id="delete-user"),
        pytest.param("POST", "api/shares/bob/web", Deed("service.share", "bob", "web", "api"), id="share"),
        pytest.param(
            "DELETE",
            "api/groups/a%20team/shared/bob/web",
            Deed("service.unshare", "bob", "web with group a team", "api"),
            id="leaving-a-share",
        ),
        pytest.param("POST", "service/web/keep", Deed("service.keep", "", "web", "page"), id="keep"),
        pytest.param("GET", "logout", Deed("sign-out", "", "", "page"), id="sign-out"),
        pytest.param("GET", "home", None, id="looking"),
        pytest.param("POST", "api/users/bob/activity", None, id="activity"),
        pytest.param("POST", "accounts/bob/delete", None, id="written-by-management"),
    ],
)
def test_requests_for_the_log(method: str, path: str, expected: Deed | None) -> None:
    assert deed(method, path) == expected


SHARE = Deed("service.share", "bob", "web", "api")


@pytest.mark.parametrize(
    ("found", "body", "expected"),
    [
        pytest.param(SHARE, b'{"user": "eve"}', "web with eve", id="user"),
        pytest.param(SHARE, b'{"group": "team", "user": null}', "web with group team", id="group"),
        pytest.param(SHARE._replace(action="service.unshare"), b'{"user": "eve"}', "web with eve", id="end"),
        pytest.param(SHARE, b"", "web", id="with-all"),
        pytest.param(SHARE, b"{", "web", id="no-json"),
        pytest.param(SHARE, b"[" * 100_000, "web", id="deep"),
        pytest.param(SHARE, b'["user"]', "web", id="a-list"),
        pytest.param(SHARE, b'{"user": {"a": 1}}', "web", id="no-name"),
        pytest.param(SHARE._replace(action="token.add"), b'{"user": "eve"}', "web", id="another-request"),
    ],
)
def test_with_whom_a_request_shares(found: Deed, body: bytes, expected: str) -> None:
    assert shared(found, body) == expected


@pytest.mark.parametrize(
    ("status", "word"), [(200, "done"), (303, "done"), (403, "refused"), (500, "failed")]
)
def test_outcomes(status: int, word: str) -> None:
    assert outcome(status) == word


def test_an_export_holds_no_formula() -> None:
    entry = AuditEntry(
        7, datetime(2026, 1, 2, 3, 4, 5), "=cmd|' /C calc'!A0", "page", "sign-in", "ada", "a,b", "done"
    )
    assert list(csv_lines([entry])) == [
        "id,time,actor,via,action,subject,object,outcome\r\n",
        "7,2026-01-02T03:04:05Z,'=cmd|' /C calc'!A0,page,sign-in,ada,\"a,b\",done\r\n",
    ]
    assert '"time": "2026-01-02T03:04:05Z"' in next(json_lines([entry]))


HUB = "system:serviceaccount:karvdash:karvdash-hub"


@pytest.mark.parametrize(
    ("subjects", "ours"),
    [
        pytest.param(
            [{"kind": "ServiceAccount", "name": "karvdash-hub", "namespace": "karvdash"}], True, id="account"
        ),
        pytest.param([{"kind": "User", "name": HUB}], True, id="user"),
        pytest.param(
            [{"kind": "ServiceAccount", "name": "default", "namespace": "karvdash-ada"}], False, id="user's"
        ),
        pytest.param([{"kind": "Group", "name": HUB}], False, id="group-of-that-name"),
        pytest.param(
            [{"kind": "User", "name": HUB}, {"kind": "User", "name": "eve"}], False, id="somebody-with-us"
        ),
        pytest.param([], False, id="nobody"),
        pytest.param(None, False, id="none"),
    ],
)
def test_whose_a_role_binding_is(subjects: object, ours: bool) -> None:
    assert is_ours({"subjects": subjects}, HUB) is ours
