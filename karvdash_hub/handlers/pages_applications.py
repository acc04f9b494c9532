"""/hub/applications: what may sign people in with the Hub, for administrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tornado import web

from karvdash_hub.errors import KarvdashError, ValuesInvalid
from karvdash_hub.handlers.base import PageHandler
from karvdash_hub.handlers.clients import ClientsMixin, card
from karvdash_hub.handlers.fields import Field, plain_field
from karvdash_hub.handlers.pages_account import with_errors
from karvdash_hub.oidc.model import Client
from karvdash_hub.registration import Wish

_TYPED = ("name", "client_id", "redirect_uris", "post_logout_redirect_uris", "secret")
#: Characters of one input that are shown again.
_SHOWN = 4000


class ApplicationsHandler(ClientsMixin, PageHandler):
    """The list, and the form that adds one."""

    @web.authenticated
    async def get(self) -> None:
        """Show it."""
        self.require_registrar()
        await self.show()

    @web.authenticated
    async def post(self) -> None:
        """Register an application and show its secret once, or show what is wrong."""
        self.require_registrar()
        self.set_header("Cache-Control", "no-store")
        typed = {key: self.get_body_argument(key, "")[:_SHOWN] for key in _TYPED}
        public, asks = (self.get_body_argument(key, "") == "yes" for key in ("public", "asks"))
        wish = Wish(
            name=typed["name"],
            redirect_uris=typed["redirect_uris"].split(),
            client_id=typed["client_id"],
            public=public,
            first_party=not asks,
            post_logout_redirect_uris=typed["post_logout_redirect_uris"].split(),
            secret=typed["secret"],
        )
        try:
            client, secret = await self.karvdash.applications.add(wish, self.current_user.name, "page")
        except KarvdashError as error:
            ticked = {key for key, value in (("public", public), ("asks", asks)) if value}
            await self.show(typed, error, ticked=ticked)
            return
        await self.show(added=client, secret=secret)

    async def show(
        self,
        typed: Mapping[str, str] | None = None,
        error: KarvdashError | None = None,
        *,
        ticked: set[str] | None = None,
        added: Client | None = None,
        secret: str = "",
    ) -> None:
        """Render the page."""
        namespaces = self.karvdash.oidc_settings.secret_namespaces
        fields, others = with_errors(_fields(typed or {}, namespaces), beside_lists(error))
        await self.answer(
            "karvdash/applications.html",
            error.status if error else 200,
            heading="Applications",
            here="admin",
            issuer=self.issuer,
            clients=[card(client) for client in self.karvdash.store.oidc.list_clients()],
            fields=fields,
            others=others,
            ticked=ticked or set(),
            added=card(added) if added else None,
            secret=secret,
        )


class ApplicationRemoveHandler(ClientsMixin, PageHandler):
    """/hub/applications/<client id>/remove."""

    @web.authenticated
    async def post(self, client_id: str) -> None:
        """Forget the application."""
        self.require_registrar()
        self.find_client(client_id)
        if self.get_body_argument("confirm", "") != "yes":
            raise KarvdashError(f"Tick the box to confirm that {client_id} may be removed.", "confirm")
        await self.karvdash.applications.remove(client_id, self.current_user.name, "page")
        self.redirect(self.hub_path("applications"), status=303)


def beside_lists(error: KarvdashError | None) -> KarvdashError | None:
    """Let mistakes of one address (``redirect_uris[1]``) stand beside the list's input."""
    if not isinstance(error, ValuesInvalid):
        return error
    return ValuesInvalid(replace(one, field=one.field.partition("[")[0]) for one in error.errors)


def _fields(typed: Mapping[str, str], namespaces: list[str]) -> list[Field]:
    made = [
        plain_field("name", "Name", longest=100, required=True, help="What people read: Argo, Grafana."),
        plain_field(
            "redirect_uris",
            "Redirect addresses",
            kind="textarea",
            help="One a line, exactly as the application sends them: https://argo.example.com/oauth2/callback",
        ),
        plain_field(
            "client_id", "Client id", longest=63, placeholder="made from the name", help="Cannot be changed."
        ),
        plain_field(
            "post_logout_redirect_uris",
            "Addresses after signing out",
            kind="textarea",
            help="One a line. Only for applications that sign people out of the Hub too.",
        ),
    ]
    if namespaces:
        made.append(
            plain_field(
                "secret",
                "Kubernetes Secret",
                placeholder=f"{namespaces[0]}/name",
                help=f"namespace/name; the Hub writes it. Namespaces: {', '.join(namespaces)}.",
            )
        )
    return [field | {"value": typed.get(field["key"], "")} for field in made]
