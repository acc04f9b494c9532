"""Which host leads where: drawn from anchors, Ingresses, Services and EndpointSlices, and from nothing else.

    anchor      host ─► user, server, open to all or not      written by the Hub alone
    Ingress     host, path ─► Service, port                   the template's own words
    Service     port ─► name of the port
    EndpointSlice  name of the port ─► addresses of pods that are ready; only slices of Kubernetes' own

An Ingress counts only where it agrees with the anchor on the host, and an anchor only where its hosts are
the one that its namespace and server name make, or one that the site hands out, and this one with a prefix,
so that nobody can announce somebody else's host.

Pods are addressed directly, as ingress controllers do: an EndpointSlice says at once what a Service's
address does only after kube-proxy has caught up, and connections can be kept.

Pure: fed by ``watches``, no clock, no input or output.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote

from karvdash_hub import names
from karvdash_hub.gate.addresses import Addresses
from karvdash_hub.readiness.model import Anchor, Endpoint, Ingress, Service

Kind = Literal["anchor", "ingress", "service", "endpoint"]
Key = tuple[str, str]
Allowed = Callable[[str], bool]

_EXACT = "Exact"
#: Who makes the EndpointSlices of Services with a selector.
#: ref: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#management
_CONTROLLER = "endpointslice-controller.k8s.io"


@dataclass(frozen=True, slots=True)
class Path:
    """One route of a host.

    Attributes:
        path: ``/`` or longer; a final slash has no meaning unless ``exact``.
        exact: only this very path, not those below it.
        service, port: as the Ingress names them.
        endpoints: ``address:port`` of every pod that is ready, sorted.
    """

    path: str
    exact: bool
    service: str
    port: str
    endpoints: tuple[str, ...]

    def matches(self, path: str) -> bool:
        """Tell whether a path of a request (decoded, normal form) belongs here.

        ref: https://kubernetes.io/docs/concepts/services-networking/ingress/#path-types
        """
        if self.exact:
            return path == self.path
        prefix = self.path.rstrip("/")
        return path == prefix or path.startswith(prefix + "/")


@dataclass(frozen=True, slots=True)
class Host:
    """What the gate knows about one host.

    Attributes:
        host: without port.
        user, server, namespace: whose it is.
        auth: False when everybody may open it.
        created: Unix seconds, when its server was started.
        paths: the most specific first.
        sisters: the server's other hosts, whose pages are its own.
        origins: of pages elsewhere that its template trusts.
    """

    host: str
    user: str
    server: str
    namespace: str
    auth: bool
    created: float
    paths: tuple[Path, ...]
    sisters: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    @property
    def by_path(self) -> bool:
        """Whether the path decides where a request goes, or whether it goes anywhere at all."""
        backends = {(path.service, path.port) for path in self.paths}
        everything = any(path.path.rstrip("/") == "" and not path.exact for path in self.paths)
        return len(backends) > 1 or not everything

    def route(self, uri: str) -> Path | None:
        """Find the route of a request target (path and query as sent), or None."""
        path = normal_path(uri)
        return next((candidate for candidate in self.paths if candidate.matches(path)), None)


@dataclass
class _Server:
    """All objects of one server, by name."""

    anchor: Anchor | None = None
    ingresses: dict[str, Ingress] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    drawn: dict[str, Host] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return not (self.anchor or self.ingresses or self.services or self.endpoints)


class Table:
    """Hosts by name, brought up to date object by object.

    A change costs what one server costs, so that a thousand servers do not slow down the launch of one.

    Args:
        domain: of the platform, without port.
        namespace_prefix: what names of user namespaces start with.
        allowed: tells whether requests may be sent to an IP address.
        pool: hosts that the Hub hands out to anybody's servers; only an anchor says to which.
        ingress_class: of the Ingresses that count.
    """

    def __init__(
        self,
        domain: str,
        namespace_prefix: str = "karvdash-",
        allowed: Allowed | None = None,
        pool: Iterable[str] = (),
        ingress_class: str = names.INGRESS_CLASS,
    ) -> None:
        self._class = ingress_class
        self._allowed = allowed or Addresses()
        self._pool = frozenset(pool)
        self._domain = domain
        self._prefix = namespace_prefix
        self._servers: dict[Key, _Server] = {}
        self._claims: dict[str, set[Key]] = {}

    def __len__(self) -> int:
        return len(self._claims)

    def __iter__(self) -> Iterator[str]:
        return iter(self._claims)

    def get(self, host: str) -> Host | None:
        """Return what is known about a host (lower case, no port), None if it is nobody's."""
        claims = self._claims.get(host)
        if not claims:
            return None
        # ``a-b-c`` can be two servers' host. The Hub gives it to one only; if two anchors claim it all
        # the same, the older one has it, as with Ingress controllers.
        found = [self._draw(key, host) for key in claims]
        return min(found, key=lambda claim: (claim.created, claim.namespace))

    def change(self, kind: Kind, key: Key, old: Any, new: Any) -> set[str]:
        """Take in one change of an object, in the form in which ``Watch.subscribe`` reports it.

        Returns: the hosts that it may concern.
        """
        concerned: set[str] = set()
        for item, value in ((old, None), (new, new)):
            if item is not None:
                concerned |= self._put(kind, (key[0], item.server), key[1], value)
        return concerned

    def _put(self, kind: Kind, owner: Key, name: str, value: Any) -> set[str]:
        server = self._servers.setdefault(owner, _Server())
        concerned = set()
        if kind == "anchor":
            concerned |= self._unclaim(owner, server.anchor)
            if name == names.anchor_name(owner[1]):
                server.anchor = value
        else:
            objects: dict[str, Any] = getattr(
                server, {"ingress": "ingresses", "service": "services", "endpoint": "endpoints"}[kind]
            )
            if value is None:
                objects.pop(name, None)
            else:
                objects[name] = value
        server.drawn.clear()
        if server.empty:
            del self._servers[owner]
        return concerned | self._claim(owner, server.anchor)

    def _claim(self, owner: Key, anchor: Anchor | None) -> set[str]:
        hosts = self._hosts(owner, anchor)
        for host in hosts:
            self._claims.setdefault(host, set()).add(owner)
        return hosts

    def _unclaim(self, owner: Key, anchor: Anchor | None) -> set[str]:
        hosts = {host for host in self._hosts(owner, anchor) if host in self._claims}
        for host in hosts:
            self._claims[host].discard(owner)
            if not self._claims[host]:
                del self._claims[host]
        return hosts

    def _hosts(self, owner: Key, anchor: Anchor | None) -> set[str]:
        """Those of an anchor's hosts that it may have: its own or a handed out one, and with a prefix."""
        namespace, server = owner
        slug = namespace.removeprefix(self._prefix)
        if anchor is None or slug == namespace or not anchor.user:
            return set()
        handed_out = anchor.host in self._pool
        own = anchor.host if handed_out else names.service_host(server, slug, self._domain)
        return {host for host in (anchor.host, *anchor.hosts) if _belongs(host, own)}

    def _draw(self, owner: Key, host: str) -> Host:
        server = self._servers[owner]
        if host not in server.drawn:
            assert server.anchor is not None
            server.drawn[host] = draw(
                server.anchor,
                host,
                owner[0],
                {name: one for name, one in server.ingresses.items() if one.ingress_class == self._class},
                server.services,
                tuple(server.endpoints.values()),
                self._allowed,
                self._hosts(owner, server.anchor) - {host},
            )
        return server.drawn[host]


def _belongs(host: str, own: str) -> bool:
    prefix = host.removesuffix(f"-{own}")
    return host == own or (prefix != host and re.fullmatch(r"[a-z0-9](?:-?[a-z0-9])*", prefix) is not None)


def draw(
    anchor: Anchor,
    host: str,
    namespace: str,
    ingresses: Mapping[str, Ingress],
    services: Mapping[str, Service],
    slices: Iterable[Endpoint],
    allowed: Allowed,
    sisters: Iterable[str] = (),
) -> Host:
    """Put together what belongs to one host of a server; of several Ingresses the first wins a path."""
    routes: dict[tuple[str, bool], Path] = {}
    for name in sorted(ingresses):
        for path in ingresses[name].paths:
            if path.host == host:
                exact = path.path_type == _EXACT
                service = services.get(path.service)
                found = _endpoints(service, path.port, slices, allowed) if service else ()
                routes.setdefault((path.path, exact), Path(path.path, exact, path.service, path.port, found))
    # The longest path first, and of two alike the exact one.
    ordered = sorted(routes.values(), key=lambda path: (-len(path.path.rstrip("/")), not path.exact))
    return Host(
        host=host,
        user=anchor.user,
        server=anchor.server,
        namespace=namespace,
        auth=anchor.auth,
        created=_seconds(anchor.created),
        paths=tuple(ordered),
        sisters=tuple(sorted(sisters)),
        origins=anchor.origins,
    )


def _endpoints(service: Service, port: str, slices: Iterable[Endpoint], allowed: Allowed) -> tuple[str, ...]:
    wanted = next((p for p in service.ports if port in (str(p.port), p.name)), None)
    if wanted is None:
        return ()
    found = {
        _address(address, number)
        for item in slices
        if (item.service, item.owner, item.manager) == (service.name, service.uid, _CONTROLLER)
        for name, number in item.ports
        if name == wanted.name
        for address, ready in item.addresses
        if ready and allowed(address)
    }
    if not found and not service.selector and allowed(service.cluster_ip):
        # Nobody makes EndpointSlices of ours for a Service without selector: leave it to kube-proxy.
        return (_address(service.cluster_ip, wanted.port),)
    return tuple(sorted(found))


def _address(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def normal_path(uri: str) -> str:
    """Bring the path of a request target to the form in which routes are compared.

    Percent signs are decoded, ``.`` and ``..`` resolved and slashes joined, so that ``/x/%2e%2e/admin`` is
    routed as what it means. What is sent on to the service stays as it was.
    """
    path = unquote(re.split(r"[?#]", uri, maxsplit=1)[0])
    normal = posixpath.normpath("/" + path.lstrip("/"))
    return normal + "/" if path.endswith("/") and normal != "/" else normal


def _seconds(stamp: str) -> float:
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return 0.0
