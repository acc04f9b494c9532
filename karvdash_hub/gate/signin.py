"""Signing in and out of one host: what the front hands on below ``/.karvdash/``."""

from __future__ import annotations

import re
import time
from urllib.parse import urlencode

from karvdash_hub.errors import Unavailable
from karvdash_hub.gate import cookie
from karvdash_hub.gate.handlers import GateHandler
from karvdash_hub.gate.hub import Pair
from karvdash_hub.gate.verdict import Request, Site, is_foreign
from karvdash_hub.paths import safe_path

VISIT = "/.karvdash/visit"
#: Where the way through the Hub's sign-in page leads back to: the state, then the path that was asked for.
_STATE = re.compile(r"/\.karvdash/state/(?P<state>[0-9a-f]{32})(?P<path>/.*)", re.DOTALL)


class CallbackHandler(GateHandler):
    """Back from the Hub: change the ticket for a cookie, and go where the visitor wanted to."""

    async def get(self) -> None:
        self.set_header("Referrer-Policy", "no-referrer")  # the address holds the ticket
        state, path = self._target()
        session = self.gate.session(self.host, self._header("Cookie"))
        known = self.gate.login_state(self._header("Cookie"))
        if state != known:
            # Not the way that this browser began: somebody could be signing the visitor in as somebody else.
            if state and not known and session is None:
                self.show("no-cookies", session, path)
            else:
                self.go(path)
            return
        try:
            ticket = await self.gate.hub.ticket(self.get_query_argument("ticket", ""), self.host)
        except Unavailable:
            self.show("hub-away", session)
            return
        if ticket is None:
            self.show("ticket", session, path)
            return
        now = time.time()
        self._keep(
            cookie.Session(
                user=ticket.user,
                host=self.host,
                owner=ticket.owner,
                server=ticket.server,
                admin=ticket.admin,
                issued=now,
                expires=min(now + cookie.LIFETIME, ticket.expires),
                session=ticket.session,
            )
        )
        self.gate.people.signed_in(Pair(ticket.user, self.host, ticket.session))
        known_host = self.gate.table.get(self.host)
        if known_host is not None and known_host.sisters and not path.startswith(VISIT):
            self.go(visit(self.gate.site, known_host.sisters[0], self.host, path))
        else:
            self.go(path)

    def _target(self) -> tuple[str, str]:
        """The state and the path in ``next``; without a state the path alone."""
        wanted = self.get_query_argument("next", "/", strip=False)
        if found := _STATE.fullmatch(wanted):
            return found["state"], safe_path(found["path"])
        return "", safe_path(wanted)

    def _keep(self, session: cookie.Session) -> None:
        secure = self.gate.settings.secure
        kept = cookie.set_cookie(
            cookie.cookie_name(secure=secure),
            self.gate.keys.sign(session),
            secure=secure,
            max_age=int(session.expires - session.issued),
        )
        gone = cookie.set_cookie(cookie.login_cookie_name(secure=secure), "", secure=secure, max_age=0)
        self.add_header("Set-Cookie", kept)
        self.add_header("Set-Cookie", gone)


class VisitHandler(GateHandler):
    """On the way through all hosts of one server, so that its pages may use the others (Neo4j's ``bolt-…``).

    A cookie is good for one host, and scripts cannot sign in: so the visitor is led past each host once,
    and back to the page that was asked for.
    """

    def get(self) -> None:
        host, to = self.gate.table.get(self.host), self.get_query_argument("to", "").lower()
        path = safe_path(self.get_query_argument("next", "/", strip=False))
        if host is None or to not in host.sisters:
            self.go("/")  # nobody is led anywhere but to the server's own hosts
        elif host.auth and self.gate.session(self.host, self._header("Cookie")) is None:
            again = Request(self.host, f"{VISIT}?{urlencode({'to': to, 'next': path})}")
            location, kept = self.login_way(again)
            if kept:
                self.set_header("Set-Cookie", kept)
            self.go(location)
        else:
            # In one order for all of them; whoever asked first comes last.
            rest = [name for name in host.sisters if name > self.host and name != to]
            self.go(visit(self.gate.site, rest[0], to, path) if rest else self.gate.site.origin(to) + path)


def visit(site: Site, host: str, to: str, path: str) -> str:
    """The address at which a visitor signs in at ``host`` on the way to ``path`` of host ``to``."""
    return f"{site.origin(host)}{VISIT}?{urlencode({'to': to, 'next': path})}"


class LogoutHandler(GateHandler):
    """Sign out of one service."""

    def get(self) -> None:
        self.show("sign-out", self.gate.session(self.host, self._header("Cookie")))

    def post(self) -> None:
        session = self.gate.session(self.host, self._header("Cookie"))
        if is_foreign(self.original(), self.gate.site):
            self.show("origin", session)
            return
        secure = self.gate.settings.secure
        name = cookie.cookie_name(secure=secure)
        self.set_header("Set-Cookie", cookie.set_cookie(name, "", secure=secure, max_age=0))
        if session is not None:
            # The cookie could have been copied, so it ends here too, with all others of this user and host.
            self.gate.people.deny(Pair(session.user, session.host, session.session))
        self.show("signed-out", session)
