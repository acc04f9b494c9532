"""What JupyterHub has in memory and in its database of users and servers. A part of ``Karvdash``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from jupyterhub import orm

from karvdash_hub.spawner.registry import Key, Launches

log = logging.getLogger("jupyterhub.karvdash")


class Records:
    """Reads JupyterHub's records, and drops one.

    Attributes:
        app: JupyterHub itself.
        launches: what this process is launching or has launched.
    """

    app: Any
    launches: Launches

    def users(self) -> Iterator[Any]:
        """Yield the users that JupyterHub has in memory; those with an active server always are."""
        yield from list(self.app.users.values())

    def user(self, username: str) -> Any | None:
        """Return JupyterHub's user of this name, or None.

        It is asked for at every change of a service, so only the number is looked up: ``orm.User.find`` reads
        servers and roles each time, whether they have changed or not.
        """
        number = self.app.db.query(orm.User.id).filter(orm.User.name == username).scalar()
        return self.app.users[number] if number is not None else None

    def membership(self, username: str) -> tuple[bool, frozenset[str]] | None:
        """Tell whether a user is an administrator, and the groups the user is in; None for nobody's name.

        One query for three columns: JupyterHub's own user object costs five, with servers and roles.
        """
        query = (
            self.app.db.query(orm.User.admin, orm.Group.name)
            .outerjoin(orm.User.groups)
            .filter(orm.User.name == username)
        )
        rows = query.all()
        return (bool(rows[0][0]), frozenset(name for _, name in rows if name)) if rows else None

    def has_servers(self, username: str) -> bool:
        """Tell whether a user has a server that runs, starts or stops."""
        user = self.user(username)
        return user is not None and any(spawner.active for spawner in user.spawners.values())

    def known(self) -> set[Key]:
        """Return all servers that JupyterHub has a record of: one query, however many there are."""
        query = self.app.db.query(orm.User.name, orm.Spawner.name).join(orm.Spawner.user)
        return {Key(user, server) for user, server in query}

    def spawner(self, key: Key) -> Any | None:
        """Return the spawner of a server, or None if JupyterHub has no record of it."""
        user = self.user(key.user)
        return user.spawners[key.server] if user is not None and key.server in user.orm_spawners else None

    async def drop_record(self, key: Key) -> None:
        """Let JupyterHub forget a server that is stopped, and destroy what a stop leaves of it."""
        user = self.user(key.user)
        if user is None or key.server not in user.orm_spawners:
            return
        spawner = user.spawners[key.server]
        if spawner.active:
            log.warning("%s/%s is not deleted, because it was started again", *key)
            return
        # As JupyterHub's own API handler does it (apihandlers/users.py _remove_spawner, 6.1.1).
        with self.launches.being_deleted(key):
            await user._delete_spawner(spawner)
        if spawner.active:
            log.warning("%s/%s is not deleted, because it was started meanwhile", *key)
            return
        self.app.db.delete(spawner.orm_spawner)
        user.spawners.pop(key.server, None)
        self.app.db.commit()
        self.launches.changed(key)
