"""The gate for another proxy than our front: external authorization, on an address of its own.

    /external-auth            answers for the browser: 200, a redirect to the sign-in, or a page that says why
    /external-auth/subrequest answers for nginx's auth_request: 200, 401 or 403, with headers
    /.karvdash/…              for proxies that route these paths here, as those with auth_request have to

The proxy describes the visitor's request in X-Forwarded-Host, -Uri and -Method (Traefik's ForwardAuth and
Caddy's forward_auth do). It has to overwrite what browsers send under these names. X-Original-… counts on
the front's address alone, and is removed here.

A 200 carries Cookie, Authorization and X-Forwarded-User as the service may see them, empty where it may see
none. The proxy copies them into the request, so that nothing of ours reaches the service.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler

from karvdash_hub.gate import cookie
from karvdash_hub.gate.app import MAX_BODY, MAX_HEADER, HealthHandler, NothingHandler, ReadyHandler
from karvdash_hub.gate.gate import Answer, Gate
from karvdash_hub.gate.handlers import AuthHandler, PageHandler
from karvdash_hub.gate.signin import CallbackHandler, LogoutHandler, VisitHandler
from karvdash_hub.gate.verdict import Request, header_text

ENDPOINT = "/external-auth"
SUBREQUEST = "/external-auth/subrequest"
OWN = "/.karvdash/"


class ForVisitorHandler(PageHandler):
    """The whole answer: the proxy sends on what is not 200."""

    async def get(self) -> None:
        request = described(self)
        answer = await self.judge(request)
        verdict = answer.verdict
        if verdict.status == 200:
            allow(self, answer)
        elif verdict.navigation:
            location, kept = self.login_way(request)
            if kept:
                self.set_header("Set-Cookie", kept)
            self.go(location)
        else:
            await self.explain(request, verdict.reason, answer.session)


class SubrequestHandler(AuthHandler):
    """The verdict in a status and headers, for nginx: its ``auth_request`` knows these three statuses."""

    async def get(self) -> None:
        request = described(self)
        answer = await self.judge(request)
        if answer.verdict.status == 200:
            allow(self, answer)
            return
        self.set_status(answer.verdict.status)
        self.set_header("X-Karvdash-Reason", answer.verdict.reason)
        if answer.verdict.navigation:
            location, kept = self.login_way(request)
            self.set_header("X-Karvdash-Login", location)
            if kept:
                self.set_header("X-Karvdash-Set-Cookie", kept)
        self.finish()


def described(handler: PageHandler | AuthHandler) -> Request:
    """The visitor's request. Proxies drop Upgrade on the way here, but not what else makes a websocket."""
    headers = handler.request.headers
    return handler.original(upgrade="Sec-WebSocket-Key" in headers or "Upgrade" in headers)


def allow(handler: PageHandler | AuthHandler, answer: Answer) -> None:
    """Let the visitor in, and say what of the request the service may see.

    All three headers, always: Caddy 2.6 writes the name of its placeholder for one that is missing.
    """
    headers = handler.request.headers
    authorization = "" if answer.identity.hub_token else headers.get("Authorization", "")
    handler.set_header("X-Forwarded-User", header_text(answer.verdict.user))
    handler.set_header("Cookie", cookie.of_service(headers.get("Cookie", "")))
    handler.set_header("Authorization", authorization)
    handler.set_header("Cache-Control", "no-store")
    handler.set_status(200)
    handler.finish()


def translate(request: HTTPServerRequest) -> None:
    """Describe the visitor's request as the front does, whatever the browser itself sent under those names.

    Questions about paths below ``/.karvdash/`` become requests for them.
    """
    headers = request.headers
    for name in [name for name in headers if name.startswith(("X-Original-", "X-Karvdash-"))]:
        del headers[name]
    host, uri, method = request.host, request.uri or "/", request.method or "GET"
    if request.path in (ENDPOINT, SUBREQUEST):
        host = headers.get("X-Forwarded-Host", "")
        uri = headers.get("X-Forwarded-Uri", "/")
        method = headers.get("X-Forwarded-Method", "GET")
        if request.path == ENDPOINT and uri.startswith(OWN):
            request.method, request.uri = method, uri
            request.path, _, request.query = uri.partition("?")
            given = parse_qs(request.query, keep_blank_values=True)
            request.query_arguments = {
                name: [value.encode() for value in values] for name, values in given.items()
            }
            request.arguments = dict(request.query_arguments)
    headers["X-Original-Host"] = host.partition(":")[0]
    headers["X-Original-URI"] = uri
    headers["X-Original-Method"] = method


class External(Application):
    """The addresses for other proxies."""

    def find_handler(self, request: HTTPServerRequest, **kwargs: object) -> object:  # type: ignore[override]
        """Read the request as the proxy means it."""
        translate(request)
        return super().find_handler(request, **kwargs)


def make_external(gate: Gate) -> HTTPServer:
    """Make the server; the caller lets it listen."""
    handlers: list[tuple[str, type[RequestHandler]]] = [
        (ENDPOINT, ForVisitorHandler),
        (SUBREQUEST, SubrequestHandler),
        (f"{OWN}callback", CallbackHandler),
        (f"{OWN}logout", LogoutHandler),
        (f"{OWN}visit", VisitHandler),
        ("/healthz", HealthHandler),
        ("/readyz", ReadyHandler),
    ]
    application = External(
        [(path, handler, {"gate": gate}) for path, handler in handlers],
        default_handler_class=NothingHandler,
        default_handler_args={"gate": gate},
        log_function=lambda handler: None,  # addresses hold tickets
    )
    return HTTPServer(
        application, max_header_size=MAX_HEADER, max_body_size=MAX_BODY, max_buffer_size=2 * MAX_HEADER
    )
