"""Several watches that together make up what a process knows, and who waits for news of a part of it.

Imports tornado only, as ``watch`` does: gate and admission server are made of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from karvdash_hub.kube.watch import Watch
from karvdash_hub.waiting import all_of

Kind = TypeVar("Kind", bound=str)


class Watched(Generic[Kind]):
    """Watches by kind, started and ended together.

    Args:
        by_kind: not started yet.
    """

    def __init__(self, by_kind: Mapping[Kind, Watch[Any]]) -> None:
        self.by_kind = by_kind
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    @property
    def synced(self) -> bool:
        """Whether everything has been seen once. Afterwards the process goes on even without Kubernetes."""
        return all(watch.synced.is_set() for watch in self.by_kind.values())

    async def synced_within(self, seconds: float) -> bool:
        """Wait until everything has been seen once, ``seconds`` at most; tells whether it has."""
        try:
            async with asyncio.timeout(seconds):
                await all_of(*(watch.synced.wait() for watch in self.by_kind.values()))
        except TimeoutError:
            return False
        return True

    @property
    def outages(self) -> list[str]:
        """What is wrong with the watches, in sentences."""
        return [watch.outage.text for watch in self.by_kind.values() if watch.outage.text]

    def start(self) -> None:
        """Begin to watch."""
        for watch in self.by_kind.values():
            watch.start()

    async def stop(self) -> None:
        """End all watches."""
        await asyncio.gather(*(watch.stop() for watch in self.by_kind.values()))

    async def wait(self, name: str, seconds: float) -> None:
        """Wait until something about this name changes (see ``wake``), ``seconds`` at most."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(name, set())
        waiting.add(future)
        try:
            await asyncio.wait([future], timeout=seconds)
        finally:
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(name, None)

    def wake(self, names: Iterable[str]) -> None:
        """Let those go on who wait for one of these names."""
        for name in names:
            for future in self._waiting.get(name, ()):
                if not future.done():
                    future.set_result(None)
