"""Who a request comes from, and whether the Hub still agrees.

A cookie is good for twelve hours, access may end at any time. So the Hub is asked about every session in
use, each half minute and all in one call, and about a session that comes back after a pause before it is
served. Nothing of it delays an ordinary request. While the Hub is away, those who are signed in go on for
ten minutes.

What strangers send costs the Hub little: tokens are asked about only at hosts that exist, a few at a time,
and whatever comes of it says nothing about sessions.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from karvdash_hub.errors import Unavailable
from karvdash_hub.gate.bounded import Bounded
from karvdash_hub.gate.cookie import LIFETIME, Session
from karvdash_hub.gate.hub import Hub, Pair, TokenAnswer
from karvdash_hub.gate.relay import Relays
from karvdash_hub.gate.verdict import Visitor

log = logging.getLogger(__name__)

#: Seconds between two polls of the sessions in use.
POLL = 30.0
#: Seconds for which "the Hub agrees" is believed; more than a poll, less than the promised minute.
AGREED = 50.0
TOKEN_SECONDS = 30.0
#: Seconds for which the Hub is not asked again after it did not answer.
AWAY = 5.0
#: Seconds for which sessions go on while the Hub does not answer.
GRACE = 600.0
#: Questions about tokens at once; further tokens are told that the Hub is away.
MOST_TOKENS = 32
SIZE = 20_000
#: Sessions asked about in one call.
BATCH = 500

_TOKEN = re.compile(r"(?:token|bearer)\s+(?P<token>[A-Za-z0-9_-]{8,256})", re.IGNORECASE)


#: What is known about a token: whose it is, that it is none of the Hub's, or nothing.
Known = TokenAnswer | Literal["foreign", "away"]
Standing = Literal["allowed", "refused", "unknown"]


class Identity(NamedTuple):
    """Who it is.

    Attributes:
        hub_token: the request carries a token that is, or may be, one of the Hub's: no service may see it.
        token: that token, if it is what lets the visitor in.
    """

    visitor: Visitor | None
    hub_token: bool = False
    token: str = ""


class People:
    """The visitors of this gate.

    Args:
        hub: to ask.
        relays: the open connections, to be closed when access ends.
        known: tells whether there is such a host.
        grace: seconds for which sessions go on while the Hub does not answer.
    """

    def __init__(
        self,
        hub: Hub,
        relays: Relays,
        *,
        known: Callable[[str], bool],
        grace: float = GRACE,
    ) -> None:
        self._hub = hub
        self._relays = relays
        self._known = known
        self._grace = grace
        self._agreed: Bounded[Pair, bool] = Bounded(SIZE, AGREED)
        self._denied: Bounded[Pair, float] = Bounded(SIZE, LIFETIME)
        self._recent: Bounded[Pair, bool] = Bounded(SIZE, POLL + 5)
        self._tokens: Bounded[tuple[bytes, str], Known] = Bounded(SIZE, TOKEN_SECONDS)
        self._asking: dict[Pair, asyncio.Future[None]] = {}
        self._asking_token: dict[tuple[bytes, str], asyncio.Task[Known]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._away_until = 0.0
        self._away_since: float | None = None

    async def identify(self, host: str, session: Session | None, authorization: str) -> Identity:
        """Say who a request comes from.

        Args:
            host: that it is for.
            session: what its cookie says, None without a good one.
            authorization: its header.
        """
        by_token = await self._by_token(host, authorization)
        if by_token.token or session is None:
            return by_token
        match await self._still(session):
            case "allowed":
                return Identity(Visitor(session.user), by_token.hub_token)
            case "unknown":
                return Identity(Visitor("", "cookie", "unknown"), by_token.hub_token)
            case _:
                return by_token

    def signed_in(self, pair: Pair) -> None:
        """Note that the Hub has just let somebody in."""
        self._denied.drop(pair)
        self._agreed.put(pair, True)

    def deny(self, pair: Pair) -> None:
        """End all sessions of a user at a host, of one sign-in at the Hub, that began before now."""
        self._denied.put(pair, time.time())
        self._agreed.drop(pair)
        self._recent.drop(pair)
        self._relays.close(pair)

    def gone(self, host: str) -> None:
        """Believe no former answer about a host whose server is gone: the next one may be somebody else's."""
        self._agreed.drop_all(lambda pair: pair.host == host)
        self._tokens.drop_all(lambda token: token[1] == host)

    async def poll(self) -> None:
        """Ask about the sessions in use each half minute, for ever."""
        while True:
            await asyncio.sleep(POLL)
            await self.review()

    async def review(self) -> None:
        """Ask once about all sessions in use, and about tokens that opened what is still open."""
        pairs = list({*self._recent.keys(), *self._relays.pairs()})
        try:
            for start in range(0, len(pairs), BATCH):
                await self._ask(pairs[start : start + BATCH])
            for token, host in self._relays.tokens():
                answer = await self._hub.token(token, host)
                if answer is None or not answer.allowed:
                    log.info("A token's access to %s has ended", host)
                    self._tokens.drop(_key(token, host))
                    self._relays.close_token(token, host)
        except Unavailable:
            return  # said in the log; what is open stays open

    async def _still(self, session: Session) -> Standing:
        pair = Pair(session.user, session.host, session.session)
        if self._has_ended(pair, session):
            return "refused"
        self._recent.put(pair, True)
        if self._agreed.get(pair) is None:
            await self._agree(pair)
            if self._has_ended(pair, session):
                return "refused"
            since = self._away_since
            if since is not None and time.monotonic() - since > self._grace:
                return "unknown"
        return "allowed"

    def _has_ended(self, pair: Pair, session: Session) -> bool:
        denied = self._denied.get(pair)
        return denied is not None and session.issued <= denied

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
            self._away_until = time.monotonic() + AWAY  # who waits goes on, see GRACE
        finally:
            for future in waiting.values():
                if not future.done():
                    future.set_result(None)

    async def _ask(self, pairs: list[Pair]) -> None:
        if not pairs:
            return
        try:
            denied = await self._hub.denied(pairs)
        except Unavailable:
            self._away_since = self._away_since or time.monotonic()
            raise
        self._away_since = None
        for pair in pairs:
            if pair in denied:
                log.info("Access of %r to %s has ended", pair.user, pair.host)
                self.deny(pair)
            else:
                self._agreed.put(pair, True)

    async def _by_token(self, host: str, authorization: str) -> Identity:
        found = _TOKEN.fullmatch(authorization.strip())
        if found is None or not self._known(host):
            return Identity(None)
        answer = await self._token(found["token"], host)
        if isinstance(answer, TokenAnswer):
            if answer.allowed:
                return Identity(Visitor(answer.user, "token"), True, found["token"])
            return Identity(Visitor(answer.user, "token", "refused"), True)
        if answer == "foreign":
            return Identity(None)
        # It may be the Hub's: rather does a service miss its own token for a moment.
        return Identity(Visitor("", "token", "unknown"), True)

    async def _token(self, token: str, host: str) -> Known:
        key = _key(token, host)
        known = self._tokens.get(key)
        if known is not None:
            return known
        if key not in self._asking_token:
            if time.monotonic() < self._away_until or len(self._asking_token) >= MOST_TOKENS:
                return "away"
            task = asyncio.get_running_loop().create_task(self._ask_token(key, token, host))
            self._asking_token[key] = task
            task.add_done_callback(lambda _: self._asking_token.pop(key, None))
        return await asyncio.shield(self._asking_token[key])

    async def _ask_token(self, key: tuple[bytes, str], token: str, host: str) -> Known:
        try:
            answer: Known = await self._hub.token(token, host) or "foreign"
        except Unavailable:
            return "away"
        self._tokens.put(key, answer)
        return answer


def _key(token: str, host: str) -> tuple[bytes, str]:
    return hashlib.sha256(token.encode()).digest(), host
