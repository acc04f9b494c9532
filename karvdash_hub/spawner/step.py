"""What every step of a launch has in common."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash
    from karvdash_hub.spawner.registry import Launch

log = logging.getLogger("jupyterhub.karvdash")

P = ParamSpec("P")
R = TypeVar("R")


def step(
    name: str, message: str, percent: int
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Tell people that a step begins; hold the launch there when an administrator asked for that.

    For functions of (karvdash, launch, …).
    """

    def decorate(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(function)
        async def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            karvdash, launch = cast("tuple[Karvdash, Launch]", args[:2])
            karvdash.launches.say(launch, message, percent)
            if karvdash.platform.hold_launches_at.get(launch.key.server) == name:
                log.warning("Holding launch %s of %s at %s", launch.id, launch.key, name)
                await asyncio.Event().wait()
            return await function(*args, **kwargs)

        return wrapper

    return decorate
