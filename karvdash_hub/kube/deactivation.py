"""Take a user every right in the cluster, and leave what runs and what is stored.

A service account's token may be valid for a year. Two things end it, in this order:

- ServiceAccount ``default`` is deleted; Kubernetes makes it again, under another uid, and tokens of the old
  one are refused some ten seconds later;
- every RoleBinding of the namespace is deleted but the Hub's own, so that no account of the namespace, which
  users may make as many of as they like, has any right left.

The Secret with the user's API token goes too. ``ensure_namespace`` brings all that is the platform's back;
bindings that services brought come back when the services are started again.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from karvdash_hub.kube.errors import Forbidden, NotFound
from karvdash_hub.kube.rest import Kube, Manifest
from karvdash_hub.names import API_SECRET
from karvdash_hub.waiting import all_tried

logger = logging.getLogger(__name__)

_RBAC = "rbac.authorization.k8s.io/v1"
#: Looks for bindings that were made while the others were deleted.
_ROUNDS = 5


async def cut_off(kube: Kube, namespace: str) -> None:
    """Take the accounts of a user namespace all their rights. May be called again and again.

    Raises: KubeError.
    """
    me = await kube.whoami()
    await _delete(kube, "v1", "ServiceAccount", "default", namespace)
    # A namespace made before there was such a Secret gives the Hub no right to delete it.
    with suppress(Forbidden):
        await _delete(kube, "v1", "Secret", API_SECRET, namespace)
    for _ in range(_ROUNDS):
        bindings = await kube.list(_RBAC, "RoleBinding", namespace)
        theirs = [binding["metadata"]["name"] for binding in bindings if not is_ours(binding, me)]
        if not theirs:
            return
        # One that cannot be deleted leaves no other one standing.
        await all_tried(*(_delete(kube, _RBAC, "RoleBinding", name, namespace) for name in theirs))
    logger.warning("RoleBindings come back in %s: %s", namespace, ", ".join(theirs))


def is_ours(binding: Manifest, me: str) -> bool:
    """Tell whether a RoleBinding gives rights to the Hub and to nobody else.

    Args:
        me: the Hub's user name, as the API server sees it.
    """
    subjects = binding.get("subjects") or []
    return bool(subjects) and all(_user(subject) == me for subject in subjects)


def _user(subject: Manifest) -> str:
    if subject.get("kind") == "ServiceAccount":
        return f"system:serviceaccount:{subject.get('namespace')}:{subject.get('name')}"
    return str(subject.get("name")) if subject.get("kind") == "User" else ""


async def _delete(kube: Kube, api_version: str, kind: str, name: str, namespace: str) -> None:
    try:
        await kube.delete(api_version, kind, name, namespace)
    except NotFound:
        return
