"""What the store knows of tickets of the gate and of tokens in users' pods. No token itself is in a table."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import sqlalchemy as sa

from karvdash_hub.store_rows import PodToken
from karvdash_hub.store_tables import POD_TOKENS, TICKETS


class TokenRows:
    """A part of ``Store``."""

    def _transaction(self) -> AbstractContextManager[sa.Connection]:
        raise NotImplementedError

    def _rows(self, query: sa.Select[Any]) -> Sequence[tuple[Any, ...]]:
        raise NotImplementedError

    # --- tickets -------------------------------------------------------------------------

    def add_ticket(self, digest: str, host: str, username: str, expires: float) -> None:
        """Keep a one-time ticket; ``expires`` is Unix seconds. Only the digest is ever stored."""
        with self._transaction() as connection:
            connection.execute(
                TICKETS.insert().values(
                    digest=digest, host=host, username=username, expires=expires, used=False
                )
            )

    def use_ticket(self, digest: str, host: str, now: float) -> str | None:
        """Use a ticket up: its user name, or None if it is unknown, used, expired or for another host."""
        valid = (
            TICKETS.c.digest == digest,
            TICKETS.c.host == host,
            TICKETS.c.used.is_(False),
            TICKETS.c.expires > now,
        )
        with self._transaction() as connection:
            # The update decides: of two uses at the same moment one changes a row.
            if connection.execute(TICKETS.update().where(*valid).values(used=True)).rowcount != 1:
                return None
            query = sa.select(TICKETS.c.username).where(TICKETS.c.digest == digest)
            return cast(str, connection.scalar(query))

    def purge_tickets(self, now: float) -> None:
        """Delete expired tickets."""
        with self._transaction() as connection:
            connection.execute(TICKETS.delete().where(TICKETS.c.expires <= now))

    # --- tokens of pods ------------------------------------------------------------------

    def pod_token(self, username: str) -> PodToken | None:
        """Return what is known of the token of a user's pods, or None."""
        rows = self._rows(sa.select(POD_TOKENS).where(POD_TOKENS.c.username == username))
        return PodToken(*rows[0]) if rows else None

    def pod_tokens(self) -> list[PodToken]:
        """Return what is known of the tokens of all users' pods."""
        return [PodToken(*row) for row in self._rows(sa.select(POD_TOKENS))]

    def set_pod_token(self, row: PodToken) -> None:
        """Put a token in place of the user's former one."""
        with self._transaction() as connection:
            connection.execute(POD_TOKENS.delete().where(POD_TOKENS.c.username == row.username))
            connection.execute(POD_TOKENS.insert().values(row._asdict()))
