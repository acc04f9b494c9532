"""Run the files process: ``python -m karvdash_hub.files --help``."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

from karvdash_hub.files.app import make_server
from karvdash_hub.files.settings import Settings, parse

log = logging.getLogger("karvdash_hub.files")


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    server = make_server(settings)
    server.listen(settings.port, settings.address)
    log.info("Files of %s; listening on %s port %d", settings.root, settings.address, settings.port)
    await stopping.wait()
    server.stop()
    await server.close_all_connections()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the files process; returns the exit status."""
    settings = parse(argv)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        asyncio.run(serve(settings))
    except OSError as error:
        log.error("The files process cannot start: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
