"""Settings of user namespaces, as traits of one class: ``c.UserNamespaces.pod_cidrs = ["10.244.0.0/16"]``."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from traitlets import Bool, Dict, Float, List, TraitError, Unicode, validate
from traitlets.config import LoggingConfigurable

from karvdash_hub.kube.contents import Isolation

_DAY = 86400.0


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
