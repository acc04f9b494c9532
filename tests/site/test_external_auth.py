"""The gate asked by other proxies than the front: the endpoint, and nginx as the documentation has it."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from cluster.preflight import find_program
from demo.processes import Process
from tests.gate.conftest import free_ports
from tests.site.site import ROOT, Account, Site
from tests.site.visitor import Visitor

PAGE = ROOT / "docs" / "reference" / "external-auth.md"
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {tls}/site.crt;
        ssl_certificate_key {tls}/site.key;
        {locations}
    }}
}}
"""
Ask = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def erin(impatient: Site) -> Account:
    return impatient.account()


@pytest.fixture(scope="module")
def opened(impatient: Site, erin: Account) -> Iterator[str]:
    """The host of a service."""
    yield erin.launch("external")
    erin.delete("external")


@pytest.fixture
def signed_in(impatient: Site, erin: Account, opened: str) -> Visitor:
    """A browser that has the service open, by way of the front."""
    visitor = Visitor(impatient).sign_in(erin)
    assert visitor.open(impatient.url(opened)).status == 200
    return visitor


def cookies(visitor: Visitor, host: str) -> str:
    return "; ".join(f"{c.name}={c.value}" for c in visitor.cookies.values() if c.goes_to(host, "/"))


@pytest.fixture
def ask(impatient: Site, opened: str, external: int) -> Ask:
    """Ask as Traefik's ForwardAuth does."""

    def send(
        uri: str = "/x?a=1", method: str = "GET", host: str = opened, **headers: str
    ) -> requests.Response:
        described = {
            "X-Forwarded-Host": f"{host}:{impatient.port}",
            "X-Forwarded-Uri": uri,
            "X-Forwarded-Method": method,
            "Accept": "text/html",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        url = f"http://127.0.0.1:{external}/external-auth"
        return requests.get(url, headers=described, allow_redirects=False, timeout=30)

    return send


def test_the_whole_way_by_answers_alone(impatient: Site, erin: Account, opened: str, ask: Ask) -> None:
    """A proxy that sends on what is not 200 needs no route of its own for the sign-in."""
    first = ask()
    assert first.status_code == 303
    assert first.headers["Location"].startswith(f"{impatient.hub_url}/hub/karvdash/grant?")
    state = first.headers["Set-Cookie"].partition(";")[0]
    hub = Visitor(impatient).sign_in(erin)
    granted = urlsplit(hub.fetch(first.headers["Location"]).headers["Location"])
    assert granted.hostname == opened
    back = ask(f"{granted.path}?{granted.query}", Cookie=state)
    assert (back.status_code, back.headers["Location"]) == (303, "/x?a=1")
    session = re.search(r"__Host-karvdash=[^;]+", back.headers["Set-Cookie"])
    assert session
    allowed = ask(Cookie=f"a=1; {session[0]}; jupyterhub-session-id=x; b=2", Authorization="Basic YTpi")
    assert allowed.status_code == 200
    assert allowed.headers["X-Forwarded-User"] == erin.name
    assert allowed.headers["Cookie"] == "a=1; b=2"
    assert allowed.headers["Authorization"] == "Basic YTpi"
    # The same ticket again, and a sign-out.
    assert ask(f"{granted.path}?{granted.query}", Cookie=state).status_code == 403
    out = ask("/.karvdash/logout", "POST", Cookie=session[0], Origin=impatient.url(opened).rstrip("/"))
    assert (out.status_code, "__Host-karvdash=;" in out.headers["Set-Cookie"]) == (200, True)
    assert ask(Cookie=session[0]).status_code == 303


def test_what_is_refused(impatient: Site, opened: str, ask: Ask, signed_in: Visitor, erin: Account) -> None:
    good = cookies(signed_in, opened)
    other = opened.replace("lab-", "lab-0")
    assert ask(Cookie=good).status_code == 200
    # What a browser adds says nothing.
    assert ask(host=other, Cookie=good, X_Original_Host=opened).status_code == 303
    assert ask(X_Forwarded_User=erin.name, X_Karvdash_User=erin.name).status_code == 303
    assert "X-Forwarded-User" not in ask(X_Forwarded_User=erin.name).headers
    evil = "https://evil.example"
    assert ask(method="POST", Cookie=good, Origin=evil).status_code == 403
    assert ask(Cookie=good, Origin=evil, Sec_WebSocket_Key="x").status_code == 403
    assert ask(Cookie=good, Origin=evil).status_code == 200
    assert ask(method="POST").status_code == 401
    assert ask(Sec_Fetch_Mode="cors", Accept="*/*").status_code == 401
    stranger = impatient.account()
    assert ask(Authorization=f"token {stranger.token}").status_code == 403
    mine = ask(Authorization=f"token {erin.token}")
    assert (mine.status_code, mine.headers["Authorization"], mine.headers["Cookie"]) == (200, "", "")
    assert ask("/auth", host=opened, Cookie=good).status_code == 200, "a path of the service"


@pytest.mark.parametrize("path", ["/auth", "/page", "/relay", "/metrics", "/external-auth/x"])
def test_nothing_else_is_there(external: int, path: str) -> None:
    assert requests.get(f"http://127.0.0.1:{external}{path}", timeout=10).status_code == 404


@pytest.fixture
def nginx(impatient: Site, tmp_path: Path, external: int) -> Iterator[int]:
    """Debian's nginx with the configuration in the documentation; yields its port."""
    found = re.search(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    locations = found[1].replace("SERVICE", f"{impatient.pod.address}:8080")
    locations = locations.replace("GATE", f"127.0.0.1:{external}")
    [port] = free_ports(1)
    config = NGINX.format(folder=tmp_path, port=port, tls=impatient.folder / "tls", locations=locations)
    (tmp_path / "nginx.conf").write_text(config)
    process = Process("nginx", run=tmp_path, log=tmp_path)
    command = [find_program("nginx") or "nginx", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)]
    process.start(command, env={}, cwd=tmp_path)
    deadline = time.monotonic() + 20
    with socket.socket() as probe:
        while probe.connect_ex(("127.0.0.1", port)):
            assert process.pid and time.monotonic() < deadline, process.last_lines()
            time.sleep(0.02)
    yield port
    process.stop()


def test_nginx_with_the_documented_configuration(
    impatient: Site, nginx: int, opened: str, erin: Account
) -> None:
    """Through the sign-in to the page; then a stranger, another user, and a program."""

    def at_nginx(url: str) -> str:
        return url.replace(f":{impatient.port}/", f":{nginx}/")

    url = at_nginx(impatient.url(opened, "/x?a=1&b=%26"))
    visitor = Visitor(impatient).sign_in(erin)
    login = visitor.fetch(url)
    assert login.status == 302
    granted = visitor.fetch(login.headers["Location"])
    back = visitor.fetch(at_nginx(granted.headers["Location"]))
    assert (back.status, back.headers["Location"]) == (303, "/x?a=1&b=%26")
    page = json.loads(visitor.fetch(url, headers={"X-Forwarded-User": "root"}).data)
    assert page["uri"] == "/x?a=1&b=%26"
    assert page["headers"]["X-Forwarded-User"] == [erin.name]
    assert "Cookie" not in page["headers"]

    program = {"Sec-Fetch-Mode": "cors", "Accept": "*/*"}
    assert Visitor(impatient).fetch(url, headers=program).status == 401
    assert Visitor(impatient).fetch(url, "POST", body=b"x").status == 401
    assert visitor.fetch(url, "POST", body=b"x", headers={"Origin": "https://evil.example"}).status == 403
    for who, status in ((erin, 200), (impatient.account(), 403)):
        token = {**program, "Authorization": f"token {who.token}"}
        answer = Visitor(impatient).fetch(url, headers=token)
        assert answer.status == status
        assert who.token not in answer.data.decode()
