"""What the self-test tries of an API server, on one without policies and without the admission server."""

from __future__ import annotations

import pytest

from karvdash_hub.kube.rest import Kube
from karvdash_hub.selftest.probes import check_policies, check_rights, check_webhook, forbidden, pod
from tests.fixtures.clusters import SomeCluster
from tests.kube.conftest import UserNamespace

IMAGE = "busybox:1.36"


@pytest.mark.parametrize("what", sorted(forbidden("default", IMAGE)))
async def test_what_is_tried_is_right_in_form(admin_kube: Kube, what: str) -> None:
    """Otherwise a refusal would prove nothing."""
    await admin_kube.create(forbidden("default", IMAGE)[what], dry_run=True)


async def test_its_pods_satisfy_the_strictest_level(
    admin_kube: Kube, alice: UserNamespace, hub_kube: Kube
) -> None:
    strict = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    await admin_kube.patch("v1", "Namespace", alice.name, "", strict)
    await hub_kube.create(pod(alice.name, "p", IMAGE), as_user=alice.account, dry_run=True)


async def test_rights(hub_kube: Kube, alice: UserNamespace) -> None:
    check = await check_rights(hub_kube, alice.name)
    assert (check.outcome, check.found) == ("ok", "Kubernetes refuses both.")


async def test_rights_that_are_too_many(
    hub_kube: Kube, admin_kube: Kube, alice: UserNamespace, cluster: SomeCluster
) -> None:
    name = f"selftest-{alice.slug}"
    cluster.kubectl(
        "create", "clusterrolebinding", name, "--clusterrole=view", f"--serviceaccount={alice.name}:default"
    )
    try:
        check = await check_rights(hub_kube, alice.name)
        assert (check.outcome, check.found) == ("failed", "Kubernetes lets the user's account do it.")
    finally:
        cluster.kubectl("delete", "clusterrolebinding", name)


async def test_policies_name_what_is_accepted(
    hub_kube: Kube, admin_kube: Kube, alice: UserNamespace, cluster: SomeCluster
) -> None:
    """Without policies; those of the demonstration exempt no namespace of this name."""
    found = cluster.kubectl("get", "validatingadmissionpolicies", "--output", "name").split()
    check = await check_policies(hub_kube, alice.name, IMAGE)
    if found:
        assert check.outcome == "ok", check
    else:
        everything = ", ".join(forbidden(alice.name, IMAGE))
        assert (check.outcome, check.found) == ("failed", f"Kubernetes accepts {everything}.")


async def test_the_webhook_is_missed(hub_kube: Kube, alice: UserNamespace, cluster: SomeCluster) -> None:
    found = cluster.kubectl("get", "mutatingwebhookconfigurations", "--output", "name").split()
    check = await check_webhook(hub_kube, alice.name, IMAGE)
    if found:
        assert check.outcome == "ok", check
    else:
        assert (check.outcome, check.found) == ("failed", "The pod has nothing of it.")
