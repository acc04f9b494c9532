"""Does it answer? One TCP connection to a ready endpoint before a service is called running.

Kubernetes calls a container without a readiness probe ready when its process has started, which may be
seconds before it listens. Where the Hub cannot reach pods (another network, a policy) the endpoints
alone have to do.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator

from karvdash_hub.readiness.model import Endpoint

log = logging.getLogger("jupyterhub.karvdash")

#: Who makes the EndpointSlices of a Service with a selector. Users may write others, with any address.
_CONTROLLER = "endpointslice-controller.k8s.io"
#: Seconds for a connection inside the cluster; it takes a millisecond.
_PATIENCE = 0.5
#: Seconds for which pods count as out of reach after a connection got no answer at all.
_PAUSE = 300.0


class Probe:
    """Connects to services, and remembers for a while which addresses are out of reach from here."""

    def __init__(self) -> None:
        # Per address: what one user's pod or policy does must not change what "running" means to others.
        self._out_of_reach: dict[tuple[str, int], float] = {}
        self._told = False

    async def answers(self, endpoints: Iterable[Endpoint], service: str | None) -> bool:
        """Tell whether something listens at a ready endpoint of a Service, or whether we cannot know.

        Args:
            service: name of the Service; None takes endpoints of any.
        """
        self._forget_old()
        for address in _addresses(endpoints, service):
            if address in self._out_of_reach:
                return True
            try:
                async with asyncio.timeout(_PATIENCE):
                    _, writer = await asyncio.open_connection(*address)
            except TimeoutError:
                self._give_up(address)
                return True
            except OSError:
                continue  # refused: the process does not listen yet
            writer.close()
            return True
        return False

    def _give_up(self, address: tuple[str, int]) -> None:
        if not self._told:
            self._told = True
            log.warning(
                "The Hub cannot connect to a pod (tried %s port %s). Where it cannot, services are called "
                "running as soon as Kubernetes calls their pods ready",
                *address,
            )
        self._out_of_reach[address] = time.monotonic() + _PAUSE

    def _forget_old(self) -> None:
        now = time.monotonic()
        self._out_of_reach = {address: until for address, until in self._out_of_reach.items() if until > now}


def _addresses(endpoints: Iterable[Endpoint], service: str | None) -> Iterator[tuple[str, int]]:
    for endpoint in endpoints:
        if endpoint.manager == _CONTROLLER and (service is None or endpoint.service == service):
            for _, port in endpoint.ports:
                yield from ((ip, port) for ip, ready in endpoint.addresses if ready)
