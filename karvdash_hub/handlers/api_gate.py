"""/hub/api/karvdash/gate/: what the gate asks. It needs the scope ``custom:karvdash:gate``."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from jupyterhub import orm
from jupyterhub.scopes import needs_scope

from karvdash_hub.errors import FieldError, NotFound, ValuesInvalid
from karvdash_hub.handlers import access
from karvdash_hub.handlers.base import ApiHandler
from karvdash_hub.spawner import idle
from karvdash_hub.spawner.registry import Key
from karvdash_hub.store import Host


class TicketsHandler(ApiHandler):
    """Tickets that the gate has got from browsers."""

    @needs_scope("custom:karvdash:gate")  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        """Use a ticket up: who stands behind it, and what they may open."""
        ticket, host = texts(self.json_object(known={"ticket", "host"}), "ticket", "host")
        found = access.service_at(self.karvdash.store, host)
        now = time.time()
        username = found and self.karvdash.store.use_ticket(access.digest(ticket), found.host, now)
        user = username and orm.User.find(self.db, username)
        if not found or not user or not self._admits(user, found):
            raise NotFound("This ticket is unknown, used, too old, or for another host.", "ticket")
        self.reply(
            {
                "user": user.name,
                "host": found.host,
                "owner": found.username,
                "server": found.server,
                "admin": bool(user.admin),
                "session": access.session_of(user),
                "expires": int(now + access.SESSION_LIFETIME),
            }
        )

    def _admits(self, user: Any, host: Host) -> bool:
        return self.karvdash.store.is_active(user.name) and access.opens(
            access.scopes_of(user), host, self.db
        )


class TokensHandler(ApiHandler):
    """Hub tokens that programs send to services."""

    @needs_scope("custom:karvdash:gate")  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        """Tell whose token it is, and whether it opens the host; a service of the Hub opens none."""
        token, host = texts(self.json_object(known={"token", "host"}), "token", "host")
        orm_token = orm.APIToken.find(self.db, token)
        if orm_token is None:
            raise NotFound("This is not a token of this Hub.", "token")
        if orm_token.user is None:
            self.reply({"user": "", "allowed": False})
            return
        found, name = access.service_at(self.karvdash.store, host), orm_token.user.name
        active = self.karvdash.store.is_active(name)
        allowed = bool(found and active and access.opens(access.scopes_of(orm_token), found, self.db))
        self.reply({"user": name, "allowed": allowed})


class SessionsHandler(ApiHandler):
    """Sessions that the gate holds open."""

    @needs_scope("custom:karvdash:gate")  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        """Name those that have to end: user or service are gone, access was taken away, or they signed out.

        A session may carry the ``session`` that came with its ticket.
        """
        sessions = self.json_object(known={"sessions"}).get("sessions")
        if not isinstance(sessions, list) or not all(isinstance(item, Mapping) for item in sessions):
            raise ValuesInvalid([FieldError(None, "sessions", "must be a list of objects.")])
        of_user: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for session in sessions:
            of_user[texts(session, "user", "host")[0]].append(session)
        denied: list[dict[str, Any]] = []
        for user, theirs in of_user.items():
            denied += self._denied(user, theirs)
            await asyncio.sleep(0)  # a thousand users take a second; others get their turn in between
        self.reply({"denied": denied})

    def _denied(self, username: str, sessions: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        user = orm.User.find(self.db, username)
        if user is None or not self.karvdash.store.is_active(username):
            return [{**session, "reason": "user"} for session in sessions]
        scopes, current = access.scopes_of(user), access.session_of(user)
        reasons = [(session, self._why_not(scopes, current, session)) for session in sessions]
        return [{**session, "reason": reason} for session, reason in reasons if reason]

    def _why_not(self, scopes: Mapping[str, Any], current: str, session: Mapping[str, Any]) -> str:
        found = access.service_at(self.karvdash.store, session["host"])
        if found is None:
            return "host"
        if not access.opens(scopes, found, self.db):
            return "access"
        return "" if session.get("session") in (None, "", current) else "signed-out"


class WhyHandler(ApiHandler):
    """What there is to say about a service, for the page that its owner gets instead of it."""

    @needs_scope("custom:karvdash:gate")  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        """Say what its page on the Hub says."""
        [host] = texts(self.json_object(known={"host"}), "host")
        found = access.service_at(self.karvdash.store, host)
        user = self.find_user(found.username) if found else None
        if not found or user is None:
            raise NotFound("There is no such service.", "host")
        self.reply({"message": self.karvdash.services.get(user, found.server).message})


class ActivityHandler(ApiHandler):
    """When services were last used, as the gate has seen it."""

    @needs_scope("custom:karvdash:gate")  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        """Note it; a host that is nobody's any more is left out."""
        used = self.json_object(known={"activity"}).get("activity")
        if not isinstance(used, Mapping) or not all(type(moment) in (int, float) for moment in used.values()):
            raise ValuesInvalid(
                [FieldError(None, "activity", "must be an object of hosts and Unix seconds.")]
            )
        for number, (host, moment) in enumerate(used.items()):
            if found := access.service_at(self.karvdash.store, host):
                idle.note_use(self.karvdash, Key(found.username, found.server), min(moment, time.time()))
            if number % 100 == 99:
                await asyncio.sleep(0)  # others get their turn
        self.db.commit()
        self.reply({})


def texts(body: Mapping[str, Any], *names: str) -> list[str]:
    """Take fields that have to be texts out of a body. Raises: ValuesInvalid with every mistake."""
    wrong = [name for name in names if not isinstance(body.get(name), str) or not body[name]]
    if wrong:
        raise ValuesInvalid(FieldError(None, name, "must be a text.") for name in wrong)
    return [body[name] for name in names]
