"""What the platform puts into a user namespace, as manifests. Pure: see ``kube/namespaces.py`` for the rest.

RoleBinding karvdash-user          ``default`` account -> the user role, inside the namespace
RoleBinding karvdash-impersonate   the Hub may act as that account, here and nowhere else
RoleBinding karvdash-secrets       the Hub may write Secrets here, and read none
RoleBinding argo-binding           the user's account in Argo's namespace -> the user role, if there is Argo
RoleBinding karvdash-oidc          the user by ID token -> the user role, if the API server trusts the Hub
Secret karvdash-api                ``config.ini``: where the API is, and the user's token for it
NetworkPolicy karvdash-isolate     in: own namespace and the platform; out: all but other users' pods
ResourceQuota, LimitRange karvdash-user, if settings ask for them
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from karvdash_hub.names import (
    ANNOTATION_HUB,
    ANNOTATION_USER,
    ANNOTATION_VOLUMES,
    API_KEY,
    API_SECRET,
    LABEL_INJECTED,
    LABEL_MANAGED_BY,
    MANAGED_BY,
)
from karvdash_hub.service_templates import Manifest

IMPERSONATE_ROLE = "karvdash-hub-impersonate"
SECRETS_ROLE = "karvdash-hub-secrets"
USER_BINDING = "karvdash-user"
IMPERSONATE_BINDING = "karvdash-impersonate"
SECRETS_BINDING = "karvdash-secrets"
#: Those that settings ask for.
ARGO_BINDING = "argo-binding"
OIDC_BINDING = "karvdash-oidc"
#: Name of the ResourceQuota and of the LimitRange.
BOUNDS = "karvdash-user"
NETWORK_POLICY = "karvdash-isolate"
#: Label of a user namespace: the user's slug. The user's name itself need not be a valid label.
LABEL_USER = "karvdash.io/user"
#: ref: https://kubernetes.io/docs/concepts/security/pod-security-admission/
LABEL_POD_SECURITY = "pod-security.kubernetes.io/enforce"
POD_SECURITY = "baseline"
#: When the token in Secret karvdash-api ends (ISO 8601, UTC): the Hub may write Secrets, not read them.
ANNOTATION_EXPIRES = "karvdash.io/expires"

_RBAC = "rbac.authorization.k8s.io"
_INJECTED = {LABEL_MANAGED_BY: MANAGED_BY, LABEL_INJECTED: "true"}


@dataclass(frozen=True)
class Isolation:
    """What the NetworkPolicy of a user namespace says.

    Attributes:
        peers: ``NetworkPolicyPeer`` objects that may connect to users' pods besides the own namespace.
        pod_cidrs: the addresses of pods. What is open to egress by address leaves them out.
        forbidden_cidrs: addresses that no user's pod may connect to.
    """

    peers: Sequence[Mapping[str, Any]] = ()
    pod_cidrs: Sequence[str] = ()
    forbidden_cidrs: Sequence[str] = ()


@dataclass(frozen=True)
class ApiAccess:
    """What ``config.ini`` holds: the API's address as pods see it, a token, and when that ends (ISO 8601)."""

    base_url: str
    token: str = field(repr=False)
    expires: str


@dataclass(frozen=True)
class Wanted:
    """A user namespace as it should be. See ``ensure_namespace`` for the arguments."""

    namespace: str
    username: str
    slug: str
    owner_id: str
    user_role: str
    quota: Mapping[str, Any] = field(default_factory=dict)
    limit_range: Mapping[str, Any] = field(default_factory=dict)
    isolation: Isolation | None = None
    pod_security: bool = False
    volumes: Sequence[str] = ()
    api: ApiAccess | None = None
    also: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Tell two wishes apart, without giving anything of them away."""
        text = json.dumps(vars(self), sort_keys=True, default=lambda one: vars(one) if one else None)
        return hashlib.sha256(text.encode()).hexdigest()

    def namespace_manifest(self) -> Manifest:
        """Return the Namespace, marked as this user's of this Hub."""
        enforced = {LABEL_POD_SECURITY: POD_SECURITY} if self.pod_security else {}
        volumes = {ANNOTATION_VOLUMES: " ".join(self.volumes)} if self.volumes else {}
        marks = {ANNOTATION_HUB: self.owner_id, ANNOTATION_USER: self.username, **volumes}
        return {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": self.namespace,
                "labels": {**_INJECTED, LABEL_USER: self.slug, **enforced},
                "annotations": marks,
            },
        }

    def bindings(self, hub: str) -> list[Manifest]:
        """Return the RoleBindings; ``hub`` is our own user name. They come before everything else."""
        account = {"kind": "ServiceAccount", "name": "default", "namespace": self.namespace}
        return [
            self._binding(USER_BINDING, self.user_role, account),
            self._binding(IMPERSONATE_BINDING, IMPERSONATE_ROLE, _subject(hub)),
            self._binding(SECRETS_BINDING, SECRETS_ROLE, _subject(hub)),
            *(self._binding(name, self.user_role, subject) for name, subject in self.also.items()),
        ]

    def contents(self) -> list[Manifest]:
        """Return everything else that should be in the namespace."""
        made = [
            self._object("v1", kind, BOUNDS, {"spec": dict(spec)}) for kind, spec in self._bounds() if spec
        ]
        if self.isolation is not None:
            made.append(self._network_policy(self.isolation))
        if self.api is not None:
            made.append(self._api_secret(self.api))
        return made

    def unwanted(self) -> list[tuple[str, str, str]]:
        """Return (apiVersion, kind, name) of what may be there from other settings."""
        gone = [("v1", kind, BOUNDS) for kind, spec in self._bounds() if not spec]
        if self.isolation is None:
            gone.append(("networking.k8s.io/v1", "NetworkPolicy", NETWORK_POLICY))
        others = {ARGO_BINDING, OIDC_BINDING} - self.also.keys()
        return gone + [(f"{_RBAC}/v1", "RoleBinding", name) for name in sorted(others)]

    def _bounds(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        return ("ResourceQuota", self.quota), ("LimitRange", self.limit_range)

    def _network_policy(self, isolation: Isolation) -> Manifest:
        own: dict[str, Any] = {"podSelector": {}}
        spec = {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [own, *map(dict, isolation.peers)]}],
            "egress": [{"to": [own, _no_user_namespace(), *_elsewhere(isolation)]}],
        }
        return self._object("networking.k8s.io/v1", "NetworkPolicy", NETWORK_POLICY, {"spec": spec})

    def _api_secret(self, api: ApiAccess) -> Manifest:
        text = f"[Karvdash]\nbase_url = {api.base_url}\ntoken = {api.token}\n"
        data = {API_KEY: base64.b64encode(text.encode()).decode()}
        manifest = self._object("v1", "Secret", API_SECRET, {"type": "Opaque", "data": data})
        manifest["metadata"]["annotations"] = {ANNOTATION_EXPIRES: api.expires}
        return manifest

    def _binding(self, name: str, role: str, subject: Mapping[str, str]) -> Manifest:
        role_ref = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role}
        body = {"roleRef": role_ref, "subjects": [dict(subject)]}
        return self._object(f"{_RBAC}/v1", "RoleBinding", name, body)

    def _object(self, api_version: str, kind: str, name: str, body: Mapping[str, Any]) -> Manifest:
        metadata = {"name": name, "namespace": self.namespace, "labels": dict(_INJECTED)}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def _no_user_namespace() -> dict[str, Any]:
    """Select pods of all namespaces that are no user's.

    A user who removed the label from the *own* namespace would only let others' packets be sent there, where
    the policy of that namespace still lets none in. Policies of the API server protect the label anyway.
    """
    return {"namespaceSelector": {"matchExpressions": [{"key": LABEL_USER, "operator": "DoesNotExist"}]}}


def _elsewhere(isolation: Isolation) -> list[dict[str, Any]]:
    """Select all addresses but those of pods, which are selected by namespace, and the forbidden ones.

    ref: https://kubernetes.io/docs/concepts/services-networking/network-policies/ (ipBlock)
    """
    closed = [*isolation.pod_cidrs, *isolation.forbidden_cidrs]
    blocks = []
    for everything, version in (("0.0.0.0/0", 4), ("::/0", 6)):
        block: dict[str, Any] = {"cidr": everything}
        if excepted := [cidr for cidr in closed if ip_network(cidr).version == version]:
            block["except"] = excepted
        blocks.append({"ipBlock": block})
    return blocks


def _subject(username: str) -> dict[str, str]:
    """Name an account as the subject of a role binding."""
    prefix = "system:serviceaccount:"
    if username.startswith(prefix):
        namespace, _, name = username.removeprefix(prefix).partition(":")
        return {"kind": "ServiceAccount", "namespace": namespace, "name": name}
    return {"apiGroup": _RBAC, "kind": "User", "name": username}
