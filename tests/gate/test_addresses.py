"""Odd hosts, odd addresses, odd requests, and what lies below ``/.karvdash/``."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from demo.processes import Process
from karvdash_hub.front.config import IDENTITY_HEADERS
from tests.gate.conftest import SCRIPT, Gateway, Service

NAVIGATE = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}


def raw(gateway: Gateway, text: str) -> str:
    """Send these bytes to the front; return the first line of the answer."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode("latin-1"))
        return connection.recv(65536).decode("latin-1").partition("\r\n")[0]


@pytest.mark.parametrize(
    "path", ["/.karvdash/auth", "/.karvdash/x", "/x/../.karvdash/auth", "//.karvdash/auth"]
)
def test_internal_addresses_are_closed(web: Service, path: str) -> None:
    assert raw(web.gateway, f"GET {path} HTTP/1.1\nHost: {web.host}\nCookie: {web.cookie}\n\n") == (
        "HTTP/1.1 404 Not Found"
    )


def test_the_host_is_the_one_that_nginx_chose(web: Service) -> None:
    """An absolute address and a Host header that differ must not be judged by different names."""
    other = web.gateway.host("web", "bob")
    for address, header, expected in (
        (web.host, other, "HTTP/1.1 200 OK"),
        (other, web.host, "HTTP/1.1 302 Moved Temporarily"),
    ):
        text = f"GET http://{address}/ HTTP/1.1\nHost: {header}\nCookie: {web.cookie}\n\n"
        assert raw(web.gateway, text) == expected


def test_hosts_are_the_same_in_any_case(web: Service) -> None:
    assert web.gateway.ask(web.host.upper(), cookie=web.cookie).status_code == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("127.0.0.1", (302, "http://{domain}/"), id="the bare address leads to the platform"),
        pytest.param("evil.com", (302, "http://{domain}/"), id="any other name too"),
        pytest.param("a.b.kv.test", (302, "http://{domain}/"), id="two labels are no service"),
        pytest.param("xkv.test", (302, "http://{domain}/"), id="the domain is a whole label"),
    ],
)
def test_other_names_lead_to_the_platform(gateway: Gateway, host: str, expected: tuple[int, str]) -> None:
    answer = gateway.ask(host, "/x")
    assert (answer.status_code, answer.headers["Location"]) == (
        expected[0], expected[1].format(domain=gateway.domain)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("host", "path"),
    [
        pytest.param("kv.test", "/hub/home", id="the Hub"),
        pytest.param("alice.kv.test", "/user/alice/lab", id="notebooks"),
        pytest.param("u--alice-b-3a7a7327.kv.test", "/user/x/", id="notebooks of an odd name"),
        pytest.param("alice.kv.test", "/hub/user/alice/api/sessions", id="a tab of a stopped notebook"),
    ],
)
def test_hub_and_notebooks_are_the_proxys(gateway: Gateway, host: str, path: str) -> None:
    """There is no Hub here, so its visitors are told so."""
    answer = gateway.ask(host, path, headers=NAVIGATE)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Sign-in does not work at the moment" in answer.text


@pytest.mark.parametrize(
    "path", ["/hub", "/hub/", "/hub/login?next=%2F", "/hub/user/alice/", "/hub/api/user", "/user/../hub/home"]
)
def test_the_hubs_pages_are_on_its_own_host(gateway: Gateway, path: str) -> None:
    """Where notebooks' scripts run nobody can sign in at the Hub."""
    text = f"GET {path} HTTP/1.1\nHost: alice.kv.test\nConnection: close\n\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode())
        answer = connection.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 302 ")
    assert f"Location: http://{gateway.domain}{path}\r\n" in answer


@pytest.fixture
def echo(gateway: Gateway) -> Iterator[None]:
    """A program that says what it got, where the Hub's proxy would be."""
    process = Process("echo", run=gateway.folder / "run", log=gateway.folder / "log")
    process.start([sys.executable, str(SCRIPT), str(gateway.nowhere)], env=os.environ, cwd=gateway.folder)
    try:
        deadline = time.monotonic() + 20
        while gateway.ask("kv.test", "/").status_code != 200:
            assert time.monotonic() < deadline, process.last_lines()
            time.sleep(0.05)
        yield
    finally:
        process.stop()


@pytest.mark.parametrize("host", ["kv.test", "alice.kv.test"])
def test_nobody_tells_the_hub_who_they_are_by_a_header(gateway: Gateway, echo: None, host: str) -> None:
    """An authenticator that believes such headers would believe every browser."""
    forged = dict.fromkeys((*IDENTITY_HEADERS, "X-Forwarded-User", "Forwarded"), "root")
    arrived = gateway.ask(host, "/user/alice/", headers={**forged, "X-Kept": "1"}).json()["headers"]

    assert "X-Kept" in arrived
    assert {name.title() for name in forged} & {name.title() for name in arrived} == set()


@pytest.mark.parametrize(
    "head",
    [
        pytest.param("GET / HTTP/1.1\nHost: " + "a" * 300 + ".kv.test\n\n", id="a long label"),
        pytest.param(
            "GET / HTTP/1.1\nHost: web-x.kv.test\nX-Long: " + "x" * 100_000 + "\n\n", id="a long header"
        ),
        pytest.param("GET /" + "x" * 100_000 + " HTTP/1.1\nHost: web-x.kv.test\n\n", id="a long address"),
        pytest.param("GET / HTTP/1.1\nHost: web-x.kv.test\nHost: web-y.kv.test\n\n", id="two hosts"),
        pytest.param("GET / HTTP/1.1\n\n", id="no host"),
        pytest.param("GET / HTTP/1.1\nHost: web-x.kv.test\r\rX: y\n\n", id="a bare line end"),
    ],
)
def test_strange_requests_get_an_answer_and_no_more(gateway: Gateway, head: str) -> None:
    assert raw(gateway, head).split()[1] in ("302", "400", "414")
    assert gateway.ask("kv.test", "/").status_code == 503, "the front goes on"


def test_the_access_log_holds_no_secrets(web: Service) -> None:
    web.ask("/.karvdash/callback?ticket=SECRET1&next=/", cookie="karvdash-login=SECRET2")
    web.ask("/x?token=SECRET3", headers={"Authorization": "token SECRET4SECRET4"})
    folder = web.gateway.folder
    text = "".join(path.read_text() for path in [folder / "access.log", *(folder / "log").iterdir()])

    assert '"path":"/.karvdash/callback"' in text and '"path":"/x"' in text
    assert "SECRET" not in text and web.cookie.partition("=")[2] not in text


def test_an_offer_of_http2_is_no_websocket(web: Service) -> None:
    """Some HTTP clients offer h2c with each first request."""
    headers = {
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": "h2c",
        "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA",
    }
    answer = web.ask("/", headers=headers)
    assert (answer.status_code, answer.json()["headers"].get("Upgrade")) == (200, None)


def test_head_has_no_body(web: Service) -> None:
    known, stranger = (web.ask("/events", "HEAD", cookie=cookie) for cookie in (web.cookie, ""))
    assert [(a.status_code, a.content) for a in (known, stranger)] == [(405, b""), (401, b"")]


def test_unsafe_next(web: Service) -> None:
    """The way back from the sign-in page stays on the host, whatever somebody writes into it."""
    state = "karvdash-login=" + "0" * 32
    for wanted in (
        "//evil.com/",
        "/\\evil.com",
        "http://evil.com/",
        "/\t/evil.com",
        "/.karvdash/state/x//evil.com",
    ):
        answer = web.ask(
            "/.karvdash/callback", cookie=f"{web.cookie}; {state}", params={"next": wanted, "ticket": "x"}
        )
        assert answer.status_code == 303
        assert urlsplit(answer.headers["Location"]).netloc == "", wanted
        assert answer.headers["Location"] in ("/", "/.karvdash/state/x//evil.com")


def test_sign_out_ends_the_cookie_itself(web: Service, gateway: Gateway) -> None:
    """A copy of the cookie is of no use afterwards; another guest's goes on."""
    mine, other = gateway.cookie(web.host, "guest1"), gateway.cookie(web.host, "guest2")
    own = {"Origin": f"http://{web.host}:{gateway.port}"}
    assert "Sign out of web?" in web.ask("/.karvdash/logout", cookie=mine, headers=NAVIGATE).text
    assert (
        web.ask(
            "/.karvdash/logout", "POST", cookie=mine, headers={"Origin": "http://evil.kv.test"}
        ).status_code
        == 403
    )
    answer = web.ask("/.karvdash/logout", "POST", cookie=mine, headers=own | NAVIGATE)

    assert answer.status_code == 200
    assert answer.headers["Set-Cookie"] == "karvdash=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
    assert web.ask("/fresh", "PUT", cookie=mine, headers={"X": "not in memory"}).status_code == 401
    assert web.ask("/", cookie=other).status_code == 200
