"""What the programs beside the Hub have in common: they serve until a signal, and say why they cannot."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from karvdash_hub.errors import KarvdashError


def stopping() -> asyncio.Event:
    """Return an event of the running loop that SIGTERM and SIGINT set."""
    event = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    return event


def run(serving: Coroutine[Any, Any, None], log: logging.Logger, name: str) -> int:
    """Log to standard error and serve to the end; returns the exit status."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        asyncio.run(serving)
    except (KarvdashError, OSError) as error:
        log.error("The %s cannot start: %s", name, error)
        return 1
    return 0
