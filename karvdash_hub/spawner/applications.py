"""Applications that sign people in: those of the configuration at start, the others when somebody asks.

Where an application has a Kubernetes Secret, the Hub writes it and keeps only a digest. It cannot read it
again, so one that somebody deletes is made anew, with a new secret, when the Hub starts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from karvdash_hub.errors import FieldError, KarvdashError, Taken
from karvdash_hub.kube import client_secrets
from karvdash_hub.kube.errors import AlreadyExists
from karvdash_hub.oidc.model import Client, Source, digest, new_secret
from karvdash_hub.registration import Registration, Wish, as_client, mistakes_of, read_entry

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: Seconds between two tries to write Secrets of the configuration.
_AGAIN = 15.0
#: Where kubelogin listens, ref: https://github.com/int128/kubelogin (--oidc-redirect-url).
_KUBECTL_URIS = ("http://localhost:8000", "http://localhost:18000")


class Applications:
    """All clients of the Hub's OpenID Connect provider."""

    def __init__(self, karvdash: Karvdash) -> None:
        self._karvdash = karvdash

    def registration(self, actor: str, source: Source) -> Registration:
        """Return what checks and registers clients for somebody."""
        karvdash = self._karvdash
        return Registration(
            karvdash.store,
            karvdash.platform.scheme == "http",
            karvdash.oidc_settings.secret_namespaces,
            actor,
            source,
        )

    async def add(self, wish: Wish, actor: str, source: Source) -> tuple[Client, str]:
        """Register a client and write its Secret; both or none. Raises: KarvdashError."""
        registration = self.registration(actor, source)
        client, secret = registration.add(wish)
        if client.secret_place:
            try:
                kube = self._karvdash.kube
                await client_secrets.create(kube, client.secret_place, client.client_id, secret)
            except BaseException:
                registration.undo(client)
                raise
        return client, secret

    async def remove(self, client_id: str, actor: str, source: Source) -> None:
        """Forget a client and delete its Secret.

        Raises: NotFound, Conflict; KubeError where only the Secret is left.
        """
        client = self.registration(actor, source).remove(client_id)
        if client.secret_place:
            await client_secrets.remove(self._karvdash.kube, client.secret_place)

    # --- configuration -------------------------------------------------------------------

    async def follow_configuration(self) -> None:
        """Make the clients of the configuration what it says; write their Secrets, however long it takes."""
        store = self._karvdash.store.oidc
        before = {client.client_id: client for client in store.list_clients() if _configured(client)}
        wanted = self._configured(before)
        try:
            store.set_clients("configuration", [client for client in wanted if _usable(client)])
        except Taken as error:
            log.error("The applications of the configuration are left as they were. %s", error)
            return
        places = {client.secret_place for client in wanted}
        gone = [client.secret_place for client in before.values() if client.secret_place not in places | {""}]
        unwritten = [client for client in wanted if client.secret_place]
        while unwritten or gone:
            unwritten, gone = await self._write(unwritten), await self._clean(gone)
            if unwritten or gone:
                await asyncio.sleep(_AGAIN)

    def _configured(self, before: dict[str, Client]) -> list[Client]:
        """Return the clients of the configuration, those with a Secret of ours as the database has them."""
        found = []
        http = self._karvdash.platform.scheme == "http"
        for entry in [*self._karvdash.oidc_settings.clients, *self._kubectl()]:
            wish = read_entry(entry)
            if mistakes := mistakes_of(wish, http=http):
                log.error("OIDCProvider.clients: %s is left out: %s", wish.client_id, _spell(mistakes))
                continue
            client = as_client(wish, "configuration", entry.get("client_secret") or "")
            known = before.get(wish.client_id)
            if known is not None:
                client = replace(client, created=known.created)
                if wish.secret and wish.secret == known.secret_place:
                    client = replace(client, secret_hash=known.secret_hash)
            found.append(client)
        return found

    def _kubectl(self) -> list[dict[str, object]]:
        kubectl = self._karvdash.outside.kubectl
        ids = [entry["client_id"] for entry in self._karvdash.oidc_settings.clients]
        if not kubectl.trusts_oidc or kubectl.oidc_client_id in ids:
            return []
        entry = {"client_id": kubectl.oidc_client_id, "name": "kubectl", "public": True}
        return [entry | {"redirect_uris": list(_KUBECTL_URIS)}]

    async def _write(self, clients: Sequence[Client]) -> list[Client]:
        """Write Secrets that are not there; return those of which nobody knows whether they are."""
        left = []
        for client in clients:
            secret = new_secret()
            made = client_secrets.manifest(client.secret_place, client.client_id, secret)
            try:
                try:
                    await self._karvdash.kube.create(made)
                except AlreadyExists:
                    if _usable(client):
                        continue
                    # Written by a Hub whose database is lost. A policy keeps this to Secrets of clients.
                    await self._karvdash.kube.apply(made)
                self._replace(replace(client, secret_hash=digest(secret)))
                log.info("Wrote Secret %s of application %s", client.secret_place, client.client_id)
            except KarvdashError as error:
                log.warning("Secret %s of application %s: %s", client.secret_place, client.client_id, error)
                left.append(client)
        return left

    async def _clean(self, places: Sequence[str]) -> list[str]:
        left = []
        for place in places:
            try:
                await client_secrets.remove(self._karvdash.kube, place)
            except KarvdashError as error:
                log.warning("Secret %s of an application that is gone: %s", place, error)
                left.append(place)
        return left

    def _replace(self, client: Client) -> None:
        store = self._karvdash.store.oidc
        known = {one.client_id: one for one in store.list_clients() if _configured(one)}
        store.set_clients("configuration", (known | {client.client_id: client}).values())


def _configured(client: Client) -> bool:
    return client.source == "configuration"


def _usable(client: Client) -> bool:
    return client.public or bool(client.secret_hash)


def _spell(mistakes: Sequence[FieldError]) -> str:
    return " ".join(map(str, mistakes))
