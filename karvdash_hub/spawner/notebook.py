"""``NotebookSpawner``: KubeSpawner as it has to be here, for JupyterHub's own notebooks.

What is overridden, and why (JupyterHub 6.1.1, KubeSpawner 7.1.0):

    namespace, _ensure_namespace: one namespace a user, by our slug
    service_account     the one with the user's rights; KubeSpawner would mount none
    api                 acts with the user's rights; the Hub's own may not create a pod
    _start_reflector    our watch: KubeSpawner's own makes the Hub exit 53 s after the API server goes away
    _start              our watch of events is open only while somebody wants them
"""

from __future__ import annotations

from typing import Any

import kubespawner.spawner
from jupyterhub.spawner import SpawnException
from kubespawner import KubeSpawner
from traitlets import TraitError, default, validate

from karvdash_hub.errors import KarvdashError
from karvdash_hub.spawner.hub import Karvdash

# KubeSpawner would read $KUBECONFIG or ~/.kube/config and has no setting for another file; our clients
# take their configuration from Platform.kubeconfig.
kubespawner.spawner.load_config = lambda **_: None

#: Namespace of a user whose name clashes with another's: such a user can start nothing.
_NO_NAMESPACE = "none"


class NotebookSpawner(KubeSpawner):  # type: ignore[misc]
    """A notebook server in its owner's namespace, with the owner's rights, watched by our own watches."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.karvdash = Karvdash.instance()

    @default("enable_user_namespaces")
    def _default_user_namespaces(self) -> bool:
        return True

    @validate("enable_user_namespaces")
    def _check_user_namespaces(self, proposal: Any) -> bool:
        if not proposal.value:
            raise TraitError("KarvdashSpawner.enable_user_namespaces cannot be False: users have namespaces")
        return True

    @default("service_account")
    def _default_service_account(self) -> str:
        # The user's own account, as in every pod of the namespace; KubeSpawner mounts none unless named.
        return "default"

    def _expand_user_properties(self, template: str, slug_scheme: str | None = None) -> str:
        # KubeSpawner asks for the namespace like this, and would make another slug.
        if template == self.user_namespace_template:
            return Karvdash.instance().namespace_or(self.user.name, _NO_NAMESPACE)
        return str(super()._expand_user_properties(template, slug_scheme))

    def _act_as_user(self) -> None:
        self.api = self.karvdash.stock.core(self.namespace)

    async def _ensure_namespace(self) -> None:
        # The first thing that KubeSpawner.start awaits.
        try:
            await self.karvdash.ensure_place(self.user.name)
        except KarvdashError as error:
            raise SpawnException(error.message, reason=error.reason, status_code=error.status) from error
        self._act_as_user()

    async def _start(self) -> Any:
        # KubeSpawner's progress page is made of the namespace's events, which are watched only when wanted.
        async with self.karvdash.informers.events(self.namespace):
            return await super()._start()

    async def _start_reflector(self, kind: str, *_: Any, **__: Any) -> Any:
        reflector = self.karvdash.informers.stock
        if kind == "events":
            # KubeSpawner tells old events from new ones by what is there before it creates the pod.
            await self.karvdash.informers.events_known(self.namespace)
        self.__class__.reflectors[self._get_reflector_key(kind)] = reflector
        return reflector
