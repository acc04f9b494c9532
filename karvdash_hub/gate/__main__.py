"""Run one gate: ``python -m karvdash_hub.gate --help``."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

from karvdash_hub.errors import KarvdashError
from karvdash_hub.gate.app import make_server
from karvdash_hub.gate.gate import Gate
from karvdash_hub.gate.settings import Settings, parse

log = logging.getLogger("karvdash_hub.gate")


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    gate = Gate(settings)
    server = make_server(gate)
    server.listen(settings.port, settings.address)
    gate.start()
    log.info("The gate of *.%s listens on %s port %d", settings.site.domain, settings.address, settings.port)
    await stopping.wait()
    server.stop()
    await gate.stop()
    await server.close_all_connections()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the gate; returns the exit status."""
    settings = parse(argv)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        asyncio.run(serve(settings))
    except (KarvdashError, OSError) as error:
        log.error("The gate cannot start: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
