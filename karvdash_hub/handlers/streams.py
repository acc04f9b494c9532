"""Server-sent events: what they look like on the wire, and what happens when somebody goes away.

ref: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from tornado.iostream import StreamClosedError

from karvdash_hub.errors import KarvdashError
from karvdash_hub.handlers.base import ApiHandler, error_message

#: Seconds between two comments on a silent stream; proxies close connections that say nothing for 60 s.
HEARTBEAT = 15.0
#: Milliseconds that a browser waits before it connects again.
RETRY = 2000
#: Seconds after which a stream ends and the browser comes back, so that whoever may no longer see it is
#: asked for credentials again.
LIFETIME = 600.0


class Event(NamedTuple):
    """One event; ``data`` becomes JSON. ``id`` comes back as Last-Event-ID after a break."""

    name: str
    data: Any
    id: str = ""

    def encode(self) -> str:
        """Write it as the wire wants it. JSON has no raw line ends, so one data line is enough."""
        lines = [f"event: {self.name}", f"data: {json.dumps(self.data, ensure_ascii=False)}"]
        if self.id:
            lines.append(f"id: {self.id}")
        return "\n".join(lines) + "\n\n"


class EventStream(ApiHandler):
    """A handler that answers with events until they end, the asker leaves, or LIFETIME is over.

    The last event of a stream that is complete is ``end``; a browser that sees none connects again.
    """

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """Prepare for the asker's leaving."""
        super().initialize(*args, **kwargs)
        self._left = asyncio.Event()

    def get_content_type(self) -> str:
        """Name the media type."""
        return "text/event-stream"

    def on_connection_close(self) -> None:
        """Hear that the asker has gone."""
        self._left.set()
        super().on_connection_close()

    async def send(self, events: AsyncGenerator[Event, None]) -> None:
        """Send all events. The generator is closed in every case, so that it can clean up."""
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")
        self.write(f"retry: {RETRY}\n\n")
        left = asyncio.ensure_future(self._left.wait())
        try:
            await self.flush()
            async with asyncio.timeout(LIFETIME):
                await self._pump(events, left)
        except (StreamClosedError, TimeoutError):
            pass  # The asker left, or is to come back.
        finally:
            left.cancel()
            await events.aclose()

    async def _pump(self, events: AsyncGenerator[Event, None], left: asyncio.Future[Any]) -> None:
        next_event = asyncio.ensure_future(anext(events, None))
        try:
            while not left.done():
                await asyncio.wait({next_event, left}, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
                if next_event.done():
                    event = _result(next_event)
                    if event is None:
                        return
                    self.write(event.encode())
                    next_event = asyncio.ensure_future(anext(events, None))
                elif not left.done():
                    self.write(": still here\n\n")
                await self.flush()
        finally:
            next_event.cancel()
            await asyncio.gather(next_event, return_exceptions=True)


def _result(done: asyncio.Future[Event | None]) -> Event | None:
    """Turn a mistake that happens in the middle of a stream into its last event."""
    try:
        return done.result()
    except KarvdashError as error:
        return Event("failed", {"error": error_message(error)})
