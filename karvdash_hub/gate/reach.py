"""Whether a pod that Kubernetes calls ready listens already.

A container without a readiness probe is ready when its process starts, a moment before that process
accepts connections. The first visitor would get "connection refused" for it. So before an address is
handed out for the first time, it is connected to once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable

from tornado.iostream import IOStream, StreamClosedError

from karvdash_hub.gate.bounded import Bounded

CONNECT_TIMEOUT = 1.0
#: Addresses a verdict carries: one to use, the others in case it has just gone.
MOST = 3


class Reach:
    """Addresses that have accepted a connection."""

    def __init__(self) -> None:
        self._good: Bounded[tuple[str, str], bool] = Bounded(20_000, 3600)
        self._next = 0

    async def choose(self, host: str, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Return addresses that can be connected to, each time with another one first; none if none can.

        Args:
            host: whose they are: an address that was given to another pod counts as new.
        """
        good = tuple(address for address in addresses if self._good.get((host, address)))
        if not good:
            tried = await asyncio.gather(*(self._try(address) for address in addresses[:MOST]))
            good = tuple(address for address, answers in zip(addresses, tried, strict=False) if answers)
            for address in good:
                self._good.put((host, address), True)
        self._next += 1
        turn = self._next % len(good) if good else 0
        return (good[turn:] + good[:turn])[:MOST]

    def forget(self, host: str, addresses: Iterable[str]) -> None:
        """Try these again before they are used next: one of them has failed."""
        for address in addresses:
            self._good.drop((host, address))

    async def _try(self, address: str) -> bool:
        with contextlib.suppress(StreamClosedError, OSError, TimeoutError):
            (await connect(address)).close()
            return True
        return False


async def connect(address: str) -> IOStream:
    """Connect to ``address:port``, an IP address as a rule.

    Raises: OSError, StreamClosedError or TimeoutError (within a second).
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    # Not TCPClient: it would start threads to look up names, and these are numbers.
    stream = IOStream(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            await stream.connect((host, int(port)))
    except BaseException:
        stream.close()
        raise
    return stream
