"""Notice when somebody changes or deletes what the platform has put into user namespaces.

One watch a kind for the whole cluster, by label, which keeps a digest of each object. Secrets are not among
the kinds: the Hub may not read them, and whoever may watch them could.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.items import Key
from karvdash_hub.kube.watch import Watch
from karvdash_hub.names import ANNOTATION_HUB, ANNOTATION_LOOK_AGAIN, ANNOTATION_USER, LABEL_INJECTED

_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies",
    "ResourceQuota": "/api/v1/resourcequotas",
    "LimitRange": "/api/v1/limitranges",
    "PersistentVolumeClaim": "/api/v1/persistentvolumeclaims",
}
#: Annotations of the controller that binds claims, and what makes it look at one.
_CONTROLLERS = ("pv.kubernetes.io/", ANNOTATION_LOOK_AGAIN)


class Injected(NamedTuple):
    """One object of the platform's in a user namespace.

    Attributes:
        digest: of all that somebody could have changed; not of what Kubernetes itself writes.
        hub, user: whose it is, if it is a Namespace.
        deleting: whether it is on its way out.
    """

    digest: str
    hub: str
    user: str
    deleting: bool


def project_injected(item: Mapping[str, Any]) -> Injected:
    """Make of an object what is compared."""
    metadata = item["metadata"]
    marks = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if not key.startswith(_CONTROLLERS)
    }
    kept = {key: value for key, value in item.items() if key not in ("metadata", "status")}
    text = json.dumps([metadata.get("labels"), marks, kept], sort_keys=True)
    return Injected(
        hashlib.sha256(text.encode()).hexdigest(),
        marks.get(ANNOTATION_HUB, ""),
        marks.get(ANNOTATION_USER, ""),
        "deletionTimestamp" in metadata,
    )


class InjectedObjects:
    """The platform's objects in all user namespaces.

    Args:
        changed: called with namespace, kind and name when an object is not what it was, or gone.
    """

    def __init__(self, config: KubeConfig, changed: Callable[[str, str, str], object]) -> None:
        self._changed = changed
        self._watches = {
            kind: Watch(config, path, label_selector=f"{LABEL_INJECTED}=true", project=project_injected)
            for kind, path in _PATHS.items()
        }
        for kind, watch in self._watches.items():
            watch.subscribe(self._observer(kind))

    def start(self) -> None:
        """Begin all watches, in the running event loop."""
        for watch in self._watches.values():
            watch.start()

    async def stop(self) -> None:
        """End all watches."""
        await asyncio.gather(*(watch.stop() for watch in self._watches.values()))

    async def synced(self) -> None:
        """Wait until everything has been seen once."""
        await asyncio.gather(*(watch.synced.wait() for watch in self._watches.values()))

    def namespaces(self) -> dict[str, Injected]:
        """Return the user namespaces of this and of other Hubs, by name."""
        return {name: found for (_, name), found in self._watches["Namespace"].items.items()}

    def may_exist(self, kind: str, namespace: str, name: str) -> bool:
        """Tell whether an object is there; in doubt, yes."""
        watch = self._watches.get(kind)
        return watch is None or not watch.healthy or (namespace, name) in watch.items

    def _observer(self, kind: str) -> Callable[[Key, Injected | None, Injected | None], None]:
        def observe(key: Key, old: Injected | None, new: Injected | None) -> None:
            if old is not None and (new is None or new.digest != old.digest):
                namespace, name = key
                self._changed(namespace or name, kind, name)

        return observe
