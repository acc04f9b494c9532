"""Which host a server gets: one made of its name and its user's, or one of a list that the site hands out."""

from __future__ import annotations

import random
from collections.abc import Sequence

from karvdash_hub.errors import KarvdashError
from karvdash_hub.names import Hostname
from karvdash_hub.spawner.registry import Key
from karvdash_hub.store import Store


def host_of_list(store: Store, hosts: Sequence[Hostname], key: Key, anchored: str = "") -> Hostname:
    """Return the host of a list that a server has, or a free one by chance, which is not claimed yet.

    Whoever calls it claims the host before anything else happens (``Store.claim_host``).

    Args:
        anchored: the host that the server runs at, for one that is adopted.
    Raises: KarvdashError if all are in use.
    """
    taken = {found.host: Key(found.username, found.server) for found in store.hosts_among(hosts)}
    if mine := next((host for host in hosts if taken.get(host) == key), None):
        return mine
    free = [host for host in hosts if host not in taken]
    if anchored in free:
        return Hostname(anchored)
    if not free:
        raise KarvdashError(
            f"All {len(hosts)} addresses for services are in use. Delete a service that is not needed any "
            "more, or ask an administrator for more addresses.",
            "hosts",
            429,
        )
    return random.choice(free)  # noqa: S311 - not a secret
