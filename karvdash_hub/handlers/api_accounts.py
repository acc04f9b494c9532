"""/hub/api/karvdash/users/ and audit/: accounts and the audit log for programs."""

from __future__ import annotations

from typing import Any

from karvdash_hub.errors import FieldError, ValuesInvalid
from karvdash_hub.handlers.base import ApiHandler
from karvdash_hub.handlers.pages_audit import AuditMixin
from karvdash_hub.handlers.people import CHANGE_OWN, CHANGES, READ_OWN, PeopleMixin

_NEW = ("name", "email", "password", "admin")


class UsersHandler(PeopleMixin, ApiHandler):
    """Everybody whom the asker may manage."""

    via = "api"

    async def get(self) -> None:
        """List them, those who wait for activation first."""
        self.require_manager()
        self.reply({"objects": self.people()})

    async def post(self) -> None:
        """Add an account that can be used at once."""
        self.require_manager()
        body = self.json_object(known=_NEW)
        wrong = [key for key in _NEW[:3] if not isinstance(body.get(key, ""), str)]
        mistakes = [FieldError(None, key, "must be a text.") for key in wrong]
        if not isinstance(body.get("admin", False), bool):
            mistakes.append(FieldError(None, "admin", "must be true or false."))
        if mistakes:
            raise ValuesInvalid(mistakes)
        name = body.get("name", "")
        await self.add_person(
            name, body.get("email", "").strip(), body.get("password", ""), admin=body.get("admin", False)
        )
        self.reply(self.person(name), 201)


class UserHandler(PeopleMixin, ApiHandler):
    """One person: the asker's own e-mail and password, or an account that the asker may manage."""

    via = "api"

    async def get(self, name: str) -> None:
        """Show it."""
        self.require_managed(name, own=READ_OWN)
        self.reply(self.person(name))

    async def patch(self, name: str) -> None:
        """Change it: activate, deactivate, promote, demote, e-mail, password, groups."""
        self.require_managed(name, own=CHANGE_OWN)
        changes: dict[str, Any] = self.json_object(known=CHANGES)
        await self.change_person(name, changes)
        self.reply(self.person(name))

    async def delete(self, name: str) -> None:
        """Delete the person with services, namespace and account; the private folder is kept aside."""
        self.require_managed(name)
        await self.remove_person(name)
        self.set_status(204)
        self.finish()


class AuditHandler(AuditMixin, ApiHandler):
    """The audit log."""

    async def get(self) -> None:
        """Return a page of it, the newest entry first; ``next`` is the ``before`` of the next page."""
        entries, following = self.read_page()
        self.reply({"objects": entries, "next": following})
