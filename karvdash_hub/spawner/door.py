"""JupyterHub's own API of servers, in front of which passwords are taken out and options checked.

``POST /hub/api/users/<user>/servers/<name>`` with ``{"user_options": {"template": …}}`` launches a service
like our own API does. JupyterHub's handlers do the work; these add what they cannot know:

- values are checked before anything is stored or answered, so a mistake is a 400 and not a failed launch;
- PATCH writes the options that it receives into the log: they come here first;
- nothing is stopped while Kubernetes does not answer.

``GET /hub/spawn/…`` starts servers without a question (JupyterHub 6.1.1, handlers/pages.py), so a link on any
page would. For service templates it leads to the page with the button.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from jupyterhub.apihandlers.users import UserServerAPIHandler
from jupyterhub.handlers.pages import SpawnHandler
from jupyterhub.utils import url_path_join
from tornado import web

from karvdash_hub.errors import FieldError, KarvdashError, ValuesInvalid
from karvdash_hub.spawner import ahead, plan
from karvdash_hub.spawner import options as launch_options
from karvdash_hub.spawner.hub import Karvdash
from karvdash_hub.spawner.registry import Key


class ServerHandler(UserServerAPIHandler):  # type: ignore[misc]
    """One server of JupyterHub, as it has it, for service templates too."""

    @property
    def karvdash(self) -> Karvdash:
        """The one instance of this Hub."""
        karvdash: Karvdash = self.settings["karvdash"]
        return karvdash

    def get_server_json_body(self) -> Any:
        """Return the body of a POST or PUT without passwords.

        Raises: HTTPError 4xx for what the template refuses; nothing has been stored then.
        """
        body = super().get_server_json_body()
        try:
            self.karvdash.standing.check_active(self.path_args[0])
        except KarvdashError as error:
            raise web.HTTPError(error.status, "%s", error.message) from error
        return {**body, "user_options": self._checked(body.get("user_options"))}

    def get_json_body(self) -> Any:
        """Return any other body; that of a PATCH without passwords."""
        body = super().get_json_body()
        if self.request.method != "PATCH" or not isinstance(body, Mapping) or "user_options" not in body:
            return body
        return {**body, "user_options": self._checked(body["user_options"])}

    def _checked(self, options: Any) -> Any:
        if not launch_options.names_template(options):
            return options
        server_name = self.path_args[1] if len(self.path_args) > 1 else ""
        try:
            return self._strip(Key(self.path_args[0], server_name), options)
        except KarvdashError as error:
            raise web.HTTPError(error.status, "%s", error.message) from error

    def _strip(self, key: Key, options: Mapping[str, Any]) -> dict[str, Any]:
        if not key.server:
            raise ValuesInvalid(
                [FieldError(None, "name", "a service needs a name; the default server has none.")]
            )
        parsed = launch_options.parse(options)
        template = self.karvdash.library.find(self.karvdash.namespace(key.user), parsed.template)
        plan.check_name(parsed, key.server)
        plan.checked_options(self.karvdash, template, key.server, parsed.variables, parsed.size)
        user = self.find_user(key.user)
        record = user.orm_spawners.get(key.server) if user else None
        return self.karvdash.passwords.strip(key, options, before=record.user_options if record else None)

    async def post(self, user_name: str, server_name: str = "") -> None:
        """Start a server, when it is this request's turn."""
        await self.karvdash.pace(user_name)
        await super().post(user_name, server_name)

    async def spawn_single_user(
        self,
        user: Any,
        server_name: str = "",
        display_name: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Start a server, a service before JupyterHub's books are kept."""
        stock = super().spawn_single_user
        await ahead.spawn(self.karvdash, stock, user, server_name, display_name, options)

    async def patch(self, user_name: str, server_name: str = "") -> None:
        """Change a stopped server; new passwords go where they are kept."""
        await super().patch(user_name, server_name)
        user = self.find_user(user_name)
        record = user.orm_spawners.get(server_name) if user else None
        if record is not None and launch_options.names_template(record.user_options):
            options = launch_options.parse(record.user_options)
            await self.karvdash.passwords.settle(Key(user_name, server_name), options)

    async def delete(self, user_name: str, server_name: str = "") -> None:
        """Stop a server, unless it cannot be done now."""
        if self.karvdash.informers.outage:
            raise web.HTTPError(503, "%s Nothing can be stopped now.", self.karvdash.informers.outage)
        await super().delete(user_name, server_name)


class SpawnPage(SpawnHandler):  # type: ignore[misc]
    """JupyterHub's page that starts a server; for services, the way to ours."""

    async def _get(self, user_name: str, server_name: str, display_name: str) -> None:
        template = self.get_argument("template", "") or self.get_argument("opt-template", "")
        if template:
            self.redirect(url_path_join(self.hub.base_url, "launch", quote(template, safe="")))
            return
        user = self.find_user(user_name)
        record = user.orm_spawners.get(server_name) if user else None
        if record is not None and launch_options.names_template(record.user_options):
            # Without a question JupyterHub would start it.
            page = ("service", quote(server_name, safe="")) if user is self.current_user else ("admin",)
            self.redirect(url_path_join(self.hub.base_url, *page))
            return
        await super()._get(user_name, server_name, display_name)


def handlers() -> list[tuple[str, type]]:
    """Return the routes, as JupyterHub writes them (apihandlers/users.py, handlers/pages.py, 6.1.1)."""
    return [
        (r"/spawn/([^/]+)", SpawnPage),
        (r"/spawn/([^/]+)/([^/]+)", SpawnPage),
        (r"/spawn", SpawnPage),
        (r"/api/users/([^/]+)/server", ServerHandler),
        (r"/api/users/([^/]+)/servers/([^/]*)", ServerHandler),
    ]
