"""Follow one service: its view now and whenever it changes, by the user's feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from karvdash_hub.spawner.looking import look
from karvdash_hub.spawner.views import ServiceView
from karvdash_hub.waiting import wait_for_event

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash


async def follow(karvdash: Karvdash, user: Any, name: str) -> AsyncIterator[ServiceView]:
    """Yield the view of a service now and whenever it changes, until it or its user is gone."""
    changed, username, user_id = asyncio.Event(), user.name, user.id
    last: ServiceView | None = None

    def note(what: ServiceView | str) -> None:
        if (what if isinstance(what, str) else what.name) == name:
            changed.set()

    unsubscribe = karvdash.services.subscribe(user, note)
    try:
        while karvdash.services.is_same(username, user_id) and name in user.orm_spawners:
            changed.clear()
            if (view := look(karvdash, user, name)) != last:
                yield view
                last = view
            await wait_for_event(changed, view.recheck)
    finally:
        unsubscribe()


async def progress(karvdash: Karvdash, user: Any, name: str) -> AsyncIterator[dict[str, Any]]:
    """Yield ``{"percent", "message", "state", "ready"}`` until a service runs, fails or has stopped."""
    async for view in follow(karvdash, user, name):
        yield {
            "percent": view.percent,
            "message": view.message,
            "state": view.state,
            "ready": view.state == "running",
        }
        if not view.launching and view.state in ("running", "failing", "stopped"):
            return
