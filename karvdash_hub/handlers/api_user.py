"""/hub/api/karvdash/whoami and the stream that keeps every page of a browser up to date."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from typing import Any

from karvdash_hub.errors import NotFound
from karvdash_hub.handlers import present
from karvdash_hub.handlers.base import ApiHandler, needs_own
from karvdash_hub.handlers.streams import Event, EventStream
from karvdash_hub.spawner.views import ServiceView
from karvdash_hub.waiting import wait_for_event


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
        services, informers, user = self.karvdash.services, self.karvdash.informers, self.owner
        username, user_id = user.name, user.id
        # Names only, so that a slow reader costs no memory: what is sent is the newest state.
        changed: set[str] = set()
        wake = asyncio.Event()

        def note(change: ServiceView | str) -> None:
            changed.add(change if isinstance(change, str) else change.name)
            wake.set()

        ends = (services.subscribe(user, note), informers.subscribe_outage(wake.set))
        try:
            outage = informers.outage
            sent = _Sent(self, services.list(user))
            yield Event("snapshot", {"objects": list(sent.cards.values()), "outage": outage})
            while True:
                await wait_for_event(wake, sent.next_look)
                wake.clear()
                if not services.is_same(username, user_id):
                    return  # whoever has the name now signs in as somebody else
                names = changed | sent.due()
                changed.clear()
                for name in sorted(names):
                    if (event := self._news(user, name, sent)) is not None:
                        yield event
                if outage != (outage := informers.outage):
                    yield Event("outage", {"outage": outage})
        finally:
            for end in ends:
                end()

    def _news(self, user: Any, name: str, sent: _Sent) -> Event | None:
        """Return what there is to tell about one service, None if the browser knows it."""
        try:
            view = self.karvdash.services.get(user, name)
        except NotFound:
            return Event("removed", {"name": name}) if sent.forget(name) else None
        return Event("service", sent.cards[name]) if sent.take(view) else None


class _Sent:
    """What the browser knows, and when which service has to be looked at again without news."""

    def __init__(self, handler: ApiHandler, views: Iterable[ServiceView]) -> None:
        self._handler = handler
        self.cards: dict[str, dict[str, Any]] = {}
        self._again: dict[str, float] = {}
        for view in views:
            self.take(view)

    def take(self, view: ServiceView) -> bool:
        """Note a service as it is now; tell whether that is new to the browser."""
        self._again.pop(view.name, None)
        if view.recheck is not None:
            self._again[view.name] = time.monotonic() + view.recheck
        card = present.card(view, self._handler.hub_path)
        new = self.cards.get(view.name) != card
        self.cards[view.name] = card
        return new

    def forget(self, name: str) -> bool:
        """Note that a service is gone; tell whether the browser knew it."""
        self._again.pop(name, None)
        return self.cards.pop(name, None) is not None

    @property
    def next_look(self) -> float | None:
        """Seconds until time alone may have changed something, None if it cannot."""
        return max(0.0, min(self._again.values()) - time.monotonic()) if self._again else None

    def due(self) -> set[str]:
        """Names of the services that time alone may have changed."""
        now = time.monotonic()
        return {name for name, moment in self._again.items() if moment <= now}
