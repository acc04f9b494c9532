"""What the store knows of the OpenID Connect provider: clients, codes, tokens, consents, subjects, keys.

``store.oidc``. Codes and tokens are there as digests. What may happen once, a database row decides: of two
uses of a code or of a refresh token exactly one changes it.
"""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from karvdash_hub.oidc.model import Access, Code, Consent, Family, Grant, Refresh
from karvdash_hub.store_oidc_clients import ClientRows, end_families, forget_grants
from karvdash_hub.store_oidc_tables import (
    OIDC_ACCESS,
    OIDC_CODES,
    OIDC_CONSENTS,
    OIDC_FAMILIES,
    OIDC_KEYS,
    OIDC_REFRESH,
    OIDC_SUBJECTS,
)

#: A used code is remembered for so long after its end (seconds), so that a replay is known for one.
CODE_MEMORY = 86400.0


class Oidc(ClientRows):
    """The provider's rows, in the transactions of a store."""

    # --- codes and tokens ----------------------------------------------------------------

    def add_code(self, code: Code) -> None:
        """Keep a code."""
        with self._transaction() as connection:
            connection.execute(OIDC_CODES.insert().values(_stored(code)))

    def code(self, digest: str) -> Code | None:
        """Return a code, used or expired ones too, or None."""
        query = sa.select(OIDC_CODES).where(OIDC_CODES.c.digest == digest)
        with self._transaction() as connection:
            row = connection.execute(query).first()
        return Code(**_loaded(row)) if row else None

    def redeem(self, code: str, family: Family, access: Access, refresh: str) -> bool:
        """Exchange a code for the first tokens of a family; False if it has been used meanwhile.

        Args:
            code, refresh: digests.
        """
        unused = (OIDC_CODES.c.digest == code, OIDC_CODES.c.used.is_(False))
        with self._transaction() as connection:
            if connection.execute(OIDC_CODES.update().where(*unused).values(used=True)).rowcount != 1:
                return False
            connection.execute(OIDC_FAMILIES.insert().values(_stored(family)))
            _issue(connection, access, refresh)
        return True

    def rotate(self, used: str, access: Access, refresh: str, now: float) -> bool:
        """Exchange a refresh token for the next one; False if it has been used meanwhile.

        Args:
            used, refresh: digests of the old and of the new refresh token.
        """
        family = OIDC_FAMILIES.c.id == access.family.id
        unused = (OIDC_REFRESH.c.digest == used, OIDC_REFRESH.c.used.is_(False))
        with self._transaction() as connection:
            if connection.execute(OIDC_REFRESH.update().where(*unused).values(used=True)).rowcount != 1:
                return False
            connection.execute(OIDC_FAMILIES.update().where(family).values(used=now))
            _issue(connection, access, refresh)
        return True

    def refresh(self, digest: str, now: float) -> Refresh | None:
        """Return a refresh token whose family has not ended, used or not; or None."""
        query = _with_family(OIDC_REFRESH, OIDC_REFRESH.c.used.label("spent")).where(
            OIDC_REFRESH.c.digest == digest, OIDC_FAMILIES.c.expires > now
        )
        with self._transaction() as connection:
            row = connection.execute(query).first()
        return Refresh(digest, _family(row), row.spent) if row else None

    def access(self, digest: str, now: float) -> Access | None:
        """Return an access token that is still good, or None."""
        query = _with_family(
            OIDC_ACCESS, OIDC_ACCESS.c.scopes.label("narrowed"), OIDC_ACCESS.c.expires.label("ends")
        ).where(OIDC_ACCESS.c.digest == digest, OIDC_ACCESS.c.expires > now)
        with self._transaction() as connection:
            row = connection.execute(query).first()
        return Access(digest, _family(row), tuple(row.narrowed.split()), row.ends) if row else None

    def grants(self, username: str, now: float) -> list[Grant]:
        """Return the clients at which a person is signed in, the one used last first."""
        since, used = sa.func.min(OIDC_FAMILIES.c.started), sa.func.max(OIDC_FAMILIES.c.used)
        query = (
            sa.select(OIDC_FAMILIES.c.client_id, since, used)
            .where(OIDC_FAMILIES.c.username == username, OIDC_FAMILIES.c.expires > now)
            .group_by(OIDC_FAMILIES.c.client_id)
            .order_by(used.desc())
        )
        clients = {client.client_id: client for client in self.list_clients()}
        with self._transaction() as connection:
            rows = connection.execute(query).all()
        return [Grant(clients[row[0]], row[1], row[2]) for row in rows if row[0] in clients]

    def end_family(self, family: str) -> None:
        """End one sign-in with all its tokens."""
        with self._transaction() as connection:
            end_families(connection, OIDC_FAMILIES.c.id == family)

    def end_access(self, digest: str) -> None:
        """Make one access token worthless."""
        with self._transaction() as connection:
            connection.execute(OIDC_ACCESS.delete().where(OIDC_ACCESS.c.digest == digest))

    def end_user(self, username: str) -> None:
        """End all sign-ins of a person at applications, and those that are under way."""
        with self._transaction() as connection:
            end_families(connection, OIDC_FAMILIES.c.username == username)
            connection.execute(OIDC_CODES.delete().where(OIDC_CODES.c.username == username))

    def purge(self, now: float) -> None:
        """Delete what has expired."""
        with self._transaction() as connection:
            connection.execute(OIDC_CODES.delete().where(OIDC_CODES.c.expires <= now - CODE_MEMORY))
            connection.execute(OIDC_ACCESS.delete().where(OIDC_ACCESS.c.expires <= now))
            end_families(connection, OIDC_FAMILIES.c.expires <= now)

    # --- consent -------------------------------------------------------------------------

    def consent(self, username: str, client_id: str) -> Consent | None:
        """Return what a person has allowed a client, or None."""
        mine = (OIDC_CONSENTS.c.username == username, OIDC_CONSENTS.c.client_id == client_id)
        with self._transaction() as connection:
            row = connection.execute(sa.select(OIDC_CONSENTS).where(*mine)).first()
        return Consent(**_loaded(row)) if row else None

    def set_consent(self, consent: Consent) -> None:
        """Remember what a person allows a client."""
        mine = (OIDC_CONSENTS.c.username == consent.username, OIDC_CONSENTS.c.client_id == consent.client_id)
        with self._transaction() as connection:
            connection.execute(OIDC_CONSENTS.delete().where(*mine))
            connection.execute(OIDC_CONSENTS.insert().values(_stored(consent)))

    def revoke_grant(self, username: str, client_id: str) -> None:
        """End a person's sign-ins at a client, and forget what the client was allowed."""
        with self._transaction() as connection:
            forget_grants(connection, username=username, client_id=client_id)

    # --- subjects ------------------------------------------------------------------------

    def subject(self, username: str) -> str:
        """Return the ``sub`` of a person, made at the first call and never changed.

        It is kept when the person is deleted, so that nobody ever gets it again; a later user of the same
        name gets a new one.
        """
        query = sa.select(OIDC_SUBJECTS.c.sub).where(OIDC_SUBJECTS.c.holder == username)
        with self._transaction() as connection:
            known: str | None = connection.scalar(query)
        if known is not None:
            return known
        try:
            with self._transaction() as connection:
                made = str(uuid.uuid4())
                connection.execute(
                    OIDC_SUBJECTS.insert().values(sub=made, username=username, holder=username)
                )
                return made
        except IntegrityError:  # another process of this database was quicker
            return self.subject(username)

    # --- keys ----------------------------------------------------------------------------

    def signing_keys(self) -> list[tuple[str, float]]:
        """Return id of each signing key and the time from which it signs."""
        with self._transaction() as connection:
            query = sa.select(OIDC_KEYS.c.kid, OIDC_KEYS.c.signs_from)
            return [(row.kid, row.signs_from) for row in connection.execute(query)]

    def private_key(self, kid: str) -> str | None:
        """Return a key as PEM, or None."""
        with self._transaction() as connection:
            pem: str | None = connection.scalar(sa.select(OIDC_KEYS.c.pem).where(OIDC_KEYS.c.kid == kid))
            return pem

    def add_key(self, kid: str, pem: str, signs_from: float) -> None:
        """Keep a new key."""
        with self._transaction() as connection:
            connection.execute(OIDC_KEYS.insert().values(kid=kid, pem=pem, signs_from=signs_from))

    def remove_key(self, kid: str) -> None:
        """Forget a key for good."""
        with self._transaction() as connection:
            connection.execute(OIDC_KEYS.delete().where(OIDC_KEYS.c.kid == kid))


def forget_holder(connection: sa.Connection, username: str) -> None:
    """End what a person who is deleted had, and keep the ``sub`` from ever being given again."""
    forget_grants(connection, username=username)
    connection.execute(OIDC_SUBJECTS.update().where(OIDC_SUBJECTS.c.holder == username).values(holder=None))


def _issue(connection: sa.Connection, access: Access, refresh: str) -> None:
    family = access.family.id
    scopes = " ".join(access.scopes)
    values = {"digest": access.digest, "family": family, "scopes": scopes, "expires": access.expires}
    connection.execute(OIDC_ACCESS.insert().values(values))
    connection.execute(OIDC_REFRESH.insert().values(digest=refresh, family=family, used=False))


def _with_family(table: sa.Table, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    joined = table.join(OIDC_FAMILIES, OIDC_FAMILIES.c.id == table.c.family)
    return sa.select(*OIDC_FAMILIES.c, *columns).select_from(joined)


def _family(row: Any) -> Family:
    names = [column.name for column in OIDC_FAMILIES.c]
    values = {name: getattr(row, name) for name in names}
    return Family(**{**values, "scopes": tuple(row.scopes.split())})


def _stored(item: Code | Family | Consent) -> dict[str, Any]:
    return {**vars(item), "scopes": " ".join(item.scopes)}


def _loaded(row: Any) -> dict[str, Any]:
    return {**row._mapping, "scopes": tuple(row.scopes.split())}
