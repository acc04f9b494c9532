"""Users and their namespaces: who may have which name, what belongs to whom, and how a user is removed.

A removed user's namespace is deleted with everything in it, then the folder with the user's files is set
aside. Until both is done the name is nobody's, so that whoever gets it next starts with nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from jupyterhub.utils import maybe_future

from karvdash_hub import names
from karvdash_hub.errors import Conflict, KarvdashError, Taken
from karvdash_hub.kube.errors import NotFound
from karvdash_hub.kube.namespaces import NotYours, delete_namespace
from karvdash_hub.settings import Platform
from karvdash_hub.store import Store, UserNamespace

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: Seconds for JupyterHub to do its part of a launch: a service is told running some 20 ms before that.
_NEARLY = 1.0
#: Seconds between two looks at a namespace that goes, and how many; the reconciler goes on after that.
_AGAIN, _LOOKS = 1.0, 120


class Leaving(Conflict):
    """A user of this name was removed, and is not gone yet."""

    def __init__(self, username: str) -> None:
        message = (
            f"The former user {username!r} is still being removed, with everything that user had. "
            "Try again in a minute."
        )
        super().__init__(message, "user-leaving")


def claim_user(store: Store, platform: Platform, username: str) -> UserNamespace:
    """Return the slug and the namespace of a user; the first call allocates them for ever.

    Raises: Leaving; Taken if they belong to somebody else or to the platform; KarvdashError if the name
        cannot be used. The sentence is for the person who signs in.
    """
    if (known := store.namespace_of(username)) is not None:
        if known in store.leaving():
            raise Leaving(username)
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


async def remove_user(karvdash: Karvdash, user: Any) -> None:
    """Remove what a user has: servers, addresses, the namespace with all data, the local account.

    Args:
        user: ``jupyterhub.user.User``.
    Returns when that is certain to happen; Kubernetes takes its time with a namespace.
    Raises: Conflict if a server is just starting or stopping.
    """
    starting = [spawner._spawn_future for spawner in user.spawners.values() if spawner.pending == "spawn"]
    if starting := [future for future in starting if future is not None]:
        await asyncio.wait(starting, timeout=_NEARLY)
    active = [spawner for spawner in user.spawners.values() if spawner.active]
    if busy := next((spawner for spawner in active if spawner.pending), None):
        raise Conflict(f"{busy.name or 'The notebook'} is busy ({busy.pending}). Try again in a moment.")
    karvdash.store.remove_account(user.name)
    karvdash.forget_user(user.name)
    for spawner in active:
        # Only for JupyterHub: what runs goes with the namespace.
        await karvdash.app.proxy.delete_user(user, spawner.name)
        await user.stop(spawner.name)
    for claim in karvdash.store.leaving():
        if claim.username == user.name:
            karvdash.background(_see_off(karvdash, claim))


async def delete_person(karvdash: Karvdash, username: str) -> None:
    """Delete a person as JupyterHub's admin page does, and people whom JupyterHub never knew as well.

    Raises: Conflict if a server is just starting or stopping; HTTPError from an authenticator.
    """
    user = karvdash.user(username)
    if user is not None:
        await maybe_future(karvdash.app.authenticator.delete_user(user))
        # As JupyterHub's own handler does it (apihandlers/users.py UserAPIHandler.delete, 6.1.1).
        await user.delete_spawners()
        karvdash.app.users.delete(user)
        return
    karvdash.store.remove_account(username)
    karvdash.forget_user(username)
    for claim in karvdash.store.leaving():
        if claim.username == username:
            karvdash.background(_see_off(karvdash, claim))


async def _see_off(karvdash: Karvdash, claim: UserNamespace) -> None:
    told = ""
    for _ in range(_LOOKS):
        try:
            if await finish_leaving(karvdash, claim):
                return
        except KarvdashError as error:
            if error.message != told:
                told = error.message
                log.warning("Removing user %r goes on later: %s", claim.username, error)
        await asyncio.sleep(_AGAIN)


async def finish_leaving(karvdash: Karvdash, claim: UserNamespace) -> bool:
    """Delete the namespace of a removed user; when it is gone, set the files aside and give the name back.

    Returns: whether it is gone. Raises: KarvdashError.
    """
    try:
        await delete_namespace(
            karvdash.kube,
            namespace=claim.namespace,
            username=claim.username,
            owner_id=karvdash.store.instance_id,
        )
        await karvdash.kube.get("v1", "Namespace", claim.namespace)
        return False
    except NotFound:
        await karvdash.folders.see_off(claim)
        log.info("Namespace %s of the removed user %r is gone", claim.namespace, claim.username)
    except NotYours as error:
        # Not ours to delete; whoever gets the name is refused by the same check.
        log.warning("%s It is kept, although its user was removed.", error)
    # Last: its rights went with the namespace, which must not wait for Argo's being in order.
    await karvdash.outside.remove(claim)
    karvdash.store.forget_user(claim.username)
    return True
