"""The launches of this Hub: those under way, and how the newest one of every server ended.

Whoever shows services reads here and subscribes here; nothing in this file waits.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from karvdash_hub.errors import Conflict, KarvdashError
from karvdash_hub.names import Namespace
from karvdash_hub.store import UNFINISHED, LaunchRow, LaunchState, Store

log = logging.getLogger("jupyterhub.karvdash")


class Key(NamedTuple):
    """One server of one user."""

    user: str
    server: str


class Launch:
    """One launch under way.

    Attributes:
        key: whose server.
        id: of this launch, also in the anchor.
        message, percent: what a person reads.
        accepted: done when Kubernetes has taken all objects or the launch waits for its turn; failed with
            the KarvdashError when it is refused.
        over: set when this process is not busy with it any more.
        gave_way: somebody has asked it to end.
    """

    def __init__(self, key: Key, template: str, namespace: Namespace, accepted: asyncio.Future[None]) -> None:
        self.key = key
        self.template = template
        self.namespace = namespace
        self.id = str(uuid.uuid4())
        self.message = "Starting."
        self.percent = 0
        self.accepted = accepted
        self.over = asyncio.Event()
        self.gave_way = False
        self._wake: Callable[[], object] | None = None

    @contextmanager
    def looking_on(self, wake: Callable[[], object]) -> Iterator[None]:
        """Note that all objects exist and are only watched from here on, so that the launch may give way.

        Args:
            wake: lets whoever watches look at ``gave_way``.
        """
        self._wake = wake
        try:
            yield
        finally:
            self._wake = None

    def give_way(self) -> bool:
        """Ask a launch that only looks on to end now; False if it still has something to do."""
        if self._wake is None:
            return False
        self.gave_way = True
        self._wake()
        return True

    def accept(self) -> None:
        """Tell whoever waits that the launch is on its way."""
        if not self.accepted.done():
            self.accepted.set_result(None)

    def refuse(self, error: KarvdashError) -> None:
        """Tell whoever waits why there is no launch."""
        if not self.accepted.done():
            self.accepted.set_exception(error)


class Launches:
    """All launches of this process, and the rows of all others."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[Key, LaunchRow] = {Key(row.username, row.server): row for row in store.launches()}
        self._live: dict[Key, Launch] = {}
        self._expected: dict[Key, asyncio.Future[None]] = {}
        self._singletons: dict[tuple[str, str], str] = {}
        self._being_deleted: Counter[Key] = Counter()
        self._subscribers: list[Callable[[Key], None]] = []

    # --- reading -------------------------------------------------------------------------

    def live(self, user: str, server: str) -> Launch | None:
        """Return the launch of this server that is under way, or None."""
        return self._live.get(Key(user, server))

    def row(self, user: str, server: str) -> LaunchRow | None:
        """Return what is known of the newest launch of this server, or None."""
        return self._rows.get(Key(user, server))

    def rows(self) -> list[LaunchRow]:
        """Return the newest launch of every server."""
        return list(self._rows.values())

    def unfinished(self, user: str, server: str) -> bool:
        """Tell whether a launch was begun and not brought to an end, by this process or one before."""
        row = self.row(user, server)
        return row is not None and row.state in UNFINISHED

    def subscribe(self, callback: Callable[[Key], None]) -> Callable[[], None]:
        """Call back whenever something about a server's launch changes; returns how to end that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    # --- a launch ------------------------------------------------------------------------

    def expect(self, key: Key) -> asyncio.Future[None]:
        """Return what will be done when the next launch of a server is accepted, or failed when refused."""
        return self._expected.setdefault(key, _quiet_future())

    def expect_no_more(self, key: Key) -> None:
        """Forget that somebody waited."""
        self._expected.pop(key, None)

    def new(self, key: Key, template: str, namespace: Namespace) -> Launch:
        """Make a launch, which whoever expects it hears of."""
        return Launch(key, template, namespace, self._expected.get(key) or _quiet_future())

    def begin(self, launch: Launch) -> None:
        """Note that this process is busy with a server. Raises: Conflict if it is already, or deletes it."""
        self.check_not_being_deleted(launch.key)
        if launch.key in self._live:
            raise Conflict(f"{launch.key.server} is just being started. Try again in a moment.", "pending")
        self._live[launch.key] = launch
        self.changed(launch.key)

    def write(self, launch: Launch) -> None:
        """Write the row of a launch; nothing of it may exist in the cluster before."""
        self._rows[launch.key] = self._store.begin_launch(
            *launch.key, launch.template, launch.namespace, launch.id
        )

    def adopt(self, key: Key, template: str, namespace: str, launch_id: str) -> None:
        """Write the row of a server that runs already, launched by a Hub with another database."""
        self._rows[key] = self._store.begin_launch(
            *key, template, Namespace(namespace), launch_id, state="ready"
        )
        self.changed(key)

    def say(self, launch: Launch, message: str, percent: int) -> None:
        """Tell people how far it is."""
        if (launch.message, launch.percent) != (message, percent):
            launch.message, launch.percent = message, percent
            self.changed(launch.key)

    def note(self, key: Key, state: LaunchState, message: str = "") -> bool:
        """Write how far a launch is, or how it ended; False if it has no row."""
        row = self._store.set_launch(*key, state, message)
        if row is not None:
            self._rows[key] = row
        self.changed(key)
        return row is not None

    def end(self, launch: Launch) -> None:
        """Note that this process is not busy with the server any more."""
        launch.over.set()
        if self._live.get(launch.key) is launch:
            del self._live[launch.key]
            self.changed(launch.key)

    def forget(self, key: Key) -> None:
        """Drop the row, when nothing of the server is left."""
        self._store.forget_launch(*key)
        self._rows.pop(key, None)
        self.changed(key)

    def forget_user(self, user: str) -> list[Key]:
        """Drop all rows of a user, whose rows in the database are gone; return whose they were."""
        gone = [key for key in self._rows if key.user == user]
        for key in gone:
            del self._rows[key]
            self.release_singleton(*key)
            self.changed(key)
        return gone

    def changed(self, key: Key) -> None:
        """Tell subscribers."""
        for callback in list(self._subscribers):
            callback(key)

    # --- deletion ------------------------------------------------------------------------

    @contextmanager
    def being_deleted(self, key: Key) -> Iterator[None]:
        """Let no server of this name begin meanwhile: what is deleted last would be the new one's."""
        self._being_deleted[key] += 1
        try:
            yield
        finally:
            self._being_deleted[key] -= 1
            if not self._being_deleted[key]:
                del self._being_deleted[key]

    def is_being_deleted(self, key: Key) -> bool:
        """Tell whether a server is being deleted by this process now."""
        return key in self._being_deleted

    def check_not_being_deleted(self, key: Key) -> None:
        """Raises: Conflict if a server is being deleted."""
        if self.is_being_deleted(key):
            raise Conflict(f"{key.server} is being deleted. Try again in a moment.", "pending")

    # --- singletons ----------------------------------------------------------------------

    def claim_singleton(self, user: str, template: str, server: str, running: str | None) -> None:
        """Let only one server of a singleton template exist. Decides without waiting: of two one wins.

        Args:
            running: another server of this template that is in the cluster, if there is one.
        Raises: Conflict that names the other server.
        """
        holder = self._singletons.get((user, template), server)
        other = running if holder == server else holder
        if other is not None and other != server:
            raise Conflict(
                f"There can be only one {template}, and {other} is it. Open that one, or stop it first.",
                "singleton",
            )
        self._singletons[user, template] = server

    def release_singleton(self, user: str, server: str) -> None:
        """Let another server of the same template start."""
        for key, holder in list(self._singletons.items()):
            if key[0] == user and holder == server:
                del self._singletons[key]


def _quiet_future() -> asyncio.Future[None]:
    """A future whose failure need not be looked at: a refusal is told in other ways too."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: None if done.cancelled() else done.exception() and None)
    return future
