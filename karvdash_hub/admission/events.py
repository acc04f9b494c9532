"""Events about datasets that a pod did not get, written after the answer, never before it.

They are on the Dataset, since a pod that is being created has no uid yet and often no name.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from karvdash_hub.admission.patch import Dataset
from karvdash_hub.admission.table import Source
from karvdash_hub.kube.call import call
from karvdash_hub.kube.config import ConfigError, KubeConfig
from karvdash_hub.kube.stream import Refused, StreamError

log = logging.getLogger(__name__)

#: Seconds between two Events about the same dataset: a crashing Job makes a pod every few seconds.
BETWEEN = 60.0
_WAITING = 100
_COMPONENT = "karvdash-admission"


class _News(NamedTuple):
    namespace: str
    source: Source
    message: str


class Events:
    """Writes Events one after the other.

    Attributes:
        written, lost: how many.
    """

    def __init__(self, config: KubeConfig) -> None:
        self.written = 0
        self.lost = 0
        self._config = config
        self._queue: asyncio.Queue[_News] = asyncio.Queue(_WAITING)
        self._last: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="events")

    async def stop(self) -> None:
        """Stop writing; what waits is lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def tell(self, namespace: str, source: Source, dataset: Dataset, owner: str) -> None:
        """Note that a pod of ``owner`` did not get a dataset. Returns at once."""
        now = time.monotonic()
        if now - self._last.get(source.uid, -BETWEEN) < BETWEEN:
            return
        self._last = {uid: at for uid, at in self._last.items() if now - at < BETWEEN} | {source.uid: now}
        message = f"Not mounted into a pod of {owner}: {dataset.problem}. Make the pod anew once it is ready."
        try:
            self._queue.put_nowait(_News(namespace, source, message))
        except asyncio.QueueFull:
            self.lost += 1

    async def _run(self) -> None:
        while True:
            news = await self._queue.get()
            try:
                await call(self._config, "POST", f"/api/v1/namespaces/{news.namespace}/events", _event(news))
                self.written += 1
            except (StreamError, Refused, ConfigError, ValueError) as error:
                self.lost += 1
                log.warning("An Event about dataset %s could not be written: %s", news.source.name, error)


def _event(news: _News) -> dict[str, Any]:
    """Ref: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = f"{news.source.name[:200]}.{secrets.token_hex(8)}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": news.namespace},
        "involvedObject": {
            "apiVersion": news.source.api_version,
            "kind": "Dataset",
            "namespace": news.namespace,
            "name": news.source.name,
            "uid": news.source.uid,
        },
        "type": "Warning",
        "reason": "NotMounted",
        "message": news.message,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": _COMPONENT},
        "reportingComponent": _COMPONENT,
    }
