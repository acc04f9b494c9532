"""Keep a small copy of one kind of object, always up to date: list once, then follow the changes.

    start ─► WatchList (state and changes in one stream) ─► follow from the last version ─┐
               │ server cannot                                   ▲  closed: take it up    │
               └► LIST in pages ─────────────────────────────────┘◄───────────────────────┘
    410 Gone, or silence ─► list again; meanwhile the old items stay, then they are replaced at once

Only what ``project`` makes of an object is kept, typically a tuple: 0.4 KiB for a pod instead of 36.
Subscribers hear of differences between projections, so heartbeats and managed fields wake nobody.

Imports tornado and the standard library only, because the gate and the admission server use it too.
ref: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from sys import intern
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from karvdash_hub.kube import backoff
from karvdash_hub.kube.config import ConfigError, KubeConfig
from karvdash_hub.kube.items import Items, Key, put
from karvdash_hub.kube.outage import Outage
from karvdash_hub.kube.pages import walk_list
from karvdash_hub.kube.stream import Pause, Refused, Stream, StreamError, refusal

__all__ = ["Key", "Refused", "Watch", "object_key"]

log = logging.getLogger(__name__)

T = TypeVar("T")
Json = dict[str, Any]

#: The API server sends a bookmark about every minute, so this much silence means a dead connection.
#: ref: kubernetes/staging/src/k8s.io/apiserver/pkg/storage/cacher/cacher.go bookmarkFrequency (1.35)
SILENCE = 150.0
#: The server ends each watch after a time in this range (seconds), spread so that not all end at once.
WATCH_SECONDS = (300, 600)
#: Seconds until a kind that is not installed is looked for again.
ABSENT = 20.0
#: Objects a page of the fallback.
PAGE = 250


def object_key(item: Json) -> Key:
    """Key an object by namespace and name; the namespace of cluster-wide objects is ``""``."""
    metadata = item["metadata"]
    return intern(metadata.get("namespace", "")), metadata["name"]


class Watch(Generic[T]):
    """All objects of one path that match the selectors, projected, kept current.

    Args:
        config: the API server and credentials.
        path: ``/api/v1/pods`` or ``/apis/apps/v1/namespaces/x/deployments``.
        project: makes of an object (parsed JSON) what is kept; the results are compared by equality.
        key: makes the key of an object.
        silence: seconds without a byte after which the connection counts as dead.
        watch_list: False asks for pages at once instead of after a refusal.
        optional: the kind may not be installed; that counts as no objects, and is looked at again.

    Attributes:
        synced: set once a complete state has been seen; never unset, since old items stay.
        outage: what is wrong, and since when.
    """

    def __init__(
        self,
        config: KubeConfig,
        path: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        project: Callable[[Json], T],
        key: Callable[[Json], Key] = object_key,
        silence: float = SILENCE,
        watch_list: bool = True,
        optional: bool = False,
    ) -> None:
        self.path = path
        self.synced = asyncio.Event()
        self.outage = Outage(path)
        self._config = config
        self._selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
        self._project = project
        self._key = key
        self._silence = silence
        self._watch_list = watch_list
        self._optional = optional
        self._items: Items[T] = Items(path)
        self._version = ""
        self._task: asyncio.Task[None] | None = None
        self._stream: Stream | None = None
        self._heard = 0.0
        self._backoff = backoff.Backoff()

    @property
    def items(self) -> Mapping[Key, T]:
        """The objects as last seen, read-only. A new list replaces it, so do not hold on to it."""
        return self._items.view

    @property
    def last_contact(self) -> float:
        """Seconds since the API server last sent anything; infinite before the first time."""
        heard = max(self._heard, self._stream.heard if self._stream else 0.0)
        return time.monotonic() - heard if heard else float("inf")

    @property
    def healthy(self) -> bool:
        """Whether the items are complete and, as far as can be known, current."""
        return self.synced.is_set() and self.outage.since is None

    def start(self) -> None:
        """Begin to watch, in a task of the running event loop. Errors never end it, only ``stop`` does."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"watch {self.path}")

    async def stop(self) -> None:
        """End the watch and close its connection; the items stay as they are."""
        task, self._task = self._task, None
        # Again, should it be lost: an error of the connection that is being closed can take the place of a
        # cancellation, and the task would begin afresh. Seen with a hundred launches at once.
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=1.0)

    def subscribe(self, callback: Callable[[Key, T | None, T | None], object]) -> Callable[[], None]:
        """Call ``callback(key, old, new)`` at each difference; None stands for "not there".

        It is called in the event loop, after ``items`` changed, and has to be quick.
        Returns: a function that ends the subscription.
        """
        return self._items.subscribe(callback)

    async def _run(self) -> None:
        while True:
            asked = None
            try:
                asked = await self._attempt()
            except Exception:
                # A defect of ours: loud, and begun afresh, because a watch that ends without a word
                # would leave everybody with old news for ever.
                log.exception("Watching %s failed", self.path)
                self._version = ""
                self._troubled("an internal error, see the log")
            await asyncio.sleep(self._backoff.next(asked))

    async def _attempt(self) -> float | None:
        """Follow one stream to its end, whatever that is; returns the seconds that the server asks for."""
        try:
            await self._once()
        except (StreamError, ConfigError) as error:
            self._interrupted(str(error))
        except Refused as error:
            self._refused(error)
            return ABSENT if self._optional and error.code == 404 else error.retry_after
        return None

    async def _once(self) -> None:
        """Follow one stream to its end, after the list if one is needed first."""
        if not self._version and self._watch_list:
            await self._follow({"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"})
            return
        if not self._version:
            await self._list()
        await self._follow({"resourceVersion": self._version})

    async def _follow(self, origin: Mapping[str, str]) -> None:
        query = {"watch": "1", "allowWatchBookmarks": "true", **origin}
        query["timeoutSeconds"] = str(random.randint(*WATCH_SECONDS))  # noqa: S311  # no secret
        fresh: dict[Key, T] | None = None if self._version else {}
        async with Stream.get(self._config, self._target(query)) as stream:
            await stream.check()
            self._stream = stream
            began = time.monotonic()
            try:
                if fresh is None:
                    self.outage.end()
                async with aclosing(stream.lines(self._silence)) as lines:
                    async for line in lines:
                        fresh = self._take(json.loads(line), fresh)
            except StreamError:
                if time.monotonic() - stream.heard >= self._silence:
                    # Whoever says nothing may also have forgotten our version (a restored etcd).
                    self._version = ""
                raise
            finally:
                self._heard = stream.heard
                self._stream = None
                if time.monotonic() - began > backoff.LONGEST:
                    self._backoff.reset()
        if fresh is not None:
            raise StreamError("the connection was closed before the list was complete")

    def _take(self, event: Json, fresh: dict[Key, T] | None) -> dict[Key, T] | None:
        """Take in one event. ``fresh`` collects the first ones, until the bookmark that ends them."""
        kind, item = event["type"], event["object"]
        if kind == "ERROR":
            raise refusal(item)
        if kind == "BOOKMARK":
            metadata = item["metadata"]
            ends = (metadata.get("annotations") or {}).get("k8s.io/initial-events-end") == "true"
            if fresh is not None and ends:
                self._complete(fresh)
                fresh = None
            if fresh is None:
                self._version = metadata["resourceVersion"]
            return fresh
        kept = None if kind == "DELETED" else self._kept(item)
        if fresh is None:
            self._items.change(self._key(item), kept)
            self._version = item["metadata"]["resourceVersion"]
        else:
            put(fresh, self._key(item), kept)
        return fresh

    def _kept(self, item: Json) -> T | None:
        """Project an object; one that cannot be is left out, so that it costs nobody the others."""
        try:
            return self._project(item)
        except Exception:
            log.exception("%s: %s cannot be read and is left out", self.path, "/".join(self._key(item)))
            return None

    def _complete(self, fresh: dict[Key, T]) -> None:
        self._items.replace(fresh)
        self.synced.set()
        self.outage.end()

    async def _list(self) -> None:
        """Fetch everything in pages, for servers without WatchList (off by default in 1.33)."""
        fresh: dict[Key, T] = {}
        query = {"limit": str(PAGE)}
        while True:
            metadata: Json = {}
            pause = Pause()
            async with Stream.get(self._config, self._target(query)) as stream:
                await stream.check()
                async with aclosing(stream.chunks()) as chunks, aclosing(walk_list(chunks)) as fields:
                    async for field, value in fields:
                        if field == "items":
                            put(fresh, self._key(value), self._kept(value))
                        elif field == "metadata":
                            metadata = value
                        await pause.if_due()
            self._heard = time.monotonic()
            if not (more := metadata.get("continue")):
                break
            query["continue"] = more
        self._complete(fresh)
        self._version = metadata["resourceVersion"]

    def _target(self, query: Mapping[str, str]) -> str:
        return f"{self.path}?{urlencode({k: v for k, v in {**self._selectors, **query}.items() if v})}"

    def _refused(self, error: Refused) -> None:
        if error.code == 404 and self._optional:
            self._version = ""
            self._heard = time.monotonic()
            self._complete({})
        elif error.code in (400, 422) and self._watch_list and not self._version:
            log.info("%s: this API server has no WatchList, listing in pages", self.path)
            self._watch_list = False
        elif error.code in (401, 403, 429, 503):
            self._troubled(f"the API server answers {error}")
        else:
            # 410 Gone is the usual one: our version has been compacted away.
            self._version = ""
            if error.code == 410:
                log.info("%s: listing again, the API server answered %s", self.path, error)
            else:
                self._troubled(f"the API server answers {error}")

    def _interrupted(self, cause: str) -> None:
        """Note a lost connection. That happens whenever an API server is replaced: one is no trouble yet."""
        if self._backoff.attempts or not self.synced.is_set():
            self._troubled(cause)

    def _troubled(self, cause: str) -> None:
        self.outage.begin(cause, self.last_contact if self.synced.is_set() else 0.0)
