"""One request to the API server whose answer is read while it arrives, a watch line by line.

Tornado's ``AsyncHTTPClient`` is not used: a fetch of it cannot be cancelled, so a quiet watch could not
be stopped, and its ``streaming_callback`` cannot slow the sender down. ``HTTP1Connection`` below it can.
ref: https://www.tornadoweb.org/en/stable/http1connection.html
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import Any, cast
from urllib.parse import urlsplit

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine
from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpclient import TCPClient

from karvdash_hub.kube.config import KubeConfig

#: Seconds to connect and shake hands, and then until the first byte of the answer: an overloaded API
#: server lets a request wait in a queue before it starts.
CONNECT_TIMEOUT = 10.0
HEAD_TIMEOUT = 60.0
#: Longest time in seconds that one stream works without letting the rest of the event loop run. A dozen
#: of them may take their turn in the same round, and together they have to stay below 50 ms.
SLICE = 0.002
#: A watch has no end, so its body has no largest size.
_ENDLESS = 2**62
_STATUS_BYTES = 2**20
#: Chunks (of at most 64 KiB) read ahead of the parser; the sender waits beyond that.
_READ_AHEAD = 2


class StreamError(Exception):
    """The connection could not be made, broke, or fell silent; the message says which."""


class Refused(Exception):
    """The API server answered, and the answer is no."""

    def __init__(self, code: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry_after = retry_after


class Pause:
    """Lets the rest of the event loop run once a slice of time has been used up."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def if_due(self) -> None:
        """Step aside if the slice is over; otherwise return at once."""
        if time.perf_counter() - self._since > SLICE:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


class Stream:
    """An answer that is being read.

    Attributes:
        status: HTTP status code.
        headers: of the answer.
        heard: ``time.monotonic()`` of the last byte that arrived.
        complete: whether the answer came to its proper end.
        left: whether nobody reads it any more.
    """

    def __init__(self, connection: IOStream) -> None:
        self.left = False
        self.status = 0
        self.headers = HTTPHeaders()
        self.heard = time.monotonic()
        self.complete = False
        self._connection = connection
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(_READ_AHEAD)
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    def get(cls, config: KubeConfig, target: str) -> contextlib.AbstractAsyncContextManager[Stream]:
        """Ask for ``target`` (path and query); see ``open``."""
        return cls.open(config, "GET", target)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, config: KubeConfig, method: str, target: str, content: bytes = b"", content_type: str = ""
    ) -> AsyncIterator[Stream]:
        """Send a request and wait for the head of the answer.

        Raises: StreamError; ConfigError if certificates or token cannot be read.
        """
        connection = await _connect(config)
        stream = cls(connection)
        try:
            await stream._ask(config, RequestStartLine(method, target, ""), content, content_type)
            yield stream
        finally:
            connection.close()
            if stream._reader is not None:
                stream._let_go()
                # It ends because the connection is closed, and its outcome no longer matters.
                await asyncio.wait([stream._reader])

    async def check(self) -> None:
        """Do nothing if the answer is a success.

        Raises: Refused with what the Status object in the answer says.
        """
        if self.status in (200, 201):
            return
        try:
            status = json.loads(await self.body(_STATUS_BYTES))
        except ValueError:
            status = {}
        after = self.headers.get("Retry-After", "")
        wait = float(after) if after.isdigit() else None
        raise refusal(status if isinstance(status, dict) else {}, self.status, wait)

    async def lines(self, silence: float) -> AsyncGenerator[bytes, None]:
        """Yield the answer's lines without their end, letting the event loop breathe in between.

        What follows the last line end is left out: it is an event that was cut off.
        Raises: StreamError if nothing arrives for ``silence`` seconds.
        """
        rest: list[bytes] = []
        pause = Pause()
        while (chunk := await self._next(silence)) is not None:
            head, *more = chunk.split(b"\n")
            rest.append(head)
            for line in more:
                if whole := b"".join(rest):
                    yield whole
                rest = [line]
                await pause.if_due()

    async def body(self, limit: int) -> bytes:
        """Return the whole answer, for those that have an end.

        Raises: StreamError if it has more than ``limit`` bytes or does not arrive.
        """
        content = bytearray()
        async with contextlib.aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                content += chunk
                if len(content) > limit:
                    raise StreamError(f"the answer has more than {limit} bytes")
        return bytes(content)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the answer as it arrives. Raises: StreamError if it breaks off."""
        while (chunk := await self._next(HEAD_TIMEOUT)) is not None:
            yield chunk
        if not self.complete:
            raise StreamError("the connection was closed in the middle of the answer")

    async def _ask(
        self, config: KubeConfig, request: RequestStartLine, content: bytes, content_type: str
    ) -> None:
        http = HTTP1Connection(
            self._connection, True, HTTP1ConnectionParameters(no_keep_alive=True, max_body_size=_ENDLESS)
        )
        headers = HTTPHeaders(config.headers())
        headers["Host"] = urlsplit(config.server).netloc
        headers["Accept"] = "application/json"
        headers["User-Agent"] = "karvdash-hub"
        headers["Connection"] = "close"
        if content:
            headers["Content-Type"] = content_type
            headers["Content-Length"] = str(len(content))
        delegate = _Delegate(self, self._chunks)
        try:
            target = urlsplit(config.server).path + request.path
            http.write_headers(request._replace(path=target), headers, content or None)
            http.finish()
            self._reader = asyncio.create_task(_read(http, delegate))
            async with asyncio.timeout(HEAD_TIMEOUT):
                await delegate.head
        except TimeoutError:
            raise StreamError(f"no answer within {HEAD_TIMEOUT:.0f} s") from None
        except (StreamClosedError, OSError) as error:
            raise StreamError(_reason(error)) from None

    def _let_go(self) -> None:
        """Take nothing more, and make room for what waits to be taken.

        A reader that is cancelled while it waits is an error in tornado's log.
        """
        self.left = True
        while not self._chunks.empty():
            self._chunks.get_nowait()

    async def _next(self, silence: float) -> bytes | None:
        if not self._chunks.empty():
            return self._chunks.get_nowait()
        try:
            async with asyncio.timeout(silence):
                return await self._chunks.get()
        except TimeoutError:
            raise StreamError(f"silent for {silence:.0f} s") from None


def refusal(status: dict[str, Any], code: int = 500, retry_after: float | None = None) -> Refused:
    """Make an error of a Status object; ``code`` is for answers that carry none."""
    message = str(status.get("message") or "no reason given")
    return Refused(int(status.get("code") or code), message, retry_after)


class _Delegate(HTTPMessageDelegate):
    """Hands what tornado reads to the stream; awaits where the stream is behind."""

    def __init__(self, stream: Stream, chunks: asyncio.Queue[bytes | None]) -> None:
        self.head: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stream = stream
        self._chunks = chunks

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        if isinstance(start_line, ResponseStartLine) and start_line.code >= 200:
            self._stream.status = start_line.code
            self._stream.headers = headers
            self._stream.heard = time.monotonic()
            if not self.head.done():
                self.head.set_result(None)
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._stream.heard = time.monotonic()
        return None if self._stream.left else self._chunks.put(chunk)

    def finish(self) -> None:
        self._stream.complete = True


async def _read(http: HTTP1Connection, delegate: _Delegate) -> None:
    """Read until the end, however it comes, and say so; a broken watch is simply taken up again."""
    try:
        with contextlib.suppress(StreamClosedError, OSError):
            await http.read_response(delegate)
    finally:
        if not delegate.head.done():
            delegate.head.set_exception(StreamClosedError())
            delegate.head.exception()  # so that asyncio does not log it when nobody waits any more
    await delegate._chunks.put(None)


async def _connect(config: KubeConfig) -> IOStream:
    address = urlsplit(config.server)
    context = config.ssl_context()
    host = address.hostname or ""
    stream: IOStream | None = None
    handshake: asyncio.Future[Any] | None = None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            stream = await TCPClient().connect(host, address.port or (443 if context else 80))
            _notice_dead_peers(stream.socket)
            stream.set_nodelay(True)
            if context is None:
                return stream
            handshake = asyncio.ensure_future(stream.start_tls(False, context, config.server_name or host))
            return cast(IOStream, await asyncio.shield(handshake))
    except TimeoutError:
        _close(stream, handshake)
        raise StreamError(f"no connection within {CONNECT_TIMEOUT:.0f} s") from None
    except ssl.SSLError as error:
        _close(stream)
        raise StreamError(f"TLS: {error.reason or error}") from None
    except (StreamClosedError, OSError) as error:
        _close(stream)
        raise StreamError(_reason(error)) from None
    except BaseException:
        _close(stream, handshake)
        raise


def _close(stream: IOStream | None, handshake: asyncio.Future[Any] | None = None) -> None:
    """Close what there is.

    A handshake has taken the socket over; close() of the plain stream would fail, and an error in place of
    a cancellation would let a task go on for ever that somebody waits for.
    """
    if handshake is not None:
        handshake.add_done_callback(_close_result)
    elif stream is not None and stream.socket is not None:
        stream.close()


def _close_result(handshake: asyncio.Future[Any]) -> None:
    if not handshake.cancelled() and handshake.exception() is None:
        handshake.result().close()


def _reason(error: Exception) -> str:
    cause = error.real_error if isinstance(error, StreamClosedError) else error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return str(cause) if cause else "connection closed"


def _notice_dead_peers(sock: socket.socket) -> None:
    """Let the kernel find out within 30 s that the other machine is gone without a word."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
