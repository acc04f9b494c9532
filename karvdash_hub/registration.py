"""Applications that may sign people in, for configuration, pages, API and command line alike.

Everything is checked here and entered into the audit log. Who may ask is the caller's to check.
"""

from __future__ import annotations

import re
import secrets
import string
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from karvdash_hub.errors import Conflict, FieldError, NotFound, ValuesInvalid
from karvdash_hub.oidc.clients import client_mistakes
from karvdash_hub.oidc.model import Client, Source, digest, new_secret
from karvdash_hub.oidc_settings import CLIENT_ID_RULE, is_client_id, secret_place
from karvdash_hub.store import Store


@dataclass(frozen=True)
class Wish:
    """A client that somebody wants registered.

    Attributes:
        client_id: "" lets one be made from the name.
        secret: ``namespace/name`` of the Kubernetes Secret to write, "" for none.
    """

    name: str
    redirect_uris: Sequence[str]
    client_id: str = ""
    public: bool = False
    first_party: bool = True
    post_logout_redirect_uris: Sequence[str] = ()
    secret: str = ""


@dataclass(frozen=True)
class Registration:
    """Clients of one store, changed by one actor.

    Attributes:
        http: whether addresses without TLS are taken, because the Hub has none either.
        namespaces: where Secrets may be written; None is everywhere.
        actor, source: for the audit log.
    """

    store: Store
    http: bool
    namespaces: Sequence[str] | None
    actor: str = ""
    source: Source = "page"

    def check(self, wish: Wish) -> Wish:
        """Refuse what cannot be registered, and return the wish with its client id. Raises: ValuesInvalid."""
        wish = replace(wish, client_id=wish.client_id or suggest_id(wish.name))
        mistakes = mistakes_of(wish, http=self.http)
        if not mistakes and self.store.oidc.client(wish.client_id) is not None:
            message = f"{wish.client_id} is taken. Choose another one, or remove that application first."
            mistakes.append(FieldError(None, "client_id", message))
        if problem := self._secret_problem(wish):
            mistakes.append(FieldError(None, "secret", problem))
        if mistakes:
            raise ValuesInvalid(mistakes)
        return wish

    def add(self, wish: Wish) -> tuple[Client, str]:
        """Register a client; return it with its secret, which is "" for a public one and kept nowhere.

        Raises: ValuesInvalid, Taken.
        """
        wish = self.check(wish)
        secret = "" if wish.public else new_secret()
        client = as_client(wish, self.source, secret)
        self.store.oidc.add_client(client)
        self._note("application.add", client.client_id)
        return client, secret

    def remove(self, client_id: str) -> Client:
        """Forget a client, and end everybody's sign-ins at it.

        Raises: NotFound; Conflict for one of the configuration.
        """
        client = self.store.oidc.client(client_id)
        if client is None:
            shown = client_id if len(client_id) <= 64 else f"{client_id[:64]}…"
            raise NotFound(f"There is no application {shown!r}.", "oidc-client")
        if client.source == "configuration":
            raise Conflict(
                f"{client_id} is in the Hub's configuration (OIDCProvider.clients). Take it out there.",
                "oidc-client",
            )
        self.store.oidc.remove_client(client_id)
        self._note("application.remove", client_id)
        return client

    def undo(self, client: Client) -> None:
        """Forget a client whose Secret could not be written."""
        self.store.oidc.remove_client(client.client_id)
        self._note("application.remove", client.client_id)

    def _secret_problem(self, wish: Wish) -> str:
        if not wish.secret:
            return ""
        if wish.public:
            return "is of no use to a public application, which has no secret."
        place = secret_place(wish.secret)
        if place is None:
            return "must be namespace/name."
        if self.namespaces is not None and place[0] not in self.namespaces:
            known = ", ".join(self.namespaces) or "none"
            return f"must be in a namespace of OIDCProvider.secret_namespaces, which are: {known}."
        return ""

    def _note(self, action: str, client_id: str) -> None:
        via = "page" if self.source == "configuration" else self.source
        self.store.audit.add(action, subject="", actor=self.actor, object=client_id, via=via)


def mistakes_of(wish: Wish, *, http: bool) -> list[FieldError]:
    """Return what is wrong with a client by itself."""
    found = client_mistakes(wish.name, wish.redirect_uris, wish.post_logout_redirect_uris, insecure=http)
    if not is_client_id(wish.client_id):
        found.insert(0, FieldError(None, "client_id", f"{CLIENT_ID_RULE}."))
    return found


def as_client(wish: Wish, source: Source, secret: str) -> Client:
    """Make the row of a client; of the secret only a digest is kept."""
    return Client(
        client_id=wish.client_id,
        name=wish.name.strip(),
        redirect_uris=tuple(wish.redirect_uris),
        secret_hash=digest(secret) if secret else "",
        public=wish.public,
        first_party=wish.first_party,
        post_logout_redirect_uris=tuple(wish.post_logout_redirect_uris),
        source=source,
        created=time.time(),
        secret_place=wish.secret,
    )


def read_entry(entry: Mapping[str, Any]) -> Wish:
    """Read an entry of ``OIDCProvider.clients``, which has been checked."""
    return Wish(
        name=entry.get("name") or entry["client_id"],
        redirect_uris=tuple(entry["redirect_uris"]),
        client_id=entry["client_id"],
        public=entry.get("public", False),
        first_party=entry.get("first_party", True),
        post_logout_redirect_uris=tuple(entry.get("post_logout_redirect_uris", ())),
        secret=entry.get("secret") or "",
    )


def suggest_id(name: str) -> str:
    """Make a client id from a name, with four letters at its end so that it is new."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "application"
    return f"{words}-{''.join(secrets.choice(string.ascii_lowercase) for _ in range(4))}"
