"""Who a request comes from, and whether the Hub still agrees.

A cookie is good for twelve hours, access may end at any time. So the Hub is asked about every session in
use, each half minute and all in one call, and about a session that comes back after a pause before it is
served. Nothing of it delays an ordinary request. While the Hub is away, those who are signed in go on.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from karvdash_hub.errors import Unavailable
from karvdash_hub.gate.bounded import Bounded
from karvdash_hub.gate.cookie import LIFETIME, Session
from karvdash_hub.gate.hub import Hub, Pair, TokenAnswer
from karvdash_hub.gate.verdict import Visitor

log = logging.getLogger(__name__)

#: Seconds between two polls of the sessions in use.
POLL = 30.0
#: Seconds for which "the Hub agrees" is believed; more than a poll, less than the promised minute.
AGREED = 50.0
TOKEN_SECONDS = 30.0
#: Seconds for which the Hub is not asked again after it did not answer.
AWAY = 5.0
SIZE = 20_000
#: Sessions asked about in one call.
BATCH = 500

_TOKEN = re.compile(r"(?P<scheme>token|bearer)\s+(?P<token>[A-Za-z0-9_-]{8,256})", re.IGNORECASE)


#: What is known about a token: whose it is, that it is none of the Hub's, or nothing.
Known = TokenAnswer | Literal["foreign", "away"]


class Identity(NamedTuple):
    """Who it is, and whether the request carries a token of the Hub, which no service may see."""

    visitor: Visitor | None
    hub_token: bool = False


class People:
    """The visitors of this gate.

    Args:
        hub: to ask.
        on_denied: called with each user and host whose access has ended, to close what is open.
        in_use: says which sessions have open connections, beside those that send requests.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        on_denied: Callable[[Pair], object] = lambda pair: None,
        in_use: Callable[[], Iterable[Pair]] = tuple,
    ) -> None:
        self._hub = hub
        self._on_denied = on_denied
        self._in_use = in_use
        self._agreed: Bounded[Pair, bool] = Bounded(SIZE, AGREED)
        self._denied: Bounded[Pair, float] = Bounded(SIZE, LIFETIME)
        self._recent: Bounded[Pair, bool] = Bounded(SIZE, POLL + 5)
        self._tokens: Bounded[tuple[bytes, str], Known] = Bounded(SIZE, TOKEN_SECONDS)
        self._asking: dict[Pair, asyncio.Future[None]] = {}
        self._asking_token: dict[tuple[bytes, str], asyncio.Task[Known]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._away_until = 0.0

    async def identify(self, host: str, session: Session | None, authorization: str) -> Identity:
        """Say who a request comes from.

        Args:
            host: that it is for.
            session: what its cookie says, None without a good one.
            authorization: its header.
        """
        by_token, hub_token = await self._by_token(host, authorization)
        if by_token is not None and by_token.standing == "allowed":
            return Identity(by_token, hub_token)
        if session is not None and await self._still(session):
            return Identity(Visitor(session.user), hub_token)
        return Identity(by_token, hub_token)

    def signed_in(self, pair: Pair) -> None:
        """Note that the Hub has just let somebody in."""
        self._denied.drop(pair)
        self._agreed.put(pair, True)

    def deny(self, pair: Pair) -> None:
        """End all sessions of a user at a host that began before now."""
        self._denied.put(pair, time.time())
        self._agreed.drop(pair)
        self._recent.drop(pair)
        self._on_denied(pair)

    async def poll(self) -> None:
        """Ask about the sessions in use each half minute, for ever."""
        while True:
            await asyncio.sleep(POLL)
            await self.review()

    async def review(self) -> None:
        """Ask once about all sessions in use."""
        pairs = list({*self._recent.keys(), *self._in_use()})
        for start in range(0, len(pairs), BATCH):
            try:
                await self._ask(pairs[start : start + BATCH])
            except Unavailable:
                return  # said in the log; who is signed in goes on

    async def _still(self, session: Session) -> bool:
        pair = Pair(session.user, session.host)
        denied = self._denied.get(pair)
        if denied is not None and session.issued <= denied:
            return False
        self._recent.put(pair, True)
        if self._agreed.get(pair) is None:
            await self._agree(pair)
            denied = self._denied.get(pair)
        return denied is None or session.issued > denied

    async def _agree(self, pair: Pair) -> None:
        """Wait until the Hub was asked about a session, together with all others that wait."""
        if time.monotonic() < self._away_until:
            return
        if not self._asking:
            task = asyncio.get_running_loop().create_task(self._ask_waiting())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if pair not in self._asking:
            self._asking[pair] = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._asking[pair])

    async def _ask_waiting(self) -> None:
        await asyncio.sleep(0)  # so that all requests of this moment are in one call
        waiting, self._asking = self._asking, {}
        pairs = list(waiting)
        try:
            for start in range(0, len(pairs), BATCH):
                await self._ask(pairs[start : start + BATCH])
        except Unavailable:
            self._away_until = time.monotonic() + AWAY
        finally:
            for future in waiting.values():
                if not future.done():
                    future.set_result(None)

    async def _ask(self, pairs: list[Pair]) -> None:
        if not pairs:
            return
        denied = await self._hub.denied(pairs)
        for pair in pairs:
            if pair in denied:
                log.info("Access of %r to %s has ended", pair.user, pair.host)
                self.deny(pair)
            else:
                self._agreed.put(pair, True)

    async def _by_token(self, host: str, authorization: str) -> tuple[Visitor | None, bool]:
        found = _TOKEN.fullmatch(authorization.strip())
        if found is None:
            return None, False
        answer = await self._token(found["token"], host)
        if isinstance(answer, TokenAnswer):
            return Visitor(answer.user, "token", "allowed" if answer.allowed else "refused"), True
        if answer == "foreign":
            return None, False
        # Not known whether it is the Hub's. "token" is the Hub's own word, others say "Bearer".
        return Visitor("", "token", "unknown"), found["scheme"].lower() == "token"

    async def _token(self, token: str, host: str) -> Known:
        key = (hashlib.sha256(token.encode()).digest(), host)
        known = self._tokens.get(key)
        if known is not None:
            return known
        if time.monotonic() < self._away_until:
            return "away"
        if key not in self._asking_token:
            task = asyncio.get_running_loop().create_task(self._ask_token(key, token, host))
            self._asking_token[key] = task
            task.add_done_callback(lambda _: self._asking_token.pop(key, None))
        return await asyncio.shield(self._asking_token[key])

    async def _ask_token(self, key: tuple[bytes, str], token: str, host: str) -> Known:
        try:
            answer: Known = await self._hub.token(token, host) or "foreign"
        except Unavailable:
            self._away_until = time.monotonic() + AWAY
            return "away"
        self._tokens.put(key, answer)
        return answer
