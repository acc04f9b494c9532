"""People's browsers and services, for the tests that sign in at the real Hub."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
import yaml
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.gate import objects
from tests.gate.conftest import SCRIPT


class Browser:
    """A person's browser: follows redirects itself, keeps cookies by host, and notes every step.

    Every name below localhost is this machine, as browsers have it.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.cookies: dict[str, dict[str, str]] = {}
        self.steps: list[str] = []

    def open(self, url: str, *, most: int = 10, method: str = "GET", **more: object) -> requests.Response:
        """Go to an address, and wherever it leads."""
        self.steps = []
        for _ in range(most):
            answer = self.fetch(url, method, **more)
            self.steps.append(f"{answer.status_code} {url.partition('?')[0]}")
            if answer.status_code not in (301, 302, 303):
                return answer
            address = answer.headers["Location"]
            url = (
                address
                if "://" in address
                else f"{url.partition('://')[0]}://{urlsplit(url).netloc}{address}"
            )
            method, more = "GET", {}
        raise AssertionError(f"too many redirects: {self.steps}")

    def fetch(self, url: str, method: str = "GET", **more: object) -> requests.Response:
        """One request, no redirect."""
        parts = urlsplit(url)
        kept = self.cookies.setdefault(parts.hostname or "", {})
        headers = {
            "Host": parts.netloc,
            "Accept": "text/html",
            "Sec-Fetch-Mode": "navigate",
            "Cookie": "; ".join(f"{name}={value}" for name, value in kept.items()),
            **more.pop("headers", {}),  # type: ignore[dict-item]
        }
        target = f"{parts.path or '/'}?{parts.query}".rstrip("?")
        answer = requests.request(
            method, f"http://127.0.0.1:{parts.port}{target}", headers=headers, allow_redirects=False,
            timeout=30, **more,  # type: ignore[arg-type]
        )  # fmt: skip
        for line in answer.raw.headers.getlist("Set-Cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip('"')
            if re.search(r"max-age=0|expires=\w+, \d\d[ -]\w+[ -](19|200)", line, re.IGNORECASE) or not value:
                kept.pop(name, None)
            else:
                kept[name] = rest.partition(";")[0]
        return answer

    def sign_in(self, person: Person) -> None:
        """Fill in the Hub's form."""
        page = self.open(f"{self.stack.hub_url}/hub/login")
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        form = {"username": person.name, "password": person.password, "_xsrf": xsrf[1] if xsrf else ""}
        answer = self.fetch(f"{self.stack.hub_url}/hub/login?next=%2Fhub%2Fhome", "POST", data=form)
        assert answer.status_code == 302, answer.text


class Opened:
    """A service that runs, and its address."""

    def __init__(self, owner: Person, name: str = "hello", template: str = "hello-kubernetes") -> None:
        self.owner = owner
        answer = owner.api("POST", "/karvdash/services/", {"id": template, "NAME": name})
        assert answer.status_code == 201, answer.text
        self.name = answer.json()["name"]
        self.url = owner.wait_for(self.name, "running")["url"].rstrip("/")
        self.host = urlsplit(self.url).hostname or ""

    def ask(self, path: str = "/", **headers: str) -> requests.Response:
        """One request of a program."""
        parts = urlsplit(self.url)
        return requests.get(
            f"http://127.0.0.1:{parts.port}{path}", headers={"Host": parts.netloc, **headers},
            allow_redirects=False, timeout=30,
        )  # fmt: skip

    def share(self, guest: Person) -> None:
        """Let somebody in, by the Hub's shares."""
        self._shares("POST", guest)

    def unshare(self, guest: Person) -> None:
        """Let them in no more."""
        self._shares("PATCH", guest)

    def _shares(self, method: str, guest: Person) -> None:
        stack = self.owner.stack
        token = (stack.state / "secrets" / "bootstrap.token").read_text()
        path = f"/shares/{self.owner.name}/{self.name}"
        status, answer = stack.api(method, path, {"user": guest.name}, token=token)
        assert status == 200, answer


def upload(owner: Person) -> str:
    """Upload service.py as a service template; returns its id."""
    script = objects.deployment("$NAME", "x", image="karvdash/jupyterlab:latest")["spec"]
    script["template"]["metadata"]["labels"] = {"app": "$NAME"}
    pod = script["template"]["spec"]
    pod["containers"][0] |= {
        "command": ["python3", "/srv/test/service.py", "8080"],
        "volumeMounts": [{"name": "script", "mountPath": "/srv/test"}],
    }
    pod["volumes"] = [{"name": "script", "configMap": {"name": "$NAME-script"}}]
    path = {
        "path": "/",
        "pathType": "Prefix",
        "backend": {"service": {"name": "$NAME", "port": {"number": 8080}}},
    }
    name = {"name": "$NAME"}
    documents: list[dict[str, Any]] = [
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": name,
         "spec": {"rules": [{"host": "$HOSTNAME", "http": {"paths": [path]}}]}},
        {"apiVersion": "v1", "kind": "Service", "metadata": name,
         "spec": {"ports": [{"port": 8080}], "selector": {"app": "$NAME"}}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "$NAME-script"},
         "data": {"service.py": SCRIPT.read_text().replace("$", "$$")}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": name, "spec": script},
        {"kind": "Template", "name": "Echo",
         "variables": [{"name": "NAME", "default": "echo"}, {"name": "HOSTNAME", "default": ""}]},
    ]  # fmt: skip
    answer = owner.api("POST", "/karvdash/templates/", {"data": yaml.safe_dump_all(documents)})
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])


@asynccontextmanager
async def websocket(browser: Browser, opened: Opened) -> AsyncIterator[WebSocketClientConnection]:
    """Open a websocket from a page of the service."""
    kept = browser.cookies[opened.host]
    cookies = "; ".join(f"{name}={value}" for name, value in kept.items())
    async with _websocket(opened, {"Origin": opened.url, "Cookie": cookies}) as connection:
        yield connection


@asynccontextmanager
async def websocket_by_token(opened: Opened, token: str) -> AsyncIterator[WebSocketClientConnection]:
    """Open a websocket as a program does."""
    async with _websocket(opened, {"Authorization": f"token {token}"}) as connection:
        yield connection


@asynccontextmanager
async def _websocket(opened: Opened, given: dict[str, str]) -> AsyncIterator[WebSocketClientConnection]:
    parts = urlsplit(opened.url)
    url, headers = f"ws://127.0.0.1:{parts.port}/ws", {"Host": parts.netloc, **given}
    connection = await websocket_connect(HTTPRequest(url, headers=headers))
    try:
        yield connection
    finally:
        connection.close()
