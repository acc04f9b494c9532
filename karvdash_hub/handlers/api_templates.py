"""/hub/api/karvdash/templates/: the service templates that the asker may launch."""

from __future__ import annotations

from typing import Any

from karvdash_hub.errors import FieldError, ValuesInvalid
from karvdash_hub.handlers.api_services import take_size
from karvdash_hub.handlers.base import ApiHandler, needs_own
from karvdash_hub.service_templates.model import ServiceTemplate


class TemplatesHandler(ApiHandler):
    """The platform's and one's own."""

    @needs_own("custom:karvdash:templates")
    async def get(self) -> None:
        """List them, and what is wrong with files that cannot be used."""
        library, namespace = self.karvdash.library, self.karvdash.namespace(self.username)
        problems = [
            {"id": problem["id"], "errors": [error.to_dict() for error in problem["errors"]]}
            for problem in library.problems(namespace)
        ]
        self.reply(
            {
                "objects": [template.summary() for template in library.for_user(namespace)],
                "problems": problems,
            }
        )

    @needs_own("custom:karvdash:templates:write")
    async def post(self) -> None:
        """Add one of one's own from its YAML text."""
        data = self.json_object(known={"data"}).get("data")
        if not isinstance(data, str) or not data.strip():
            raise ValuesInvalid([FieldError(None, "data", "must be the text of a service template.")])
        template = await self.add_template(data)
        self.reply(template.summary())


class TemplateHandler(ApiHandler):
    """One service template."""

    @needs_own("custom:karvdash:templates")
    async def get(self, template_id: str) -> None:
        """Show it with its text and what a form needs to know about its variables."""
        self.reply(detail(self.karvdash.library.find(self.karvdash.namespace(self.username), template_id)))

    @needs_own("custom:karvdash:templates:write")
    async def delete(self, template_id: str) -> None:
        """Delete one of one's own; the answer is empty, as Karvdash's was."""
        await self.karvdash.library.remove(self.karvdash.namespace(self.username), template_id)
        self.finish()


class PreviewHandler(ApiHandler):
    """What a launch would create, and what Kubernetes says about it."""

    @needs_own("custom:karvdash:templates")
    async def post(self, template_id: str) -> None:
        """Fill the template in and let Kubernetes check every object, without creating any."""
        values = self.json_object()
        size = take_size(values)
        answer = await self.karvdash.services.preview(self.owner, template_id, values, size)
        self.reply(
            {
                "objects": answer["objects"],
                "errors": answer["errors"],
            }
        )


def detail(template: ServiceTemplate) -> dict[str, Any]:
    """Return a template with its text; ``form`` describes the variables that a user may choose."""
    form = [variable.describe() for variable in template.user_variables]
    return template.summary() | {"data": template.text, "form": form}
