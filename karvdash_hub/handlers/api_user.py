"""/hub/api/karvdash/whoami and the stream that keeps every page of a browser up to date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from karvdash_hub.errors import NotFound
from karvdash_hub.handlers import present
from karvdash_hub.handlers.base import ApiHandler, needs_own
from karvdash_hub.handlers.streams import Event, EventStream
from karvdash_hub.spawner.views import ServiceView

#: Seconds after which a stream looks by itself whether something has changed.
_LOOK = 1.0
_UNDER_WAY = ("starting", "stopping", "failing")


class WhoamiHandler(ApiHandler):
    """Who asks, and where their things are."""

    @needs_own()
    async def get(self) -> None:
        """Tell user, namespace and addresses."""
        claim, platform = self.karvdash.claim_user(self.username), self.karvdash.platform
        hub = platform.public_url + self.hub.base_url
        self.reply(
            {
                "user": self.username,
                "admin": bool(self.current_user.admin),
                "namespace": claim.namespace,
                "scopes": sorted(self.expanded_scopes),
                "links": {
                    "hub": hub,
                    "home": f"{hub}home",
                    "api": f"{hub}api/karvdash/",
                    "services": f"{platform.scheme}://<service>-{claim.slug}.{platform.domain}/",
                    "notebook": str(self.current_user.url),
                },
            }
        )


class UserEventsHandler(EventStream):
    """/hub/api/karvdash/events: all services of the asker, first as they are, then each change."""

    @needs_own("read:servers")
    async def get(self) -> None:
        """Send ``snapshot``, then ``service``, ``removed`` and ``outage``."""
        await self.send(self._changes())

    async def _changes(self) -> AsyncGenerator[Event, None]:
        services, user = self.karvdash.services, self.current_user
        # Names only, so that a slow reader costs no memory: what is sent is the newest state.
        changed: set[str] = set()
        wake = asyncio.Event()

        def note(change: ServiceView | str) -> None:
            changed.add(change if isinstance(change, str) else change.name)
            wake.set()

        unsubscribe = services.subscribe(user, note)
        try:
            outage = self.karvdash.informers.outage
            sent = {view.name: self._card(view) for view in services.list(user)}
            yield Event("snapshot", {"objects": list(sent.values()), "outage": outage})
            while True:
                await _wait(wake, _LOOK)
                # Some states change with time alone, so whatever is under way is looked at again.
                names = changed | {name for name, card in sent.items() if card["state"] in _UNDER_WAY}
                changed.clear()
                for name in sorted(names):
                    if (event := self._news(name, sent)) is not None:
                        yield event
                if outage != (outage := self.karvdash.informers.outage):
                    yield Event("outage", {"outage": outage})
        finally:
            unsubscribe()

    def _news(self, name: str, sent: dict[str, dict[str, Any]]) -> Event | None:
        """Return what there is to tell about one service, None if the browser knows it."""
        try:
            card = self._card(self.karvdash.services.get(self.current_user, name))
        except NotFound:
            return Event("removed", {"name": name}) if sent.pop(name, None) else None
        if sent.get(name) == card:
            return None
        sent[name] = card
        return Event("service", card)

    def _card(self, view: ServiceView) -> dict[str, Any]:
        return present.card(view, self.hub_path)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
    event.clear()
