"""What Argo Workflows needs to act for a person who has signed in with the Hub.

ServiceAccount karvdash-<user>                 in Argo's namespace; its annotations tell whose it is
Secret karvdash-<user>.service-account-token   there too: Argo reads the token, Kubernetes writes it
RoleBinding argo-binding                       in the user's namespace: the account gets the user's role

Argo compares the rule with the claims of the ID token. The rule names ``sub``, which nobody else ever gets,
not the user name.
ref: https://argo-workflows.readthedocs.io/en/latest/argo-server-sso/#sso-rbac
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from karvdash_hub.kube.errors import NotFound
from karvdash_hub.kube.rest import Kube
from karvdash_hub.names import ANNOTATION_HUB, ANNOTATION_USER, LABEL_MANAGED_BY, MANAGED_BY
from karvdash_hub.service_templates import Manifest

RULE = "workflows.argoproj.io/rbac-rule"
PRECEDENCE = "workflows.argoproj.io/rbac-rule-precedence"


@dataclass(frozen=True)
class ArgoAccount:
    """A user's account in Argo's namespace.

    Attributes:
        namespace: Argo's.
        name: the account's, which is that of the user's namespace.
        subject: claim ``sub`` of the user's tokens, a UUID.
        owner_id: instance id of the Hub.
    """

    namespace: str
    name: str
    username: str
    subject: str
    owner_id: str

    def manifests(self) -> list[Manifest]:
        """Return account and Secret, in the order in which they have to be applied."""
        rule = {RULE: f"sub == '{self.subject}'", PRECEDENCE: "1"}
        return [
            self._object("ServiceAccount", self.name, rule),
            self._object("Secret", token_secret(self.name), {"kubernetes.io/service-account.name": self.name})
            | {"type": "kubernetes.io/service-account-token"},
        ]

    def as_subject(self) -> dict[str, str]:
        """Name the account as the subject of a role binding."""
        return {"kind": "ServiceAccount", "namespace": self.namespace, "name": self.name}

    def _object(self, kind: str, name: str, annotations: Mapping[str, str]) -> Manifest:
        marks = {ANNOTATION_HUB: self.owner_id, ANNOTATION_USER: self.username}
        metadata = {
            "name": name,
            "namespace": self.namespace,
            "labels": {LABEL_MANAGED_BY: MANAGED_BY},
            "annotations": {**annotations, **marks},
        }
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def token_secret(name: str) -> str:
    """Name the Secret in which Argo looks for the token of an account.

    ref: https://argo-workflows.readthedocs.io/en/latest/manually-create-secrets/
    """
    return f"{name}.service-account-token"


async def apply_account(kube: Kube, account: ArgoAccount) -> None:
    """Make the account and its Secret, or repair them. Raises: KubeError."""
    for manifest in account.manifests():
        await kube.apply(manifest)


async def remove_account(kube: Kube, namespace: str, name: str) -> None:
    """Delete both, so that Kubernetes refuses the account's token. Raises: KubeError."""
    for kind, one in (("ServiceAccount", name), ("Secret", token_secret(name))):
        with suppress(NotFound):
            await kube.delete("v1", kind, one, namespace)
