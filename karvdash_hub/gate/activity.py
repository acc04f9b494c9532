"""When services were last used, told to the Hub each minute, which stops those that nobody uses.

Use is a request that was let in, or bytes on a websocket. Requests that were refused count for nothing: a
stranger keeps no service awake.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from karvdash_hub.errors import Unavailable
from karvdash_hub.gate.bounded import Bounded
from karvdash_hub.gate.hub import Hub

#: Hosts in one report.
BATCH: Final = 1000
_SIZE: Final = 20_000


class Activity:
    """Hosts that were used since they were last reported.

    Args:
        every: seconds between two reports.
    """

    def __init__(self, hub: Hub, every: float) -> None:
        self._hub = hub
        self._every = every
        # What cannot be reported for an hour is forgotten.
        self._used: Bounded[str, float] = Bounded(_SIZE, 3600.0)

    def note(self, host: str) -> None:
        """A host is being used."""
        self._used.put(host, time.time())

    async def run(self) -> None:
        """Report again and again, for ever."""
        while True:
            await asyncio.sleep(self._every)
            await self.report()

    async def report(self) -> None:
        """Tell the Hub what was used; what it does not take is told the next time."""
        used = self._used.items()
        for start in range(0, len(used), BATCH):
            batch = used[start : start + BATCH]
            try:
                await self._hub.activity(dict(batch))
            except Unavailable:
                return  # said in the log
            for host, moment in batch:
                if self._used.get(host) == moment:
                    self._used.drop(host)
