"""Tell each signed-in user's pages what changed among that user's services, and nobody else's.

A change costs nothing unless somebody of that user listens, however many services run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from karvdash_hub.spawner.looking import look
from karvdash_hub.spawner.registry import Key
from karvdash_hub.spawner.views import ServiceView

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

Callback = Callable[[ServiceView | str], None]


class Feed:
    """Listeners by user. The sources are attached when the first one comes."""

    def __init__(self, karvdash: Karvdash) -> None:
        self._karvdash = karvdash
        self._listeners: dict[str, tuple[Any, list[Callback]]] = {}
        self._touched: set[Key] = set()
        self._attached = False

    def subscribe(self, user: Any, callback: Callback) -> Callable[[], None]:
        """See ``Services.subscribe``."""
        if not self._attached:
            self._attached = True
            self._karvdash.informers.subscribe(self._cluster_changed)
            self._karvdash.launches.subscribe(self._touch)
        _, callbacks = self._listeners.setdefault(user.name, (user, []))
        callbacks.append(callback)

        def end() -> None:
            if callback in callbacks:
                callbacks.remove(callback)
            if not callbacks:
                self._listeners.pop(user.name, None)

        return end

    def _cluster_changed(self, namespace: str, server: str) -> None:
        user = self._karvdash.user_of(namespace)
        if user is not None:
            self._touch(Key(user, server))

    def _touch(self, key: Key) -> None:
        """Tell once for all that changes in this turn of the event loop."""
        if key.user not in self._listeners:
            return
        if not self._touched:
            asyncio.get_running_loop().call_soon(self._tell)
        self._touched.add(key)

    def _tell(self) -> None:
        touched, self._touched = self._touched, set()
        for key in touched:
            if (listening := self._listeners.get(key.user)) is None:
                continue
            user, callbacks = listening
            known = key.server in user.orm_spawners
            what = look(self._karvdash, user, key.server) if known else key.server
            for callback in tuple(callbacks):
                try:
                    callback(what)
                except Exception:
                    log.exception("A listener of %s failed", key.user)
