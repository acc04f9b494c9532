"""Small forms on the page of a service: sharing it, ending that, and keeping it although nobody uses it."""

from __future__ import annotations

from tornado import web

from karvdash_hub.errors import NotFound, ValuesInvalid
from karvdash_hub.handlers import shares
from karvdash_hub.handlers.audit_routes import with_whom
from karvdash_hub.handlers.base import needs_own
from karvdash_hub.handlers.pages_service import ServicePage
from karvdash_hub.spawner import idle


class _SharePage(ServicePage):
    def _asked(self, name: str) -> tuple[object, str, str]:
        """Return the record of a server, and whom the form names. Raises: NotFound."""
        records = self.owner.orm_user.orm_spawners
        if name not in records:
            raise NotFound(f"There is no service {name!r}.")
        kind = "group" if self.get_body_argument("kind", "user") == "group" else "user"
        who = self.get_body_argument("who", "").strip()
        self.audit_object = with_whom(name, kind, who)
        return records[name], kind, who

    def _done(self, name: str) -> None:
        self.redirect(self.hub_path("service", name) + "#share", status=303)


class SharePageHandler(_SharePage):
    """/hub/service/<name>/share: let somebody open it."""

    @web.authenticated
    @needs_own("shares")
    async def post(self, name: str) -> None:
        """Share it, or say with whom it cannot be shared."""
        record, kind, who = self._asked(name)
        try:
            shares.grant(self.db, record, kind, who)
        except ValuesInvalid as error:
            await self.show(
                name, share={"error": error.errors[0].message, "who": who, "kind": kind}, status=400
            )
            return
        self.log.info("%s shares %s/%s with %s %s", self.current_user.name, self.username, name, kind, who)
        self._done(name)


class UnsharePageHandler(_SharePage):
    """/hub/service/<name>/unshare: end that."""

    @web.authenticated
    @needs_own("shares")
    async def post(self, name: str) -> None:
        """Take the share away; what is open is closed by the gate within a minute."""
        record, kind, who = self._asked(name)
        shares.revoke(self.db, record, kind, who)
        self.log.info("%s unshares %s/%s with %s %s", self.current_user.name, self.username, name, kind, who)
        self._done(name)


class KeepPageHandler(ServicePage):
    """/hub/service/<name>/keep: it is not to be stopped for want of use, for as long again."""

    @web.authenticated
    @needs_own("start:servers")
    async def post(self, name: str) -> None:
        """Count this as use of the service."""
        idle.keep(self.karvdash, self.owner, name)
        self.back(name)
