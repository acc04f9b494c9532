"""Who may pass, and where to: one decision for every request, pure, from a table and a visitor.

    200  go on: ``upstream`` says where to
    401  nobody we know: ``login`` says where to sign in, when the visitor is a person on the way to a page
    403  no, or not now: ``reason`` says why, and the front shows the page of that name

nginx's ``auth_request`` understands these three and makes an error of any other, so even "starting" is a
403 here and becomes a 503 when its page is shown.
ref: https://nginx.org/en/docs/http/ngx_http_auth_request_module.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode

from karvdash_hub.gate.table import Host, Path

#: Methods that change nothing, so that a foreign page may as well be allowed to try them.
#: ref: RFC 9110, section 9.2.1
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Seconds after which a service that never had a ready pod is called failing instead of starting.
PATIENCE = 60.0
#: Seconds in which the objects of a launch appear one after the other.
SETTLING = 10.0

Reason = Literal[
    "sign-in",  # the visitor is unknown
    "not-yours",  # known, and without access
    "gone",  # known, but no server has this host: stopped, deleted or never there
    "origin",  # a page of another host is behind the request
    "starting",  # there will be a pod in a moment
    "failing",  # there ought to have been one long since
    "no-web",  # the server has no Ingress
    "no-path",  # it has one, but for other paths
    "hub-away",  # the Hub has to be asked and does not answer
    "not-synced",  # the gate has not seen the cluster yet
    "no-answer",  # the service did not answer the front
]


@dataclass(frozen=True, slots=True)
class Site:
    """The platform's addresses.

    Attributes:
        hub_url: of the Hub in browsers, without a final slash.
        domain: what hosts of services end with, with port unless it is the scheme's own.
        scheme: of the services' hosts.
    """

    hub_url: str
    domain: str
    scheme: str = "http"

    @property
    def hostname(self) -> str:
        """The domain without port."""
        return self.domain.partition(":")[0]

    def netloc(self, host: str) -> str:
        """Add the platform's port to a host."""
        port = self.domain.partition(":")[2]
        return f"{host}:{port}" if port else host

    def origin(self, host: str) -> str:
        """What browsers send as Origin from pages of this host."""
        return f"{self.scheme}://{self.netloc(host)}"

    def login(self, host: str, target: str) -> str:
        """Where to get a ticket for this host, and to come back to ``target`` (path and query) with it."""
        query = urlencode({"host": self.netloc(host), "next": target})
        return f"{self.hub_url}/hub/karvdash/grant?{query}"


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request decides.

    Attributes:
        host: lower case, without port.
        uri: path and query as sent.
        origin: header Origin, ``""`` when absent.
        mode: header Sec-Fetch-Mode, ``""`` when absent.
        upgrade: whether it asks for another protocol, a websocket as a rule.
    """

    host: str
    uri: str = "/"
    method: str = "GET"
    origin: str = ""
    mode: str = ""
    upgrade: bool = False

    @property
    def navigation(self) -> bool:
        """Whether a person is on the way to a page, so that a redirect to the sign-in page makes sense.

        A redirected ``fetch`` would go round in circles, a redirected POST would lose what it carries.
        """
        return self.method == "GET" and self.mode in ("", "navigate") and not self.upgrade


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who has shown a cookie of this host, or a token.

    Attributes:
        user: their name; ``""`` while the Hub could not be asked.
        by: what was shown. Browsers send cookies unasked, so those need the check of Origin.
        standing: what is known about them at this host.
    """

    user: str
    by: Literal["cookie", "token"] = "cookie"
    standing: Literal["allowed", "refused", "unknown"] = "allowed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one request.

    Attributes:
        status: 200, 401 or 403.
        upstream: addresses in the order in which to try them, ``""`` unless 200.
        user: who the service is told that it is, ``""`` for anonymous visitors of open services.
        reason: why not, ``""`` if 200.
        navigation: with 401: send the visitor to the login address.
        lasting: whether the front may give the same answer to this visitor for a moment, whatever the path.
    """

    status: Literal[200, 401, 403]
    upstream: tuple[str, ...] = ()
    user: str = ""
    reason: Reason | Literal[""] = ""
    navigation: bool = False
    lasting: bool = False


def decide(request: Request, host: Host | None, visitor: Visitor | None, site: Site, now: float) -> Verdict:
    """Decide about one request.

    Args:
        host: what the table knows about ``request.host``.
        visitor: None when neither cookie nor token say who it is.
        now: Unix seconds.
    """
    if host is not None and not host.auth:
        return _open(request, host, visitor.user if visitor else "", now)
    if visitor is None:
        # The same answer whether there is such a host or not: strangers learn nothing.
        return Verdict(401, reason="sign-in", navigation=request.navigation)
    if visitor.standing == "unknown":
        return Verdict(403, reason="hub-away")
    if visitor.standing == "refused":
        return Verdict(403, user=visitor.user, reason="not-yours")
    if host is None:
        return Verdict(403, user=visitor.user, reason="gone")
    if visitor.by == "cookie" and is_foreign(request, site, host):
        return Verdict(403, user=visitor.user, reason="origin")
    return _open(request, host, visitor.user, now)


def is_foreign(request: Request, site: Site, host: Host | None = None) -> bool:
    """Tell whether a page of another host could be acting with the visitor's cookie.

    Pages of the same server's other hosts are its own (Neo4j's browser opens a websocket at ``bolt-…``), and
    a template may name more.

    All hosts of the domain are one site for browsers, so SameSite does not keep one service from sending
    requests to another with the visitor's cookie. Origin does: browsers add it to every request that
    changes something and to every websocket, and pages cannot forge it.
    """
    if request.method in SAFE_METHODS and not request.upgrade:
        return False
    own = (request.host, *(host.sisters if host else ()))
    known = {"", *map(site.origin, own), *(host.origins if host else ())}
    return request.origin not in known


def _open(request: Request, host: Host, user: str, now: float) -> Verdict:
    path = host.route(request.uri)
    if path is not None and path.endpoints:
        return Verdict(200, upstream=path.endpoints, user=user, lasting=not host.by_path)
    return Verdict(403, user=user, reason=_why_not(host, path, now))


def _why_not(host: Host, path: Path | None, now: float) -> Reason:
    age = now - host.created
    if path is not None:
        return "starting" if age < PATIENCE else "failing"
    if age < SETTLING:
        return "starting"
    return "no-path" if host.paths else "no-web"


def header_text(text: str) -> str:
    """Write any text as a header value: what is not printable ASCII, and ``%``, is percent-encoded.

    User names of ASCII letters, digits and punctuation stay as they are.
    """
    return quote(text, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")
