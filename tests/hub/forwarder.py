"""A way to the API server that can be closed: for the Hub, Kubernetes is away then."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress


class Forwarder:
    """Forwards TCP from a port of this machine; runs in a thread of its own.

    Args:
        host, port: where to.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._held: socket.socket | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.open()

    def hold(self) -> None:
        """Cut all connections; let new ones wait for an answer until it is open again."""
        self.close()
        self._held = socket.create_server(("127.0.0.1", self.port))

    def open(self) -> None:
        """Accept connections (again), those first that wait."""
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)

    def close(self) -> None:
        """Cut all connections and refuse new ones."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)

    def end(self) -> None:
        """Close for good."""
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _open(self) -> None:
        if self._held is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        else:
            self._server = await asyncio.start_server(self._accept, sock=self._held)
            self._held = None

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._connections):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, there_writer}
        self._connections |= pair
        try:
            await asyncio.gather(self._copy(reader, there_writer), self._copy(there_reader, writer))
        finally:
            self._connections -= pair

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.close()
