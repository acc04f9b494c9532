"""Run one admission server: ``python -m karvdash_hub.admission --help``."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Sequence

from tornado.httpserver import HTTPServer

from karvdash_hub import process
from karvdash_hub.admission.admission import Admission
from karvdash_hub.admission.app import make_server
from karvdash_hub.admission.settings import Settings, parse
from karvdash_hub.admission.tls import INTERVAL, NoCertificate
from karvdash_hub.waiting import wait_for_event

log = logging.getLogger("karvdash_hub.admission")

#: Seconds for which questions are still answered after SIGTERM, on connections that are open.
DRAIN = 1.0


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopping = process.stopping()
    admission = Admission(settings)
    admission.start()
    try:
        if (server := await _server(admission, stopping)) is not None:
            await _serve(server, admission, settings, stopping)
    finally:
        await admission.stop()


async def _server(admission: Admission, stopping: asyncio.Event) -> HTTPServer | None:
    """Make the server as soon as there is a certificate; None if it has to stop before."""
    said = ""
    while True:
        try:
            return make_server(admission)
        except NoCertificate as error:
            if str(error) != said:
                log.warning("Waiting for a certificate: %s", said := str(error))
        if await wait_for_event(stopping, INTERVAL):
            return None


async def _serve(
    server: HTTPServer, admission: Admission, settings: Settings, stopping: asyncio.Event
) -> None:
    # Several replicas may share one address of one machine; the kernel divides the connections.
    server.bind(settings.port, settings.address, reuse_port=True)
    server.start()
    log.info("Answering for namespaces %s* on %s port %d", settings.prefix, settings.address, settings.port)
    # What was made so far lives for ever; looking at it again and again would only cause pauses.
    gc.freeze()
    while not await wait_for_event(stopping, INTERVAL):
        admission.certificate.refresh(server)
    admission.stopping = True
    server.stop()
    await asyncio.sleep(DRAIN)
    await server.close_all_connections()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server; returns the exit status."""
    return process.run(serve(parse(argv)), log, "admission server")


if __name__ == "__main__":
    sys.exit(main())
