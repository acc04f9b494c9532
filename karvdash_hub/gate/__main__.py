"""Run one gate: ``python -m karvdash_hub.gate --help``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from karvdash_hub import process
from karvdash_hub.gate.app import make_server
from karvdash_hub.gate.external import make_external
from karvdash_hub.gate.gate import Gate
from karvdash_hub.gate.settings import Settings, parse

log = logging.getLogger("karvdash_hub.gate")


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopping = process.stopping()
    gate = Gate(settings)
    servers = [make_server(gate)]
    servers[0].listen(settings.port, settings.address)
    if settings.external is not None:
        servers.append(make_external(gate))
        servers[1].listen(settings.external[1], settings.external[0])
    gate.start()
    log.info("The gate of *.%s listens on %s port %d", settings.site.domain, settings.address, settings.port)
    await stopping.wait()
    for server in servers:
        server.stop()
    await gate.stop()
    for server in servers:
        await server.close_all_connections()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the gate; returns the exit status."""
    return process.run(serve(parse(argv)), log, "gate")


if __name__ == "__main__":
    sys.exit(main())
