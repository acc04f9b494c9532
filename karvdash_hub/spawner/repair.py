"""Put right what somebody has changed or deleted by hand in a user namespace, within seconds."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.injected import InjectedObjects

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: Seconds between a change and its repair: whoever changes one object often changes several.
_SOON = 0.3
#: Seconds between two repairs of one namespace, so that two who do not agree cost little.
_APART = 2.0
#: Seconds between two users when the Hub has started.
_PACE = 0.2
#: How often a repair is tried that fails; the next sign-in or launch does it again anyway.
_TRIES = 10


class Repair:
    """Watches the platform's objects, and makes those anew that are not as they should be."""

    def __init__(self, karvdash: Karvdash) -> None:
        self._karvdash = karvdash
        self._at_work: set[str] = set()
        self._again: set[str] = set()
        self.objects = InjectedObjects(karvdash.config, self._changed)

    async def look_once(self) -> None:
        """Put right what was changed while the Hub did not run, for users who have something running.

        Slowly: a thousand users must not hold up what people wait for. Others' namespaces are looked at when
        they sign in or launch something.
        """
        await self._karvdash.app._start_future
        await self.objects.synced()
        for username in [user.name for user in self._karvdash.users()]:
            if self._karvdash.has_servers(username):
                await self._once(self._karvdash.namespace(username))
                await asyncio.sleep(_PACE)

    def _changed(self, namespace: str, kind: str, name: str) -> None:
        if self._karvdash.user_of(namespace) is None:
            return  # on its way out, or not of this Hub
        log.warning("%s %s in %s was changed or deleted; looking whether it is right", kind, name, namespace)
        self._again.add(namespace)
        if namespace not in self._at_work:
            self._at_work.add(namespace)
            self._karvdash.background(self._repair(namespace))

    async def _repair(self, namespace: str) -> None:
        try:
            await asyncio.sleep(_SOON)
            for _ in range(_TRIES):
                self._again.discard(namespace)
                if not await self._once(namespace):
                    self._again.add(namespace)
                await asyncio.sleep(_APART)
                if namespace not in self._again:
                    return
        finally:
            self._at_work.discard(namespace)
            self._again.discard(namespace)

    async def _once(self, namespace: str) -> bool:
        """Repair a namespace; False if that has to be tried again."""
        user = self._karvdash.user_of(namespace)
        if user is None or not self._karvdash.store.is_active(user):
            return True  # what is cut off from somebody who is deactivated stays so
        try:
            await self._karvdash.ensure_namespace(user, fresh=0)
        except KarvdashError as error:
            # Refused for good: somebody else's now, or on its way out.
            final = error.reason in ("namespace-taken", "namespace-terminating")
            log.warning("Namespace %s cannot be put right%s: %s", namespace, "" if final else " yet", error)
            return final
        return True
