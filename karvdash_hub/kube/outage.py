"""What is wrong with a watch, since when, and who wants to hear of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class Outage:
    """No news of one kind of object.

    Args:
        path: of the objects, ``/api/v1/pods``.

    Attributes:
        on_change: called whenever ``text`` changes.
        since: Unix time since when there are no news, None while there are.
    """

    def __init__(self, path: str) -> None:
        self.on_change: Callable[[], object] = _nothing
        self.since: float | None = None
        self._path = path
        self._cause = ""

    @property
    def text(self) -> str:
        """What is wrong and since when, as a sentence; empty when nothing is."""
        if self.since is None:
            return ""
        clock = time.strftime("%H:%M:%S", time.gmtime(self.since))
        return f"No news from Kubernetes about {self._kind} since {clock} UTC: {self._cause}."

    def begin(self, cause: str, silent: float) -> None:
        """Note a cause; the outage began ``silent`` seconds ago unless it goes on already."""
        if self.since is None:
            self.since, self._cause = time.time() - silent, cause
            log.warning("%s", self.text)
            self._tell()
        elif self._cause != cause:
            self._cause = cause
            self._tell()

    def end(self) -> None:
        """Note that there are news again."""
        if self.since is not None:
            log.info("Kubernetes answers again about %s", self._kind)
            self.since = None
            self._tell()

    @property
    def _kind(self) -> str:
        return self._path.rpartition("/")[2]

    def _tell(self) -> None:
        try:
            self.on_change()
        except Exception:
            log.exception("Who is told of outages of %s failed", self._path)


def _nothing() -> None:
    """Nobody listens."""
