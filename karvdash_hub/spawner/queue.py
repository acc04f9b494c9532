"""Who may launch next: a bounded number at once, turns between users, order within one user.

    async with queue.turn("alice", told=print):     # told(2): two of alice's launches go first
        ...                                         # at most per_user of alice's and total of all are in here

A user's hundred launches delay another user's one by at most one place, because free places go round
from user to user. Whoever is cancelled while waiting leaves no trace.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(eq=False)
class _Waiting:
    """One that waits; ``told`` hears how many of the same user go first, each time that changes."""

    told: Callable[[int], None]
    admitted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class FairQueue:
    """Places for ``total`` at once, ``per_user`` of them for one user."""

    def __init__(self, *, per_user: int, total: int) -> None:
        if per_user < 1 or total < 1:
            raise ValueError("a queue needs at least one place")
        self.per_user = per_user
        self.total = total
        self._inside: dict[str, int] = {}
        # Users who wait, the one whose turn is next first.
        self._waiting: OrderedDict[str, deque[_Waiting]] = OrderedDict()

    @property
    def inside(self) -> int:
        """How many are inside now."""
        return sum(self._inside.values())

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def turn(self, user: str, *, told: Callable[[int], None] = lambda _: None) -> AsyncIterator[None]:
        """Wait for this user's turn, and keep the place for the ``async with`` block.

        ``told(n)`` is called at once when one has to wait and whenever it changes: n launches of the
        same user go first. n may be 0, when only other users' launches are in the way.
        """
        await self._enter(user, told)
        try:
            yield
        finally:
            self._leave(user)

    async def _enter(self, user: str, told: Callable[[int], None]) -> None:
        mine = _Waiting(told)
        self._waiting.setdefault(user, deque()).append(mine)
        self._admit()
        if mine.admitted.done():
            return
        told(len(self._waiting[user]) - 1)
        try:
            # Not awaited itself: a cancellation would cancel it too, and the place could not be given back.
            await asyncio.wait({mine.admitted})
        except asyncio.CancelledError:
            if mine.admitted.done():  # in the very moment of giving up: the place goes to the next one
                self._leave(user)
            else:
                self._give_up(user, mine)
            raise

    def _admit(self) -> None:
        """Give free places away, one a user and round."""
        while self.inside < self.total and (user := self._next_user()) is not None:
            line = self._waiting[user]
            admitted = line.popleft()
            self._inside[user] = self._inside.get(user, 0) + 1
            admitted.admitted.set_result(None)
            if line:
                self._waiting.move_to_end(user)
            else:
                del self._waiting[user]
            self._tell(user)

    def _next_user(self) -> str | None:
        return next((user for user in self._waiting if self._inside.get(user, 0) < self.per_user), None)

    def _leave(self, user: str) -> None:
        self._inside[user] -= 1
        if not self._inside[user]:
            del self._inside[user]
        self._admit()

    def _give_up(self, user: str, mine: _Waiting) -> None:
        line = self._waiting[user]
        line.remove(mine)
        if not line:
            del self._waiting[user]
        self._tell(user)

    def _tell(self, user: str) -> None:
        for ahead, one in enumerate(self._waiting.get(user, ())):
            one.told(ahead)
