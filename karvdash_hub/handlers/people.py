"""People and their accounts, for pages and API: who may do what, how it looks, how it changes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from jupyterhub import orm
from jupyterhub.utils import maybe_future
from sqlalchemy.orm import selectinload

from karvdash_hub.accounts import LocalAccounts, Management
from karvdash_hub.accounts.management import Services
from karvdash_hub.errors import FieldError, Forbidden, KarvdashError, NotFound, ValuesInvalid
from karvdash_hub.handlers.base import KarvdashMixin

SCOPE = "custom:karvdash:users"
#: One query each, rather than one a person.
_AT_ONCE = (selectinload(orm.User.groups), selectinload(orm.User._orm_spawners))
#: What one's own account takes: tokens inside pods have neither.
READ_OWN, CHANGE_OWN = "read:users", "tokens"
_GROUP = re.compile(r"[^\s,/]{1,255}")
#: What PATCH knows.
CHANGES = ("email", "password", "old_password", "admin", "active", "services", "groups")
_BOOLEANS = ("admin", "active")


class PeopleMixin(KarvdashMixin):
    """For handlers about accounts. ``via`` is what the audit log says."""

    via = "page"

    # --- who may -------------------------------------------------------------------------

    @property
    def management(self) -> Management:
        """Accounts, changed by the asker."""
        return Management(self.karvdash.store, self.current_user.name, self.via)

    @property
    def local_accounts(self) -> LocalAccounts | None:
        """Names and passwords, None if another authenticator signs people in."""
        accounts: LocalAccounts | None = getattr(self.authenticator, "accounts", None)
        return accounts

    def may_manage(self, name: str) -> bool:
        """Tell whether the asker may manage this account."""
        return any(self.has_scope(f"{scope}!user={name}") for scope in (SCOPE, "admin:users"))

    def require_manager(self) -> None:
        """Refuse who may manage nobody's account. Raises: Forbidden."""
        self.require("")
        if not self.parsed_scopes.keys() & {SCOPE, "admin:users"}:
            raise Forbidden(f"This needs the scope {SCOPE!r}, which the request does not have.")

    def require_managed(self, name: str, *, own: str = "") -> None:
        """Refuse who may not manage this account; ``own`` is the scope that is enough for one's own.

        Raises: NotFound for an account of others, whether there is one or not; Forbidden.
        """
        self.require("")
        if own and name == self.current_user.name and self.may(own):
            return
        if not self.may_manage(name) or not self.is_known(name):
            raise no_such(name)
        if self.is_admin(name) and not self.current_user.admin:
            raise Forbidden("Only administrators may change accounts of administrators.")

    def is_known(self, name: str) -> bool:
        """Tell whether there is such a person, with an account here or in JupyterHub."""
        return self.karvdash.store.account(name) is not None or self.find_user(name) is not None

    def is_admin(self, name: str) -> bool:
        """Tell whether a person is an administrator, by the account or by JupyterHub."""
        account, user = self.karvdash.store.account(name), self.find_user(name)
        return bool((account and account.admin) or (user and user.admin))

    # --- how they look -------------------------------------------------------------------

    def people(self) -> list[dict[str, Any]]:
        """Describe everybody whom the asker may manage, those who wait first, then by name."""
        store = self.karvdash.store
        accounts = {account.name: account for account in store.accounts()}
        users = {user.name: user for user in self.db.query(orm.User).options(*_AT_ONCE)}
        profiles, deactivated = store.people.profiles(), store.people.all_deactivated()
        found = [
            _person(name, accounts.get(name), users.get(name), profiles.get(name), deactivated.get(name))
            for name in accounts.keys() | users.keys()
            if self.may_manage(name)
        ]
        return sorted(found, key=lambda one: (one["state"] != "waiting", one["name"]))

    def person(self, name: str) -> dict[str, Any]:
        """Describe one person."""
        store = self.karvdash.store
        user = orm.User.find(self.db, name)
        people = store.people
        return _person(name, store.account(name), user, people.profile(name), people.deactivated(name))

    # --- how they change -----------------------------------------------------------------

    async def add_person(self, name: str, email: str, password: str, *, admin: bool = False) -> None:
        """Add an account that can be used at once. Raises: Forbidden, ValuesInvalid."""
        accounts = self.need_local()
        if admin and not self.current_user.admin:
            raise Forbidden("Only administrators may make administrators.")
        if self.find_user(name) is not None and self.karvdash.store.account(name) is None:
            message = f"There is a user {name} without a password. Set one on that user's page."
            raise ValuesInvalid([FieldError(None, "name", message)])
        management = self.management
        management.check_new(name, email, password)
        management.add(name, email, await accounts.hash(password), admin=admin)

    async def change_person(self, name: str, changes: Mapping[str, Any]) -> None:
        """Change some of ``CHANGES`` of an account, all or, when something is wrong, none.

        Raises: ValuesInvalid with every mistake, Forbidden, Conflict.
        """
        self._check_form(name, changes)
        await self._check_values(name, changes)
        management = self.management
        groups = self._groups(name, changes["groups"]) if "groups" in changes else None
        if "email" in changes:
            management.set_email(name, changes["email"].strip())
        if "password" in changes:
            await self._set_password(name, changes["password"])
        if "admin" in changes and changes["admin"] != self.is_admin(name):
            self._set_admin(name, changes["admin"])
        if changes.get("active") is True:
            management.activate(name)
        elif changes.get("active") is False:
            services: Services = "keep" if changes.get("services") == "keep" else "stop"
            management.deactivate(name, services)
        if groups is not None:
            await self._set_groups(name, groups)
        self.karvdash.standing.settle(name)

    async def remove_person(self, name: str) -> None:
        """Delete a person and everything that person has."""
        self.management.remove(name)
        self.karvdash.standing.settle(name)

    def need_local(self) -> LocalAccounts:
        """Return the local accounts. Raises: Forbidden if another authenticator signs people in."""
        if self.local_accounts is None:
            raise Forbidden("Names and passwords are not kept here: another system signs people in.")
        return self.local_accounts

    # --- parts ---------------------------------------------------------------------------

    async def _check_values(self, name: str, changes: Mapping[str, Any]) -> None:
        email, password = changes.get("email"), changes.get("password")
        mistakes = self.management.mistakes(name, email=email, password=password)
        if password is not None and name == self.current_user.name:
            old = changes.get("old_password", "")
            if await self.need_local().check(name, old) is None:
                mistakes.insert(0, FieldError(None, "old_password", "This is not your password."))
        if mistakes:
            raise ValuesInvalid(mistakes)

    def _check_form(self, name: str, changes: Mapping[str, Any]) -> None:
        mistakes = [
            FieldError(None, key, "must be true or false.")
            for key in _BOOLEANS
            if key in changes and not isinstance(changes[key], bool)
        ]
        mistakes += [
            FieldError(None, key, "must be a text.")
            for key in ("email", "password", "old_password")
            if key in changes and not isinstance(changes[key], str)
        ]
        if changes.get("services", "stop") not in ("stop", "keep"):
            mistakes.append(FieldError(None, "services", 'must be "stop" or "keep".'))
        if mistakes:
            raise ValuesInvalid(mistakes)
        if not self.may_manage(name) and changes.keys() - {"email", "password", "old_password"}:
            raise Forbidden(f"Only e-mail and password are yours to change; the rest needs {SCOPE!r}.")
        if changes.get("admin") is not None and not self.current_user.admin:
            raise Forbidden("Only administrators may make administrators.")

    async def _set_password(self, name: str, password: str) -> None:
        management = self.management
        hashed = await self.need_local().hash(password)
        if self.karvdash.store.account(name) is None:
            management.add(name, self.person(name)["email"], hashed, admin=self.is_admin(name))
        else:
            management.set_password(name, hashed)

    def _set_admin(self, name: str, admin: bool) -> None:
        self.management.set_admin(name, admin)
        user = self.find_user(name)
        if self.karvdash.store.account(name) is None and user is not None:
            # Somebody of another authenticator: JupyterHub alone knows.
            self.karvdash.standing.set_role(name, admin)

    def _groups(self, name: str, wanted: Any) -> list[str]:
        if not isinstance(wanted, Sequence) or isinstance(wanted, str):
            raise ValuesInvalid([FieldError(None, "groups", "must be a list of names.")])
        if self.authenticator.manage_groups:
            raise Forbidden("Groups come from the system that signs people in.")
        wrong = [group for group in wanted if not isinstance(group, str) or not _GROUP.fullmatch(group)]
        if wrong:
            names = ", ".join(repr(group) for group in wrong)
            message = f"{names}: the name of a group has no spaces, commas and slashes."
            raise ValuesInvalid([FieldError(None, "groups", message)])
        changed = set(wanted) ^ set(self.person(name)["groups"])
        for group in sorted(changed):
            # Groups may carry roles, so this is not part of managing accounts.
            exists = orm.Group.find(self.db, group) is not None
            scope = f"groups!group={group}" if exists else "admin:groups"
            if not self.has_scope(scope):
                raise Forbidden(f"Changing the group {group} needs the scope {scope!r}.")
        return sorted(set(wanted))

    async def _set_groups(self, name: str, groups: Sequence[str]) -> None:
        before = self.person(name)["groups"]
        if list(groups) == before:
            return
        user = await self._hub_user(name)
        user.orm_user.groups = [_group(self.db, group) for group in groups]
        self.db.commit()
        self.karvdash.store.audit.add(
            "account.groups",
            subject=name,
            actor=self.current_user.name,
            object=", ".join(groups),
            via=self.via,
        )

    async def _hub_user(self, name: str) -> Any:
        """Return JupyterHub's user, made now for somebody who never signed in."""
        if (user := self.find_user(name)) is None:
            user = self.user_from_username(name)
            await maybe_future(self.authenticator.add_user(user))
        return user


def no_such(name: str) -> KarvdashError:
    """Say that there is nobody of this name for whoever asks."""
    shown = name if len(name) <= 64 else f"{name[:64]}…"
    return NotFound(f"There is no user {shown!r}.", "user")


def _group(db: Any, name: str) -> orm.Group:
    if (found := orm.Group.find(db, name)) is None:
        found = orm.Group(name=name)
        db.add(found)
    return found


def _person(name: str, account: Any, user: Any, profile: Any, deactivated: Any) -> dict[str, Any]:
    state = "deactivated" if deactivated else ("waiting" if account and not account.active else "active")
    seen = user.last_activity if user else None
    since = deactivated.since if deactivated else (account.created if account else user and user.created)
    return {
        "name": name,
        "path": quote(name, safe="@~"),
        "email": (profile.email if profile else None) or "",
        "admin": bool((user and user.admin) or (not user and account and account.admin)),
        "state": state,
        "since": f"{since.isoformat(timespec='seconds')}Z" if since else "",
        "password": account is not None,
        "groups": sorted(group.name for group in user.groups) if user else [],
        "last_activity": f"{seen.isoformat(timespec='seconds')}Z" if seen else "",
        "services": sorted(name for name in user.orm_spawners if name) if user else [],
        "running": sum(one.server_id is not None for one in user.orm_spawners.values()) if user else 0,
    }
