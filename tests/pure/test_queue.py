"""Who may launch next: order, turns, limits, and people who give up."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from karvdash_hub.spawner.queue import FairQueue


class Crowd:
    """Launches that stay inside until they are let go."""

    def __init__(self, *, per_user: int, total: int) -> None:
        self.queue = FairQueue(per_user=per_user, total=total)
        self.entered: list[str] = []
        self.told: dict[str, list[int]] = {}
        self.doors: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *launches: str) -> None:
        """Each is ``<user><number>`` and comes in this order."""
        for launch in launches:
            self.doors[launch] = asyncio.Event()
            self.tasks[launch] = asyncio.create_task(self._one(launch))
            await self.settle()

    async def go(self, *launches: str) -> None:
        """Let launches end."""
        for launch in launches:
            self.doors[launch].set()
            await self.settle()

    async def give_up(self, launch: str) -> None:
        """Cancel one, inside or waiting."""
        self.tasks[launch].cancel()
        await self.settle()

    async def settle(self) -> None:
        """Let everybody move who can."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Cancel all and check that nothing is left behind."""
        for task in self.tasks.values():
            task.cancel()
        for task in self.tasks.values():
            with suppress(asyncio.CancelledError):
                await task
        assert (self.queue.inside, self.queue.waiting) == (0, 0)

    async def _one(self, launch: str) -> None:
        told = self.told.setdefault(launch, [])
        async with self.queue.turn(launch[0], told=told.append):
            self.entered.append(launch)
            await self.doors[launch].wait()


async def test_one_user_waits_in_order_and_hears_the_number_ahead() -> None:
    crowd = Crowd(per_user=2, total=10)
    await crowd.come("a1", "a2", "a3", "a4")
    assert crowd.entered == ["a1", "a2"]
    assert crowd.told == {"a1": [], "a2": [], "a3": [0], "a4": [1]}
    await crowd.go("a2")
    assert crowd.entered == ["a1", "a2", "a3"]
    assert crowd.told["a4"] == [1, 0]
    await crowd.end()


async def test_a_hundred_launches_do_not_delay_another_users_one() -> None:
    crowd = Crowd(per_user=10, total=64)
    await crowd.come(*(f"a{number}" for number in range(100)), "b0")
    assert [*(f"a{number}" for number in range(10)), "b0"] == crowd.entered
    await crowd.end()


async def test_free_places_go_round_from_user_to_user() -> None:
    crowd = Crowd(per_user=3, total=3)
    await crowd.come("a1", "a2", "a3", "a4", "a5", "b1", "b2", "c1")
    await crowd.go("a1", "a2", "a3")
    assert crowd.entered == ["a1", "a2", "a3", "a4", "b1", "c1"]
    await crowd.go("a4", "b1")
    assert crowd.entered[6:] == ["a5", "b2"]
    await crowd.end()


@pytest.mark.parametrize(
    ("gives_up", "entered"),
    [
        pytest.param("a2", ["a1", "a3"], id="one that waits"),
        pytest.param("a1", ["a1", "a2"], id="one that is inside"),
    ],
)
async def test_whoever_gives_up_leaves_no_gap(gives_up: str, entered: list[str]) -> None:
    crowd = Crowd(per_user=1, total=1)
    await crowd.come("a1", "a2", "a3")
    await crowd.give_up(gives_up)
    await crowd.go("a1")
    assert entered == crowd.entered
    await crowd.end()


async def test_a_place_given_in_the_moment_of_giving_up_goes_to_the_next() -> None:
    crowd = Crowd(per_user=1, total=1)
    await crowd.come("a1", "a2", "b1")
    crowd.doors["a1"].set()
    await asyncio.sleep(0)  # a1 has left and a2 is admitted, but has not run yet
    await crowd.give_up("a2")
    assert "b1" in crowd.entered
    await crowd.end()


@pytest.mark.parametrize(
    ("per_user", "total"), [pytest.param(0, 1, id="user"), pytest.param(1, 0, id="total")]
)
def test_a_queue_without_places_is_refused(per_user: int, total: int) -> None:
    with pytest.raises(ValueError, match="at least one place"):
        FairQueue(per_user=per_user, total=total)
