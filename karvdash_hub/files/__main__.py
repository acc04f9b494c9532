"""Run the files process: ``python -m karvdash_hub.files --help``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from karvdash_hub import process
from karvdash_hub.files.app import make_server
from karvdash_hub.files.settings import Settings, parse

log = logging.getLogger("karvdash_hub.files")


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopping = process.stopping()
    server = make_server(settings)
    server.listen(settings.port, settings.address)
    log.info("Files of %s; listening on %s port %d", settings.root, settings.address, settings.port)
    await stopping.wait()
    server.stop()
    await server.close_all_connections()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the files process; returns the exit status."""
    return process.run(serve(parse(argv)), log, "files process")


if __name__ == "__main__":
    sys.exit(main())
