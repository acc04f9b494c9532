"""Wait for an event, but not for ever; wait for several results, and leave nothing running."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

T = TypeVar("T")


async def wait_for_event(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait until an event is set, at most so many seconds; None is as long as it takes.

    Returns: whether it is set. It stays so, for its owner to clear.
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def all_of(*works: Coroutine[Any, Any, T]) -> list[T]:
    """Do several things at once, and return what came of them, in order.

    When one fails, the others are cancelled and have ended before its error is raised; with
    ``asyncio.gather`` they would go on with nobody to wait for them.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def all_tried(*works: Coroutine[Any, Any, T]) -> list[T]:
    """Do several things at once, each to its end; raise the first error when all have ended.

    For what is worth doing even where something else of it fails, such as taking rights away.
    """
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast("list[T]", results)
