"""HTTP to the API server: credentials, connections, repeats, errors as classes.

What may be repeated is repeated: a request that the server said it did not begin (429), one that never
left (connection refused), and, if doing it twice equals doing it once, one whose answer was lost. All
repeats together take no longer than the timeout of the request.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.errors import KubeError, NotFound, TooMany, Unreachable, from_status, unreachable

#: Seconds before each repeat, without jitter; one more try than there are entries.
_WAITS = (0.1, 0.2, 0.4, 0.8, 1.6)
#: Longest Retry-After that is obeyed, in seconds.
_PATIENCE = 5.0
_CONNECT_TIMEOUT = 5.0
#: For requests; more of them wait for their turn. asyncio keeps 256 KiB for each connection with TLS.
_CONNECTIONS = 24
_LARGEST_ERROR = 256 * 1024


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        path: percent-encoded, begins with "/".
        params: query, in order; names may repeat.
        as_user: user to act for; None acts as the Hub itself.
        what: the object, for messages ("Deployment web").
        idempotent: twice equals once.
    """

    method: str
    path: str
    params: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    content_type: str = "application/json"
    accept: str = "application/json"
    as_user: str | None = None
    what: str = ""
    idempotent: bool = True


class Transport:
    """Connections to one API server, made at first use. Close it, or use it as a context manager.

    Args:
        timeout: seconds for one request with all its repeats.
    """

    def __init__(self, config: KubeConfig, *, timeout: float = 30.0) -> None:
        self.config = config
        self._timeout = timeout
        self._open: dict[int, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        """Close all connections."""
        while self._open:
            await self._open.popitem()[1].close()

    async def request(self, call: Call) -> dict[str, Any]:
        """Do one request and return the parsed answer.

        Raises: KubeError, of the class that fits.
        """
        waits = iter(_WAITS)
        tries = _Tries()
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    try:
                        return await self._once(call, tries)
                    except NotFound:
                        if tries.count > 1 and call.method == "DELETE":
                            return {}  # our first try did it and its answer was lost
                        raise
                    except (TooMany, Unreachable) as error:
                        wait = next(waits, None)
                        if wait is None or not _may_repeat(call, error):
                            raise
                        await asyncio.sleep(_delay(wait, error.retry_after))
        except TimeoutError as error:
            raise unreachable(self.config.server, error) from error

    @contextlib.asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[aiohttp.StreamReader]:
        """Do one request and hand out the body as it arrives, for as long as it takes.

        Raises: KubeError.
        """
        endless = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT, sock_read=None)
        with self._network_errors():
            # Apart: whoever follows a log keeps a connection for hours, and others' requests need some.
            async with self._session(0).request(
                call.method, self._url(call), timeout=endless, allow_redirects=False, **self._options(call)
            ) as response:
                if response.status >= 300:
                    raise await _refusal(response, call)
                yield response.content

    @contextlib.asynccontextmanager
    async def websocket(
        self, call: Call, protocols: Sequence[str]
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a websocket.

        Raises: KubeError. The reason of a refusal is asked for by a plain request of the same address,
            because a refused handshake hands out no body.
        """
        options = self._options(call)
        try:
            with self._network_errors():
                async with self._session(0).ws_connect(
                    self._url(call), protocols=protocols, **options
                ) as connection:
                    yield connection
        except aiohttp.WSServerHandshakeError as error:
            await self._once(call, _Tries())
            raise from_status(error.status, {}, as_user=call.as_user, what=call.what) from error

    async def _once(self, call: Call, tries: _Tries) -> dict[str, Any]:
        with self._network_errors():
            async with self._session().request(
                call.method,
                self._url(call),
                data=_payload(call.body),
                allow_redirects=False,
                middlewares=(tries,),
                **self._options(call),
            ) as response:
                if response.status >= 300:
                    raise await _refusal(response, call)
                # Not in a thread: json.loads holds the interpreter's lock from first to last byte (104 ms for
                # 3.5 MiB, in a thread or not). Lists are fetched in pages instead.
                answer: dict[str, Any] = json.loads(await response.read())
                return answer

    def _session(self, connections: int = _CONNECTIONS) -> aiohttp.ClientSession:
        """Return the session with at most so many connections, 0 for any number."""
        if connections not in self._open:
            self._open[connections] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=connections, keepalive_timeout=60, socket_factory=_socket
                ),
                # The whole is limited in request().
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._open[connections]

    def _url(self, call: Call) -> URL:
        query = f"?{urlencode(call.params)}" if call.params else ""
        return URL(f"{self.config.server}{call.path}{query}", encoded=True)

    def _options(self, call: Call) -> dict[str, Any]:
        headers = {**self.config.headers(), "Accept": call.accept, "User-Agent": "karvdash-hub"}
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        if call.as_user is not None:
            if not call.as_user.strip():
                # The API server takes an empty header for none and would act with the Hub's rights.
                raise ValueError("as_user is empty")
            headers["Impersonate-User"] = call.as_user
        # Token and certificates are looked at on every request: those of a pod are replaced while it runs.
        options: dict[str, Any] = {"headers": headers}
        if (context := self.config.ssl_context()) is not None:
            options["ssl"] = context
            if self.config.server_name:
                options["server_hostname"] = self.config.server_name
        return options

    @contextlib.contextmanager
    def _network_errors(self) -> Any:
        try:
            yield
        except aiohttp.WSServerHandshakeError:
            raise
        except (aiohttp.ClientError, OSError) as error:
            failure = unreachable(self.config.server, error)
            failure.__cause__ = error
            raise failure from error


class _Tries:
    """Counts how often a request is sent: aiohttp itself repeats a GET or DELETE on a stale connection."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        self.count += 1
        return await handler(request)


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """Hand more than 1 MiB over as a file, which aiohttp writes in pieces: it warns about so many bytes."""
    return io.BytesIO(body) if body is not None and len(body) > 2**20 else body


def _may_repeat(call: Call, error: KubeError) -> bool:
    never_left = isinstance(error.__cause__, aiohttp.ClientConnectorError)
    return call.idempotent or never_left or isinstance(error, TooMany)


def _delay(wait: float, asked: float | None) -> float:
    # Jitter, so that callers who were refused together do not come back together.
    return wait * random.uniform(0.5, 1.5) + min(asked or 0.0, _PATIENCE)  # noqa: S311


async def _refusal(response: aiohttp.ClientResponse, call: Call) -> KubeError:
    body = await response.read()
    try:
        # A Status is small; anything larger is the page of some load balancer.
        status = json.loads(body) if len(body) <= _LARGEST_ERROR else {}
    except ValueError:
        status = {}
    after = response.headers.get("Retry-After", "")
    return from_status(
        response.status,
        status if isinstance(status, Mapping) else {},
        as_user=call.as_user,
        what=call.what,
        retry_after=float(after) if after.isdigit() else None,
    )


def _socket(address: tuple[Any, ...]) -> socket.socket:
    """Let the kernel notice within 30 s that the peer went away without a word; logs have no timeout."""
    family, kind, protocol = address[0], address[1], address[2]
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    return made
