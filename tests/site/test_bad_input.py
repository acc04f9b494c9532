"""What strangers, other users and unlucky names send (peers.md N1, N4, O4, O6, O8)."""

from __future__ import annotations

import json
import secrets
import socket
import ssl

import pytest

from cluster.processes import resident_bytes
from tests.site.site import HOSTNAME, Account, Site
from tests.site.visitor import Visitor


def raw(site: Site, head: bytes) -> bytes:
    """Send bytes through TLS and return the first kilobytes of what comes back."""
    context = ssl.create_default_context(cafile=str(site.ca_file))
    plain = socket.create_connection(("127.0.0.1", site.port), timeout=20)
    with context.wrap_socket(plain, server_hostname=HOSTNAME) as tls:
        tls.sendall(head)
        return tls.recv(4096)


def head(host: str, path: str = "/", **headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        pytest.param(head("a-" + "b" * 300 + f".{HOSTNAME}"), (302, 400), id="300 characters"),
        pytest.param(head("a-" + ".b" * 150 + f".{HOSTNAME}"), (302, 400), id="150 labels"),
        pytest.param(head(f"{'a' * 40}-{'b' * 40}.{HOSTNAME}"), (302,), id="a label of 81"),
        pytest.param(head(f"a-b.{HOSTNAME}%00.evil"), (302, 400), id="percent"),
        pytest.param(head(f"a-b.{HOSTNAME}\x00"), (400,), id="NUL"),
        pytest.param(head("a b"), (400,), id="space"),
        pytest.param(head(f"a-b.{HOSTNAME}/../x"), (400,), id="slash"),
        pytest.param(head(f"a-b.{HOSTNAME}@evil"), (302, 400), id="at"),
        pytest.param(head("[::1]"), (302,), id="an address"),
        pytest.param(head(""), (302, 400), id="empty"),
        pytest.param(head(HOSTNAME, "/" + "x" * 20_000), (414,), id="a long path"),
        pytest.param(head(HOSTNAME, Cookie="x" * 20_000), (400,), id="a long cookie"),
        pytest.param(head(HOSTNAME, **{f"X-{n}": "y" * 4000 for n in range(30)}), (400,), id="many headers"),
        pytest.param(head(f"a-b.{HOSTNAME}").replace(b"Host", b"Host: evil\r\nHost"), (400,), id="two hosts"),
    ],
)
def test_hosts_and_heads_that_nobody_has(site: Site, sent: bytes, statuses: tuple[int, ...]) -> None:
    answer = raw(site, sent)
    assert int(answer.split(b" ", 2)[1]) in statuses, answer[:200]
    assert b"evil" not in answer.partition(b"\r\n\r\n")[0].replace(b"next=", b"")


def test_the_gate_remembers_nothing_of_strangers(site: Site, host: str) -> None:
    """Made-up hosts, cookies and tokens: its memory stays what it was."""
    stranger, pid = Visitor(site), site.processes["gate"].pid
    assert pid

    def send(number: int) -> None:
        junk = f"__Host-karvdash={secrets.token_hex(1500)}"
        headers = {
            "Cookie": junk,
            "Authorization": f"token {secrets.token_hex(64)}",
            "Sec-Fetch-Mode": "cors",
        }
        other = f"{secrets.token_hex(8)}-{secrets.token_hex(8)}.{HOSTNAME}"
        stranger.fetch(site.url(other if number % 2 else host, "/" + "p" * 3000), headers=headers)

    for number in range(50):
        send(number)
    before = resident_bytes(pid)
    for number in range(300):
        send(number)
    assert resident_bytes(pid) - before < 8 * 2**20


def test_names_that_look_alike(site: Site) -> None:
    """``al`` and ``alice``: names are compared whole, by cookie and by token."""
    short = "a" + secrets.token_hex(3)
    people = {name: site.account(name) for name in (short, f"{short}ice")}
    hosts = {name: account.launch("echo") for name, account in people.items()}
    for name, account in people.items():
        visitor = Visitor(site).sign_in(account)
        for owner, host in hosts.items():
            assert (visitor.open(site.url(host)).status == 200) == (name == owner), (name, owner)
            headers = {"Authorization": f"token {account.token}", "Cookie": "", "Accept": ""}
            token = visitor.fetch(site.url(host), headers=headers)
            assert (token.status == 200) == (name == owner), (name, owner)


def test_another_s_and_nobody_s_host_look_the_same(site: Site, host: str) -> None:
    """Before sign-in and after it, in a browser and in a program."""
    visitor = Visitor(site).sign_in(site.account())
    nowhere = host.replace("echo-", "nosuch-", 1)

    def same(texts: list[str]) -> bool:
        return texts[0].replace("echo-", "nosuch-") == texts[1]

    pages = [visitor.open(site.url(name)) for name in (host, nowhere)]
    assert [page.status for page in pages] == [403, 403]
    assert "You cannot open this" in pages[0].data.decode()
    assert same([page.data.decode() for page in pages])
    program = {"Sec-Fetch-Mode": "cors", "Accept": "*/*"}
    answers = [Visitor(site).fetch(site.url(name), headers=program) for name in (host, nowhere)]
    assert [answer.status for answer in answers] == [401, 401]
    assert same([answer.data.decode() for answer in answers])


def test_signing_out_of_the_hub_ends_every_tab(site: Site, host: str, alice: Account) -> None:
    """Also a copy of the cookies: another browser that stole them is out within a minute. O6."""
    visitor = Visitor(site).sign_in(alice)
    visitor.open(site.url(host))
    thief = Visitor(site, dict(visitor.cookies))
    assert thief.hub("/hub/home").status == 200
    visitor.hub("/hub/logout")
    assert b"password_input" in thief.hub("/hub/home").data


def test_a_session_known_before_sign_in_is_worth_nothing_after_it(site: Site, alice: Account) -> None:
    """Session fixation: whoever plants cookies before the sign-in has none of it. O6."""
    victim = Visitor(site)
    victim.hub("/hub/login")
    planted = dict(victim.cookies)
    victim.sign_in(alice)
    attacker = Visitor(site, planted)
    assert b"password_input" in attacker.hub("/hub/home").data


def test_a_header_says_nothing_about_who_asks(
    site: Site, host: str, browser: Visitor, alice: Account
) -> None:
    forged = {
        "X-Forwarded-User": "root",
        "X-Vouch-User": "root",
        "Remote-User": "root",
        "X-Karvdash-User": "root",
    }
    assert Visitor(site).fetch(site.url(host), headers=forged).status == 302
    browser.open(site.url(host))
    arrived = json.loads(browser.fetch(site.url(host), headers=forged).data)["headers"]
    assert arrived["X-Forwarded-User"] == [alice.name]
    assert not {"X-Vouch-User", "Remote-User", "X-Karvdash-User"} & set(arrived)
    # Nor does the Hub believe one.
    assert b"password_input" in Visitor(site).open(f"{site.hub_url}/hub/home", headers=forged).data


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_no_link_and_no_form_without_its_token_acts(
    site: Site, host: str, browser: Visitor, alice: Account, method: str
) -> None:
    """Links change nothing, nor does a method that is called by another name. O5."""
    before = alice.api("GET", "/karvdash/services/").json()
    verbs = ("stop", "delete", "start", "change", "share", "unshare", "keep", "passwords")
    pages = [*(f"/hub/service/echo/{verb}" for verb in verbs), "/hub/launch/echo"]
    for path in [*pages, "/hub/templates/echo/delete", "/hub/notebook/start", "/hub/api/karvdash/services/"]:
        url = f"{site.hub_url}{path}?_method=POST&confirm=yes&who=eve&NAME=forged&id=echo"
        headers = {"X-HTTP-Method-Override": "DELETE", "Sec-Fetch-Mode": "no-cors"}
        answer = browser.fetch(url, method, headers=headers)
        form = path == "/hub/launch/echo" and method != "POST"
        assert answer.status in ((200, 405) if form else (302, 303, 403, 404, 405)), (path, answer.status)
    assert alice.api("GET", "/karvdash/services/").json() == before
    assert browser.hub("/hub/home").status == 200
