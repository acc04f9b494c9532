"""Requests through the real front and gate to a real pod: who passes, what arrives, what comes back."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.gate.conftest import Service

NAVIGATE = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}


# --- the owner -----------------------------------------------------------------------------------


def test_the_owner_reaches_the_pod(web: Service) -> None:
    answer = web.ask("/a%2Fb/../c//d?e=%26&f", headers={"Accept-Language": "el"})
    arrived = answer.json()
    headers = arrived["headers"]

    assert answer.status_code == 200
    assert (arrived["method"], arrived["uri"]) == ("GET", "/c//d?e=%26&f"), (
        "requests resolves the dots itself"
    )
    assert headers["Host"] == [f"{web.host}:{web.gateway.port}"]
    assert headers["X-Forwarded-Host"] == [f"{web.host}:{web.gateway.port}"]
    assert headers["X-Forwarded-User"] == [web.user]
    assert (headers["X-Forwarded-Proto"], headers["X-Forwarded-For"]) == (["http"], ["127.0.0.1"])
    assert headers["Accept-Language"] == ["el"]


def test_the_address_arrives_as_it_was_sent(web: Service) -> None:
    """Also when the verdict comes from memory and the request takes the short way."""
    target = "/x%2f%20/../é//?y=%0a".encode().decode("latin-1")
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", web.gateway.port), timeout=10) as connection:
            head = f"Host: {web.host}\r\nCookie: {web.cookie}\r\nConnection: close\r\n\r\n"
            connection.sendall(f"GET {target} HTTP/1.1\r\n{head}".encode("latin-1"))
            text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        assert '"uri": "/x%2f%20/../' in text and '//?y=%0a"' in text


def test_cookies_and_identities_of_ours_never_reach_the_service(web: Service) -> None:
    ours = "karvdash=forged;karvdash-login=x; __Host-karvdash=y"
    the_hubs = "jupyterhub-session-id=z; __Host-jupyterhub-hub-login=w"
    cookies = f"a=1; {web.cookie};  {ours}; b=2; {the_hubs}; c=3"
    dropped = ("Remote-User", "X-Auth-Request-User", "X-Vouch-User", "Forwarded", "X-Original-Host",
               "X-Karvdash-Upstream", "X-Karvdash-User")  # fmt: skip
    replaced = ("X-Forwarded-User", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip")
    forged = dict.fromkeys((*dropped, *replaced), "root")
    arrived = web.ask("/", cookie=cookies, headers=forged).json()["headers"]

    assert arrived["Cookie"] == ["a=1; b=2; c=3"]
    assert arrived["X-Forwarded-User"] == [web.user]
    assert arrived["X-Forwarded-For"] == ["127.0.0.1"]
    assert arrived["X-Forwarded-Proto"] == ["http"]
    assert set(dropped) & set(arrived) == set()
    assert arrived["X-Real-Ip"] == ["127.0.0.1"]


def test_another_authorization_is_the_services_own(web: Service) -> None:
    for value in ("Basic YTpi", "Bearer aaaa.bbbb.cccc", "Digest x"):
        assert web.ask("/", headers={"Authorization": value}).json()["headers"]["Authorization"] == [value]


def test_answers_come_back_as_they_are(web: Service) -> None:
    answer = web.ask("/set?cookie=session%3D1%3B%20Path%3D/")
    assert answer.headers["Set-Cookie"] == "session=1; Path=/"


@pytest.mark.parametrize("name", ["X-Accel-Redirect", "X-Accel-Limit-Rate", "X-Accel-Buffering"])
def test_a_service_cannot_command_the_front(web: Service, name: str) -> None:
    """X-Accel-Redirect would open nginx's internal locations to whoever writes a service."""
    answer = web.ask("/accel", params={"header": name, "value": "/.karvdash/auth"})
    assert (answer.status_code, answer.text) == (200, "mine")
    assert name not in answer.headers


# --- strangers -----------------------------------------------------------------------------------


def test_a_stranger_is_sent_to_sign_in_and_the_whole_address_with_him(web: Service) -> None:
    answer = web.ask("/a?b=1&c=%26", cookie="", headers=NAVIGATE)
    address = urlsplit(answer.headers["Location"])
    query = parse_qs(address.query)

    assert answer.status_code == 302
    assert (
        f"{address.scheme}://{address.netloc}{address.path}"
        == f"http://{web.gateway.domain}/hub/karvdash/grant"
    )
    assert query["host"] == [f"{web.host}:{web.gateway.port}"]
    state, _, path = query["next"][0].removeprefix("/.karvdash/state/").partition("/")
    assert "/" + path == "/a?b=1&c=%26"
    assert answer.headers["Set-Cookie"] == (
        f"karvdash-login={state}; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"
    )
    assert answer.headers["Cache-Control"] == "no-store"


def test_two_tabs_share_one_way_to_sign_in(web: Service) -> None:
    first = web.ask("/", cookie="", headers=NAVIGATE)
    state = first.headers["Set-Cookie"].partition(";")[0]
    second = web.ask("/", cookie=state, headers=NAVIGATE)

    assert "Set-Cookie" not in second.headers
    assert second.headers["Location"] == first.headers["Location"]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        pytest.param("GET", {"Sec-Fetch-Mode": "cors"}, id="fetch"),
        pytest.param("GET", {"Sec-Fetch-Mode": "no-cors"}, id="image"),
        pytest.param("POST", {}, id="POST"),
        pytest.param("POST", {"Sec-Fetch-Mode": "navigate"}, id="form"),
        pytest.param("PUT", {}, id="PUT"),
        pytest.param("OPTIONS", {"Origin": "http://x.kv.test"}, id="preflight"),
        pytest.param("GET", {"Connection": "Upgrade", "Upgrade": "websocket"}, id="websocket"),
    ],
)
def test_only_a_person_on_the_way_to_a_page_is_redirected(
    web: Service, method: str, headers: dict[str, str]
) -> None:
    answer = web.ask("/", method, cookie="", headers=headers)
    assert (answer.status_code, "Location" in answer.headers) == (401, False)
    assert answer.text.startswith("Sign in first.")


def test_a_stranger_learns_nothing_about_hosts(web: Service) -> None:
    there, nowhere = (
        web.gateway.ask(host, "/x", headers=NAVIGATE) for host in (web.host, f"no-such-{web.user}.kv.test")
    )
    assert there.status_code == nowhere.status_code == 302
    assert {*there.headers} == {*nowhere.headers}


# --- cookies that are not good here ----------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda web: web.gateway.cookie(web.gateway.host("web", "bob")), id="of another host"),
        pytest.param(lambda web: web.gateway.cookie(web.host, seconds=-1), id="expired"),
        pytest.param(lambda web: web.gateway.cookie(web.host, owner="bob"), id="of the host's former owner"),
        pytest.param(lambda web: web.cookie[:-1] + ("0" if web.cookie[-1] != "0" else "1"), id="changed"),
        pytest.param(lambda web: "__Host-" + web.cookie, id="under the other name"),
        pytest.param(lambda web: web.cookie.replace("k", "K", 1), id="in capitals"),
        pytest.param(lambda web: "karvdash=", id="empty"),
        pytest.param(lambda web: "karvdash=eyJ1c2VyIjoiYWxpY2UifQ==", id="unsigned"),
    ],
)
def test_a_cookie_that_is_not_good_here_is_none(web: Service, change: Callable[[Service], str]) -> None:
    assert web.ask("/").status_code == 200, "the good one is in memory now"
    assert web.ask("/", cookie=change(web), headers=NAVIGATE).status_code == 302


def test_a_cookie_set_by_another_host_does_not_hide_the_good_one(web: Service) -> None:
    """On http any host can set one for the whole domain; whatever the order, the signed one counts."""
    for cookies in (f"karvdash=evil; {web.cookie}", f"{web.cookie}; karvdash=evil"):
        assert web.ask("/", cookie=cookies).status_code == 200
    assert web.ask("/", cookie="karvdash=evil").status_code == 302, (
        "and what was in memory lets nobody else in"
    )


def test_a_guest_is_named(web: Service) -> None:
    """Somebody whom the Hub let in is who the service hears of, not the owner."""
    guest = web.gateway.cookie(web.host, "josé@x.org")
    assert web.ask("/", cookie=guest).json()["headers"]["X-Forwarded-User"] == ["jos%C3%A9@x.org"]


# --- foreign pages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_page_of_another_host_changes_nothing(web: Service, method: str) -> None:
    """SameSite does not help: all hosts of the domain are one site. Nor does a verdict in memory."""
    own, evil = ({"Origin": f"http://{host}:{web.gateway.port}"} for host in (web.host, "evil-bob.kv.test"))
    path = "/" if method == "DELETE" else "/sink"
    statuses = [web.ask(path, method, headers=headers).status_code for headers in (own, evil, own, evil)]
    assert statuses == [200, 403, 200, 403]
    refused = web.ask(path, method, headers=evil | {"Accept": "text/html"})
    assert "Refused: the request came from another site" in refused.text


def test_a_foreign_get_is_an_ordinary_link(web: Service) -> None:
    assert web.ask("/", headers={"Origin": "http://evil-bob.kv.test"}).status_code == 200
