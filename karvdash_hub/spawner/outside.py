"""What a user has in Kubernetes beside the account in the own namespace: an account for Argo, the ID token.

Both act with the user's role in the user's namespace, by role bindings there (``kube/contents.py``), and both
end with the account: a deactivated user's bindings are removed, and so is the account for Argo.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.argo import ArgoAccount, apply_account, remove_account
from karvdash_hub.kube.contents import ARGO_BINDING, OIDC_BINDING
from karvdash_hub.kube.settings import Argo, Kubectl
from karvdash_hub.store import UserNamespace

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: What Kubernetes puts before ``sub``, by the configuration in docs/howto/sign-in-with-the-hub.md.
OIDC_PREFIX = "oidc:"


class Outside:
    """Accounts of users outside of their namespaces.

    Attributes:
        argo, kubectl: settings.
    """

    def __init__(self, karvdash: Karvdash) -> None:
        self.argo = Argo(parent=karvdash.app)
        self.kubectl = Kubectl(parent=karvdash.app)
        self._karvdash = karvdash
        self._made: set[str] = set()
        self._told = ""

    def subjects(self, claim: UserNamespace) -> Mapping[str, Mapping[str, str]]:
        """Return who else gets the user's role in the user's namespace, by name of the role binding."""
        found: dict[str, Mapping[str, str]] = {}
        if self.argo.namespace:
            found[ARGO_BINDING] = self._argo_account(claim).as_subject()
        if self.kubectl.trusts_oidc:
            name = f"{OIDC_PREFIX}{self._karvdash.store.oidc.subject(claim.username)}"
            found[OIDC_BINDING] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
        return found

    async def ensure(self, claim: UserNamespace, *, again: bool) -> None:
        """Make the user's account for Argo; with ``again`` also where it was made before.

        Launching and signing in go on without it, so what goes wrong is logged.
        """
        if not self.argo.namespace or (claim.username in self._made and not again):
            return
        try:
            await apply_account(self._karvdash.kube, self._argo_account(claim))
        except KarvdashError as error:
            if self._told != error.message:
                self._told = error.message
                log.warning("Users cannot act in Argo: %s", error)
        else:
            self._made.add(claim.username)

    async def remove(self, claim: UserNamespace) -> None:
        """Delete the user's account for Argo. Raises: KubeError."""
        self._made.discard(claim.username)
        if self.argo.namespace:
            await remove_account(self._karvdash.kube, self.argo.namespace, claim.namespace)

    def _argo_account(self, claim: UserNamespace) -> ArgoAccount:
        store = self._karvdash.store
        return ArgoAccount(
            namespace=self.argo.namespace,
            name=claim.namespace,
            username=claim.username,
            subject=store.oidc.subject(claim.username),
            owner_id=store.instance_id,
        )
