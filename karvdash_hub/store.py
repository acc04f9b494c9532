"""What karvdash_hub has to remember: accounts, allocated names, launches, tickets.

A database of its own beside JupyterHub's, because JupyterHub gives its session to nobody and deletes
rows with the user. Everything is a row by key and takes about 0.1 ms, so the calls are synchronous;
each opens and ends its own transaction.

Uniqueness is the database's: of two requests for one host exactly one gets it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from karvdash_hub.errors import Taken, Unavailable
from karvdash_hub.names import Hostname, Namespace
from karvdash_hub.store_audit import AuditLog
from karvdash_hub.store_oidc import Oidc
from karvdash_hub.store_people import People, forget_person
from karvdash_hub.store_rows import (
    UNFINISHED,
    Account,
    Host,
    LaunchRow,
    LaunchState,
    PodToken,
    UserNamespace,
)
from karvdash_hub.store_tables import (
    ACCOUNTS,
    HOSTS,
    LAUNCHES,
    LEAVING,
    META,
    METADATA,
    NAMESPACES,
    POD_TOKENS,
    TICKETS,
    keep_private,
    prepare_sqlite,
)
from karvdash_hub.store_tokens import TokenRows

__all__ = [
    "UNFINISHED",
    "Account",
    "Host",
    "LaunchRow",
    "LaunchState",
    "PodToken",
    "Store",
    "UserNamespace",
    "prepare_sqlite",
]

#: What ``karvdash-hub selftest`` found, as ``selftest.Report`` writes it.
SELFTEST = "selftest"


class Store(TokenRows):
    """The database. ``url`` is SQLAlchemy's; tables are made when they are missing."""

    def __init__(self, url: str) -> None:
        keep_private(url)
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", prepare_sqlite)
        METADATA.create_all(self._engine)
        self.instance_id = self._make_instance_id()
        self.people = People(self._transaction)
        self.audit = AuditLog(self._transaction)
        self.oidc = Oidc(self._transaction)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                message = "The Hub's database is in use by another program. Try again in a moment."
                raise Unavailable(message, "database-busy") from error
            raise

    def _make_instance_id(self) -> str:
        """Return the id of this installation, made once.

        Anchors in the cluster carry it, so that a Hub with another database deletes nothing of ours.
        """
        with self._transaction() as connection:
            known = connection.scalar(sa.select(META.c.value).where(META.c.key == "instance_id"))
            if known is None:
                known = str(uuid.uuid4())
                connection.execute(META.insert().values(key="instance_id", value=known))
        return cast(str, known)

    def meta(self, key: str) -> str | None:
        """Return something small that is kept by name, or None."""
        rows = self._rows(sa.select(META.c.value).where(META.c.key == key))
        return cast(str, rows[0][0]) if rows else None

    def set_meta(self, key: str, value: str) -> None:
        """Keep something small by name."""
        with self._transaction() as connection:
            connection.execute(META.delete().where(META.c.key == key))
            connection.execute(META.insert().values(key=key, value=value))

    # --- accounts ------------------------------------------------------------------------

    def account(self, name: str) -> Account | None:
        """Return a local account, or None."""
        rows = self._rows(sa.select(ACCOUNTS).where(ACCOUNTS.c.name == name))
        return Account(*rows[0]) if rows else None

    def accounts(self) -> list[Account]:
        """Return all local accounts by name."""
        return [Account(*row) for row in self._rows(sa.select(ACCOUNTS).order_by(ACCOUNTS.c.name))]

    def add_account(self, name: str, password_hash: str, *, admin: bool, active: bool = True) -> None:
        """Add a local account. Raises: Taken if there is one of this name."""
        try:
            with self._transaction() as connection:
                connection.execute(
                    ACCOUNTS.insert().values(
                        name=name, hash=password_hash, active=active, admin=admin, created=_now()
                    )
                )
        except IntegrityError:
            raise Taken(f"There is an account {name} already.", "account") from None

    def set_password(self, name: str, password_hash: str) -> bool:
        """Replace the hash; False if there is no such account."""
        with self._transaction() as connection:
            update = ACCOUNTS.update().where(ACCOUNTS.c.name == name).values(hash=password_hash)
            return connection.execute(update).rowcount == 1

    def set_admin(self, name: str, admin: bool) -> bool:
        """Make an account an administrator's, or not; False if there is no such account."""
        with self._transaction() as connection:
            update = ACCOUNTS.update().where(ACCOUNTS.c.name == name).values(admin=admin)
            return connection.execute(update).rowcount == 1

    def remove_account(self, name: str) -> bool:
        """Delete an account and what is known of the person; False if there is no account."""
        with self._transaction() as connection:
            forget_person(connection, name)
            return connection.execute(ACCOUNTS.delete().where(ACCOUNTS.c.name == name)).rowcount == 1

    def is_active(self, username: str) -> bool:
        """Tell whether a person may do anything at all."""
        return self.people.is_active(username)

    # --- namespaces ----------------------------------------------------------------------

    def namespace_of(self, username: str) -> UserNamespace | None:
        """Return what was allocated to this user, or None."""
        query = sa.select(NAMESPACES).where(NAMESPACES.c.username == username)
        rows = self._rows(query)
        return UserNamespace(*rows[0]) if rows else None

    def namespaces(self) -> list[UserNamespace]:
        """Return every allocated namespace."""
        return [UserNamespace(*row) for row in self._rows(sa.select(NAMESPACES))]

    def claim_namespace(
        self, username: str, slug: str, namespace: Namespace, host: Hostname | None = None
    ) -> None:
        """Allocate slug, namespace and the user's own host to a user: all of them or none.

        Raises: Taken if another user name has one of them, or this one has others.
        """
        mine = UserNamespace(slug, username, namespace)
        try:
            with self._transaction() as connection:
                connection.execute(NAMESPACES.insert().values(mine._asdict()))
                if host is not None:
                    connection.execute(HOSTS.insert().values(Host(host, username, "", "user")._asdict()))
        except IntegrityError:
            if self.namespace_of(username) != mine:
                raise Taken(
                    f"The name {slug}, which {username!r} would get for namespace and addresses, "
                    "belongs to another user. Ask an administrator for a different user name.",
                    "user-name",
                ) from None

    def begin_leaving(self, username: str) -> None:
        """Note that a user is removed: services and addresses at once, the namespace when it is gone."""
        with self._transaction() as connection:
            connection.execute(LEAVING.delete().where(LEAVING.c.username == username))
            known = sa.select(NAMESPACES.c.username).where(NAMESPACES.c.username == username)
            connection.execute(LEAVING.insert().from_select(["username"], known))
            connection.execute(LAUNCHES.delete().where(LAUNCHES.c.username == username))
            connection.execute(TICKETS.delete().where(TICKETS.c.username == username))
            connection.execute(POD_TOKENS.delete().where(POD_TOKENS.c.username == username))
            connection.execute(HOSTS.delete().where(HOSTS.c.username == username, HOSTS.c.kind == "service"))

    def leaving(self) -> list[UserNamespace]:
        """Return the namespaces of users that were removed, which may still exist."""
        query = sa.select(NAMESPACES).where(NAMESPACES.c.username.in_(sa.select(LEAVING.c.username)))
        return [UserNamespace(*row) for row in self._rows(query)]

    def forget_user(self, username: str) -> None:
        """Give everything back that was allocated to a user. Somebody else may have the name then."""
        with self._transaction() as connection:
            for table in (HOSTS, LAUNCHES, TICKETS, POD_TOKENS, NAMESPACES, LEAVING):
                connection.execute(table.delete().where(table.c.username == username))

    # --- hosts ---------------------------------------------------------------------------

    def host(self, host: str) -> Host | None:
        """Look an allocated host up, or None."""
        rows = self._rows(sa.select(HOSTS).where(HOSTS.c.host == host))
        return Host(*rows[0]) if rows else None

    def hosts_among(self, hosts: Collection[str]) -> list[Host]:
        """Return those of these hosts that are allocated."""
        return [Host(*row) for row in self._rows(sa.select(HOSTS).where(HOSTS.c.host.in_(list(hosts))))]

    def claim_host(
        self, host: Hostname, username: str, server: str, kind: Literal["service", "user"]
    ) -> None:
        """Allocate a host. Raises: Taken if it belongs to something else."""
        mine = Host(host, username, server, kind)
        try:
            with self._transaction() as connection:
                connection.execute(HOSTS.insert().values(mine._asdict()))
        except IntegrityError:
            if self.host(host) != mine:
                raise Taken(
                    f"The address {host} belongs to another service already. Choose another name.", "host"
                ) from None

    def release_hosts(self, username: str, server: str, *, keep: Collection[str] = ()) -> None:
        """Give the hosts of a server back, except those to keep."""
        with self._transaction() as connection:
            connection.execute(
                HOSTS.delete().where(
                    HOSTS.c.username == username,
                    HOSTS.c.server == server,
                    HOSTS.c.kind == "service",
                    HOSTS.c.host.not_in(list(keep)),
                )
            )

    # --- launches ------------------------------------------------------------------------

    def begin_launch(
        self,
        username: str,
        server: str,
        template: str,
        namespace: Namespace,
        launch_id: str,
        state: LaunchState = "started",
    ) -> LaunchRow:
        """Write the row of a launch, before anything of it exists, and return it.

        A server has one row: a new launch takes it over and keeps only the time of the first one.
        """
        now = _now()
        new: dict[str, Any] = {"id": launch_id, "template": template, "namespace": namespace}
        new |= {"state": state, "message": "", "updated": now}
        mine = (LAUNCHES.c.username == username, LAUNCHES.c.server == server)
        with self._transaction() as connection:
            if connection.execute(LAUNCHES.update().where(*mine).values(new)).rowcount == 0:
                connection.execute(
                    LAUNCHES.insert().values(username=username, server=server, created=now, **new)
                )
            return LaunchRow(*connection.execute(sa.select(LAUNCHES).where(*mine)).one())

    def set_launch(
        self, username: str, server: str, state: LaunchState, message: str = ""
    ) -> LaunchRow | None:
        """Note how far the launch of a server is, and return its row; None if it has none."""
        mine = (LAUNCHES.c.username == username, LAUNCHES.c.server == server)
        with self._transaction() as connection:
            connection.execute(
                LAUNCHES.update().where(*mine).values(state=state, message=message, updated=_now())
            )
            row = connection.execute(sa.select(LAUNCHES).where(*mine)).first()
        return LaunchRow(*row) if row else None

    def launch(self, username: str, server: str) -> LaunchRow | None:
        """Return the newest launch of a server, or None."""
        query = sa.select(LAUNCHES).where(LAUNCHES.c.username == username, LAUNCHES.c.server == server)
        rows = self._rows(query)
        return LaunchRow(*rows[0]) if rows else None

    def launches(self) -> list[LaunchRow]:
        """Return the newest launch of every server."""
        return [LaunchRow(*row) for row in self._rows(sa.select(LAUNCHES))]

    def forget_launch(self, username: str, server: str) -> None:
        """Delete the row, when nothing of the launch is left in the cluster."""
        with self._transaction() as connection:
            connection.execute(
                LAUNCHES.delete().where(LAUNCHES.c.username == username, LAUNCHES.c.server == server)
            )

    def _rows(self, query: sa.Select[Any]) -> Sequence[tuple[Any, ...]]:
        with self._transaction() as connection:
            return [tuple(row) for row in connection.execute(query)]


def _now() -> datetime:
    """UTC without zone, which is what every database keeps alike."""
    return datetime.now(UTC).replace(tzinfo=None)
