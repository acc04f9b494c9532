"""The steps of a launch, or of a change, that make its objects: check, anchor, apply."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from karvdash_hub import names
from karvdash_hub.errors import Taken
from karvdash_hub.kube import apply
from karvdash_hub.kube.errors import AlreadyExists, NotFound
from karvdash_hub.kube.rest import Manifest, default_account
from karvdash_hub.spawner.plan import LaunchPlan
from karvdash_hub.spawner.registry import Launch
from karvdash_hub.spawner.step import step

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

#: Seconds in which requests leave, before this process does something else meanwhile.
_SENT = 0.002


@step("dry-run", "Checking with Kubernetes.", 5)
async def dry_run(karvdash: Karvdash, launch: Launch, made: LaunchPlan) -> None:
    """Let Kubernetes check every object as the user. Raises: Refused with all that is wrong."""
    await _dry_run(karvdash, launch, made)


@step("dry-run", "Checking with Kubernetes.", 5)
async def checked_anchor(
    karvdash: Karvdash, launch: Launch, made: LaunchPlan, remember: Callable[[], object]
) -> str:
    """Let Kubernetes check every object, make the anchor, have the plan remembered; return the anchor's uid.

    All at the same time where the anchor is new. After a refusal ``removal.stop`` deletes it, as it does when
    objects are refused later. An anchor that exists belongs to what runs: it is changed after the check.

    Raises: Refused with all that is wrong, KubeError.
    """
    if _anchor_known(karvdash, launch):
        await _dry_run(karvdash, launch, made)
        remember()
        return await anchor(karvdash, launch, made)
    check = asyncio.ensure_future(_dry_run(karvdash, launch, made))
    making = asyncio.ensure_future(anchor(karvdash, launch, made))
    try:
        await asyncio.sleep(_SENT)
        remember()
        # Both to the end, also of a refusal: what is still on its way could not be deleted.
        await asyncio.wait({check, making})
    finally:
        for work in (check, making):
            work.cancel()
        await asyncio.gather(check, making, return_exceptions=True)
    check.result()
    return making.result()


async def _dry_run(karvdash: Karvdash, launch: Launch, made: LaunchPlan) -> None:
    account = default_account(launch.namespace)
    if refusals := await apply.dry_run(karvdash.kube, made.manifests, as_user=account):
        raise apply.Refused(in_file(made, refusals))


def in_file(made: LaunchPlan, refusals: Sequence[apply.Refusal]) -> list[apply.Refusal]:
    """Number refusals by the documents of the template's file, as its author counts them."""
    return [
        one if one.document is None else replace(one, document=made.indexes[one.document]) for one in refusals
    ]


@step("anchor", "Creating the objects.", 8)
async def anchor(karvdash: Karvdash, launch: Launch, made: LaunchPlan) -> str:
    """Make the ConfigMap that owns everything else, or take over ours that exists; return its uid."""
    stored = await _made_or_taken_over(karvdash, made.anchor, _anchor_known(karvdash, launch))
    karvdash.launches.note(launch.key, "anchored")
    return str(stored["metadata"]["uid"])


def _anchor_known(karvdash: Karvdash, launch: Launch) -> bool:
    return karvdash.informers.snapshot(launch.namespace, launch.key.server).anchor is not None


async def _made_or_taken_over(karvdash: Karvdash, manifest: Manifest, known: bool) -> Manifest:
    # One that is known is not created again: a quota that is used up would refuse that, since it is asked
    # before anything finds that the object exists.
    if not known:
        with suppress(AlreadyExists):
            return await karvdash.kube.create(manifest)
    await _check_ours(karvdash, manifest)
    return await karvdash.kube.apply(manifest)


async def _check_ours(karvdash: Karvdash, manifest: Manifest) -> None:
    metadata = manifest["metadata"]
    live = await karvdash.kube.get("v1", "ConfigMap", metadata["name"], metadata["namespace"])
    wanted, found = metadata["annotations"], live["metadata"].get("annotations") or {}
    if any(found.get(mark) != wanted[mark] for mark in (names.ANNOTATION_HUB, names.ANNOTATION_USER)):
        raise Taken(
            f"ConfigMap {metadata['name']} exists already and was not made by this Hub. Choose another "
            "name, or ask an administrator to delete it.",
            "anchor",
        )


@step("apply", "Creating the objects.", 9)
async def apply_all(karvdash: Karvdash, launch: Launch, made: LaunchPlan, uid: str) -> LaunchPlan:
    """Create or change every object, owned by the anchor, and keep the passwords.

    Returns: the plan as Kubernetes stored it.
    """
    account = default_account(launch.namespace)
    try:
        stored = await apply.apply_all(karvdash.kube, made.owned_by(uid), as_user=account)
    except apply.Refused as refused:
        raise apply.Refused(in_file(made, refused.errors)) from refused
    await karvdash.passwords.save(launch.key, made.passwords)
    # Only now: hosts of a plan that is refused must not cost a running service its own.
    karvdash.store.release_hosts(*launch.key, keep=made.hosts)
    karvdash.launches.note(launch.key, "applied")
    launch.accept()
    return made.as_stored(stored)


async def prune(karvdash: Karvdash, launch: Launch, before: LaunchPlan | None, made: LaunchPlan) -> None:
    """Delete objects of the former plan that the new one does not have; kept claims stay."""
    account = default_account(launch.namespace)
    for api_version, kind, name in before.objects_not_in(made) if before else ():
        try:
            await karvdash.kube.delete(api_version, kind, name, launch.namespace, as_user=account)
        except NotFound:
            continue
