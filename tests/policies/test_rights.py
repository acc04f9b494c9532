"""Who gets rights and tokens in a namespace, and what its network policies may open."""

from __future__ import annotations

import pytest

from tests.policies.conftest import Parameters, User, mint
from tests.policies.pods import Json

RBAC = "rbac.authorization.k8s.io/v1"
NETWORK = "networking.k8s.io/v1"


def binding(*subjects: Json, role: str = "cluster-admin") -> Json:
    group = "rbac.authorization.k8s.io"
    return {"roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role}, "subjects": list(subjects)}


def account(name: str, namespace: str) -> Json:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        pytest.param(
            {"kind": "Group", "name": "system:authenticated"}, "Group system:authenticated", id="3.9-all"
        ),
        pytest.param({"kind": "User", "name": "bob"}, "User bob", id="3.9-user"),
        pytest.param(account("default", "karvdash-bob"), "ServiceAccount karvdash-bob/default", id="3.9-bob"),
        pytest.param(
            account("default", "kube-system"), "ServiceAccount kube-system/default", id="3.9-kube-system"
        ),
    ],
)
async def test_nobody_from_elsewhere_gets_rights(alice: User, subject: Json, message: str) -> None:
    mine = account("other", alice.namespace)
    manifest = alice.manifest(RBAC, "RoleBinding", **binding(mine, subject))
    for answer in (await alice.create(manifest), await alice.apply(manifest)):
        assert answer == f"subjects: {message} is not allowed. Allowed: ServiceAccounts of {alice.namespace}."


async def test_rights_for_ones_own_accounts(alice: User) -> None:
    mine = [account("other", alice.namespace), account("default", alice.namespace)]
    assert await alice.create(alice.manifest(RBAC, "RoleBinding", **binding(*mine, role="edit"))) == ""
    assert await alice.create(alice.manifest(RBAC, "RoleBinding", **binding())) == ""


@pytest.mark.parametrize(
    ("seconds", "message"),
    [(600, ""), (86400, ""), (86401, "spec.expirationSeconds: 86401 is not allowed. Allowed: at most 86400")],
)
async def test_tokens_end_within_a_day(alice: User, seconds: int, message: str) -> None:
    """3.8, P3."""
    answer = await mint(alice, alice.namespace, seconds)
    assert answer.startswith(message)
    assert bool(answer) == bool(message)


async def test_tokens_for_longer_where_an_admin_wants_it(alice: User, parameters_with: Parameters) -> None:
    await parameters_with(token_seconds=7200)
    assert (await mint(alice, alice.namespace, 7201)).startswith("spec.expirationSeconds: 7201")
    assert await mint(alice, alice.namespace, 7200) == ""


async def test_tokens_of_others(alice: User, bob: User) -> None:
    """P3: Kubernetes refuses it."""
    assert "you may not create serviceaccounts" in await mint(alice, bob.namespace, 600)


async def test_tokens_that_never_end(alice: User) -> None:
    """P3: a Secret's token."""
    secret = alice.manifest(
        "v1",
        "Secret",
        annotations={"kubernetes.io/service-account.name": "default"},
        type="kubernetes.io/service-account-token",
    )
    for answer in (await alice.create(secret), await alice.apply(secret)):
        assert answer.startswith("type: kubernetes.io/service-account-token is not allowed")
    assert await alice.create(alice.manifest("v1", "Secret", type="Opaque", stringData={"a": "b"})) == ""


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param({"podSelector": {}, "egress": [{}]}, "spec.egress: rules are not allowed", id="P8-all"),
        pytest.param(
            {"podSelector": {}, "egress": [{"to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}]}]},
            "spec.egress: rules are not allowed",
            id="P8-metadata",
        ),
        pytest.param({"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}, "", id="ingress"),
        pytest.param({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, "", id="nothing-at-all"),
    ],
)
async def test_network_policies(alice: User, spec: Json, message: str) -> None:
    answer = await alice.create(alice.manifest(NETWORK, "NetworkPolicy", spec=spec))
    assert answer.startswith(message)
    assert bool(answer) == bool(message)
