"""Home page and catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tornado import web

from karvdash_hub.errors import FieldError, KarvdashError, TemplateInvalid
from karvdash_hub.handlers import present, shares
from karvdash_hub.handlers.base import MAX_BODY, PageHandler, needs_own
from karvdash_hub.handlers.fields import place
from karvdash_hub.service_templates.model import ServiceTemplate
from karvdash_hub.spawner.views import ServiceView

#: Offered to somebody who has nothing yet.
FIRST = "hello-kubernetes"


class HomeHandler(PageHandler):
    """/hub/home: what is mine, and the way to more."""

    @web.authenticated
    @needs_own("read:servers")
    async def get(self) -> None:
        """Show the asker's services, the notebook first."""
        views = self.karvdash.services.list(self.owner)
        cards = [page_card(self, view) for view in views]
        templates = template_cards(self, views)
        notebooks = [card for card in cards if card["stock"] and not card["name"]]
        await self.answer(
            "karvdash/home.html",
            heading=f"Services of {self.username}" if self.acting_for else "Your services",
            here="home",
            notebook=notebooks[0] if notebooks and self.karvdash.platform.stock_notebooks else None,
            cards=[card for card in cards if card not in notebooks],
            blank=page_card(self, ServiceView(user=self.username, name="", created="")) | {"stock": False},
            shared=shared_cards(self),
            templates=templates,
            first=next((t for t in templates if t["id"] == FIRST), templates[0] if templates else None),
        )


class CatalogueHandler(PageHandler):
    """/hub/catalogue: every service template that the asker may launch."""

    @web.authenticated
    @needs_own("custom:karvdash:templates")
    async def get(self) -> None:
        """Show them, those that match ``q`` if it is given, and what is wrong with broken ones."""
        await self.show(query=self.get_argument("q", ""))

    async def show(self, status: int = 200, *, query: str = "", **values: Any) -> None:
        """Render the page, as after an upload that failed."""
        views = self.karvdash.services.list(self.owner)
        words = query.lower().split()
        cards = template_cards(self, views)
        await self.answer(
            "karvdash/catalogue.html",
            status,
            heading="Catalogue",
            here="catalogue",
            query=query,
            templates=[card for card in cards if all(word in card["text"] for word in words)],
            problems=self._problems(),
            **values,
        )

    def _problems(self) -> list[dict[str, Any]]:
        problems = self.karvdash.library.problems(self.karvdash.namespace(self.username))
        return [problem | {"errors": [place(error) for error in problem["errors"]]} for problem in problems]


class UploadHandler(CatalogueHandler):
    """/hub/templates: a service template of one's own, as a file or as text."""

    @web.authenticated
    @needs_own("custom:karvdash:templates:write")
    async def post(self) -> None:
        """Add it, or show the catalogue again with the text and everything that is wrong with it."""
        text = ""
        try:
            text = self._text()
            template = await self.add_template(text)
        except KarvdashError as error:
            errors: Sequence[FieldError] = getattr(error, "errors", ())
            headline = "The service template has mistakes:" if errors else error.message
            await self.show(
                error.status,
                upload_text=text,
                upload_error=headline,
                upload_errors=[place(e) for e in errors],
            )
            return
        self.redirect(self.hub_path("launch", template.id), status=303)

    def _text(self) -> str:
        files = self.request.files.get("file") or []
        body = files[0]["body"] if files and files[0]["body"] else self.get_argument("data", "").encode()
        if not body.strip():
            raise KarvdashError("Choose a file, or write the text of a service template.", "empty")
        if len(body) > MAX_BODY:
            raise KarvdashError(
                f"The file has {len(body)} bytes; at most {MAX_BODY} are read.", "too-large", 413
            )
        try:
            return str(body.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise TemplateInvalid([FieldError(None, "", f"is not UTF-8 text: {error}.")]) from error


class TemplateTextHandler(PageHandler):
    """/hub/templates/<id>: the YAML as its author wrote it."""

    @web.authenticated
    @needs_own("custom:karvdash:templates")
    async def get(self, template_id: str) -> None:
        """Send it as text that no browser runs."""
        template = self.karvdash.library.find(self.karvdash.namespace(self.username), template_id)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Disposition", f'inline; filename="{template.id}.template.yaml"')
        self.finish(template.text)


class TemplateDeleteHandler(PageHandler):
    """/hub/templates/<id>/delete: forget one of one's own service templates."""

    @web.authenticated
    @needs_own("custom:karvdash:templates:write")
    async def post(self, template_id: str) -> None:
        """Delete it; services launched from it go on."""
        await self.karvdash.library.remove(self.karvdash.namespace(self.username), template_id)
        self.redirect(self.hub_path("catalogue"), status=303)


def page_card(handler: PageHandler, view: ServiceView) -> dict[str, Any]:
    """Add to the card of a service what only a page needs."""
    user = handler.owner
    # JupyterHub asks for a notebook's options on a page of its own, if it has any.
    asks = view.stock and bool(user.spawner.options_form or getattr(user.spawner, "profile_list", None))
    return present.card(view, handler.hub_path) | {
        "age": present.age(view.started or "", datetime.now(UTC)),
        "start_form": handler.hub_path("spawn", user.escaped_name, view.name) if asks else "",
    }


def shared_cards(handler: PageHandler) -> list[dict[str, Any]]:
    """Describe the services that others share with the owner of the page, by name."""
    cards = []
    for record, group in shares.with_user(handler.db, handler.owner.orm_user):
        user = handler._user_from_orm(record.user)
        view = handler.karvdash.services.get(user, record.name)
        cards.append(present.card(view, handler.hub_path) | {"owner": user.name, "group": group})
    return sorted(cards, key=lambda card: (card["title"].lower(), card["owner"]))


def template_cards(handler: PageHandler, views: Sequence[ServiceView]) -> list[dict[str, Any]]:
    """Describe the service templates that the asker may launch, one's own first, then by name."""
    library, namespace = handler.karvdash.library, handler.karvdash.namespace(handler.username)
    running = {view.template_id: view.name for view in views}
    templates = sorted(library.for_user(namespace), key=lambda t: (not t.custom, t.name.lower()))
    return [template_card(template, running) for template in templates]


def template_card(template: ServiceTemplate, running: Mapping[str, str]) -> dict[str, Any]:
    """Describe one service template; ``running`` names a service of each template that has one."""
    return {
        "id": template.id,
        "name": template.name,
        "description": template.description,
        "category": template.category,
        "singleton": template.singleton,
        "auth": template.auth,
        "custom": template.custom,
        "initials": present.initials(template.name),
        "hue": present.hue(template.name),
        "text": f"{template.name} {template.description} {template.id} {template.category}".lower(),
        "running": running.get(template.id, "") if template.singleton else "",
    }
