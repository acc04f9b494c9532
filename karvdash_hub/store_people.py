"""What the store knows of people: e-mail, whether they may do anything, what the Hub has to do for them.

``store.people``. A change of an account and the orders that follow from it are one transaction, so that a
Hub that is killed in between, or that does not run while the command line is used, carries them out later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from karvdash_hub.errors import Taken
from karvdash_hub.store_oidc import forget_holder
from karvdash_hub.store_rows import Deactivation, Order, OrderKind, Profile
from karvdash_hub.store_tables import ACCOUNTS, DEACTIVATED, ORDERS, PROFILES

Transaction = Callable[[], AbstractContextManager[sa.Connection]]


class People:
    """Profiles, deactivations and orders, in the transactions of a store."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    # --- profiles ------------------------------------------------------------------------

    def profile(self, username: str) -> Profile:
        """Return what is known of a person; an empty profile of somebody unknown."""
        with self._transaction() as connection:
            row = connection.execute(sa.select(PROFILES).where(PROFILES.c.username == username)).first()
        return Profile(*row) if row else Profile(username, None, None)

    def profiles(self) -> dict[str, Profile]:
        """Return all profiles by user name."""
        with self._transaction() as connection:
            return {row.username: Profile(*row) for row in connection.execute(sa.select(PROFILES))}

    def user_of_email(self, email: str) -> str | None:
        """Name the person with this e-mail address, or None."""
        with self._transaction() as connection:
            name: str | None = connection.scalar(
                sa.select(PROFILES.c.username).where(PROFILES.c.email == email.lower())
            )
            return name

    def set_email(self, username: str, email: str, *, asked: bool = False) -> None:
        """Replace the e-mail address, "" for none. Raises: Taken if it is somebody else's."""
        values = {"email": email.lower() or None} | ({"asked": _now()} if asked else {})
        try:
            with self._transaction() as connection:
                mine = PROFILES.c.username == username
                if connection.execute(PROFILES.update().where(mine).values(values)).rowcount == 0:
                    connection.execute(PROFILES.insert().values(username=username, **values))
        except IntegrityError:
            raise Taken(f"Somebody else has the e-mail address {email}.", "email") from None

    # --- who may do anything -------------------------------------------------------------

    def deactivated(self, username: str) -> Deactivation | None:
        """Tell since when a person is deactivated, None if the person is not."""
        with self._transaction() as connection:
            row = connection.execute(sa.select(DEACTIVATED).where(DEACTIVATED.c.username == username)).first()
        return Deactivation(*row) if row else None

    def all_deactivated(self) -> dict[str, Deactivation]:
        """Return all who are deactivated by user name."""
        with self._transaction() as connection:
            return {row.username: Deactivation(*row) for row in connection.execute(sa.select(DEACTIVATED))}

    def is_active(self, username: str) -> bool:
        """Tell whether a person may do anything; people of other authenticators have no account here."""
        barred = sa.exists().where(DEACTIVATED.c.username == username)
        waiting = sa.exists().where(ACCOUNTS.c.name == username, ACCOUNTS.c.active.is_(False))
        with self._transaction() as connection:
            return not connection.scalar(sa.select(sa.or_(barred, waiting)))

    def deactivate(self, username: str, services: Literal["keep", "stop"]) -> None:
        """Bar a person, and order the end of everything the person has."""
        with self._transaction() as connection:
            _clear(connection, username)
            connection.execute(
                DEACTIVATED.insert().values(username=username, since=_now(), services=services)
            )
            connection.execute(ACCOUNTS.update().where(ACCOUNTS.c.name == username).values(active=False))
            _order(connection, username, ("sessions", "tokens", "cut", "stop"))

    def remove(self, username: str) -> None:
        """Bar a person, and order that person and everything the person has to be deleted."""
        self.deactivate(username, "stop")
        self.order(username, "remove")

    def activate(self, username: str) -> None:
        """Let a person in, for the first time or again."""
        with self._transaction() as connection:
            _clear(connection, username)
            connection.execute(ACCOUNTS.update().where(ACCOUNTS.c.name == username).values(active=True))
            _order(connection, username, ("restore",))

    # --- orders --------------------------------------------------------------------------

    def order(self, username: str, *kinds: OrderKind) -> None:
        """Have the Hub do something for an account."""
        with self._transaction() as connection:
            _order(connection, username, kinds)

    def orders(self, username: str | None = None) -> list[Order]:
        """Return what is still to be done, for one user or for all, oldest first."""
        query = sa.select(ORDERS).order_by(ORDERS.c.number)
        if username is not None:
            query = query.where(ORDERS.c.username == username)
        with self._transaction() as connection:
            return [Order(*row) for row in connection.execute(query)]

    def carried_out(self, order: Order) -> None:
        """Forget an order, unless the same was asked again meanwhile."""
        with self._transaction() as connection:
            connection.execute(
                ORDERS.delete().where(
                    ORDERS.c.username == order.username,
                    ORDERS.c.kind == order.kind,
                    ORDERS.c.number == order.number,
                )
            )


def forget_person(connection: sa.Connection, username: str) -> None:
    """Delete what is known of a person who is removed."""
    forget_holder(connection, username)
    for table in (PROFILES, DEACTIVATED, ORDERS):
        connection.execute(table.delete().where(table.c.username == username))


def _clear(connection: sa.Connection, username: str) -> None:
    connection.execute(DEACTIVATED.delete().where(DEACTIVATED.c.username == username))
    kinds = ("cut", "stop", "restore")
    connection.execute(ORDERS.delete().where(ORDERS.c.username == username, ORDERS.c.kind.in_(kinds)))


def _order(connection: sa.Connection, username: str, kinds: Iterable[OrderKind]) -> None:
    for kind in kinds:
        mine = (ORDERS.c.username == username, ORDERS.c.kind == kind)
        connection.execute(ORDERS.delete().where(*mine))
        connection.execute(ORDERS.insert().values(username=username, kind=kind, number=time.time_ns()))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
