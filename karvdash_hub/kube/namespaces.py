"""A user's namespace: made once, marked as the user's, kept as it should be.

The Namespace is created by POST: a server-side apply would take over silently one that exists. Its
annotations say whose it is, so that a namespace of somebody else, or of another Hub, is refused. Everything
in it (``contents.py``) is applied, every time anew, which repairs what was changed or deleted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.contents import LABEL_POD_SECURITY, POD_SECURITY, ApiAccess, Isolation, Wanted
from karvdash_hub.kube.errors import AlreadyExists, Forbidden, Invalid, NotFound
from karvdash_hub.kube.rest import Kube, default_account
from karvdash_hub.names import ANNOTATION_HUB, ANNOTATION_USER, ANNOTATION_VOLUMES
from karvdash_hub.service_templates import Manifest
from karvdash_hub.waiting import all_of

logger = logging.getLogger(__name__)

#: Seconds until a new role binding must be in force: every API server has its own cache of them.
_RACE = 2.0
#: Seconds between two tries of what a new role binding will allow.
_AGAIN = 0.05


class NotYours(KarvdashError):
    """The namespace exists and is not marked as this user's of this Hub."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "namespace-taken", 409)


class Terminating(KarvdashError):
    """The namespace is being deleted; nothing can be put into it."""

    def __init__(self, namespace: str) -> None:
        message = f"Namespace {namespace} is being deleted, try again in a minute."
        super().__init__(message, "namespace-terminating", 409)


@dataclass
class _Memory:
    """What one client has ensured lately: namespace to (when, of what)."""

    done: dict[str, tuple[float, str]] = field(default_factory=dict)
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)


_memories: WeakKeyDictionary[Kube, _Memory] = WeakKeyDictionary()


async def ensure_namespace(
    kube: Kube,
    *,
    namespace: str,
    username: str,
    slug: str,
    owner_id: str,
    user_role: str = "cluster-admin",
    quota: Mapping[str, Any] | None = None,
    limit_range: Mapping[str, Any] | None = None,
    isolation: Isolation | None = None,
    pod_security: bool = False,
    volumes: Sequence[str] = (),
    api: ApiAccess | None = None,
    also: Mapping[str, Mapping[str, str]] | None = None,
    may_exist: Callable[[str, str, str], bool] = lambda kind, namespace, name: True,
    fresh: float = 30.0,
) -> None:
    """Make the user's namespace and what belongs into it, or repair it.

    Args:
        owner_id: instance id of the Hub.
        user_role: ClusterRole that the ``default`` account gets inside the namespace.
        quota, limit_range: ``spec`` of the ResourceQuota and LimitRange; empty removes ours.
        isolation: for the NetworkPolicy; None removes ours.
        pod_security: whether the namespace enforces Pod Security's level ``baseline``.
        volumes: data domains that the namespace's pods get; the admission server reads them there.
        api: for Secret karvdash-api; None leaves one alone.
        also: who gets the user role besides ``default``: subjects by the name of their RoleBinding, which is
            ``contents.ARGO_BINDING`` or ``OIDC_BINDING``. Those that are left out are removed.
        may_exist: whether an object by kind, namespace and name may be there; what is not is not deleted.
        fresh: seconds for which a namespace that was right is not looked at again; 0 looks in any case.

    Raises: NotYours, Terminating, KubeError.
    """
    wanted = Wanted(
        namespace=namespace,
        username=username,
        slug=slug,
        owner_id=owner_id,
        user_role=user_role,
        quota=quota or {},
        limit_range=limit_range or {},
        isolation=isolation,
        pod_security=pod_security,
        volumes=volumes,
        api=api,
        also=also or {},
    )
    memory = _memories.setdefault(kube, _Memory())
    async with memory.locks.setdefault(namespace, asyncio.Lock()):
        done, digest = memory.done.get(namespace, (float("-inf"), ""))
        if digest == wanted.digest and time.monotonic() - done < fresh:
            return
        existed = await _ensure_owned(kube, wanted)
        unwanted = [one for one in wanted.unwanted() if existed and may_exist(one[1], namespace, one[2])]
        await _ensure_contents(kube, wanted, unwanted)
        await _in_force(kube, namespace)
        memory.done[namespace] = (time.monotonic(), wanted.digest)


async def is_users(kube: Kube, *, namespace: str, username: str, owner_id: str) -> bool:
    """Tell whether a namespace exists and is marked as this user's of this Hub. Raises: KubeError."""
    try:
        _check_owner(await kube.get("v1", "Namespace", namespace), username, owner_id)
    except (NotFound, NotYours):
        return False
    return True


async def take_over_namespace(kube: Kube, *, namespace: str, username: str, slug: str, owner_id: str) -> None:
    """Mark the namespace of a user, made by another Hub, as made by this one. An administrator asked for it.

    Raises: NotYours if it was made for somebody else or for nobody, NotFound, KubeError.
    """
    wanted = Wanted(namespace, username, slug, owner_id, user_role="")
    live = await kube.get("v1", "Namespace", namespace)
    marks = live["metadata"].get("annotations") or {}
    if not marks.get(ANNOTATION_HUB) or marks.get(ANNOTATION_USER) != username:
        _check_owner(live, username, owner_id)
    if marks.get(ANNOTATION_HUB) != owner_id:
        manifest = wanted.namespace_manifest()
        manifest["metadata"]["uid"] = live["metadata"]["uid"]
        await kube.apply(manifest)


async def delete_namespace(kube: Kube, *, namespace: str, username: str, owner_id: str) -> None:
    """Begin to delete the user's namespace with everything in it; nothing to do if it is gone.

    Raises: NotYours, KubeError.
    """
    memory = _memories.setdefault(kube, _Memory())
    async with memory.locks.setdefault(namespace, asyncio.Lock()):
        memory.done.pop(namespace, None)
        try:
            live = await kube.get("v1", "Namespace", namespace)
            _check_owner(live, username, owner_id)
            await kube.delete("v1", "Namespace", namespace, uid=live["metadata"]["uid"])
        except NotFound:
            return


async def _ensure_owned(kube: Kube, wanted: Wanted) -> bool:
    """Create the Namespace, or check that it is the user's; tell whether it existed."""
    manifest = wanted.namespace_manifest()
    try:
        live = await kube.get("v1", "Namespace", wanted.namespace)
    except NotFound:
        try:
            await kube.create(manifest)
        except AlreadyExists:  # made meanwhile, perhaps by somebody else
            live = await kube.get("v1", "Namespace", wanted.namespace)
        else:
            return False
    _check_owner(live, wanted.username, wanted.owner_id)
    metadata = live["metadata"]
    if metadata.get("deletionTimestamp"):
        raise Terminating(wanted.namespace)
    if gone := _gone(wanted, metadata):
        # Server-side apply leaves them: they came with the creation, which counts as somebody else's.
        body = {"metadata": {"uid": metadata["uid"], **gone}}
        await kube.patch("v1", "Namespace", wanted.namespace, "", body)
    made = manifest["metadata"]
    if any(
        not made[part].items() <= (metadata.get(part) or {}).items() for part in ("labels", "annotations")
    ):
        # With the uid, so that a namespace which took this one's place meanwhile is not changed.
        made["uid"] = metadata["uid"]
        await kube.apply(manifest)
    return True


def _gone(wanted: Wanted, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return, as a merge patch, what other settings have left on the Namespace."""
    labels, marks = metadata.get("labels") or {}, metadata.get("annotations") or {}
    gone: dict[str, Any] = {}
    if not wanted.pod_security and labels.get(LABEL_POD_SECURITY) == POD_SECURITY:
        gone["labels"] = {LABEL_POD_SECURITY: None}
    if not wanted.volumes and ANNOTATION_VOLUMES in marks:
        gone["annotations"] = {ANNOTATION_VOLUMES: None}
    return gone


def _check_owner(live: Manifest, username: str, owner_id: str) -> None:
    name = live["metadata"]["name"]
    marks = live["metadata"].get("annotations") or {}
    hub, user = marks.get(ANNOTATION_HUB), marks.get(ANNOTATION_USER)
    if (hub, user) == (owner_id, username):
        return
    if hub is None:
        problem = "exists already and was not made for a user"
    elif hub != owner_id:
        problem = "exists already and was made by another Hub"
    else:
        problem = "belongs to another user"
    raise NotYours(
        f"Namespace {name} {problem}, so nothing is put into it. An administrator can hand it over with "
        f"karvdash-hub adopt, or by setting its annotations {ANNOTATION_HUB} to {owner_id} and "
        f"{ANNOTATION_USER} to {username}."
    )


async def _ensure_contents(kube: Kube, wanted: Wanted, unwanted: Sequence[tuple[str, str, str]]) -> None:
    await all_of(*(_apply(kube, manifest) for manifest in wanted.bindings(await kube.whoami())))
    # Whichever of these fails: all are applied anew the next time, and none of them needs another.
    await all_of(
        *(_apply_soon(kube, manifest) for manifest in wanted.contents()),
        *(_remove(kube, *what, wanted.namespace) for what in unwanted),
    )


async def _allowed_soon(attempt: Callable[[], Awaitable[bool]]) -> bool:
    """Try what role bindings allow that were stored a moment ago, until it succeeds or should have.

    Returns: what the last attempt did. Raises: Forbidden if that was refused.
    """
    deadline = time.monotonic() + _RACE
    while True:
        late = time.monotonic() > deadline
        try:
            if await attempt():
                return True
        except Forbidden:
            if late:
                raise
        else:
            if late:
                return False
        await asyncio.sleep(_AGAIN)


async def _apply_soon(kube: Kube, manifest: Manifest) -> None:
    async def attempt() -> bool:
        await _apply(kube, manifest)
        return True

    await _allowed_soon(attempt)


async def _apply(kube: Kube, manifest: Manifest) -> None:
    try:
        await kube.apply(manifest)
    except Invalid as error:
        if not any(found.field == "roleRef" for found in error.errors):
            raise
        # The role of a binding cannot be changed, by design of RBAC; the setting has changed, or somebody
        # has put a binding of ours in place by hand.
        metadata = manifest["metadata"]
        await kube.delete(manifest["apiVersion"], manifest["kind"], metadata["name"], metadata["namespace"])
        await kube.apply(manifest)


async def _remove(kube: Kube, api_version: str, kind: str, name: str, namespace: str) -> None:
    try:
        await kube.delete(api_version, kind, name, namespace)
    except NotFound:
        return


async def _in_force(kube: Kube, namespace: str) -> None:
    """Wait until the role bindings work: they are in force some milliseconds after they are stored."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"namespace": namespace, "verb": "create", "resource": "pods"}},
    }

    async def attempt() -> bool:
        answer = await kube.create(review, as_user=default_account(namespace))
        return bool(answer["status"].get("allowed"))

    if not await _allowed_soon(attempt):
        logger.warning("The role that users get does not let them create pods in %s", namespace)
