"""The form that launches a service template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tornado import web

from karvdash_hub import names
from karvdash_hub.errors import KarvdashError
from karvdash_hub.handlers import present
from karvdash_hub.handlers.base import PageHandler, needs_own
from karvdash_hub.handlers.fields import place, read_form, size_fields, split_errors, variable_fields
from karvdash_hub.service_templates.model import ServiceTemplate
from karvdash_hub.service_templates.variable_types import spell


class LaunchHandler(PageHandler):
    """/hub/launch/<template>."""

    @web.authenticated
    @needs_own("start:servers")
    async def get(self, template_id: str) -> None:
        """Show the form with the template's defaults and a name that is free."""
        await self._form(self._template(template_id), {}, {})

    @web.authenticated
    @needs_own("start:servers")
    async def post(self, template_id: str) -> None:
        """Launch, and go on to the page of the service; or show the form again with what is wrong."""
        template = self._template(template_id)
        values, size = read_form(self.request.body_arguments)
        sent = {"NAME": self._free_name(template)} | values
        try:
            view = await self.karvdash.services.create(self, self.owner, template.id, sent, size=size)
        except KarvdashError as error:
            await self._form(template, values, size, error)
            return
        self.audit_object = view.name
        self.redirect(self.hub_path("service", view.name), status=303)

    def _template(self, template_id: str) -> ServiceTemplate:
        return self.karvdash.library.find(self.karvdash.namespace(self.username), template_id)

    def _free_name(self, template: ServiceTemplate) -> str:
        variable = template.variable("NAME")
        wanted = names.suggest_server_name(spell(variable.default) if variable else "", template.id)
        taken = (view.name for view in self.karvdash.services.list(self.owner))
        return present.free_name(wanted, taken, names.MAX_SERVER_NAME)

    async def _form(
        self,
        template: ServiceTemplate,
        typed: Mapping[str, str],
        size: Mapping[str, str],
        error: KarvdashError | None = None,
    ) -> None:
        if error is not None:
            self.set_header("Cache-Control", "no-store")  # what was typed may hold a password
        name, domain = self._free_name(template), self._domain(template)
        fields = variable_fields(template, typed, {}, name=name, domain=domain) + size_fields(size, {})
        beside, others = split_errors(getattr(error, "errors", ()), fields)
        await self.answer(
            "karvdash/launch.html",
            error.status if error else 200,
            heading=f"Launch {template.name}",
            here="catalogue",
            template=template,
            tile={"initials": present.initials(template.name), "hue": present.hue(template.name)},
            fields=variable_fields(template, typed, beside, name=name, domain=domain),
            sizes=size_fields(size, beside),
            size_open=bool(size) or any(key.startswith("size.") for key in beside),
            headline=headline(error, beside),
            mistakes=[place(other) for other in others],
            api_url=self.karvdash.platform.public_url + self.hub_path("api", "karvdash", "services/"),
        )

    def _domain(self, template: ServiceTemplate) -> str:
        if not any(document["kind"] == "Ingress" for document in template.documents):
            return ""
        return f"{self.karvdash.claim_user(self.username).slug}.{self.karvdash.platform.domain}"


def headline(error: KarvdashError | None, beside: Mapping[str, Any]) -> str:
    """Say above the form what is wrong with it; details stand beside the fields or below."""
    if error is None:
        return ""
    if not getattr(error, "errors", None):
        return error.message
    return "Some values cannot be used; see the fields." if beside else "This cannot be launched:"
