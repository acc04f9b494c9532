"""Somebody who signs in by the form and keeps cookies, as a browser without JavaScript would.

Not ``requests.Session``: Python's cookie jar drops ``Domain=localhost``, which browsers keep.
"""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urljoin

import requests

from tests.fixtures.stacks import Person


class Session:
    """One browser. ``hub`` is the Hub's address; paths are relative to it."""

    def __init__(self, hub: str) -> None:
        self.hub = hub
        self.cookies: dict[str, str] = {}

    def request(self, method: str, path: str, *, follow: bool = True, **more: Any) -> requests.Response:
        """Send a request with the cookies so far, and follow redirects within the Hub."""
        url = urljoin(self.hub, path)
        headers = more.pop("headers", {}) | {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        }
        answer = requests.request(method, url, headers=headers, allow_redirects=False, timeout=60, **more)
        for line in answer.raw.headers.getlist("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.coded_value
        if follow and answer.is_redirect:
            return self.request("GET", urljoin(url, answer.headers["Location"]))
        return answer

    def get(self, path: str, **more: Any) -> requests.Response:
        """GET a page."""
        return self.request("GET", path, **more)

    def post(self, path: str, fields: dict[str, Any] | None = None, **more: Any) -> requests.Response:
        """POST a form, with the token that the pages put into theirs."""
        return self.request("POST", path, data={"_xsrf": self.cookies["_xsrf"], **(fields or {})}, **more)


def sign_in(person: Person) -> Session:
    """Sign in with name and password."""
    session = Session(person.stack.hub_url)
    session.get("/hub/login")
    answer = session.post("/hub/login?next=/hub/home", {"username": person.name, "password": person.password})
    assert answer.status_code == 200, answer.text[:500]
    assert "Your services" in answer.text
    return session
