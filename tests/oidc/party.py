"""An application that signs people in, and a person's browser, over real HTTP."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import jwt
import requests

from karvdash_hub.oidc.model import Client
from tests.hub_http.session import Session

#: RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


class Browser(Session):
    """The browser of one person."""

    def __init__(self, hub: str, name: str, password: str) -> None:
        super().__init__(hub)
        self.name, self.password = name, password

    def sign_in(self, path: str = "/hub/account") -> requests.Response:
        """Sign in by the form; go to a path below the Hub, without following it further."""
        self.get("/hub/login")
        fields = {"username": self.name, "password": self.password}
        answer = self.post(f"/hub/login?{urlencode({'next': path})}", fields, follow=False)
        assert answer.status_code == 302, answer.text[-2000:]
        return self.get(answer.headers["Location"], follow=False)

    def submit(self, page: requests.Response, **fields: str) -> requests.Response:
        """Send the form of a page, with its hidden fields; follow nothing."""
        form = page.text.partition("<main")[2].partition("<form")[2].partition("</form>")[0]
        action = re.search(r'action="([^"]+)"', form)
        assert action is not None, page.text[-3000:]
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
        hidden = {key: value.replace("&amp;", "&") for key, value in hidden.items()}
        return self.post(action[1], {**hidden, **fields}, follow=False)


@dataclass
class Party:
    """One client with its secret."""

    issuer: str
    client: Client
    secret: str

    def url(self, **changes: str | None) -> str:
        """The address of an authorization request; None leaves a parameter out."""
        return f"{self.issuer}/authorize?{urlencode(self.parameters(**changes))}"

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """A right request, with changes."""
        right = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uris[0],
            "scope": "openid profile email groups",
            "state": "st4te",
            "nonce": "n0nce",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return {key: value for key, value in (right | changes).items() if value is not None}

    def ask(self, browser: Session, **changes: str | None) -> requests.Response:
        """Send the browser to the authorization endpoint; follow nothing."""
        return browser.get(self.url(**changes), follow=False)

    def code(self, browser: Session, **changes: str | None) -> str:
        """Get a code without any page."""
        answer = returned(self.ask(browser, **changes))
        assert "code" in answer, answer
        return answer["code"]

    def token(self, **fields: str | None) -> requests.Response:
        """A right token request for a code, with changes, authenticated by header."""
        right = {
            "grant_type": "authorization_code",
            "redirect_uri": self.client.redirect_uris[0],
            "code_verifier": VERIFIER,
        }
        return self.send("token", right | fields)

    def refresh(self, token: str, **fields: str | None) -> requests.Response:
        """Exchange a refresh token."""
        return self.send("token", {"grant_type": "refresh_token", "refresh_token": token} | fields)

    def send(self, endpoint: str, fields: dict[str, str | None]) -> requests.Response:
        """POST a form as this client."""
        data = {key: value for key, value in fields.items() if value is not None}
        if self.client.public:
            return post(self.issuer, endpoint, {"client_id": self.client.client_id, **data})
        return post(self.issuer, endpoint, data, basic(self.client.client_id, self.secret))

    def sign_in(self, browser: Session, **changes: str | None) -> dict[str, Any]:
        """The whole flow; return the tokens."""
        answer = self.token(code=self.code(browser, **changes))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def userinfo(self, token: str) -> requests.Response:
        """Ask who the person is."""
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{self.issuer}/userinfo", headers=headers, timeout=30)

    def verify(self, id_token: str) -> dict[str, Any]:
        """Check an ID token as a client has to; return its claims."""
        keys = requests.get(f"{self.issuer}/jwks", timeout=30).json()["keys"]
        kid = jwt.get_unverified_header(id_token)["kid"]
        key = jwt.PyJWK(next(one for one in keys if one["kid"] == kid))
        return dict(jwt.decode(id_token, key, ["RS256"], audience=self.client.client_id, issuer=self.issuer))


def post(issuer: str, endpoint: str, fields: Any, headers: dict[str, str] | None = None) -> requests.Response:
    """POST a form to an endpoint."""
    return requests.post(f"{issuer}/{endpoint}", data=fields, headers=headers or {}, timeout=30)


def basic(client_id: str, secret: str) -> dict[str, str]:
    """client_secret_basic, RFC 6749 2.3.1."""
    text = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def returned(answer: requests.Response) -> dict[str, str]:
    """What an application gets back by the browser."""
    assert answer.status_code in (302, 303), (answer.status_code, answer.text[-2000:])
    parts = urlsplit(answer.headers["Location"])
    assert parts.hostname == "app.example.org", answer.headers["Location"]
    assert not parts.fragment
    return {key: values[0] for key, values in parse_qs(parts.query).items()}


def challenge(verifier: str) -> str:
    """RFC 7636 4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def new_verifier() -> str:
    """RFC 7636 4.1."""
    return secrets.token_urlsafe(32)
