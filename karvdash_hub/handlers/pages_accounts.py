"""/hub/accounts: everybody's accounts, for those who manage them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jupyterhub import orm
from tornado import web

from karvdash_hub.errors import KarvdashError
from karvdash_hub.handlers import present
from karvdash_hub.handlers.base import PageHandler
from karvdash_hub.handlers.fields import plain_field
from karvdash_hub.handlers.pages_account import PASSWORD_HELP, with_errors
from karvdash_hub.handlers.people import PeopleMixin

#: People on one page; the others are found by name.
MOST = 200
STATES = {"active": "Active", "waiting": "Waiting", "deactivated": "Deactivated"}


class AccountsHandler(PeopleMixin, PageHandler):
    """/hub/accounts: the list, and the form that adds one."""

    @web.authenticated
    async def get(self) -> None:
        """Show those that match ``q``."""
        self.require_manager()
        await self.show()

    @web.authenticated
    async def post(self) -> None:
        """Add an account, or show what is wrong."""
        self.require_manager()
        self.set_header("Cache-Control", "no-store")
        typed = {
            key: self.get_body_argument(key, "", strip=key != "password")
            for key in ("name", "email", "password")
        }
        admin = self.get_body_argument("admin", "") == "yes"
        try:
            await self.add_person(typed["name"], typed["email"], typed["password"], admin=admin)
        except KarvdashError as error:
            await self.show(typed, error)
            return
        self.redirect(self.hub_path("accounts", typed["name"]), status=303)

    async def show(self, typed: Mapping[str, str] | None = None, error: KarvdashError | None = None) -> None:
        """Render the page."""
        query, typed = self.get_argument("q", "").lower(), typed or {}
        people = [one | card(one) for one in self.people() if query in f"{one['name']} {one['email']}"]
        fields, others = with_errors(
            [
                plain_field("name", "User name", value=typed.get("name", ""), longest=30, required=True),
                plain_field("email", "E-mail address", value=typed.get("email", ""), longest=254),
                plain_field("password", "Password", kind="password", help=PASSWORD_HELP),
            ],
            error,
        )
        await self.answer(
            "karvdash/accounts.html",
            error.status if error else 200,
            heading="Accounts",
            here="accounts",
            people=people[:MOST],
            more=len(people) - MOST,
            waiting=[one for one in people if one["state"] == "waiting"],
            query=query,
            fields=fields,
            others=others,
            adding=error is not None,
            local=self.local_accounts is not None,
            groups=self._all_groups(),
        )

    def _all_groups(self) -> list[dict[str, Any]]:
        groups = self.db.query(orm.Group).order_by(orm.Group.name)
        return [{"name": group.name, "users": sorted(user.name for user in group.users)} for group in groups]


class PersonHandler(PeopleMixin, PageHandler):
    """/hub/accounts/<name>: one account, with everything that can be done to it."""

    @web.authenticated
    async def get(self, name: str, verb: str = "") -> None:
        """Show it."""
        self.require_managed(name)
        await self.show(name)

    async def show(
        self, name: str, typed: Mapping[str, str] | None = None, error: KarvdashError | None = None
    ) -> None:
        """Render the page, after a change that was refused with what had been typed."""
        person, typed = self.person(name), typed or {}
        groups = " ".join(person["groups"])
        fields, others = with_errors(
            [
                plain_field(
                    "email", "E-mail address", value=typed.get("email", person["email"]), longest=254
                ),
                plain_field(
                    "groups",
                    "Groups",
                    value=typed.get("groups", groups),
                    help="Names with spaces between. A group that does not exist is made.",
                ),
                plain_field("password", "New password", kind="password", help=PASSWORD_HELP),
            ],
            error,
        )
        claim = self.karvdash.store.namespace_of(name)
        await self.answer(
            "karvdash/person.html",
            error.status if error else 200,
            heading=name,
            here="accounts",
            person=person | card(person),
            namespace=claim.namespace if claim else "",
            email=fields[0],
            groups=fields[1],
            password=fields[2],
            others=others,
            myself=name == self.current_user.name,
            local=self.local_accounts is not None,
            managed_groups=bool(self.authenticator.manage_groups),
            orders=[order.kind for order in self.karvdash.store.people.orders(name)],
            acts=self.has_scope(f"admin:servers!user={name}") and self.find_user(name) is not None,
            in_hub=self.find_user(name) is not None,
        )


class PersonChangeHandler(PersonHandler):
    """/hub/accounts/<name>/<verb>: the buttons and forms of that page."""

    @web.authenticated
    async def post(self, name: str, verb: str) -> None:
        """Do it and show the page again; show the list after a deletion."""
        self.require_managed(name)
        self.set_header("Cache-Control", "no-store")
        try:
            if verb == "delete":
                await self._delete(name)
                return
            await self.change_person(name, _CHANGES[verb](self.get_body_argument))
        except KarvdashError as error:
            typed: dict[str, str] = {
                key: self.get_body_argument(key, "") for key in ("email", "groups") if key == verb
            }
            await self.show(name, typed, error)
            return
        to_list = self.get_body_argument("to", "") == "list"
        page = () if to_list else (self.person(name)["path"],)
        self.redirect(self.hub_path("accounts", *page), status=303)

    async def _delete(self, name: str) -> None:
        if self.get_body_argument("confirm", "") != "yes":
            raise KarvdashError(f"Tick the box to confirm that {name} may be deleted.", "confirm")
        await self.remove_person(name)
        self.redirect(self.hub_path("accounts"), status=303)


Argument = Callable[[str, str], str]

_CHANGES: dict[str, Callable[[Argument], dict[str, Any]]] = {
    "activate": lambda argument: {"active": True},
    "deactivate": lambda argument: {"active": False, "services": argument("services", "stop")},
    "promote": lambda argument: {"admin": True},
    "demote": lambda argument: {"admin": False},
    "email": lambda argument: {"email": argument("email", "")},
    "password": lambda argument: {"password": argument("password", "")},
    "groups": lambda argument: {"groups": argument("groups", "").replace(",", " ").split()},
}
#: What may stand at the end of the address.
VERBS = "|".join([*_CHANGES, "delete"])


def card(person: Mapping[str, Any]) -> dict[str, Any]:
    """Say how a person looks in a list."""
    name = person["name"]
    return {
        "initials": present.initials(name),
        "hue": present.hue(name),
        "label": STATES[person["state"]],
        "about": person["email"] or "no e-mail address",
    }
