"""Orders of one account do not wait for another's: real store, orders that a test decides about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from karvdash_hub.errors import Conflict
from karvdash_hub.spawner.standing import Standing
from karvdash_hub.store import Store


@pytest.fixture
async def standing(tmp_path: Path) -> AsyncIterator[Standing]:
    """Orders as the Hub carries them out, of nobody yet."""
    store = Store(f"sqlite:///{tmp_path / 'karvdash.sqlite'}")
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    started.set_result(None)
    hub = SimpleNamespace(store=store, app=SimpleNamespace(_start_future=started))
    standing = Standing(cast(Any, hub))
    running = asyncio.create_task(standing.run())
    yield standing
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    store.close()


def order(standing: Standing, username: str, *kinds: Any) -> None:
    standing._karvdash.store.people.order(username, *kinds)
    standing.settle(username)


async def test_a_slow_stop_delays_nobodys_cut(standing: Standing) -> None:
    """Pods may take half a minute to end; meanwhile somebody else's rights have to go."""
    stopping, ended, cut = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def stop(username: str) -> None:
        stopping.set()
        await ended.wait()

    async def cut_off(username: str) -> None:
        cut.set()

    standing._later |= {"stop": stop, "cut": cut_off}
    order(standing, "slow", "stop")
    await asyncio.wait_for(stopping.wait(), 1)
    order(standing, "quick", "cut")
    await asyncio.wait_for(cut.wait(), 1)
    assert [one.username for one in standing._karvdash.store.people.orders()] == ["slow"]
    ended.set()


async def test_what_is_ordered_meanwhile_follows_in_its_turn(standing: Standing) -> None:
    """Deactivated and activated again at once: the rights come back after they were taken, not before."""
    cutting, goes_on, restored = asyncio.Event(), asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def cut_off(username: str) -> None:
        cutting.set()
        await goes_on.wait()
        done.append("cut")

    async def restore(username: str) -> None:
        done.append("restore")
        restored.set()

    standing._later |= {"restore": restore, "cut": cut_off}
    order(standing, "ada", "cut")
    await asyncio.wait_for(cutting.wait(), 1)
    order(standing, "ada", "restore")
    goes_on.set()
    await asyncio.wait_for(restored.wait(), 1)
    assert done == ["cut", "restore"]


async def test_what_fails_is_tried_once_in_a_while_and_told_once(
    standing: Standing, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("karvdash_hub.spawner.standing.INTERVAL", 0.05)
    tries, third = 0, asyncio.Event()

    async def stop(username: str) -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            third.set()
        raise Conflict("redis is busy (spawn).")

    standing._later |= {"stop": stop}
    order(standing, "ada", "stop")
    await asyncio.wait_for(third.wait(), 2)
    assert [record.getMessage() for record in caplog.records] == [
        "Stop of 'ada' goes on later: redis is busy (spawn)."
    ]
    assert [one.kind for one in standing._karvdash.store.people.orders()] == ["stop"]
