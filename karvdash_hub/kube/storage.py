"""Volumes of users' files: one PersistentVolume and one claim for each data domain of each user.

Both are made to belong to each other and to nobody else, and are brought back to that when somebody
changed or deleted one of them:

    claim missing                      ─► made anew; the volume is reserved for the new one (it was Released)
    volume missing                     ─► made anew for the claim that exists (it was Lost)
    volume leads to another folder     ─► files_url has changed: both are replaced, once no pod uses them
    volume or claim that is not ours   ─► refused with what to do about it

Files are safe in all of these: the volumes are retained, and nothing here touches a folder.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from karvdash_hub.data import VolumeClaim
from karvdash_hub.errors import Conflict, Taken, Unavailable
from karvdash_hub.kube.errors import NotFound
from karvdash_hub.kube.rest import Kube, Manifest
from karvdash_hub.names import ANNOTATION_LOOK_AGAIN, LABEL_MANAGED_BY, MANAGED_BY
from karvdash_hub.waiting import all_of, all_tried

logger = logging.getLogger(__name__)

_CLAIM, _VOLUME = "PersistentVolumeClaim", "PersistentVolume"
#: Seconds that Kubernetes gets to bind a claim, or to delete what no pod uses. It takes milliseconds.
PATIENCE = 10.0
#: Parts of that time after each of which a claim that is not bound is brought to mind again.
_TURNS = 40


async def ensure_claims(kube: Kube, claims: Iterable[VolumeClaim]) -> None:
    """Make or repair the volumes and claims of one user, in a namespace that exists, until they are bound.

    Raises: Taken, Conflict, Unavailable, KubeError.
    """
    await all_of(*(_ensure(kube, claim) for claim in claims))


async def remove_volumes(kube: Kube, claims: Iterable[VolumeClaim]) -> None:
    """Delete the volumes of a user whose namespace, and with it the claims, is gone. Files stay.

    Raises: KubeError.
    """
    await all_tried(*(_remove_volume(kube, claim) for claim in claims))


async def _ensure(kube: Kube, wanted: VolumeClaim) -> None:
    volume = await _found(kube, _VOLUME, wanted.volume_name)
    if volume is not None:
        _check_volume(volume, wanted)
        if not wanted.same_place(volume):
            await _replace(kube, wanted)
    claim = await _found(kube, _CLAIM, wanted.name, wanted.namespace)
    if claim is not None:
        _check_claim(claim, wanted)
    # The volume first: a claim that is made before it is looked at again only after a while.
    await _ensure_volume(kube, wanted, claim["metadata"]["uid"] if claim else "")
    await _ensure_claim(kube, wanted, claim)
    await _bound(kube, wanted)


async def _ensure_volume(kube: Kube, wanted: VolumeClaim, claim_uid: str) -> None:
    """Make or repair the volume, for the claim that exists or, without one, for the next of its name."""
    volume = await kube.apply(wanted.volume())
    if volume["spec"]["claimRef"].get("uid", "") != claim_uid:
        # Released, or just made. The version of the claim it was bound to would not fit either.
        reserved = {"uid": claim_uid or None, "resourceVersion": None}
        await kube.patch("v1", _VOLUME, wanted.volume_name, "", {"spec": {"claimRef": reserved}})


async def _ensure_claim(kube: Kube, wanted: VolumeClaim, claim: Manifest | None) -> None:
    manifest = wanted.claim()
    if claim is not None:
        # What a bound claim asks for cannot be changed; files_size may have been.
        manifest["spec"]["resources"] = claim["spec"]["resources"]
    await kube.apply(manifest)


def _check_claim(claim: Mapping[str, Any], wanted: VolumeClaim) -> None:
    if claim["metadata"].get("deletionTimestamp"):
        raise Conflict(
            f"{_CLAIM} {wanted.name} is being deleted, which ends when no pod uses it any more. Stop all "
            "services and notebooks that run, then start them again.",
            "claim-terminating",
        )
    if claim["spec"].get("volumeName") != wanted.volume_name:
        raise Taken(
            f"{_CLAIM} {wanted.name} in namespace {wanted.namespace} exists and leads somewhere else. Its "
            "name is the platform's: delete it, then try again.",
            "claim-taken",
        )


def _check_volume(volume: Mapping[str, Any], wanted: VolumeClaim) -> None:
    reserved = volume["spec"].get("claimRef") or {}
    ours = (volume["metadata"].get("labels") or {}).get(LABEL_MANAGED_BY) == MANAGED_BY
    if not ours or (reserved.get("namespace"), reserved.get("name")) != (wanted.namespace, wanted.name):
        raise Taken(
            f"{_VOLUME} {wanted.volume_name} exists and was not made by karvdash_hub for this user. An "
            "administrator has to look at it, and to delete it if nobody needs it.",
            "volume-taken",
        )


async def _replace(kube: Kube, wanted: VolumeClaim) -> None:
    """Delete claim and volume, whose folder is not the right one any more, and wait for their end."""
    logger.info("%s leads to another folder than %s and is replaced", wanted.volume_name, wanted.place)
    for kind, name, namespace in (
        (_CLAIM, wanted.name, wanted.namespace),
        (_VOLUME, wanted.volume_name, ""),
    ):
        try:
            await kube.delete("v1", kind, name, namespace)
        except NotFound:
            continue
        if not await _until(lambda: _gone(kube, kind, name, namespace), PATIENCE):  # noqa: B023 - awaited at once
            raise Conflict(
                "The files of the platform have moved. Stop all services and notebooks that run, so that "
                f"{kind} {name} can be replaced, then start them again.",
                "files-moved",
            )


async def _bound(kube: Kube, wanted: VolumeClaim) -> None:
    """Wait until a pod can use the claim; the scheduler takes a second to look again at one that cannot."""

    async def bound() -> bool:
        live = await kube.get("v1", _CLAIM, wanted.name, wanted.namespace)
        return bool((live.get("status") or {}).get("phase") == "Bound")

    for turn in range(_TURNS):
        if await _until(bound, PATIENCE / _TURNS):
            return
        # The controller looks at a claim when that changes, and every 15 seconds. It may not have heard of
        # the volume yet when it did. ref: pkg/controller/volume/persistentvolume, resyncPeriod
        seen = {"metadata": {"annotations": {ANNOTATION_LOOK_AGAIN: str(turn)}}}
        await kube.patch("v1", _CLAIM, wanted.name, wanted.namespace, seen)
    raise Unavailable(
        f"{_CLAIM} {wanted.name} was not bound to its volume within {PATIENCE:.0f} seconds. Try again; "
        "if it stays so, an administrator finds the cause in the events of the claim.",
        "claim-pending",
    )


async def _remove_volume(kube: Kube, wanted: VolumeClaim) -> None:
    volume = await _found(kube, _VOLUME, wanted.volume_name)
    if volume is None:
        return
    try:
        _check_volume(volume, wanted)
    except Taken as error:
        logger.warning("%s It is kept, although its user was removed.", error)
        return
    try:
        await kube.delete("v1", _VOLUME, wanted.volume_name, uid=volume["metadata"]["uid"])
    except NotFound:
        return


async def _found(kube: Kube, kind: str, name: str, namespace: str = "") -> Manifest | None:
    try:
        return await kube.get("v1", kind, name, namespace)
    except NotFound:
        return None


async def _gone(kube: Kube, kind: str, name: str, namespace: str) -> bool:
    return await _found(kube, kind, name, namespace) is None


async def _until(condition: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Ask again and again, less and less often; False if it does not come true in time."""
    deadline, pause = time.monotonic() + seconds, 0.02
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.5)
    return True
