"""Carry the bytes of websockets between a browser and a service, and cut them when access ends.

The front hands every request for another protocol to the gate, because nginx cannot close one connection
when somebody's access is revoked. Once the service has its request, the gate reads nothing of what passes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream, StreamClosedError

from karvdash_hub.gate.hub import Pair

#: Bytes read at once, and thus the most that waits in the gate for the slower side of a connection.
CHUNK = 65536


class Relay(NamedTuple):
    """One open connection.

    Attributes:
        whose: without user for visitors of open services.
        expires: Unix seconds, when the sign-in that began it ends.
        token: the Hub's token that began it, ``""`` without.
    """

    whose: Pair
    expires: float
    token: str
    streams: tuple[IOStream, IOStream]


class Relays:
    """The open connections, by whose they are.

    Args:
        used: told the host of a connection on which bytes pass.

    Attributes:
        bytes: carried since the start.
    """

    def __init__(self, used: Callable[[str], None] = lambda host: None) -> None:
        self.bytes = 0
        self._used = used
        self._open: dict[int, Relay] = {}
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._open)

    def pairs(self) -> Iterable[Pair]:
        """Who is connected where by a session; visitors of open services have no name and are left out."""
        return {relay.whose for relay in self._open.values() if relay.whose.user and not relay.token}

    def tokens(self) -> Iterable[tuple[str, str]]:
        """Tokens that began what is open, and hosts."""
        return {(relay.token, relay.whose.host) for relay in self._open.values() if relay.token}

    def close(self, pair: Pair) -> None:
        """Cut all connections of a user to a host that a session began."""
        self._cut(n for n, relay in self._open.items() if relay.whose == pair and not relay.token)

    def close_token(self, token: str, host: str) -> None:
        """Cut all connections to a host that a token began."""
        self._cut(n for n, relay in self._open.items() if (relay.token, relay.whose.host) == (token, host))

    def close_expired(self, now: float) -> None:
        """Cut the connections that outlived the sign-in that began them; ``now``: Unix seconds."""
        self._cut(n for n, relay in self._open.items() if relay.expires <= now)

    def close_all(self) -> None:
        """Cut everything."""
        self._cut(self._open)

    async def carry(self, relay: Relay) -> None:
        """Carry bytes both ways until one side closes, or the connection is cut."""
        number = next(self._numbers)
        self._open[number] = relay
        visitor, service = relay.streams
        ways, host = ((visitor, service), (service, visitor)), relay.whose.host
        pumps = [asyncio.ensure_future(self._pump(host, *way)) for way in ways]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._open[number]
            for stream in (visitor, service):
                stream.close()
            await asyncio.wait(pumps)

    async def _pump(self, host: str, source: IOStream, sink: IOStream) -> None:
        with contextlib.suppress(StreamClosedError):
            while True:
                data = await source.read_bytes(CHUNK, partial=True)
                self.bytes += len(data)
                self._used(host)
                # Returns when the kernel has taken it all, so a slow reader slows the writer down.
                await sink.write(data)

    def _cut(self, numbers: Iterable[int]) -> None:
        for number in list(numbers):
            for stream in self._open[number].streams:
                stream.close()


def request_head(method: str, target: str, headers: HTTPHeaders) -> bytes:
    """Write the head of a request as the service gets it.

    Tornado has refused line breaks in what came in, and nothing else is added.
    """
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.get_all())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
