"""B3: people signed in at an application a second, by OpenID Connect against the Hub's own OAuth.

Both sides do the same three steps with the same session: authorize, token, and asking who the person is.
Ours has PKCE, and the client verifies the ID token; JupyterHub's has no ID token. They take turns.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import SimpleCookie
from statistics import median
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

from benchmarks.results import Result, percentile
from demo.stack import Stack

ROUNDS, SECONDS, CONNECTIONS = 5, 6.0, 4
#: Of hub_config.py: the client of JupyterHub's own OAuth.
PLAIN_ID, PLAIN_SECRET, PLAIN_URI = "service-bench", "0" * 32, "http://localhost/callback"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Target:
    """A Hub: where it listens, and somebody who may register clients and somebody who signs in."""

    url: str
    port: int
    admin_token: str
    name: str
    password: str


def run(stack: Stack) -> list[Result]:
    """Measure through the front."""
    env = stack.env
    return measure(
        Target(stack.hub_url, stack.ports.front, env["ADMIN_TOKEN"], env["USER_NAME"], env["USER_PASSWORD"])
    )


def measure(target: Target) -> list[Result]:
    """Five rounds of 6 s each, in turn, four flows at a time; and a page ten times a second meanwhile."""
    cookies = Connection(target).sign_in()
    client = Connection(target).register()
    keys = json.loads(Connection(target).call("GET", "/hub/oidc/jwks")[2])["keys"]
    known = {key["kid"]: jwt.PyJWK(key) for key in keys}

    def ours(connection: Connection) -> None:
        connection.openid(cookies, client, known)

    def peer(connection: Connection) -> None:
        connection.plain(cookies)

    def nothing(_: Connection) -> None:
        time.sleep(0.1)

    rates: dict[str, list[float]] = {"ours": [], "peer": [], "nothing": []}
    pages: dict[str, list[float]] = {"ours": [], "peer": [], "nothing": []}
    for _ in range(ROUNDS):
        for name, flow in (("peer", peer), ("ours", ours), ("nothing", nothing)):
            rate, took = load(target, flow, cookies)
            rates[name].append(rate)
            pages[name] += took
    print("  flows a second", {name: [round(rate, 1) for rate in rates[name]] for name in ("ours", "peer")})
    values = median(rates["ours"]), median(rates["peer"])
    slow = {name: percentile(found, 0.99) * 1000 for name, found in pages.items()}
    note = f"p99 {slow['peer']:.0f} ms while the peer runs, {slow['nothing']:.0f} ms while nothing does"
    note += f"; load average {os.getloadavg()[0]:.1f}"
    return [
        Result("B3 OIDC flows", *values, "flows/s", values[0] / values[1], 0.5, at_least=True),
        Result("B3 pages meanwhile, p99", slow["ours"], 100, "ms", slow["ours"] / 100, 1.0, note),
    ]


def load(target: Target, flow: Callable[[Connection], None], cookies: str) -> tuple[float, list[float]]:
    """Run flows on some connections at once; return flows a second, and seconds of each page."""
    ends = time.perf_counter() + SECONDS
    counts, failures, took = [0] * CONNECTIONS, [], []

    def worker(number: int) -> None:
        connection = Connection(target)
        try:
            while time.perf_counter() < ends:
                flow(connection)
                counts[number] += 1
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=worker, args=(number,)) for number in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    reader = Connection(target)
    while time.perf_counter() < ends:
        asked = time.perf_counter()
        reader.expect(200, "GET", "/hub/account", headers={"Cookie": cookies})
        took.append(time.perf_counter() - asked)
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(counts) / (time.perf_counter() - began), took


class Connection:
    """One keep-alive connection, and the flows over it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.host = urlsplit(target.url).netloc
        self.connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)

    def call(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """Send a request; return status, headers and body."""
        self.connection.request(method, path, body or None, {"Host": self.host, **(headers or {})})
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def expect(
        self, status: int, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPMessage, str]:
        """Send a request that has to be answered so."""
        found, got, text = self.call(method, path, body, headers)
        if found != status:
            raise RuntimeError(f"{method} {path.partition('?')[0]}: {found} {text[:500]}")
        return got, text

    def sign_in(self) -> str:
        """Sign in by the form; return the cookies."""
        jar: dict[str, str] = {}

        def remember(headers: http.client.HTTPMessage) -> str:
            for line in headers.get_all("Set-Cookie", []):
                jar.update({name: morsel.coded_value for name, morsel in SimpleCookie(line).items()})
            return "; ".join(f"{name}={value}" for name, value in jar.items())

        headers, page = self.expect(200, "GET", "/hub/login")
        cookies = remember(headers)
        found = re.search(r'name="_xsrf"\s+value="([^"]+)"', page)
        xsrf = found[1] if found else jar["_xsrf"]
        form = urlencode({"username": self.target.name, "password": self.target.password, "_xsrf": xsrf})
        headers, _ = self.expect(302, "POST", "/hub/login", form, {**FORM, "Cookie": cookies})
        return remember(headers)

    def register(self) -> dict[str, str]:
        """Register a client of the provider; return id and secret."""
        body = json.dumps({"name": "bench", "redirect_uris": [PLAIN_URI]})
        headers = {"Authorization": f"token {self.target.admin_token}", "Content-Type": "application/json"}
        _, text = self.expect(201, "POST", "/hub/api/karvdash/oidc/clients/", body, headers)
        return dict(json.loads(text))

    def openid(self, cookies: str, client: dict[str, str], keys: dict[str, jwt.PyJWK]) -> None:
        """Authorize, token, userinfo, verify."""
        verifier, nonce, state = (secrets.token_urlsafe(32) for _ in range(3))
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "client_id": client["client_id"],
            "response_type": "code",
            "redirect_uri": PLAIN_URI,
            "scope": "openid profile email groups",
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        code = self.code(f"/hub/oidc/authorize?{urlencode(query)}", cookies, state)
        form = {"grant_type": "authorization_code", "redirect_uri": PLAIN_URI}
        form |= {"code": code, "code_verifier": verifier}
        who = f"{client['client_id']}:{client['client_secret']}".encode()
        basic = {"Authorization": "Basic " + base64.b64encode(who).decode()}
        tokens = json.loads(self.expect(200, "POST", "/hub/oidc/token", urlencode(form), FORM | basic)[1])
        token = tokens["id_token"]
        key = keys[jwt.get_unverified_header(token)["kid"]]
        issuer = f"{self.target.url}/hub/oidc"
        claims = jwt.decode(token, key, ["RS256"], audience=client["client_id"], issuer=issuer)
        about = self.who("/hub/oidc/userinfo", tokens["access_token"])
        if (claims["nonce"], claims["sub"], about["name"]) != (nonce, about["sub"], self.target.name):
            raise RuntimeError(f"{claims} {about}")

    def plain(self, cookies: str) -> None:
        """The same with JupyterHub's own OAuth: authorize, token, user."""
        state = secrets.token_urlsafe(32)
        query = {"client_id": PLAIN_ID, "response_type": "code", "redirect_uri": PLAIN_URI, "state": state}
        code = self.code(f"/hub/api/oauth2/authorize?{urlencode(query)}", cookies, state)
        form = {"grant_type": "authorization_code", "redirect_uri": PLAIN_URI, "code": code}
        form |= {"client_id": PLAIN_ID, "client_secret": PLAIN_SECRET}
        text = self.expect(200, "POST", "/hub/api/oauth2/token", urlencode(form), FORM)[1]
        about = self.who("/hub/api/user", json.loads(text)["access_token"])
        if about["name"] != self.target.name:
            raise RuntimeError(f"{about}")

    def code(self, path: str, cookies: str, state: str) -> str:
        """Read the code out of the redirect."""
        headers, _ = self.expect(302, "GET", path, headers={"Cookie": cookies})
        answer = parse_qs(urlsplit(headers["Location"]).query)
        if answer.get("state") != [state]:
            raise RuntimeError(headers["Location"])
        return answer["code"][0]

    def who(self, path: str, token: str) -> dict[str, str]:
        """Ask who the person of a token is."""
        return dict(
            json.loads(self.expect(200, "GET", path, headers={"Authorization": f"Bearer {token}"})[1])
        )
