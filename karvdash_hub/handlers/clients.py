"""Applications that sign people in with the Hub, for pages and API: who may manage them, how they look."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from karvdash_hub.durations import spell_moment
from karvdash_hub.errors import Forbidden, NotFound
from karvdash_hub.handlers import present
from karvdash_hub.handlers.base import KarvdashMixin
from karvdash_hub.oidc.model import Client

SCOPE = "custom:karvdash:oidc"
SOURCES = {"configuration": "configuration", "page": "added here", "api": "API", "command": "command line"}


class ClientsMixin(KarvdashMixin):
    """For handlers about applications."""

    def require_registrar(self) -> None:
        """Refuse who may not manage applications. Raises: Forbidden, NotFound if there is no provider."""
        self.require("")
        if not any(self.has_scope(scope) for scope in (SCOPE, "admin:users")):
            raise Forbidden(f"This needs the scope {SCOPE!r}, which the request does not have.")
        if not self.karvdash.oidc_settings.enabled:
            raise NotFound("This Hub signs nobody in at applications (OIDCProvider.enabled).")

    def find_client(self, client_id: str) -> Client:
        """Return a client. Raises: NotFound."""
        if (client := self.karvdash.store.oidc.client(client_id)) is None:
            shown = client_id if len(client_id) <= 64 else f"{client_id[:64]}…"
            raise NotFound(f"There is no application {shown!r}.", "oidc-client")
        return client

    @property
    def issuer(self) -> str:
        """The provider's address, as every application has to be told it."""
        return str(self.karvdash.provider.issuer)


def describe(client: Client) -> dict[str, Any]:
    """Return the API's form of a client, without secrets."""
    return {
        "client_id": client.client_id,
        "name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "public": client.public,
        "first_party": client.first_party,
        "source": client.source,
        "secret": client.secret_place,
        "created": spell_moment(client.created),
    }


def card(client: Client) -> dict[str, Any]:
    """Say how a client looks in a list."""
    return describe(client) | {
        "path": quote(client.client_id, safe=""),
        "initials": present.initials(client.name),
        "hue": present.hue(client.client_id),
        "from": SOURCES[client.source],
        "removable": client.source != "configuration",
    }
