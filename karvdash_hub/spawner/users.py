"""Users and their namespaces: who may have which name, and what belongs to whom."""

from __future__ import annotations

from karvdash_hub import names
from karvdash_hub.errors import KarvdashError, Taken
from karvdash_hub.settings import Platform
from karvdash_hub.store import Store, UserNamespace


def claim_user(store: Store, platform: Platform, username: str) -> UserNamespace:
    """Return the slug and the namespace of a user; the first call allocates them for ever.

    Raises: Taken if they belong to somebody else or to the platform, KarvdashError if the name cannot be
        used; the sentence is for the person who signs in.
    """
    if (known := store.namespace_of(username)) is not None:
        return known
    if len(username) > 255:
        raise KarvdashError("A user name has at most 255 characters.", "user-name")
    slug = names.user_slug(username)
    namespace = names.user_namespace(platform.namespace_prefix, slug)
    if slug in names.RESERVED_USER_NAMES or namespace == platform.release_namespace:
        raise Taken(
            f"The user name {username!r} is reserved, because an address or a namespace of the platform "
            "has it. Ask an administrator for a different user name.",
            "user-name",
        )
    host = names.Hostname(f"{names.user_host_label(slug)}.{platform.hostname_domain}")
    store.claim_namespace(username, slug, namespace, host)
    return UserNamespace(slug, username, namespace)
