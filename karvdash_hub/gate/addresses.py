"""Which addresses requests may be sent to.

EndpointSlices are objects of the user's namespace, so they could name any address: a node's, the Hub's own,
another user's pod. Requests come from the front's network, which reaches more than the user does.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Addresses:
    """Tells of an IP address, as text, whether a pod may have it.

    Args:
        ranges: of the cluster's pods; none given: every address but those that are never a pod's.
        is_own: tells whether an address is this machine's.
    """

    def __init__(
        self, ranges: Iterable[Network] = (), is_own: Callable[[Address], bool] | None = None
    ) -> None:
        self._ranges = tuple(ranges)
        self._is_own = is_own or is_own_address

    def __call__(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:  # a name, as slices of type FQDN have
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
            return False
        if self._ranges and not any(address in wanted for wanted in self._ranges):
            return False
        return not self._is_own(address)


def is_own_address(address: Address) -> bool:
    """Tell whether an address is one of this machine's: nothing is sent to find out.

    The kernel talks to a local address from that very address.
    """
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
        except OSError:  # no way there
            return False
        return ipaddress.ip_address(probe.getsockname()[0]) == address
