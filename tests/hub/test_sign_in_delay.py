"""Whoever guesses passwords gets slower, by the name that is tried."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from karvdash_hub.accounts import LocalAccounts
from karvdash_hub.accounts.failures import FORGOTTEN, FREE, LONGEST, MOST, Failures
from karvdash_hub.accounts.local import MOST_OF_ONE_NAME
from karvdash_hub.errors import Busy
from karvdash_hub.store import Store


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("mistakes", "delay"),
    [
        pytest.param(0, 0.0, id="none"),
        pytest.param(FREE - 1, 0.0, id="the last free one"),
        pytest.param(FREE, 1.0, id="one too many"),
        pytest.param(FREE + 1, 2.0, id="twice as long"),
        pytest.param(FREE + 3, LONGEST, id="the longest"),
        pytest.param(FREE + 3000, LONGEST, id="not longer"),
    ],
)
def test_a_try_waits_longer_after_each_mistake(mistakes: int, delay: float) -> None:
    failures = Failures(Clock())
    for _ in range(mistakes):
        failures.note("alice", right=False)
    assert failures.delay("alice") == delay
    assert failures.delay("bob") == 0.0


def test_mistakes_are_forgotten() -> None:
    clock = Clock()
    failures = Failures(clock)
    for name in ("right", "late"):
        for _ in range(FREE):
            failures.note(name, right=False)
    failures.note("right", right=True)
    assert (failures.delay("right"), failures.delay("late")) == (0.0, 1.0)
    clock.now += FORGOTTEN + 1
    assert failures.delay("late") == 0.0
    failures.note("late", right=False)
    assert failures.delay("late") == 0.0


def test_only_so_many_names_are_remembered() -> None:
    failures = Failures(Clock())
    for _ in range(FREE):
        failures.note("first", right=False)
    for number in range(MOST):
        failures.note(f"n{number}", right=False)
    assert failures.delay("first") == 0.0


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[LocalAccounts]:
    """Those of an empty database, and alice."""
    store = Store(f"sqlite:///{tmp_path}/karvdash.sqlite")
    made = LocalAccounts(store)
    made.add("alice", "correct horse")
    yield made
    store.close()


async def test_a_guesser_waits_and_others_do_not(accounts: LocalAccounts) -> None:
    for _ in range(FREE):
        assert await accounts.authenticate("alice", "a guess") is None
    waiting = [asyncio.create_task(accounts.authenticate("alice", "x")) for _ in range(MOST_OF_ONE_NAME)]
    done, _ = await asyncio.wait(waiting, timeout=0.5)
    assert done == set()
    with pytest.raises(Busy, match="Too many sign-ins with this name"):
        await accounts.authenticate("alice", "correct horse")
    assert await accounts.authenticate("bob", "a guess") is None
    # They have waited, and were wrong. The next one waits longer, and may be right.
    assert await asyncio.gather(*waiting) == [None, None]
    assert await accounts.authenticate("alice", "correct horse") is not None
    assert accounts._failures.delay("alice") == 0.0
