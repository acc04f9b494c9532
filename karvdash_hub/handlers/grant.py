"""The ways from the Hub to a service's or a user's own host: a ticket for the gate, and old addresses."""

from __future__ import annotations

import time
from typing import Any

from jupyterhub.handlers.base import UserUrlHandler
from jupyterhub.handlers.login import LogoutHandler
from tornado import web

from karvdash_hub.errors import KarvdashError
from karvdash_hub.handlers import access
from karvdash_hub.handlers.base import KarvdashMixin, PageHandler
from karvdash_hub.handlers.oidc_session import forget_sign_in
from karvdash_hub.handlers.signing_out import end_sign_ins
from karvdash_hub.paths import safe_path
from karvdash_hub.spawner.options import names_template
from karvdash_hub.store import Host


class GrantHandler(PageHandler):
    """/hub/karvdash/grant: the front sends visitors here who have no cookie, or want somebody's notebooks."""

    @web.authenticated
    async def get(self) -> None:
        """Send a person who may open the host back; tell everybody else why not."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        asked, store = self.get_argument("host", ""), self.karvdash.store
        next_path = safe_path(self.get_argument("next", "/"))
        if service := self._allowed(access.service_at(store, asked)):
            ticket = access.make_ticket(store, service, self.username, time.time())
            self.redirect(access.callback_url(self.karvdash.platform, service, ticket, next_path))
        elif (home := self._allowed(access.notebooks_at(store, asked))) and (
            owner := self.find_user(home.username)
        ):
            # Notebooks sign people in themselves, by JupyterHub's OAuth.
            self.redirect(owner.url.rstrip("/") + next_path)
        else:
            # One page for hosts of others and for hosts that do not exist: nobody learns which there are.
            await self.answer("karvdash/refused.html", 403, host=asked[:255])

    def _allowed(self, host: Host | None) -> Host | None:
        return host if host is not None and self.has_scope(access.scope_of(host)) else None


class ServiceUrlHandler(KarvdashMixin, UserUrlHandler):  # type: ignore[misc]
    """/hub/user/<user>/<server>/: JupyterHub's address of a server.

    JupyterHub's proxy has no route to a service, whoever returns one from a spawner opens it to the world.
    Requests for it arrive here and go on to the service's own host. Everything else (a stock notebook, a
    name that is no server) is JupyterHub's.
    """

    @web.authenticated
    async def get(self, user_name: str, server_name: str, path: str | None = None) -> None:
        """Redirect to the service, or to its page when there is nothing to open."""
        user = self.find_user(user_name)
        if user is None or not self._is_template_server(user, server_name):
            await super().get(user_name, f"/{server_name}{path or ''}")
            return
        if not self.has_scope(f"access:servers!server={user_name}/{server_name}"):
            raise web.HTTPError(404, "No access to resources or resources not found")
        view = self.karvdash.services.get(user, server_name)
        if view.url and view.state in ("running", "starting", "failing"):
            self.redirect(view.url.rstrip("/") + self._rest() + self._query())
        else:
            self.redirect(self._page_of(user_name, server_name))

    def non_get(self, user_name: str, server_name: str, path: str | None = None) -> None:
        """Answer what a JupyterLab tab sends when its notebook has stopped, as JupyterHub does."""
        super().non_get(user_name, f"/{server_name}{path or ''}")

    post = put = patch = delete = non_get

    def _is_template_server(self, user: Any, server_name: str) -> bool:
        orm_spawner = user.orm_user.orm_spawners.get(server_name)
        return orm_spawner is not None and names_template(orm_spawner.user_options)

    def _page_of(self, user_name: str, server_name: str) -> str:
        if user_name == self.username:
            return self.hub_path("service", server_name)
        raise KarvdashError(
            f"{server_name} of {user_name} does not run. Its owner can start it.", "not-running", 424
        )

    def _rest(self) -> str:
        """Cut the path inside the service out of the address, not decoded as Tornado's arguments are."""
        parts = self.request.path.partition("/user/")[2].split("/", 2)
        return safe_path(f"/{parts[2]}") if len(parts) > 2 else "/"

    def _query(self) -> str:
        """Pass the query on, without a token of the Hub: it would end up in the service's log."""
        query = [item for item in self.request.query.split("&") if not item.startswith("token=")]
        return f"?{'&'.join(query)}" if query != [""] and query else ""


class SignOutHandler(KarvdashMixin, LogoutHandler):  # type: ignore[misc]
    """/hub/logout: signing out ends every sign-in of the person, on this and on other machines."""

    async def handle_logout(self) -> None:
        """End them. Forms of other pages cannot send the person here."""
        if self.current_user is None or self.request.headers.get("Sec-Fetch-Site") == "cross-site":
            return
        end_sign_ins(self)
        forget_sign_in(self)
