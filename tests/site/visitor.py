"""A browser without scripts: keeps cookies as browsers do, by host and domain, and notes every step."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from tests.site.site import Account, Site

Answer = urllib3.BaseHTTPResponse


@dataclass
class Cookie:
    """One cookie; ``domain`` is "" for the host alone."""

    name: str
    value: str
    host: str
    domain: str
    path: str

    def goes_to(self, host: str, path: str) -> bool:
        below = host == self.domain or host.endswith("." + self.domain)
        return (below if self.domain else host == self.host) and path.startswith(self.path)


@dataclass
class Visitor:
    """One browser at a site. All its names lead to this machine."""

    site: Site
    cookies: dict[tuple[str, str, str], Cookie] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    def fetch(
        self, url: str, method: str = "GET", *, form: dict[str, str] | None = None, **more: Any
    ) -> Answer:
        """One request, no redirect. ``headers`` are added to a person's; None leaves one out."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        sent = "; ".join(
            f"{c.name}={c.value}" for c in self.cookies.values() if c.goes_to(host, parts.path or "/")
        )
        headers = {
            "Host": parts.netloc, "Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Cookie": sent,
            **more.pop("headers", {}),
        }  # fmt: skip
        if form is not None:
            more["body"] = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        pool = urllib3.HTTPSConnectionPool(
            "127.0.0.1",
            parts.port,
            server_hostname=host,
            assert_hostname=host,
            ca_certs=str(self.site.ca_file),
        )
        answer = pool.urlopen(
            method, f"{parts.path or '/'}?{parts.query}".rstrip("?"), redirect=False, retries=False,
            timeout=60, headers={name: value for name, value in headers.items() if value}, **more,
        )  # fmt: skip
        for line in answer.headers.getlist("Set-Cookie"):
            self._keep(line, host)
        return answer

    def open(self, url: str, method: str = "GET", **more: Any) -> Answer:
        """Go to an address, and wherever it leads."""
        self.steps = []
        for _ in range(10):
            answer = self.fetch(url, method, **more)
            self.steps.append(f"{answer.status} {url.partition('?')[0]}")
            if answer.status not in (301, 302, 303, 308):
                return answer
            url, method, more = urljoin(url, answer.headers["Location"]), "GET", {}
        raise AssertionError(f"too many redirects: {self.steps}")

    def hub(self, path: str, method: str = "GET", **more: Any) -> Answer:
        """A page of the Hub."""
        return self.open(self.site.hub_url + path, method, **more)

    def post(self, path: str, form: dict[str, str] | None = None, **more: Any) -> Answer:
        """Send a form of the Hub's, with the token that its pages put into theirs."""
        return self.hub(path, "POST", form={"_xsrf": self.value("_xsrf"), **(form or {})}, **more)

    def sign_in(self, who: Account) -> Visitor:
        """Fill in the Hub's form."""
        self.hub("/hub/login")
        fields = {"username": who.name, "password": who.password}
        answer = self.post("/hub/login?next=%2Fhub%2Fhome", fields)
        assert b"Your services" in answer.data, f"{self.steps} {answer.data[:500]!r}"
        return self

    def value(self, name: str) -> str:
        """The value of a cookie of the Hub."""
        return next((c.value for c in self.cookies.values() if c.name == name), "")

    def _keep(self, line: str, host: str) -> None:
        pair, *attributes = (part.strip() for part in line.split(";"))
        name, _, value = pair.partition("=")
        given = {key.lower(): text for key, _, text in (part.partition("=") for part in attributes)}
        domain = given.get("domain", "").lstrip(".").lower()
        path = given.get("path", "/")
        key = (name, domain or host, path)
        gone = re.search(r"max-age=0|expires=\w+, \d\d[ -]\w+[ -](19|200)", line, re.IGNORECASE)
        if gone or not value.strip('"'):
            self.cookies.pop(key, None)
        elif not (name.startswith("__Host-") and (domain or path != "/" or "secure" not in given)):
            self.cookies[key] = Cookie(name, value, host, domain, path)
