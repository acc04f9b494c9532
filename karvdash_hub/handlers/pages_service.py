"""The page of one service: what it does, how to reach it, its settings, its logs, its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tornado import web

from karvdash_hub.durations import spell_duration
from karvdash_hub.errors import FieldError, KarvdashError
from karvdash_hub.handlers import shares
from karvdash_hub.handlers.base import PageHandler, needs_own
from karvdash_hub.handlers.fields import place, read_form, size_fields, split_errors, variable_fields
from karvdash_hub.handlers.pages import page_card
from karvdash_hub.handlers.pages_launch import headline
from karvdash_hub.service_templates.model import ServiceTemplate
from karvdash_hub.service_templates.variable_types import spell
from karvdash_hub.spawner import idle
from karvdash_hub.spawner.views import ServiceView


class ServicePage(PageHandler):
    """What all handlers of this page share."""

    async def show(
        self,
        name: str,
        *,
        values: Mapping[str, str] | None = None,
        size: Mapping[str, str] | None = None,
        error: KarvdashError | None = None,
        passwords: Mapping[str, str] | None = None,
        share: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> None:
        """Render the page; after a change that was refused with what had been typed.

        Args:
            share: ``who``, ``kind`` and ``error`` of a share that was refused.
        """
        if values is not None:
            self.set_header("Cache-Control", "no-store")  # what was typed may hold a password
        view = self.karvdash.services.get(self.owner, name)
        template = self._template(view)
        form = settings_form(template, view, values, size, error)
        beside = form["beside"]
        snapshot = self.karvdash.informers.snapshot(self.karvdash.namespace(self.username), name)
        await self.answer(
            "karvdash/service.html",
            error.status if error else status,
            heading=view.display_name or view.name,
            here="home",
            s=page_card(self, view),
            view=view,
            template=template,
            form=form,
            shown=shown_values(template, view, passwords),
            passwords_shown=passwords is not None,
            headline=headline(error, beside),
            mistakes=[place(other) for other in form["others"]],
            # Data that survives a stop and goes with the service.
            claims=sorted(claim.name for claim in snapshot.claims),
            # As it was launched; the template may have changed since.
            open_to_all=not (snapshot.anchor.auth if snapshot.anchor else template is None or template.auth),
            shares=shares.of_server(self.owner.orm_user.orm_spawners[name]),
            share=share or {},
            idle_after=spell_duration(view.idle_after) if view.idle_after else "",
        )

    def _template(self, view: ServiceView) -> ServiceTemplate | None:
        """Find the template, which may have been deleted since the launch."""
        try:
            return self.karvdash.library.find(self.karvdash.namespace(self.username), view.template_id)
        except KarvdashError:
            return None

    def back(self, name: str) -> None:
        """Go back to where the button was: the home page or the page of the service."""
        home = "/home" in self.request.headers.get("Referer", "")
        self.redirect(self.hub_path("home") if home else self.hub_path("service", name), status=303)


class ServicePageHandler(ServicePage):
    """/hub/service/<name>."""

    @web.authenticated
    @needs_own("read:servers")
    async def get(self, name: str) -> None:
        """Show it."""
        await self.show(name)


class PasswordsHandler(ServicePage):
    """/hub/service/<name>/passwords: the page once more, with the passwords on it."""

    @web.authenticated
    @needs_own("servers")
    async def post(self, name: str) -> None:
        """Show them to their owner; nothing keeps the answer."""
        self.set_header("Cache-Control", "no-store")
        await self.show(name, passwords=await self.karvdash.services.passwords(self.owner, name))


class StartPageHandler(ServicePage):
    """/hub/service/<name>/start."""

    @web.authenticated
    @needs_own("start:servers")
    async def post(self, name: str) -> None:
        """Start it with the settings it had."""
        try:
            await self.karvdash.services.start(self, self.owner, name)
        except KarvdashError as error:
            await self.show(name, error=error)
            return
        self.back(name)


class StopPageHandler(ServicePage):
    """/hub/service/<name>/stop."""

    @web.authenticated
    @needs_own("delete:servers")
    async def post(self, name: str) -> None:
        """Stop it and keep its settings."""
        await self.karvdash.services.stop(self, self.owner, name)
        self.back(name)


class ChangePageHandler(ServicePage):
    """/hub/service/<name>/change."""

    @web.authenticated
    @needs_own("start:servers")
    async def post(self, name: str) -> None:
        """Take the new settings and run with them, or show what is wrong with them."""
        values, size = read_form(self.request.body_arguments)
        view = self.karvdash.services.get(self.owner, name)
        # An empty password input means the one that there is.
        kept = {key for key in view.secret_names if not values.get(key)}
        changed = {key: value for key, value in values.items() if key not in kept}
        services, user = self.karvdash.services, self.owner
        try:
            await services.change(self, user, name, changed, size)
            if view.state == "stopped":
                await services.start(self, user, name)
        except KarvdashError as error:
            await self.show(name, values=values, size=size, error=error)
            return
        self.redirect(self.hub_path("service", name), status=303)


class DeletePageHandler(ServicePage):
    """/hub/service/<name>/delete."""

    @web.authenticated
    @needs_own("delete:servers")
    async def post(self, name: str) -> None:
        """Delete it, if the person has said to know what that destroys."""
        if self.get_body_argument("confirm", "") != "yes":
            raise KarvdashError(f"Tick the box to confirm that {name} may be deleted.", "confirm")
        await self.karvdash.services.delete(self, self.owner, name)
        self.redirect(self.hub_path("home"), status=303)


class NotebookHandler(PageHandler):
    """/hub/notebook[/<name>]/(start|stop|keep): JupyterHub's own notebook, from a button."""

    @web.authenticated
    async def post(self, name: str | None, action: str) -> None:
        """Start it and show JupyterHub's page about that, stop it, or keep it although nobody uses it."""
        name = name or ""
        self.require("delete:servers" if action == "stop" else "start:servers", name)
        services, user = self.karvdash.services, self.owner
        if action == "start":
            await services.start(self, user, name)
            self.redirect(self.hub_path("spawn-pending", user.escaped_name, name), status=303)
        elif action == "keep":
            idle.keep(self.karvdash, user, name)
            self.redirect(self.hub_path("home"), status=303)
        else:
            await services.stop(self, user, name)
            self.redirect(self.hub_path("home"), status=303)


def settings_form(
    template: ServiceTemplate | None,
    view: ServiceView,
    values: Mapping[str, str] | None,
    size: Mapping[str, str] | None,
    error: KarvdashError | None,
) -> dict[str, Any]:
    """Describe the form that changes a service; without its template only the size can be changed."""
    current = {key: spell(value) for key, value in view.values.items()}
    typed = current | dict(values or {})
    sized = dict(size if size is not None else view.size)

    def inputs(errors: Mapping[str, str]) -> list[dict[str, Any]]:
        if template is None:
            return []
        return variable_fields(template, typed, errors, name=view.name, rename=False, kept=view.secret_names)

    errors: Sequence[FieldError] = getattr(error, "errors", ())
    beside, others = split_errors(errors, inputs({}) + size_fields(sized, {}))
    return {"fields": inputs(beside), "sizes": size_fields(sized, beside), "beside": beside, "others": others}


def shown_values(
    template: ServiceTemplate | None, view: ServiceView, passwords: Mapping[str, str] | None
) -> list[dict[str, Any]]:
    """List the values of a service with the titles of their variables; passwords only when asked for."""
    titles = {variable.name: variable.title for variable in template.user_variables} if template else {}
    rows = [
        {"name": name, "title": titles.get(name, name), "value": spell(value), "secret": False}
        for name, value in view.values.items()
        if name != "NAME"
    ]
    for name in view.secret_names:
        value = passwords.get(name, "") if passwords is not None else None
        rows.append({"name": name, "title": titles.get(name, name), "value": value, "secret": True})
    return rows
