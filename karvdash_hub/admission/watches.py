"""The admission server's view of the cluster: four watches that keep the table current."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from karvdash_hub.admission.patch import Facts
from karvdash_hub.admission.table import (
    Key,
    Kind,
    Table,
    Unknown,
    Unseen,
    project_claim,
    project_dataset,
    project_namespace,
)
from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.watch import Watch
from karvdash_hub.kube.watched import Watched

#: Datashim's API groups, the present one and the former one; neither need be installed.
_DATASETS: dict[Kind, str] = {"dataset": "datashim.io/v1alpha1", "dataset-old": "com.ie.ibm.hpsys/v1alpha1"}


class Watches(Watched[Kind]):
    """Keeps a table current.

    Args:
        config: the API server, with the rights of share/rbac/admission.yaml.
        prefix: of the names of user namespaces; nothing else is kept.
    """

    def __init__(self, config: KubeConfig, table: Table, prefix: str) -> None:
        self.table = table
        by_kind: dict[Kind, Watch[Any]] = {
            "namespace": Watch(config, "/api/v1/namespaces", project=project_namespace(prefix)),
            "claim": Watch(config, "/api/v1/persistentvolumeclaims", project=project_claim(prefix)),
        }
        for kind, version in _DATASETS.items():
            project = project_dataset(prefix, version)
            by_kind[kind] = Watch(config, f"/apis/{version}/datasets", project=project, optional=True)
        super().__init__(by_kind)
        for kind, watch in by_kind.items():
            watch.subscribe(self._follow(kind))

    async def facts(self, namespace: str, seconds: float) -> Facts:
        """Return what is known of a namespace; wait for the first look at the cluster, and for a new one.

        Raises: Unseen, Unknown, Ownerless.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        if not self.synced and not await self.synced_within(seconds):
            raise Unseen(
                "The admission server has not seen the cluster yet, so it cannot tell which folders belong "
                "into the pod. Try again in some seconds.",
                "not-synced",
            )
        while True:
            try:
                return self.table.facts(namespace)
            except Unknown:
                left = deadline - asyncio.get_running_loop().time()
                if left <= 0:
                    raise
                await self.wait(namespace, left)

    def _follow(self, kind: Kind) -> Callable[[Key, Any, Any], None]:
        def changed(key: Key, old: Any, new: Any) -> None:
            self.wake([self.table.change(kind, key, new)])

        return changed
