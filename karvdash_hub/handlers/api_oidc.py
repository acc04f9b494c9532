"""/hub/api/karvdash/oidc/clients/: applications that sign people in, for programs of administrators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from karvdash_hub.errors import FieldError, ValuesInvalid
from karvdash_hub.handlers.base import ApiHandler
from karvdash_hub.handlers.clients import ClientsMixin, describe
from karvdash_hub.registration import Wish

_TEXTS, _LISTS = ("name", "client_id", "secret"), ("redirect_uris", "post_logout_redirect_uris")
_BOOLEANS = ("public", "first_party")


class ClientsHandler(ClientsMixin, ApiHandler):
    """All applications."""

    async def get(self) -> None:
        """List them."""
        self.require_registrar()
        self.reply({"objects": [describe(client) for client in self.karvdash.store.oidc.list_clients()]})

    async def post(self) -> None:
        """Register one; its secret is in the answer and nowhere else."""
        self.require_registrar()
        wish = read_wish(self.json_object(known=(*_TEXTS, *_LISTS, *_BOOLEANS)))
        client, secret = await self.karvdash.applications.add(wish, self.current_user.name, "api")
        self.set_header("Cache-Control", "no-store")
        self.reply(describe(client) | {"client_secret": secret or None}, 201)


class ClientHandler(ClientsMixin, ApiHandler):
    """One application."""

    async def get(self, client_id: str) -> None:
        """Show it."""
        self.require_registrar()
        self.reply(describe(self.find_client(client_id)))

    async def delete(self, client_id: str) -> None:
        """Forget it, its Secret, and everybody's sign-ins at it."""
        self.require_registrar()
        await self.karvdash.applications.remove(client_id, self.current_user.name, "api")
        self.set_status(204)
        self.finish()


def read_wish(body: Mapping[str, Any]) -> Wish:
    """Read the body of a POST. Raises: ValuesInvalid with every field of a wrong type."""
    mistakes = [
        FieldError(None, key, "must be a text.") for key in _TEXTS if not isinstance(body.get(key, ""), str)
    ]
    mistakes += [
        FieldError(None, key, "must be true or false.")
        for key in _BOOLEANS
        if not isinstance(body.get(key, False), bool)
    ]
    for key in _LISTS:
        given = body.get(key, [])
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            mistakes.append(FieldError(None, key, "must be a list of texts."))
    if mistakes:
        raise ValuesInvalid(mistakes)
    return Wish(**{"name": "", "redirect_uris": [], **body})
