"""The Kubernetes Secret with which an application reads its client id and secret.

Keys ``client-id`` and ``client-secret``, which the charts of Argo, Grafana, Vouch and others take. Labelled,
so that a policy lets the Hub overwrite no other Secret: it may write them, and read none.
"""

from __future__ import annotations

import base64

from karvdash_hub.errors import Conflict
from karvdash_hub.kube.errors import AlreadyExists, NotFound
from karvdash_hub.kube.rest import Kube
from karvdash_hub.names import LABEL_MANAGED_BY, MANAGED_BY
from karvdash_hub.service_templates import Manifest

LABEL_CLIENT = "karvdash.io/oidc-client"


def manifest(place: str, client_id: str, secret: str) -> Manifest:
    """Return the Secret at ``place``, which is ``namespace/name``."""
    namespace, _, name = place.partition("/")
    labels = {LABEL_MANAGED_BY: MANAGED_BY, LABEL_CLIENT: client_id}
    values = {"client-id": client_id, "client-secret": secret}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


async def create(kube: Kube, place: str, client_id: str, secret: str) -> None:
    """Write the Secret. Raises: Conflict if there is one of this name, KubeError."""
    try:
        await kube.create(manifest(place, client_id, secret))
    except AlreadyExists:
        raise Conflict(
            f"There is a Secret {place} already. Delete it, or choose another name.", "secret-exists"
        ) from None


async def remove(kube: Kube, place: str) -> None:
    """Delete the Secret; nothing to do if it is gone. Raises: KubeError."""
    namespace, _, name = place.partition("/")
    try:
        await kube.delete("v1", "Secret", name, namespace)
    except NotFound:
        return
