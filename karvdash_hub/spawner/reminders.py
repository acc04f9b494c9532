"""After the admission server was away: remind controllers, which by then try again only every some minutes.

A controller that could make no pod tries again after 5 ms, then after twice as long each time, up to 1000 s:
when an outage of ten minutes ends, its next try may be ten minutes away. A change of the object makes it look
at once, and the controller of Deployments hands annotations on to ReplicaSets.
ref: kubernetes client-go/util/workqueue/default_rate_limiters.go, SetNewReplicaSetAnnotations in
pkg/controller/deployment/util (1.35)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.informers import Informers
from karvdash_hub.kube.rest import Kube, default_account
from karvdash_hub.names import ANNOTATION_LOOK_AGAIN
from karvdash_hub.readiness.model import Workload
from karvdash_hub.readiness.refusals import OUR_WEBHOOK_AWAY

log = logging.getLogger("jupyterhub.karvdash")

#: Seconds between two looks whether anything has too few pods, and if so, whether the webhook answers.
INTERVAL = 10.0
#: Seconds between two reminders: a thousand services are not to come back in the same moment.
_PACE = 0.05
#: The controller of Jobs waits for a minute at most.
_VERSIONS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1"}


class Reminders:
    """Notices that the admission server answers again, and reminds whoever has waited for it.

    Args:
        is_ours: tells whether a namespace is one of our users'.
    """

    def __init__(self, kube: Kube, informers: Informers, is_ours: Callable[[str], bool]) -> None:
        self._kube = kube
        self._informers = informers
        self._is_ours = is_ours
        self._away = False

    async def run(self) -> None:
        """Look for as long as the Hub lives."""
        await self._informers.synced.wait()
        while True:
            await asyncio.sleep(INTERVAL)
            if not self._informers.outage:
                await self.look()

    async def look(self) -> None:
        """Ask whether the admission server answers, if that matters to anybody; remind if it does again."""
        waiting = [*self._waiting()]
        if not waiting:
            return
        if await is_silent(self._kube, waiting[0][0]):
            self._away = True
        elif self._away:
            self._away = False
            log.warning("The admission server answers again; reminding %d workloads", len(waiting))
            for namespace, workload in waiting:
                await remind(self._kube, namespace, workload)
                await asyncio.sleep(_PACE)

    def _waiting(self) -> Iterator[tuple[str, Workload]]:
        """Everything of our users that has fewer pods than it should."""
        for namespace, workload in self._informers.workloads():
            lacks = min(workload.total, workload.updated) < workload.replicas
            if lacks and workload.kind in _VERSIONS and not workload.deleting and self._is_ours(namespace):
                yield namespace, workload


async def is_silent(kube: Kube, namespace: str) -> bool:
    """Tell whether no pod can be made in a user namespace because the webhook does not answer."""
    container = {"name": "main", "image": "pause"}
    metadata = {"namespace": namespace, "name": "karvdash-reminder"}
    pod: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    pod["spec"] = {"containers": [container]}
    try:
        await kube.create(pod, as_user=default_account(namespace), dry_run=True)
    except KarvdashError as error:
        return OUR_WEBHOOK_AWAY in error.message
    return False


async def remind(kube: Kube, namespace: str, workload: Workload) -> None:
    """Let a workload's controller look at it now. Nothing of it is restarted. What fails is logged."""
    # Two reminders in a row have to differ.
    seen = {"metadata": {"annotations": {ANNOTATION_LOOK_AGAIN: str(asyncio.get_running_loop().time())}}}
    account = default_account(namespace)
    try:
        await kube.patch(
            _VERSIONS[workload.kind], workload.kind, workload.name, namespace, seen, as_user=account
        )
    except KarvdashError as error:
        log.info("%s %s in %s is not reminded: %s", workload.kind, workload.name, namespace, error)
