"""Repair what was left half done: by a Hub that was killed, by an API server that was away.

The rows of the ``launches`` table say what should be; the anchors in the cluster say what is.

    row unfinished, JupyterHub has the server active    ─► the launch is done once more
    row unfinished, JupyterHub has it not               ─► its anchor is deleted
    row removed, failed or deleted, anchor still there  ─► its anchor is deleted
    the same, and JupyterHub has the server active      ─► likewise, if the anchor is of that very launch
    server active, nothing in the cluster, row finished ─► JupyterHub is told that it stopped
    anchor with our mark, unknown to either database    ─► listed for an administrator, never deleted
    user removed, namespace still there                 ─► the namespace is deleted, then the name is free

So an empty or restored database, ours or JupyterHub's, deletes nothing. Anchors of another Hub, or of
this one before it lost its database, are told of once and left alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from karvdash_hub.errors import KarvdashError
from karvdash_hub.readiness.model import Anchor
from karvdash_hub.spawner import removal
from karvdash_hub.spawner.registry import Key
from karvdash_hub.spawner.users import finish_leaving
from karvdash_hub.store import UNFINISHED, LaunchRow

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: States of launches of which nothing but what is kept should be there.
ENDED = ("removed", "failed", "deleted")
#: Seconds between two looks.
INTERVAL = 300.0
#: The same, while something is under way that has to be looked at again.
SOON = 5.0
#: Namespaces and Hubs of whose stray services the log tells.
MOST_TOLD = 200
#: Seconds that users' own templates get to be read.
_TEMPLATES = 30.0
#: Seconds after the end of an outage.
_AFTER_OUTAGE = 1.0


class Reconciler:
    """Looks at start, every five minutes, after an outage, and when something disappears."""

    def __init__(self, karvdash: Karvdash) -> None:
        self._karvdash = karvdash
        self._told: set[str] = set()
        self._soon = False

    async def run(self) -> None:
        """Repair for as long as the Hub lives."""
        karvdash = self._karvdash
        # JupyterHub 6.1.1 exits when a server disappears while it checks its routes for the first time.
        await karvdash.app._start_future
        await karvdash.informers.synced.wait()
        with suppress(TimeoutError):
            # Launches are taken up with users' own templates; without them they would be called unknown.
            await asyncio.wait_for(karvdash.library.synced(), _TEMPLATES)
        karvdash.informers.subscribe(self._disappeared)
        while True:
            try:
                await self.once()
            except Exception:
                # Watches and store live as long as this does.
                log.exception("Repairing failed, and is tried again in %.0f s", INTERVAL)
            await self._pause()

    async def once(self) -> None:
        """Repair everything that can be repaired now."""
        karvdash = self._karvdash
        self._soon = False
        if karvdash.blind:
            return
        for claim in karvdash.store.leaving():
            try:
                # Kubernetes takes a while, and somebody may be waiting for the name.
                self._soon = not await finish_leaving(karvdash, claim) or self._soon
            except KarvdashError as error:
                self._soon = True
                log.warning("Removing user %r goes on later: %s", claim.username, error)
        for seen in karvdash.launches.rows():
            # Most need nothing. To look them up in JupyterHub's records takes 0.4 ms each, and everybody's
            # requests would wait for all of them.
            if seen.state == "ready":
                continue
            await asyncio.sleep(0)
            # As it is now: others have had their turn.
            if (row := karvdash.launches.row(seen.username, seen.server)) is None:
                continue
            try:
                await self._repair(row)
            except KarvdashError as error:
                log.warning("Repairing %s/%s goes on later: %s", row.username, row.server, error)
            except Exception:
                # One row that cannot be read must not cost the others their repair.
                log.exception("Repairing %s/%s failed", row.username, row.server)
        for user in karvdash.users():
            for key in list(self._active(user)):
                await self._notice_end(key)
                await asyncio.sleep(0)
        self._tell_strays()

    def strays(self) -> list[Anchor]:
        """Return anchors with our mark of servers that a database does not know: an administrator decides."""
        karvdash = self._karvdash
        # Both asked for once: there may be thousands of anchors.
        known, leaving = karvdash.known(), {claim.namespace for claim in karvdash.store.leaving()}

        def stray(anchor: Anchor) -> bool:
            # By the namespace: the annotation with the name may be anybody's.
            user = karvdash.user_of(anchor.namespace)
            if user is None:
                return anchor.namespace not in leaving
            row = karvdash.launches.row(user, anchor.server)
            return row is None or (row.state == "ready" and Key(user, anchor.server) not in known)

        mine = karvdash.store.instance_id
        return [anchor for anchor in karvdash.informers.anchors() if anchor.hub == mine and stray(anchor)]

    async def _repair(self, row: LaunchRow) -> None:
        karvdash, key = self._karvdash, Key(row.username, row.server)
        if karvdash.launches.live(*key):
            return
        spawner = karvdash.spawner(key)
        active = spawner is not None and spawner.active
        if spawner is not None and row.state in UNFINISHED and active:
            # While JupyterHub is about to start or stop it, that decides; if nothing comes of it, it is done.
            if spawner.ready:
                spawner.busy = karvdash.background(spawner.resume())
            # Also to see whether that came to an end: pages call the service "starting" until it has.
            self._soon = True
        elif spawner is not None and row.state in ENDED and active:
            await self._end(key, row, ready=spawner.ready)
        elif row.state == "deleted":
            with karvdash.launches.being_deleted(key):
                await removal.finish_delete(karvdash, key)
                await karvdash.drop_record(key)
        elif row.state in UNFINISHED:
            karvdash.launches.note(key, "failed", "The Hub was restarted during the launch. Start it again.")
            await removal.remove_anchor(karvdash, key)
        elif row.state in ENDED and karvdash.snapshot(key).anchor:
            await removal.remove_anchor(karvdash, key)

    async def _end(self, key: Key, row: LaunchRow, *, ready: bool) -> None:
        """Go on with a stop that was interrupted, or wait for JupyterHub to see the end of one."""
        anchor = self._karvdash.snapshot(key).anchor
        if anchor is not None and anchor.launch != row.id:
            return  # started since this row was written: ours is an older database
        if ready and anchor is not None:
            await removal.remove_anchor(self._karvdash, key)
        self._soon = True

    def _active(self, user: Any) -> Iterator[Key]:
        for spawner in user.spawners.values():
            if getattr(spawner, "is_template", False) and spawner.ready:
                yield spawner.key

    async def _notice_end(self, key: Key) -> None:
        """Tell JupyterHub that a server is gone, rather than at its next poll."""
        # In this order: what is in the cluster is in memory, JupyterHub's record in its database.
        if removal.exists(self._karvdash, key):
            return
        spawner = self._karvdash.spawner(key)
        if spawner is not None and spawner.ready:
            await spawner.poll_and_notify()

    def _disappeared(self, namespace: str, server: str) -> None:
        karvdash = self._karvdash
        user = karvdash.user_of(namespace)
        if user is not None and karvdash.informers.snapshot(namespace, server).empty:
            karvdash.background(self._notice_end(Key(user, server)))

    def _tell_strays(self) -> None:
        karvdash = self._karvdash
        for anchor in karvdash.informers.anchors():
            foreign = anchor.hub != karvdash.store.instance_id
            if (
                foreign
                and anchor.namespace.startswith(karvdash.platform.namespace_prefix)
                and self._is_news(anchor.hub)
            ):
                log.warning(
                    "Services of another Hub (%r) run in user namespaces, the first is %s in %s. If that Hub "
                    "was this one with another database, restore the database, or see karvdash-hub adopt. "
                    "Nothing is deleted.",
                    anchor.hub[:64],
                    anchor.server,
                    anchor.namespace,
                )
        for anchor in self.strays():
            # Users may write any number of them.
            if self._is_news(anchor.namespace):
                log.warning(
                    "ConfigMap %s in %s belongs to a service that the Hub's databases do not know, and there "
                    "may be more in that namespace. See karvdash-hub adopt: adopt or delete it, or restore "
                    "the databases.",
                    anchor.name,
                    anchor.namespace,
                )

    def _is_news(self, subject: str) -> bool:
        """Remember what was told of, up to a limit: after it nothing more is said."""
        if subject in self._told or len(self._told) >= MOST_TOLD:
            return False
        self._told.add(subject)
        return True

    async def _pause(self) -> None:
        """Wait for the interval, or less when an outage ends meanwhile."""
        loop = asyncio.get_running_loop()
        until, away = loop.time() + (SOON if self._soon else INTERVAL), False
        while loop.time() < until:
            await asyncio.sleep(_AFTER_OUTAGE)
            if away and not self._karvdash.blind:
                return
            away = away or self._karvdash.blind
