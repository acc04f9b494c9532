"""The way back: stop a server, delete it, find out whether anything of it exists.

Stopping writes "removed" into the server's row *before* it deletes the anchor, so that a Hub that is killed
in between, or an API server that is away, leaves something that the reconciler finds and finishes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from karvdash_hub import names
from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.errors import Forbidden, NotFound
from karvdash_hub.kube.rest import default_account
from karvdash_hub.names import LABEL_KEEP, LABEL_SERVER
from karvdash_hub.spawner.registry import Key

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: Seconds that a stop waits for the last object. A pod's grace period is 30 unless its template says more.
PATIENCE = 90.0


def exists(karvdash: Karvdash, key: Key) -> bool:
    """Tell whether anything of a server is in the cluster, or may be there: in doubt, yes."""
    return (
        karvdash.blind
        or karvdash.launches.live(*key) is not None
        or karvdash.launches.unfinished(*key)
        or not karvdash.snapshot(key).empty
    )


async def stop(karvdash: Karvdash, key: Key) -> None:
    """Remove all objects of a server but those that are kept, and wait until they are gone.

    Never raises: JupyterHub would drop its record and log nothing. What is left is the reconciler's.
    """
    row = karvdash.launches.row(*key)
    # How a launch failed is still told when its remains are cleared away.
    if row is not None and row.state not in ("failed", "deleted"):
        karvdash.launches.note(key, "removed")
    try:
        if not await remove_anchor(karvdash, key):
            log.warning("%s/%s is another Hub's: %s", *key, foreign(karvdash, key))
        elif not await gone(karvdash, key, PATIENCE):
            log.warning("Objects of %s/%s are still there %.0f s after its stop", *key, PATIENCE)
    except KarvdashError as error:
        log.warning("Stopping %s/%s goes on later: %s", *key, error)
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("Stopping %s/%s goes on later", *key)
    finally:
        karvdash.launches.release_singleton(*key)


async def delete(karvdash: Karvdash, key: Key) -> None:
    """Destroy what a stop leaves: kept claims, passwords, the address. May be called again and again.

    Never raises, for the same reason. What is left is the reconciler's.
    """
    karvdash.passwords.forget(key)
    if not karvdash.launches.note(key, "deleted"):
        karvdash.store.release_hosts(*key)
        return
    try:
        with karvdash.launches.being_deleted(key):
            await finish_delete(karvdash, key)
    except KarvdashError as error:
        log.warning("Deleting %s/%s goes on later: %s", *key, error)


async def finish_delete(karvdash: Karvdash, key: Key) -> None:
    """Do what ``delete`` promised. Raises: KubeError."""
    await remove_anchor(karvdash, key)
    await remove_kept(karvdash, key)
    karvdash.store.release_hosts(*key)
    karvdash.launches.forget(key)


def foreign(karvdash: Karvdash, key: Key) -> str:
    """Say that what is in the cluster under a server's name was not made by this Hub; "" if it was."""
    anchor = karvdash.snapshot(key).anchor
    if anchor is None or anchor.hub == karvdash.store.instance_id:
        return ""
    return (
        "It was launched with another database of the Hub, so this one leaves it alone. An administrator can "
        f"restore that database, or delete ConfigMap {anchor.name} in namespace {anchor.namespace}, which "
        "deletes the service."
    )


async def remove_anchor(karvdash: Karvdash, key: Key) -> bool:
    """Delete the anchor of a server, if it is ours; Kubernetes then deletes what it owns.

    Returns: False if there is one that is not ours, which stays.
    Raises: KubeError. Nothing happens if it is gone.
    """
    namespace = karvdash.namespace(key.user)
    name = names.anchor_name(key.server)
    try:
        live = await karvdash.kube.get("v1", "ConfigMap", name, namespace)
        marks: Mapping[str, Any] = live["metadata"].get("annotations") or {}
        if marks.get(names.ANNOTATION_HUB) != karvdash.store.instance_id:
            return False
        await karvdash.kube.delete("v1", "ConfigMap", name, namespace, uid=live["metadata"]["uid"])
    except NotFound:
        pass
    return True


async def remove_kept(karvdash: Karvdash, key: Key) -> None:
    """Delete what survives a stop: claims labelled to be kept, and the Secret of passwords.

    Raises: KubeError. Nothing happens if they are gone, or if there never was a namespace for them.
    """
    try:
        await _remove_kept(karvdash, key)
    except Forbidden:
        if not karvdash.store.is_active(key.user):
            await _remove_kept_as_hub(karvdash, key)
        # Nobody may act as a user where there is no namespace of that user: the launch failed before.
        elif await karvdash.has_namespace(key.user):
            raise


async def _remove_kept_as_hub(karvdash: Karvdash, key: Key) -> None:
    """Do it for somebody who is deactivated, and so has no rights left.

    The Hub may not list Secrets: one that a template itself wants to be kept goes with the namespace.
    """
    namespace = karvdash.namespace(key.user)
    selector = f"{LABEL_SERVER}={key.server},{LABEL_KEEP}=true"
    claims = await karvdash.kube.list("v1", "PersistentVolumeClaim", namespace, label_selector=selector)
    kept = [("PersistentVolumeClaim", claim["metadata"]["name"]) for claim in claims]
    for kind, name in (*kept, ("Secret", names.values_secret_name(key.server))):
        try:
            await karvdash.kube.delete("v1", kind, name, namespace)
        except NotFound:
            continue


async def _remove_kept(karvdash: Karvdash, key: Key) -> None:
    namespace = karvdash.namespace(key.user)
    account = default_account(namespace)
    selector = f"{LABEL_SERVER}={key.server},{LABEL_KEEP}=true"
    for kind in ("PersistentVolumeClaim", "Secret"):
        for item in await karvdash.kube.list("v1", kind, namespace, label_selector=selector, as_user=account):
            try:
                await karvdash.kube.delete("v1", kind, item["metadata"]["name"], namespace, as_user=account)
            except NotFound:
                continue


async def gone(karvdash: Karvdash, key: Key, seconds: float) -> bool:
    """Wait until the watches show nothing of a server any more; False if that takes longer."""
    namespace = karvdash.namespace(key.user)
    try:
        await karvdash.informers.wait(namespace, key.server, lambda snapshot: snapshot.empty, seconds)
    except TimeoutError:
        return False
    return True
