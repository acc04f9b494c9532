"""Which addresses an instance gets: a pure function of its index.

Every instance owns one block, split so that host processes reach everything by two routes::

    first /30 of the block     the link: .1 is the host's end, .2 the node's
    second eighth              pods of fake nodes, which answer nobody
    second quarter             pods
    upper half                 Services (ClusterIPs)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

LINK_PREFIX = "khub"
_BITS = 4
FIRST_BASE = 1 << _BITS  # plans of the first base, which is the roomier one
BASES = (
    # Large blocks first: 16382 pods and 32766 Services each.
    IPv4Network("10.208.0.0/12"),
    # Where a VPN routes all of 10.0.0.0/8: the range for benchmarks of RFC 2544, which nobody routes.
    IPv4Network("198.18.0.0/15"),
)


@dataclass(frozen=True)
class Plan:
    """The addresses of one instance. `index` is unique among the instances of a machine."""

    index: int
    block: IPv4Network

    @property
    def link(self) -> IPv4Network:
        return next(self.block.subnets(new_prefix=30))

    @property
    def host_address(self) -> IPv4Address:
        """The host's end of the link: where pods reach host processes."""
        return self.link[1]

    @property
    def node_address(self) -> IPv4Address:
        """The other end: API server, kubelet, DNS and registry listen here."""
        return self.link[2]

    @property
    def fake_pods(self) -> IPv4Network:
        return list(self.block.subnets(prefixlen_diff=3))[1]

    @property
    def pods(self) -> IPv4Network:
        return list(self.block.subnets(prefixlen_diff=2))[1]

    @property
    def services(self) -> IPv4Network:
        return list(self.block.subnets(prefixlen_diff=1))[1]

    @property
    def api_service(self) -> IPv4Address:
        """ClusterIP of ``kubernetes.default``: always the first of the range."""
        return self.services[1]

    @property
    def dns_service(self) -> IPv4Address:
        """ClusterIP of ``kube-dns.kube-system``, by custom the tenth of the range."""
        return self.services[10]

    @property
    def host_link(self) -> str:
        """Name of the network interface on the host."""
        return f"{LINK_PREFIX}{self.index}"


def plans() -> list[Plan]:
    """All plans, in the order in which they are handed out; they overlap nowhere."""
    blocks = (block for base in BASES for block in base.subnets(prefixlen_diff=_BITS))
    return [Plan(index, block) for index, block in enumerate(blocks)]


def collisions(plan: Plan, routes: Iterable[IPv4Network]) -> list[IPv4Network]:
    """The routes of the host that overlap with the plan. A default route overlaps with nothing."""
    return [route for route in routes if route.prefixlen > 0 and route.overlaps(plan.block)]


def choose(taken: Iterable[int], routes: Iterable[IPv4Network], first: int) -> Plan | None:
    """The first plan that no other instance has and no route of the host touches, or None.

    Looks at index `first`, then at the following ones, then from the beginning.
    """
    used, known, every = set(taken), list(routes), plans()
    ordered = [*every[first:], *every[:first]]
    return next((plan for plan in ordered if plan.index not in used and not collisions(plan, known)), None)
