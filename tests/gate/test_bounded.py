"""A dictionary that forgets."""

from __future__ import annotations

from karvdash_hub.gate.bounded import Bounded


def test_old_entries_go() -> None:
    now = [0.0]
    kept: Bounded[str, int] = Bounded(10, 5, clock=lambda: now[0])
    kept.put("a", 1)
    now[0] = 4.9
    kept.put("b", 2)
    assert (kept.get("a"), sorted(kept.keys())) == (1, ["a", "b"])
    now[0] = 5.0
    assert (kept.get("a"), kept.get("b"), kept.keys()) == (None, 2, ["b"])


def test_the_least_used_goes_when_it_is_full() -> None:
    kept: Bounded[int, int] = Bounded(3, 60)
    for number in (1, 2, 3):
        kept.put(number, number)
    kept.get(1)
    kept.put(4, 4)
    assert kept.keys() == [3, 1, 4]
    for number in range(100_000):
        kept.put(number, number)
    assert len(kept) == 3


def test_what_is_dropped_is_gone() -> None:
    kept: Bounded[str, int] = Bounded(3, 60)
    kept.put("a", 1)
    kept.drop("a")
    kept.drop("a")
    assert None is kept.get("a")


def test_all_that_is_meant_goes() -> None:
    kept: Bounded[int, str] = Bounded(9, 60)
    for number in range(6):
        kept.put(number, "")
    kept.drop_all(lambda number: number % 2 == 0)
    assert kept.keys() == [1, 3, 5]
