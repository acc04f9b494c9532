"""The endpoints that applications call, not people: token, userinfo, revocation, introspection, keys.

They know neither the Hub's cookies nor its tokens: they are Tornado's handlers, not JupyterHub's. So any web
page may call them (CORS), and there is no form to forge.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

from tornado import web

from karvdash_hub.errors import KarvdashError
from karvdash_hub.oidc import discovery
from karvdash_hub.oidc.grants import NO_STORE, Answer
from karvdash_hub.provider import Provider

Pairs = list[tuple[str, str]]
#: Longest form that is read (bytes); ``oidc.checks`` allows less once it is decoded.
_LONGEST_FORM = 64 * 1024
_MOST_FIELDS = 50
#: Seconds for which clients may keep discovery document and keys; ``provider`` publishes keys long before.
_KEPT = "public, max-age=3600"


class WireHandler(web.RequestHandler):
    """JSON out; form in."""

    @property
    def provider(self) -> Provider:
        """The one of this Hub."""
        provider: Provider = self.settings["karvdash"].provider
        return provider

    def set_default_headers(self) -> None:
        """Let pages of any origin call: nothing here looks at cookies."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Access-Control-Allow-Origin", "*")
        self.set_header("X-Content-Type-Options", "nosniff")
        for name, value in NO_STORE.items():
            self.set_header(name, value)

    def check_xsrf_cookie(self) -> None:
        """Nobody is signed in here, so no page can make somebody send anything."""

    def prepare(self) -> None:
        """Be somewhere else if the provider is switched off; keep what is in the address out of the log."""
        self.request.uri = self.request.path
        if not self.provider.enabled:
            raise web.HTTPError(404)

    def options(self, *_: str) -> None:
        """Answer what a browser asks before it sends an Authorization header."""
        self.set_header("Access-Control-Allow-Methods", "GET, POST")
        self.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type")
        self.set_header("Access-Control-Max-Age", "3600")
        self.set_status(204)

    def form(self) -> Pairs:
        """Return the parameters of the body. Raises: HTTPError 400."""
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise web.HTTPError(400, "The body must be application/x-www-form-urlencoded.")
        if self.request.query:
            # RFC 6749 2.3.1: they would end up in logs.
            raise web.HTTPError(400, "Parameters must be in the body.")
        return pairs_of(self.request.body)

    def send(self, answer: Answer) -> None:
        """Send an answer of ``oidc.grants``."""
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.finish(answer.body)

    def send_json(self, body: Mapping[str, Any]) -> None:
        """Send what clients may keep."""
        self.set_header("Cache-Control", _KEPT)
        self.clear_header("Pragma")
        self.finish(json.dumps(body))

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Answer with the status of the error itself."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        super().send_error(error.status if isinstance(error, KarvdashError) else status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer as RFC 6749 5.2 does; what our own mistake was, nobody outside learns."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        said = error.log_message if isinstance(error, web.HTTPError) else ""
        names = {503: "temporarily_unavailable", 500: "server_error"}
        body = {"error": names.get(status_code, "invalid_request")}
        self.finish(json.dumps(body | ({"error_description": said} if said else {})))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an outage in one line, a defect with its traceback."""
        if isinstance(value, KarvdashError):
            self.settings["log"].warning("%s %s: %s", self.request.method, self.request.path, value)
        elif not isinstance(value, web.HTTPError):
            super().log_exception(typ, value, tb)


def pairs_of(form: bytes | str) -> Pairs:
    """Read ``a=1&b=2``, repeated names too. Raises: HTTPError 400."""
    if len(form) > _LONGEST_FORM:
        raise web.HTTPError(400, f"The request has more than {_LONGEST_FORM} bytes.")
    try:
        text = form.decode() if isinstance(form, bytes) else form
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise web.HTTPError(
            400, f"The parameters are not UTF-8, or there are more than {_MOST_FIELDS}."
        ) from None


class DiscoveryHandler(WireHandler):
    """/hub/oidc/.well-known/openid-configuration."""

    def get(self) -> None:
        """Describe the provider."""
        self.send_json(discovery.document(self.provider.issuer))


class JwksHandler(WireHandler):
    """/hub/oidc/jwks."""

    async def get(self) -> None:
        """Return the public keys."""
        await self.provider.ready()
        self.send_json({"keys": self.provider.jwks()})


class FormHandler(WireHandler):
    """/hub/oidc/token, /revoke and /introspect."""

    async def post(self, endpoint: str) -> None:
        """Answer the client; the endpoint is a method of ``Grants``."""
        await self.provider.ready()
        answer: Callable[[Pairs, Mapping[str, str]], Answer] = getattr(self.provider.grants, endpoint)
        header = self.request.headers.get("Authorization")
        self.send(answer(self.form(), {"Authorization": header} if header else {}))


class UserinfoHandler(WireHandler):
    """/hub/oidc/userinfo."""

    def get(self) -> None:
        """Answer for the token in the header, RFC 6750 2.1."""
        self._answer([])

    def post(self) -> None:
        """The token may be in the form as well, RFC 6750 2.2."""
        self._answer(self.form() if self.request.body else [])

    def _answer(self, form: Pairs) -> None:
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        found = [token.strip()] if scheme.lower() == "bearer" else []
        found += [value for key, value in form if key == "access_token"]
        if len(found) > 1:
            self.set_header("WWW-Authenticate", 'Bearer error="invalid_request"')
            raise web.HTTPError(400, "The access token is there twice.")
        self.send(self.provider.grants.userinfo(found[0] if found else None))
