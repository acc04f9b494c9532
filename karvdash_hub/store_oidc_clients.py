"""What the store knows of clients: the part of ``store.oidc`` that is about applications, not people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from karvdash_hub.errors import Taken
from karvdash_hub.oidc.model import Client, Source
from karvdash_hub.store_oidc_tables import (
    OIDC_ACCESS,
    OIDC_CLIENTS,
    OIDC_CODES,
    OIDC_CONSENTS,
    OIDC_FAMILIES,
    OIDC_REFRESH,
)


class ClientRows:
    """Clients, in the transactions of a store."""

    def __init__(self, transaction: Callable[[], AbstractContextManager[sa.Connection]]) -> None:
        self._transaction = transaction

    def list_clients(self) -> list[Client]:
        """Return all clients by name."""
        with self._transaction() as connection:
            rows = connection.execute(sa.select(OIDC_CLIENTS).order_by(OIDC_CLIENTS.c.name))
            return [_client(row) for row in rows]

    def client(self, client_id: str) -> Client | None:
        """Return a client, or None."""
        query = sa.select(OIDC_CLIENTS).where(OIDC_CLIENTS.c.client_id == client_id)
        with self._transaction() as connection:
            row = connection.execute(query).first()
        return _client(row) if row else None

    def add_client(self, client: Client) -> None:
        """Register a client. Raises: Taken if there is one with this id."""
        try:
            with self._transaction() as connection:
                connection.execute(OIDC_CLIENTS.insert().values(_client_values(client)))
        except IntegrityError:
            raise Taken(f"There is a client {client.client_id} already.", "oidc-client") from None

    def remove_client(self, client_id: str) -> bool:
        """Forget a client with everybody's sign-ins at it; False if there is no such client."""
        with self._transaction() as connection:
            return _remove_client(connection, client_id)

    def set_clients(self, source: Source, clients: Iterable[Client]) -> None:
        """Make these all the clients of a source; sign-ins at those that stay go on.

        Raises: Taken if another source has a client of the same id.
        """
        wanted = {client.client_id: client for client in clients}
        mine = OIDC_CLIENTS.c.source == source
        try:
            with self._transaction() as connection:
                known = connection.scalars(sa.select(OIDC_CLIENTS.c.client_id).where(mine)).all()
                for client_id in set(known) - set(wanted):
                    _remove_client(connection, client_id)
                connection.execute(OIDC_CLIENTS.delete().where(mine))
                if wanted:
                    connection.execute(OIDC_CLIENTS.insert(), [_client_values(c) for c in wanted.values()])
        except IntegrityError:
            raise Taken(
                f"A client of the {source} has the id of one that was registered otherwise: "
                f"{', '.join(sorted(wanted))}. Remove that one, or choose another id.",
                "oidc-client",
            ) from None


def end_families(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> None:
    """Delete families with their tokens."""
    families = sa.select(OIDC_FAMILIES.c.id).where(*which)
    for table in (OIDC_ACCESS, OIDC_REFRESH):
        connection.execute(table.delete().where(table.c.family.in_(families)))
    connection.execute(OIDC_FAMILIES.delete().where(*which))


def forget_grants(connection: sa.Connection, **whose: str) -> None:
    """End sign-ins, also those under way, and forget consents: of a ``username``, a ``client_id`` or both."""
    end_families(connection, *(OIDC_FAMILIES.c[column] == value for column, value in whose.items()))
    for table in (OIDC_CODES, OIDC_CONSENTS):
        connection.execute(
            table.delete().where(*(table.c[column] == value for column, value in whose.items()))
        )


def _remove_client(connection: sa.Connection, client_id: str) -> bool:
    forget_grants(connection, client_id=client_id)
    return (
        connection.execute(OIDC_CLIENTS.delete().where(OIDC_CLIENTS.c.client_id == client_id)).rowcount == 1
    )


def _client_values(client: Client) -> dict[str, Any]:
    lists = ("redirect_uris", "post_logout_redirect_uris")
    return {**vars(client), **{name: json.dumps(getattr(client, name)) for name in lists}}


def _client(row: Any) -> Client:
    lists = ("redirect_uris", "post_logout_redirect_uris")
    return Client(**{**row._mapping, **{name: tuple(json.loads(getattr(row, name))) for name in lists}})
