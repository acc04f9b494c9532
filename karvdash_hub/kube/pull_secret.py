"""Credentials for image registries in a user namespace: a Secret, and the account ``default`` that names it.

Pods that name no other account then pull with them, whoever makes the pods.
ref: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#add-imagepullsecrets-to-a-service-account
"""

from __future__ import annotations

import asyncio
import base64

from karvdash_hub.errors import Unavailable
from karvdash_hub.kube.errors import Conflict, NotFound
from karvdash_hub.kube.rest import Kube, Manifest, default_account
from karvdash_hub.names import LABEL_INJECTED, LABEL_MANAGED_BY, MANAGED_BY

PULL_SECRET = "karvdash-registry"  # noqa: S105 - a name
#: Tries, and seconds between them: Kubernetes makes the account some milliseconds after its namespace.
_TRIES, _AGAIN = 50, 0.1


async def ensure_pull_secret(kube: Kube, namespace: str, credentials: str) -> None:
    """Write or repair the Secret, and name it in the account. The namespace is as it should be otherwise.

    Args:
        credentials: JSON as ``docker login`` keeps it.
    Raises: Unavailable, KubeError.
    """
    await kube.apply(pull_secret(namespace, credentials))
    for _ in range(_TRIES):
        try:
            return await _name_it(kube, namespace)
        except (NotFound, Conflict):
            await asyncio.sleep(_AGAIN)
    raise Unavailable(
        f"ServiceAccount default in namespace {namespace} does not exist, or changes all the time.", "account"
    )


def pull_secret(namespace: str, credentials: str) -> Manifest:
    """Return the Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": PULL_SECRET,
            "namespace": namespace,
            "labels": {LABEL_MANAGED_BY: MANAGED_BY, LABEL_INJECTED: "true"},
        },
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(credentials.encode()).decode()},
    }


async def _name_it(kube: Kube, namespace: str) -> None:
    """Add the Secret to those that the account names; a user's own stay. As the user, who may do that."""
    user = default_account(namespace)
    account = await kube.get("v1", "ServiceAccount", "default", namespace, as_user=user)
    named = account.get("imagePullSecrets") or []
    if {"name": PULL_SECRET} not in named:
        version = {"resourceVersion": account["metadata"]["resourceVersion"]}
        change = {"metadata": version, "imagePullSecrets": [*named, {"name": PULL_SECRET}]}
        await kube.patch("v1", "ServiceAccount", "default", namespace, change, as_user=user)
