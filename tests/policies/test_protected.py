"""What is the platform's in a user's namespace stays, and Kubernetes can still do its work there."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from karvdash_hub.kube.errors import NotFound
from karvdash_hub.kube.namespaces import ensure_namespace
from karvdash_hub.kube.rest import Kube
from karvdash_hub.kube.transport import Call
from tests.kube.conftest import OWNER_ID
from tests.policies.conftest import User, refusal
from tests.policies.pods import Json, pod

RBAC = "rbac.authorization.k8s.io/v1"
NETWORK = "networking.k8s.io/v1"
STAYS = "belongs to the platform and cannot be changed or deleted"
FORGED = "is not allowed: it marks what belongs to the platform"


async def eventually(check: Any, seconds: float = 20) -> None:
    """Wait until a check holds."""
    deadline = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < deadline, check
        await asyncio.sleep(0.05)


async def gone(kube: Kube, api_version: str, kind: str, name: str, namespace: str = "") -> bool:
    try:
        await kube.get(api_version, kind, name, namespace)
    except NotFound:
        return True
    return False


# --- the Namespace ----------------------------------------------------------------------------------------


async def on_namespace(user: User, method: str, body: bytes, below: str = "") -> str:
    """Ask for a change of the user's own Namespace, which Kubernetes counts as inside of it."""
    kinds = {"PATCH": "application/merge-patch+json"}
    call = Call(
        method,
        f"/api/v1/namespaces/{user.namespace}{below}",
        [("dryRun", "All")] if method == "PATCH" else (),
        body,
        as_user=user.account,
        what="Namespace",
        **({"content_type": kinds[method]} if method in kinds else {}),
    )
    return await refusal(user.kube._transport.request(call))


@pytest.mark.parametrize(
    ("method", "body", "below"),
    [
        pytest.param("PATCH", b'{"metadata":{"labels":{"a":"b"}}}', "", id="P1-label"),
        pytest.param("PATCH", b'{"metadata":{"labels":{"karvdash.io/user":null}}}', "", id="P1-unlabel"),
        pytest.param(
            "PATCH",
            b'{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}',
            "",
            id="P1-pod-security",
        ),
        pytest.param(
            "PATCH", b'{"metadata":{"annotations":{"karvdash.io/user":"bob"}}}', "", id="P1-annotate"
        ),
        pytest.param("PATCH", b'{"metadata":{"finalizers":["a.b/c"]}}', "", id="P2-finalizer"),
        pytest.param("PATCH", b'{"status":{"conditions":[]}}', "/status", id="P1-status"),
        pytest.param("DELETE", b'{"dryRun":["All"]}', "", id="P2-delete"),
    ],
)
async def test_the_namespace_itself(alice: User, method: str, body: bytes, below: str) -> None:
    assert await on_namespace(alice, method, body, below) == (
        f"metadata.name: Namespace {alice.namespace} is a user's and can be created, changed and "
        "deleted only by the Hub. Allowed: objects inside it."
    )


async def test_a_namespace_cannot_be_finished_by_hand(alice: User) -> None:
    """P2."""
    body = b'{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"%s"},"spec":{"finalizers":[]}}'
    answer = await on_namespace(alice, "PUT", body % alice.namespace.encode(), "/finalize?dryRun=All")
    assert "only by the Hub" in answer


async def test_nobody_else_makes_a_users_namespace(alice: User, admin_kube: Kube) -> None:
    """3.11: not even somebody who may make namespaces, unless it is an administrator of the cluster."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": alice.namespace}
    binding = {"apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": {"name": alice.namespace}}
    await admin_kube.create({**binding, "roleRef": role, "subjects": [subject]})
    try:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "karvdash-new"}}
        await eventually(lambda: _says(alice, manifest, "only by the Hub"))
        other = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "another"}}
        assert await alice.create(other) == ""
        # H2: an operator with all rights makes pods for users; what they may have stays what it is.
        assert "hostPID" in await alice.create_pod(pod(hostPID=True))
    finally:
        await admin_kube.delete(RBAC, "ClusterRoleBinding", alice.namespace)


async def _says(user: User, manifest: Json, text: str) -> bool:
    return text in await user.create(manifest)


# --- injected objects and anchors -------------------------------------------------------------------------


def anchor(user: User, name: str) -> Json:
    """As the Hub makes it: the gate learns from it which host is whose."""
    return user.manifest(
        "v1",
        "ConfigMap",
        f"karvdash-{name}",
        labels={"karvdash.io/anchor": "true", "karvdash.io/server": name},
        annotations={"karvdash.io/host": f"{name}-{user.slug}.localhost", "karvdash.io/auth": "true"},
    )


@pytest.fixture(scope="module")
async def injected(alice: User, hub_kube: Kube) -> list[tuple[str, str, str]]:
    """One of each kind that the Hub puts into a namespace."""
    marks = {"labels": {"karvdash.io/injected": "true"}}
    claim = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Mi"}}}
    made = [
        anchor(alice, "redis"),
        alice.manifest("v1", "LimitRange", "theirs", spec={"limits": []}, **marks),
        alice.manifest(
            "v1", "PersistentVolumeClaim", "theirs", spec={**claim, "storageClassName": "nothing"}, **marks
        ),
        alice.manifest(NETWORK, "NetworkPolicy", "theirs", spec={"podSelector": {}}, **marks),
        alice.manifest("v1", "Secret", "theirs", stringData={"a": "b"}, **marks),
    ]
    for manifest in made:
        # The Hub may read no Secret, and so cannot apply one.
        await (alice.kube if manifest["kind"] == "Secret" else hub_kube).apply(manifest)
    names = [(one["apiVersion"], one["kind"], one["metadata"]["name"]) for one in made]
    return [
        *names,
        (RBAC, "RoleBinding", "karvdash-user"),
        ("v1", "ResourceQuota", "karvdash-user"),
    ]


async def test_what_the_platform_has_put_there(alice: User, injected: list[tuple[str, str, str]]) -> None:
    """P4, 3.10: neither deleted, nor changed, nor relieved of its mark."""
    for what in injected:
        answers = [
            await alice.delete(*what),
            await alice.patch(*what, {"metadata": {"labels": {"a": "b"}}}),
            await alice.patch(*what, {"metadata": {"labels": {"karvdash.io/injected": None}}})
            if what[1] != "ConfigMap"
            else await alice.patch(*what, {"metadata": {"labels": {"karvdash.io/anchor": None}}}),
            await alice.patch(*what, {"metadata": {"ownerReferences": [], "finalizers": ["a.b/c"]}}),
        ]
        assert [STAYS in answer for answer in answers] == [True] * 4, what
        assert answers[0].startswith(f"metadata.labels: {what[1]} {what[2]} {STAYS}")


async def test_an_anchor_says_whose_a_host_is(alice: User, injected: list[tuple[str, str, str]]) -> None:
    """P4: no visitor is led elsewhere, and nobody is let in without sign-in."""
    where = ("v1", "ConfigMap", "karvdash-redis")
    for mark, value in (("host", "redis-bob.localhost"), ("auth", "false"), ("user", "bob")):
        change = {"metadata": {"annotations": {f"karvdash.io/{mark}": value}}}
        assert STAYS in await alice.patch(*where, change)
    forged = anchor(alice, "mine")
    for answer in (await alice.create(forged), await alice.apply(forged)):
        assert answer == (f"metadata.labels: karvdash.io/anchor {FORGED}. Allowed: any other label.")


@pytest.mark.parametrize("mark", ["karvdash.io/injected", "karvdash.io/anchor"])
@pytest.mark.parametrize("kind", ["ConfigMap", "Secret", "ServiceAccount"])
async def test_marks_cannot_be_forged(alice: User, mark: str, kind: str) -> None:
    for value in ("true", "false", ""):
        assert FORGED in await alice.create(alice.manifest("v1", kind, labels={mark: value}))
    plain = alice.manifest("v1", kind, f"plain-{kind.lower()}-{mark[-5:]}")
    assert await alice.create(plain, dry_run=False) == ""
    change = {"metadata": {"labels": {mark: "true"}}}
    assert FORGED in await alice.patch("v1", kind, plain["metadata"]["name"], change)


async def test_a_statefulset_cannot_forge_a_claims_mark(alice: User, busybox: str) -> None:
    """The controller, which may touch what is marked, creates claims from a user's template."""
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    marks = {"name": "data", "labels": {"karvdash.io/injected": "true"}}
    labels = {"app": "forger"}
    spec = {
        "serviceName": "forger",
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod()},
        "volumeClaimTemplates": [{"metadata": marks, "spec": claim}],
    }
    manifest = alice.manifest("apps/v1", "StatefulSet", "forger", spec=spec)
    assert await alice.create(manifest, dry_run=False) == ""

    async def refused() -> bool:
        events = await alice.kube.list("v1", "Event", alice.namespace, field_selector="reason=FailedCreate")
        return any("forger" in event["message"] and FORGED in event["message"] for event in events)

    await eventually(refused)
    assert await gone(alice.kube, "v1", "PersistentVolumeClaim", "data-forger-0", alice.namespace)
    await alice.delete("apps/v1", "StatefulSet", "forger", dry_run=False)


async def test_a_whole_kind_cannot_be_deleted_while_one_is_the_platforms(
    alice: User, injected: list[tuple[str, str, str]]
) -> None:
    """3.14: kubectl delete cm --all. The message says how to leave them out, and that works."""
    path = f"/api/v1/namespaces/{alice.namespace}/configmaps"
    call = Call("DELETE", path, (), b'{"dryRun":["All"]}', as_user=alice.account, what="ConfigMap")
    answer = await refusal(alice.kube._transport.request(call))
    assert "--selector '!karvdash.io/injected,!karvdash.io/anchor'" in answer or "kube-root-ca" in answer
    others = [
        ("labelSelector", "!karvdash.io/injected,!karvdash.io/anchor"),
        ("fieldSelector", "metadata.name!=kube-root-ca.crt"),
    ]
    call = Call("DELETE", path, others, b'{"dryRun":["All"]}', as_user=alice.account, what="ConfigMap")
    assert await refusal(alice.kube._transport.request(call)) == ""


@pytest.mark.parametrize(("kind", "name"), [("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")])
async def test_what_kubernetes_has_put_there(alice: User, kind: str, name: str) -> None:
    """3.10."""
    answer = await alice.delete("v1", kind, name)
    assert answer == (
        f"metadata.name: {kind} {name} cannot be deleted: everything in the namespace relies on it. "
        "Allowed: all others."
    )


async def test_the_hub_does_its_work(alice: User, hub_kube: Kube, bob: User) -> None:
    """It repairs what it has put there, makes anchors and takes them away."""
    await ensure_namespace(
        hub_kube,
        namespace=alice.namespace,
        username=f"{alice.slug}@example.org",
        slug=alice.slug,
        owner_id=OWNER_ID,
        quota={"hard": {"pods": "99"}},
        fresh=0,
    )
    quota = await alice.kube.get("v1", "ResourceQuota", "karvdash-user", alice.namespace)
    assert quota["spec"]["hard"]["pods"] == "99"
    await hub_kube.apply(anchor(bob, "web"))
    await hub_kube.delete("v1", "ConfigMap", "karvdash-web", bob.namespace)
    assert await gone(hub_kube, "v1", "ConfigMap", "karvdash-web", bob.namespace)


# --- Kubernetes' own work ---------------------------------------------------------------------------------


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
async def test_garbage_collection(bob: User, hub_kube: Kube, propagation: str) -> None:
    """An anchor's objects go with it, marked ones too."""
    name = propagation.lower()
    owner = await hub_kube.create(anchor(bob, name))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": f"karvdash-{name}"}
    owners = [{**reference, "uid": owner["metadata"]["uid"]}]
    owned = []
    for kind, labels in (("ConfigMap", {"karvdash.io/injected": "true"}), ("Secret", {}), ("Service", {})):
        body = {"spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]}} if kind == "Service" else {}
        manifest = bob.manifest("v1", kind, f"owned-{name}", labels=labels, **body)
        manifest["metadata"]["ownerReferences"] = owners
        await bob.kube.create(manifest)
        owned.append(kind)
    await hub_kube.delete("v1", "ConfigMap", f"karvdash-{name}", bob.namespace, propagation=propagation)

    async def all_gone() -> bool:
        kinds = [("ConfigMap", f"karvdash-{name}"), *((kind, f"owned-{name}") for kind in owned)]
        return all([await gone(bob.kube, "v1", kind, one, bob.namespace) for kind, one in kinds])

    await eventually(all_gone)


async def test_a_namespace_can_be_deleted(make_user: Any, hub_kube: Kube, busybox: str) -> None:
    """P2, with a running pod, a bound claim and everything that is marked."""
    carol = await make_user()
    await hub_kube.apply(anchor(carol, "redis"))
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}
    sleeping = {"command": ["sleep", "600"], "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    spec = pod({"name": "c", "image": busybox, **sleeping}, volumes=[volume], terminationGracePeriodSeconds=0)
    for manifest in (
        carol.manifest("v1", "PersistentVolumeClaim", "data", spec=claim),
        carol.manifest("v1", "Pod", "runs", spec=spec),
    ):
        assert await carol.create(manifest, dry_run=False) == ""

    async def runs() -> bool:
        found = await carol.kube.get("v1", "Pod", "runs", carol.namespace)
        return bool(found["status"].get("phase") == "Running")

    await eventually(runs, 40)
    await hub_kube.delete("v1", "Namespace", carol.namespace)
    await eventually(lambda: gone(carol.kube, "v1", "Namespace", carol.namespace), 60)
