"""Settings of what the Hub does in Kubernetes, as traits: ``c.UserNamespaces.pod_cidrs = [...]``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from traitlets import Bool, Dict, Float, Integer, List, TraitError, Unicode, validate
from traitlets.config import LoggingConfigurable

from karvdash_hub.kube.contents import Isolation

_DAY = 86400.0
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class UserNamespaces(LoggingConfigurable):
    """What the Hub puts into users' namespaces, beside the role, quota and limits of ``Platform``."""

    network_policy = Bool(
        True,
        help="""
        Whether every user namespace gets NetworkPolicy ``karvdash-isolate``.

        Users' pods then take connections from the own namespace and from ``platform_peers``, and may open
        connections to everything but other users' pods and ``forbidden_cidrs``. It needs a network plugin
        that enforces NetworkPolicies; ``karvdash-hub selftest`` tells whether there is one.
        """,
    ).tag(config=True)

    platform_peers = List(
        Dict(),
        help="""
        Who else may connect to users' pods: ``NetworkPolicyPeer`` objects for the gate, the Hub and whatever
        routes requests, for example ``[{"ipBlock": {"cidr": "192.0.2.7/32"}}]``.

        Empty means all pods in ``Platform.release_namespace``. A namespace should be selected by the label
        ``kubernetes.io/metadata.name``, which nobody can change.
        """,
    ).tag(config=True)

    pod_cidrs = List(
        Unicode(),
        help="""
        Networks from which the cluster's pods get their addresses, for example ``["10.244.0.0/16"]``.

        Egress by address leaves them out, so that other users' pods cannot be reached that way. Empty leaves
        it to the receiving namespace alone to refuse connections, which it does.
        """,
    ).tag(config=True)

    forbidden_cidrs = List(
        Unicode(),
        ["169.254.169.254/32", "fd00:ec2::254/128"],
        help="""
        Addresses that no user's pod may connect to. By default the metadata services of clouds.

        Such a service hands out the node's own credentials to whoever asks. Add management networks here.
        """,
    ).tag(config=True)

    token_lifetime = Float(
        30 * _DAY,
        min=60,
        help="""
        Time (in seconds) for which the token is valid that pods find in ``/var/lib/karvdash/config.ini``.

        The Hub puts a new one in its place when half of it is over, at sign-in, at a launch, or while the
        user has running servers; the former one ends a thirtieth of this time later. The token can list,
        launch, stop and delete its owner's services and read service templates, nothing else.
        """,
    ).tag(config=True)

    registry_credentials = Unicode(
        "",
        help="""
        File with credentials for image registries, as ``docker login`` writes it:
        ``{"auths": {"registry.example.com": {"auth": "…"}}}``.

        Every user namespace gets it as Secret ``karvdash-registry``, which the account ``default`` names, so
        that all pods without an account of their own can pull. Users can read it: let it be good for pulling
        only. The file is read again at every launch; a Secret or account that was changed is put right then
        and at sign-in. Empty means none; Secrets that are there stay.
        """,
    ).tag(config=True)

    @validate("registry_credentials")
    def _check_credentials(self, proposal: Any) -> str:
        if not proposal.value:
            return ""
        try:
            auths = json.loads(Path(proposal.value).read_text())["auths"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            # Not the error itself, which may quote a password.
            why = error.strerror if isinstance(error, OSError) else "it is no JSON with the key auths"
            raise TraitError(f"UserNamespaces.registry_credentials, {proposal.value}: {why}") from None
        if not isinstance(auths, dict) or not auths:
            raise TraitError(
                f"UserNamespaces.registry_credentials, {proposal.value}: auths names no registry"
            )
        return str(proposal.value)

    @validate("pod_cidrs", "forbidden_cidrs")
    def _check_networks(self, proposal: Any) -> list[str]:
        name = f"UserNamespaces.{proposal.trait.name}"
        for cidr in proposal.value:
            try:
                ip_network(cidr)
            except ValueError as error:
                raise TraitError(f"{name} has {cidr!r}, which is no network: {error}") from None
        return list(proposal.value)

    @validate("platform_peers")
    def _check_peers(self, proposal: Any) -> list[dict[str, Any]]:
        for peer in proposal.value:
            if not peer or not peer.keys() <= {"ipBlock", "namespaceSelector", "podSelector"}:
                raise TraitError(
                    "UserNamespaces.platform_peers must be NetworkPolicyPeer objects with ipBlock, "
                    f"namespaceSelector or podSelector, not {peer!r}"
                )
        return list(proposal.value)

    def isolation(self, release_namespace: str) -> Isolation | None:
        """Return what the NetworkPolicy says, or None if there is to be none."""
        if not self.network_policy:
            return None
        release = {"matchLabels": {"kubernetes.io/metadata.name": release_namespace}}
        peers: Sequence[dict[str, Any]] = self.platform_peers or [{"namespaceSelector": release}]
        return Isolation(peers, self.pod_cidrs, self.forbidden_cidrs)


class Argo(LoggingConfigurable):
    """Argo Workflows, to which people sign in with the Hub's accounts."""

    url = Unicode(
        "",
        help="""
        Address of Argo's server in browsers, for example ``https://argo.example.com``.

        The page “Connect” links to each user's workflows there. Empty means that it does not.
        """,
    ).tag(config=True)

    namespace = Unicode(
        "",
        help="""
        Namespace of Argo's server, in which it looks for the accounts of people who sign in.

        Each user gets an account there, which may do in the user's own namespace what the user may, and
        nothing elsewhere. Beside this the Hub needs a RoleBinding to the ClusterRoles ``karvdash-hub-argo``
        and ``karvdash-hub-secrets`` in that namespace, and ``karvdash-hub policies apply`` has to be run
        again. Empty means that no accounts are made.
        """,
    ).tag(config=True)

    @validate("url")
    def _check_url(self, proposal: Any) -> str:
        url = urlsplit(str(proposal.value))
        if proposal.value and (url.scheme not in ("http", "https") or not url.hostname or url.query):
            raise TraitError(f"Argo.url must be http:// or https:// with a host, not {proposal.value!r}")
        return str(proposal.value).rstrip("/")

    @validate("namespace")
    def _check_namespace(self, proposal: Any) -> str:
        if proposal.value and not _LABEL.fullmatch(proposal.value):
            raise TraitError(f"Argo.namespace must be the name of a namespace, not {proposal.value!r}")
        return str(proposal.value)


class Kubectl(LoggingConfigurable):
    """How people reach the Kubernetes API with their own programs."""

    server = Unicode(
        "",
        help="""
        Address of the Kubernetes API as people's computers reach it, for example
        ``https://kubernetes.example.com:6443``.

        It is written into the kubeconfig files of the page “Connect”. Empty means the address that the Hub
        itself uses, which inside a cluster is good for pods only.
        """,
    ).tag(config=True)

    certificate_authority = Unicode(
        "",
        help="""
        File (PEM) with the authority that signed the certificate of ``server``.

        Empty means the one that the Hub itself uses, or, where ``server`` is set, those that people's
        computers know.
        """,
    ).tag(config=True)

    lifetime = Integer(
        8 * 3600,
        min=600,
        help="""
        Time (in seconds) for which a kubeconfig file of the page “Connect” is valid.

        Longer than ``Policies.token_seconds`` is refused by the policies. Each can be revoked before.
        """,
    ).tag(config=True)

    trusts_oidc = Bool(
        False,
        help="""
        Whether the API server trusts the Hub's OpenID Connect provider (``--authentication-config``).

        Users are then known to Kubernetes as ``oidc:<sub>`` and get the role ``Platform.user_role`` in their
        own namespace under that name too; the page “Connect” offers a kubeconfig file without any secret.
        See docs/howto/sign-in-with-the-hub.md.
        """,
    ).tag(config=True)

    oidc_client_id = Unicode(
        "kubernetes",
        help="""
        ``client_id`` of the public client by which kubectl signs people in, where ``trusts_oidc`` is set.

        It has to be among the audiences in the API server's configuration.
        """,
    ).tag(config=True)
