"""Both roles for users: cluster-admin inside the namespace, and karvdash-user, the hardened one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from karvdash_hub import service_templates as engine
from karvdash_hub.kube.apply import dry_run
from karvdash_hub.share import share_dir
from tests.policies.conftest import User
from tests.policies.pods import Json, container, pod

RBAC = "rbac.authorization.k8s.io/v1"
BUNDLED = sorted(share_dir("templates", "services").glob("*.template.yaml"))


@pytest.fixture(params=["cluster-admin", "karvdash-user"])
async def user(request: pytest.FixtureRequest, alice: User, hardened: User) -> User:
    """A user with each of the roles; Kubernetes fills in the rules of the second one."""
    if request.param == "cluster-admin":
        return alice
    deadline = time.monotonic() + 20
    while "may not" in await hardened.create(template_object(hardened)):
        assert time.monotonic() < deadline, "the role karvdash-user has no rules"
        await asyncio.sleep(0.1)
    return hardened


def template_object(user: User) -> Json:
    return user.manifest("karvdash.carv.ics.forth.gr/v1", "Template", spec={"data": ""})


@pytest.mark.parametrize("file", BUNDLED, ids=lambda path: path.name.partition(".")[0])
async def test_what_we_ship_is_allowed(user: User, file: Path) -> None:
    """Every object of every bundled service template, as a launch makes it."""
    template = engine.parse(file.read_text(), id=engine.template_id(file.name))
    plan = engine.plan(
        template,
        server="mine",
        values={},
        platform=engine.platform_values(
            namespace=user.namespace, host=f"mine-{user.slug}.localhost", registry=""
        ),
        public_url="http://localhost:8000",
    )
    owned = engine.own(plan.manifests, namespace=user.namespace, server="mine", template_id=template.id)
    assert await dry_run(user.kube, owned, as_user=user.account) == []


async def test_templates_of_ones_own(user: User) -> None:
    assert await user.create(template_object(user)) == ""


CLUSTER_WIDE = {
    "ClusterRoleBinding": RBAC,
    "ClusterRole": RBAC,
    "Namespace": "v1",
    "PersistentVolume": "v1",
    "Node": "v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "MutatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
    "APIService": "apiregistration.k8s.io/v1",
}


@pytest.mark.parametrize("kind", CLUSTER_WIDE)
async def test_cluster_wide_objects(user: User, kind: str) -> None:
    """P5: refused by Kubernetes, whatever the policies say."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": user.namespace}
    source = {"hostPath": {"path": "/"}, "capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"]}
    bodies: dict[str, Json] = {
        "ClusterRoleBinding": {"roleRef": role, "subjects": [subject]},
        "PersistentVolume": {"spec": source},
    }
    metadata = {"name": "x"}
    manifest = {"apiVersion": CLUSTER_WIDE[kind], "kind": kind, "metadata": metadata, **bodies.get(kind, {})}
    assert await user.create(manifest) == "you may not create cluster-wide objects."


@pytest.mark.parametrize("namespace", ["kube-system", "karvdash", "default", "bob"])
async def test_objects_elsewhere(user: User, bob: User, namespace: str) -> None:
    """P5: metadata.namespace of somebody else."""
    where = bob.namespace if namespace == "bob" else namespace
    metadata = {"name": "x", "namespace": where}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod()}
    assert await user.create(manifest) == f'you may not create pods in namespace "{where}".'


@pytest.mark.parametrize("below", ["exec", "attach", "portforward", "proxy", "log"])
@pytest.mark.parametrize("verb", ["get", "create"])
async def test_connections_into_other_namespaces(user: User, bob: User, verb: str, below: str) -> None:
    """P7: into the own namespace, but nobody else's."""
    wanted = {"verb": verb, "resource": "pods", "subresource": below}
    assert not await allowed(user, {**wanted, "namespace": bob.namespace})
    assert not await allowed(user, {**wanted, "namespace": "kube-system"})
    if (verb, below) != ("create", "log"):
        assert await allowed(user, {**wanted, "namespace": user.namespace})


async def test_rights_of_others(user: User, bob: User) -> None:
    """P3: neither take over bob's account, nor read what is his, nor give oneself more than one has."""
    account = {"verb": "impersonate", "resource": "serviceaccounts", "name": "default"}
    assert not await allowed(user, {**account, "namespace": bob.namespace})
    for resource in ("secrets", "configmaps", "pods"):
        assert not await allowed(user, {"verb": "list", "resource": resource, "namespace": bob.namespace})
    for verb, resource in (("escalate", "clusterroles"), ("bind", "clusterroles"), ("impersonate", "users")):
        assert not await allowed(user, {"verb": verb, "resource": resource})


HELD = "attempting to grant RBAC permissions not currently held"


@pytest.mark.parametrize(
    ("group", "resource", "verb"),
    [
        pytest.param("rbac.authorization.k8s.io", "roles", "escalate", id="escalate"),
        pytest.param("rbac.authorization.k8s.io", "roles", "bind", id="bind"),
        pytest.param("", "resourcequotas", "delete", id="quotas"),
    ],
)
async def test_a_smaller_role_cannot_make_itself_larger(
    hardened: User, group: str, resource: str, verb: str
) -> None:
    """P3: Kubernetes lets nobody give what they do not have."""
    rule = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
    assert HELD in await hardened.create(hardened.manifest(RBAC, "Role", rules=[rule]))


async def test_a_smaller_role_cannot_bind_a_larger_one(hardened: User) -> None:
    """P3."""
    mine = [{"kind": "ServiceAccount", "name": "default", "namespace": hardened.namespace}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = hardened.manifest(RBAC, "RoleBinding", roleRef=role, subjects=mine)
    assert HELD in await hardened.create(binding)


async def allowed(user: User, attributes: Json) -> bool:
    """Ask Kubernetes whether it would let the user do something."""
    group = {"group": "rbac.authorization.k8s.io"} if attributes["resource"] == "clusterroles" else {}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {**attributes, **group}},
    }
    answer = await user.kube.create(review, as_user=user.account)
    return bool(answer["status"]["allowed"])


async def test_debugging(user: User) -> None:
    """kubectl debug."""
    name = "debugged"
    manifest = user.manifest("v1", "Pod", name, spec=pod(nodeSelector={"karvdash.io/test": "nowhere"}))
    assert await user.create(manifest, dry_run=False) == ""
    change = {"spec": {"ephemeralContainers": [container("debug")]}}
    assert await user.patch("v1", "Pod", name, change, subresource="ephemeralcontainers") == ""
    await user.delete("v1", "Pod", name, dry_run=False)


async def test_what_only_the_hardened_role_takes_away(alice: User, hardened: User) -> None:
    """Bounds of one's own beside the platform's, and looking at what is refused anyway."""
    quota = {"spec": {"hard": {"pods": "1000"}}}
    assert await alice.create(alice.manifest("v1", "ResourceQuota", **quota)) == ""
    for kind, body in (("ResourceQuota", quota), ("LimitRange", {"spec": {"limits": []}})):
        answer = await hardened.create(hardened.manifest("v1", kind, **body))
        assert answer.startswith("you may not create")
