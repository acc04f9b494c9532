"""Tell each signed-in user's pages what changed among that user's services, and nobody else's.

    watches ─► an object of a server, a notebook's pod, the API server goes or comes back ─┐
    registry ─► how far a launch is                                                        ├─► listeners
    JupyterHub ─► a server is busy or not any more (Busy), its record is deleted           ─┘

A change costs nothing unless somebody of that user listens, however many services run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyterhub import orm
from sqlalchemy import event

from karvdash_hub.spawner.looking import look
from karvdash_hub.spawner.registry import Key
from karvdash_hub.spawner.views import ServiceView

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

Callback = Callable[[ServiceView | str], None]


class Busy:
    """One of the flags by which JupyterHub says that it is busy with a server: pages hear when it changes.

    In a class whose instances have ``karvdash`` and ``key``.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, spawner: Any, owner: type) -> Any:
        return self if spawner is None else vars(spawner).get(self._name, False)

    def __set__(self, spawner: Any, value: bool) -> None:
        before = vars(spawner).get(self._name, False)
        vars(spawner)[self._name] = value
        if before != value:
            spawner.karvdash.launches.changed(spawner.key)


class Feed:
    """Listeners by user. The sources are attached when the first one comes."""

    def __init__(self, karvdash: Karvdash) -> None:
        self._karvdash = karvdash
        self._listeners: dict[str, list[Callback]] = {}
        self._touched: set[Key] = set()
        self._attached = False

    def subscribe(self, user: Any, callback: Callback) -> Callable[[], None]:
        """See ``Services.subscribe``."""
        if not self._attached:
            self._attached = True
            self._karvdash.informers.subscribe(self._cluster_changed)
            self._karvdash.informers.subscribe_outage(self._outage_changed)
            self._karvdash.informers.stock.subscribe(self._pod_changed)
            self._karvdash.launches.subscribe(self._touch)
            event.listen(orm.Spawner, "after_delete", self._record_deleted)
        username = user.name
        callbacks = self._listeners.setdefault(username, [])
        callbacks.append(callback)

        def end() -> None:
            if callback in callbacks:
                callbacks.remove(callback)
            if not callbacks and self._listeners.get(username) is callbacks:
                del self._listeners[username]

        return end

    def _cluster_changed(self, namespace: str, server: str) -> None:
        user = self._karvdash.user_of(namespace)
        if user is not None:
            self._touch(Key(user, server))

    def _pod_changed(self, namespace: str, pod: str) -> None:
        name = self._karvdash.user_of(namespace)
        if name not in self._listeners or (user := self._karvdash.user(name)) is None:
            return
        for spawner in user.spawners.values():
            if not spawner.is_template and spawner.pod_name == pod:
                self._touch(spawner.key)

    def _outage_changed(self) -> None:
        for name in self._listeners:
            if (user := self._karvdash.user(name)) is not None:
                for server in user.orm_spawners:
                    self._touch(Key(name, server))

    def _record_deleted(self, mapper: Any, connection: Any, record: Any) -> None:
        # JupyterHub commits in the same turn of the event loop.
        if record.user is not None:
            self._touch(Key(record.user.name, record.name))

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
            if (callbacks := self._listeners.get(key.user)) is None:
                continue
            # By name each time: a user may be deleted, and another one get the name.
            user = self._karvdash.user(key.user)
            known = user is not None and key.server in user.orm_spawners
            what = look(self._karvdash, user, key.server) if known else key.server
            for callback in tuple(callbacks):
                try:
                    callback(what)
                except Exception:
                    log.exception("A listener of %s failed", key.user)
