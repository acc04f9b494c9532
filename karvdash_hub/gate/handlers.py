"""The gate's HTTP side. The front asks, and describes the visitor's request in X-Original-*.

/auth                  the verdict about a request, for the front's auth_request
/page                  the page that says why not
/relay                 requests for another protocol, carried through
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any

from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream, StreamClosedError
from tornado.web import HTTPError, RequestHandler

from karvdash_hub.errors import Unavailable
from karvdash_hub.gate import cookie
from karvdash_hub.gate.gate import Answer, Gate
from karvdash_hub.gate.hub import Pair
from karvdash_hub.gate.pages import EXPLAINED, PAGES, Place
from karvdash_hub.gate.reach import connect
from karvdash_hub.gate.relay import Relay, request_head
from karvdash_hub.gate.verdict import Request, header_text
from karvdash_hub.paths import safe_path

log = logging.getLogger(__name__)

#: Seconds for which the front may repeat a verdict.
LASTING = 2
#: Seconds that a visitor may take to sign in.
LOGIN_SECONDS = 600
#: Of a request that asks for another protocol: a body has been read here, the service must not wait for it.
_NOT_CARRIED = ("Cookie", "Content-Length", "Transfer-Encoding")
#: What the Hub says of a service that somebody has stopped: the title of the page says it too.
_STOPPED = "Stopped."
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'self'"


class GateHandler(RequestHandler):
    """What all handlers share."""

    gate: Gate

    def initialize(self, gate: Gate) -> None:
        self.gate = gate

    def set_default_headers(self) -> None:
        self.clear_header("Server")

    def check_etag_header(self) -> bool:
        return False

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Log a defect without the request's address, which may hold a ticket."""
        if typ is not None and not isinstance(value, HTTPError):
            log.error("%s %s failed", self.request.method, self.request.path, exc_info=value)

    def write_error(self, status_code: int, **_: Any) -> None:
        """Answer mistakes in the request, and defects, with their name alone."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{self._reason}\n")

    @property
    def host(self) -> str:
        """The host that the visitor asked for, as the front understood it."""
        return self._header("X-Original-Host").lower()

    def original(self, *, upgrade: bool = False) -> Request:
        """The visitor's request, as the front describes it."""
        uri = self._header("X-Original-URI")
        return Request(
            host=self.host,
            uri=uri if uri.startswith("/") else "/",
            method=self._header("X-Original-Method") or "GET",
            origin=self._header("Origin"),
            mode=self._header("Sec-Fetch-Mode"),
            upgrade=upgrade,
        )

    async def judge(self, request: Request) -> Answer:
        """The verdict about a request."""
        return await self.gate.judge(request, self._header("Cookie"), self._header("Authorization"))

    def login_way(self, request: Request) -> tuple[str, str]:
        """Where a person signs in, and the cookie that ties the way to this browser (``""`` if it has)."""
        state, kept = self.gate.login_state(self._header("Cookie")), ""
        if not state:
            state, secure = self.gate.new_login_state(), self.gate.settings.secure
            name = cookie.login_cookie_name(secure=secure)
            kept = cookie.set_cookie(name, state, secure=secure, max_age=LOGIN_SECONDS)
        return self.gate.site.login(request.host, f"/.karvdash/state/{state}{request.uri}"), kept

    def go(self, address: str) -> None:
        """Send the visitor on."""
        self.set_status(303)
        self.set_header("Location", address)
        self.set_header("Cache-Control", "no-store")
        self.finish()

    def show(self, reason: str, session: cookie.Session | None, again: str = "/", why: str = "") -> None:
        """Answer with a page, or its text if the visitor is a program."""
        known = self.gate.table.get(self.host)
        service = session.server if session else known.server if known and not known.auth else ""
        place = Place(
            service=service or self.host.partition(".")[0] or "This service",
            hub_url=self.gate.site.hub_url,
            owned=session is not None and session.user == session.owner,
            again=again,
            why=why,
        )
        page = PAGES[reason]
        self.set_status(page.status)
        self.set_header("Cache-Control", "no-store")
        if page.refresh:
            self.set_header("Retry-After", str(page.refresh))
        if "text/html" in self._header("Accept"):
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.set_header("Content-Security-Policy", _PAGE_POLICY)
            self.finish(self.gate.pages.html(reason, place))
        else:
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(self.gate.pages.text(reason, place))

    def _header(self, name: str) -> str:
        return str(self.request.headers.get(name, ""))


class AuthHandler(GateHandler):
    """The verdict, in a status and a few headers."""

    async def get(self) -> None:
        request = self.original()
        verdict, identity, _ = await self.judge(request)
        self.set_status(verdict.status)
        self.clear_header("Content-Type")
        # How long nginx may remember it. ref: nginx.org, ngx_http_proxy_module, proxy_cache_valid
        self.set_header("X-Accel-Expires", str(LASTING if verdict.lasting else 0))
        if verdict.status == 200:
            self.set_header("X-Karvdash-Upstream", ",".join(verdict.upstream))
            self.set_header("X-Karvdash-User", header_text(verdict.user))
            self.set_header("X-Karvdash-Token", "1" if identity.hub_token else "")
        else:
            self.set_header("X-Karvdash-Reason", verdict.reason)
        if verdict.navigation:
            location, kept = self.login_way(request)
            self.set_header("X-Karvdash-Login", location)
            if kept:
                self.set_header("X-Karvdash-Set-Cookie", kept)
        self.finish()


class PageHandler(GateHandler):
    """Why a visitor gets no service."""

    async def get(self) -> None:
        reason = self._header("X-Karvdash-Reason")
        request = self.original()
        if reason == "no-answer" and (host := self.gate.table.get(request.host)):
            self.gate.reach.forget(host.host, (e for path in host.paths for e in path.endpoints))
        await self.explain(request, reason, self.gate.session(request.host, self._header("Cookie")))

    async def explain(self, request: Request, reason: str, session: cookie.Session | None) -> None:
        """Show a page, with what the Hub says about the service. For its owner alone: it may quote a log."""
        again = safe_path(request.uri) if request.method == "GET" else "/"
        reason, why = reason if reason in PAGES else "no-answer", ""
        if reason in EXPLAINED and session is not None and session.user == session.owner:
            try:
                answer = await self.gate.hub.why(session.host)
            except Unavailable:
                answer = ""  # said in the log; the page does without
            if answer is None and reason == "gone":
                reason = "deleted"
            elif answer not in (None, _STOPPED):
                why = answer or ""
        self.show(reason, session, again, why)


class RelayHandler(GateHandler):
    """Requests for another protocol: judged, sent on, and from then on only bytes."""

    async def get(self) -> None:
        request = self.original(upgrade=True)
        answer = await self.judge(request)
        if answer.verdict.status != 200:
            self.show(answer.verdict.reason, answer.session)
            return
        service = await self._connect(answer.verdict.upstream)
        if service is None:
            self.show("no-answer", answer.session)
            return
        await self._carry(request, answer, self.detach(), service)

    async def _carry(self, request: Request, answer: Answer, visitor: IOStream, service: IOStream) -> None:
        for stream in (visitor, service):
            stream.set_nodelay(True)
        head = request_head("GET", request.uri, self._service_headers(answer))
        try:
            await service.write(head)
        except StreamClosedError:
            visitor.close()
            return
        await self.gate.relays.carry(_relay(request.host, answer, (visitor, service)))

    def _service_headers(self, answer: Answer) -> HTTPHeaders:
        """The visitor's headers as the front has cleaned them, without what the front told the gate."""
        headers = HTTPHeaders()
        for name, value in self.request.headers.get_all():
            if not name.startswith(("X-Original-", "X-Karvdash-")) and name not in _NOT_CARRIED:
                headers.add(name, value)
        headers["Host"] = self.gate.site.netloc(self.host)
        if others := self._header("X-Karvdash-Cookie"):
            headers["Cookie"] = others
        if answer.identity.hub_token:
            headers.pop("Authorization", None)
        if answer.verdict.user:
            headers["X-Forwarded-User"] = header_text(answer.verdict.user)
        return headers

    async def _connect(self, addresses: tuple[str, ...]) -> IOStream | None:
        for address in addresses:
            try:
                return await connect(address)
            except (OSError, StreamClosedError, TimeoutError):
                continue
        self.gate.reach.forget(self.host, addresses)
        return None


def _relay(host: str, answer: Answer, streams: tuple[IOStream, IOStream]) -> Relay:
    """Whose connection it is, and what may end it: a token, a session, or nothing but its ends."""
    user, token, session = answer.verdict.user, answer.identity.token, answer.session
    if token:
        return Relay(Pair(user, host), float("inf"), token, streams)
    visitor = answer.identity.visitor
    if session is not None and visitor is not None and visitor.by == "cookie" and user:
        return Relay(Pair(user, host, session.session), session.expires, "", streams)
    return Relay(Pair("", host), float("inf"), "", streams)
