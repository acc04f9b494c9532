"""An event, or not; several results, or none."""

from __future__ import annotations

import asyncio

import pytest

from karvdash_hub.waiting import all_of, all_tried, wait_for_event


async def test_an_event_is_waited_for_and_left_as_it_is() -> None:
    event = asyncio.Event()
    assert not await wait_for_event(event, 0.01)
    asyncio.get_running_loop().call_later(0.01, event.set)
    assert await wait_for_event(event, None)
    assert await wait_for_event(event, 0.0)
    assert event.is_set()


async def test_several_results_come_in_order() -> None:
    async def later(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    assert await all_of(later(0.02), later(0.0)) == [0.02, 0.0]


async def test_nothing_goes_on_after_a_failure() -> None:
    ended = []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("first")

    async def goes_on() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("second")

    with pytest.raises(ValueError, match="first"):
        await all_of(fails(), goes_on())
    assert ended == ["second"]


async def test_everything_is_tried_before_a_failure_is_told() -> None:
    done = []

    async def work(seconds: float, *, fails: bool = False) -> float:
        await asyncio.sleep(seconds)
        if fails:
            raise ValueError(seconds)
        done.append(seconds)
        return seconds

    assert await all_tried(work(0.02), work(0.0)) == [0.02, 0.0]
    done.clear()
    with pytest.raises(ValueError, match=r"^0\.0$"):
        await all_tried(work(0.0, fails=True), work(0.02), work(0.01, fails=True))
    assert done == [0.02]


async def test_whoever_gives_up_ends_everything_that_is_tried() -> None:
    ended = []

    async def goes_on() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("work")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await all_tried(goes_on(), goes_on())
    assert ended == ["work", "work"]
