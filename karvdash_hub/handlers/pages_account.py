"""The pages about one's own account: signing up, e-mail, password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyterhub._xsrf_utils import _set_xsrf_cookie
from tornado import web

from karvdash_hub.accounts import Management
from karvdash_hub.accounts.passwords import MIN_LENGTH
from karvdash_hub.errors import KarvdashError
from karvdash_hub.handlers.base import PageHandler
from karvdash_hub.handlers.fields import Field, place, plain_field, split_errors
from karvdash_hub.handlers.people import CHANGE_OWN, READ_OWN, PeopleMixin

PASSWORD_HELP = f"At least {MIN_LENGTH} characters, not only digits."


class SignUpHandler(PeopleMixin, PageHandler):
    """/hub/signup, where the authenticator keeps local accounts and sign-up is not switched off."""

    async def get(self) -> None:
        """Show the form; whoever is signed in goes home."""
        if self.current_user is not None:
            self.redirect(self.hub_path("home"))
            return
        # As JupyterHub's sign-in page does, so that the form's token is that of the cookie.
        _set_xsrf_cookie(self, self._xsrf_token_id, cookie_path=self.hub.base_url, xsrf_token=self.xsrf_token)
        await self._show({})

    async def post(self) -> None:
        """Ask for the account, or show the form again with everything that is wrong."""
        self.set_header("Cache-Control", "no-store")
        typed = {key: self.get_body_argument(key, "", strip=key != "password") for key in _SIGN_UP}
        typed["name"] = typed["name"].lower()  # telephones begin with a capital
        try:
            management = Management(self.karvdash.store)
            management.check_new(typed["name"], typed["email"], typed["password"], email_required=True)
            hashed = await self.need_local().hash(typed["password"])
            management.sign_up(typed["name"], typed["email"], hashed)
        except KarvdashError as error:
            await self._show(typed, error)
            return
        await self._show({}, done=typed["name"])

    async def _show(
        self, typed: Mapping[str, str], error: KarvdashError | None = None, *, done: str = ""
    ) -> None:
        fields, others = with_errors(_sign_up_fields(typed), error)
        await self.answer(
            "karvdash/signup.html",
            error.status if error else 200,
            heading="Sign up",
            fields=fields,
            others=others,
            done=done,
        )


class AccountHandler(PeopleMixin, PageHandler):
    """/hub/account: what is known of the asker, and forms to change it."""

    @web.authenticated
    async def get(self, what: str = "") -> None:
        """Show it."""
        self.require(READ_OWN)
        await self.show(saved=self.get_argument("saved", ""))

    @web.authenticated
    async def post(self, what: str) -> None:
        """Change e-mail address or password, or show what is wrong."""
        self.require(CHANGE_OWN)
        self.set_header("Cache-Control", "no-store")
        keys = ("email",) if what == "email" else ("old_password", "password")
        changes = {key: self.get_body_argument(key, "", strip=key == "email") for key in keys}
        name = self.current_user.name
        try:
            await self.change_person(name, changes)
        except KarvdashError as error:
            await self.show(changes, error)
            return
        if what == "password":
            # All sign-ins have ended; this one goes on.
            self.set_login_cookie(self.current_user)
        self.redirect(f"{self.hub_path('account')}?saved={what}", status=303)

    async def show(
        self,
        typed: Mapping[str, str] | None = None,
        error: KarvdashError | None = None,
        *,
        saved: str = "",
    ) -> None:
        """Render the page."""
        person, typed = self.person(self.current_user.name), typed or {}
        email = plain_field("email", "E-mail address", value=typed.get("email", person["email"]), longest=254)
        passwords = [
            plain_field("old_password", "Your password now", kind="current"),
            plain_field("password", "New password", kind="password", help=PASSWORD_HELP),
        ]
        fields, others = with_errors([email, *passwords], error)
        claim = self.karvdash.store.namespace_of(person["name"])
        await self.answer(
            "karvdash/account.html",
            error.status if error else 200,
            heading="Your account",
            here="account",
            person=person,
            namespace=claim.namespace if claim else "",
            email=fields[0],
            passwords=fields[1:],
            local=self.local_accounts is not None,
            others=others,
            saved={"email": "Your e-mail address is saved.", "password": _PASSWORD_SAVED}.get(saved, ""),
        )


def with_errors(fields: list[Field], error: KarvdashError | None) -> tuple[list[Field], list[dict[str, str]]]:
    """Put mistakes beside their inputs; return what belongs beside none, for the head of the form."""
    if error is None:
        return fields, []
    errors = getattr(error, "errors", None)
    if not errors:
        return fields, [{"place": "", "message": error.message}]
    beside, others = split_errors(errors, fields)
    return [field | {"error": beside.get(field["key"], "")} for field in fields], [place(o) for o in others]


_PASSWORD_SAVED = "Your password is changed. All your other sign-ins have ended; your tokens go on."  # noqa: S105
#: Characters of what was typed that are shown again.
_SHOWN = 255
_SIGN_UP = ("name", "email", "password")


def _sign_up_fields(typed: Mapping[str, Any]) -> list[Field]:
    return [
        plain_field(
            "name",
            "User name",
            value=typed.get("name", "")[:_SHOWN],
            longest=30,
            required=True,
            help="Lower-case letters and digits, a letter first. Addresses of your services have it in them.",
        ),
        plain_field(
            "email", "E-mail address", value=typed.get("email", "")[:_SHOWN], longest=254, required=True
        ),
        plain_field("password", "Password", kind="password", help=PASSWORD_HELP),
    ]
