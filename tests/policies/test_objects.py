"""What users may write beside pods: one table a policy, each with what is refused and what has to work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from karvdash_hub.kube.errors import NotFound
from karvdash_hub.kube.rest import Kube
from karvdash_hub.kube.transport import Call
from tests.policies.conftest import Parameters, User, refusal
from tests.policies.pods import Json, pod, workload

RBAC = "rbac.authorization.k8s.io/v1"
NETWORK = "networking.k8s.io/v1"
CONDITION = {
    "type": "a",
    "status": "True",
    "reason": "b",
    "message": "c",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
FAR = "external-dns.alpha.kubernetes.io/hostname"


# --- claims -----------------------------------------------------------------------------------------------


def claim(**spec: Any) -> Json:
    return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}, **spec}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            claim(volumeName="karvdash-bob-volume-private-pv"),
            "spec.volumeName: karvdash-bob-volume-private-pv is not allowed: claims get a new volume",
            id="H7-volumeName",
        ),
        pytest.param(
            claim(volumeName="a", storageClassName=""), "spec.volumeName: a is not allowed", id="H6-static"
        ),
        pytest.param(
            claim(selector={"matchLabels": {"karvdash.io/injected": "true"}}),
            "spec.selector: selectors are not allowed",
            id="H7-selector",
        ),
        pytest.param(
            claim(storageClassName=""), "spec.storageClassName: none is not allowed", id="H7-no-class"
        ),
        pytest.param(
            claim(dataSourceRef={"kind": "PersistentVolumeClaim", "name": "a", "namespace": "b"}),
            "",  # without the feature gate Kubernetes drops the namespace
            id="H7-clone-from-elsewhere",
        ),
        pytest.param(claim(), "", id="default-class"),
        pytest.param(claim(storageClassName="standard"), "", id="a-class"),
        pytest.param(claim(dataSource={"kind": "PersistentVolumeClaim", "name": "a"}), "", id="clone"),
    ],
)
async def test_claims(alice: User, spec: Json, message: str) -> None:
    manifest = alice.manifest("v1", "PersistentVolumeClaim", spec=spec)
    for answer in (await alice.create(manifest), await alice.apply(manifest)):
        assert answer.startswith(message)
        assert bool(answer) == bool(message)


async def test_a_claim_that_waits_cannot_be_pointed_at_a_volume_later(alice: User) -> None:
    """H7, the race: between a claim's creation and its being bound."""
    waiting = alice.manifest("v1", "PersistentVolumeClaim", "waits", spec=claim(storageClassName="nothing"))
    assert await alice.create(waiting, dry_run=False) == ""
    where = ("v1", "PersistentVolumeClaim", "waits")
    assert await alice.patch(*where, {"metadata": {"labels": {"a": "b"}}}) == ""
    answer = await alice.patch(*where, {"spec": {"volumeName": "karvdash-bob-volume-private-pv"}})
    assert answer.startswith("spec.volumeName: karvdash-bob-volume-private-pv is not allowed")
    await alice.delete(*where, dry_run=False)


@pytest.mark.parametrize("kind", ["PersistentVolume", "StorageClass", "CSIDriver"])
async def test_volumes_and_classes_are_the_clusters(alice: User, kind: str) -> None:
    """H6: Kubernetes refuses what is not in a namespace."""
    bodies: dict[str, Json] = {
        "PersistentVolume": {
            "spec": {
                "capacity": {"storage": "1Mi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": "/"},
            }
        },
        "StorageClass": {"provisioner": "kubernetes.io/host-path"},
        "CSIDriver": {"spec": {"attachRequired": False}},
    }
    api = "v1" if kind == "PersistentVolume" else "storage.k8s.io/v1"
    manifest = {"apiVersion": api, "kind": kind, "metadata": {"name": "x"}, **bodies[kind]}
    assert await alice.create(manifest) == "you may not create cluster-wide objects."


# --- Services ---------------------------------------------------------------------------------------------


def service(**spec: Any) -> Json:
    return {"selector": {"app": "x"}, "ports": [{"port": 80}], **spec}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            service(type="NodePort"),
            "spec.type: NodePort is not allowed. Allowed: ClusterIP",
            id="3.3-NodePort",
        ),
        pytest.param(
            service(type="LoadBalancer"), "spec.type: LoadBalancer is not allowed", id="N2-LoadBalancer"
        ),
        pytest.param(
            service(type="ExternalName", externalName="example.org"),
            "spec.type: ExternalName is not allowed",
            id="N2-externalName",
        ),
        pytest.param(
            service(externalIPs=["192.0.2.1"]),
            "spec.externalIPs: 192.0.2.1 is not allowed",
            id="N2-externalIPs",
        ),
        pytest.param(
            {"ports": [{"port": 80}]}, "spec.selector: none is not allowed. Select pods", id="3.2-no-selector"
        ),
        pytest.param(
            {"ports": [{"port": 80}], "clusterIP": "None"},
            "spec.selector: none is not allowed",
            id="3.2-headless",
        ),
        pytest.param(service(), "", id="ClusterIP"),
        pytest.param(service(clusterIP="None"), "", id="headless"),
        pytest.param(service(publishNotReadyAddresses=True), "", id="not-ready-too"),
        pytest.param(service(sessionAffinity="ClientIP"), "", id="affinity"),
    ],
)
async def test_services(alice: User, spec: Json, message: str) -> None:
    manifest = alice.manifest("v1", "Service", spec=spec)
    for answer in (await alice.create(manifest), await alice.apply(manifest)):
        assert answer.startswith(message)
        assert bool(answer) == bool(message)


async def test_services_are_not_names_of_the_domain(alice: User) -> None:
    """Where external-dns runs, an annotation is a name in the domain (N2)."""
    manifest = alice.manifest("v1", "Service", spec=service(), annotations={FAR: "bob.example.org"})
    assert (await alice.create(manifest)).startswith("metadata.annotations: external-dns.alpha")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"type": "NodePort"}, "spec.type: NodePort", id="NodePort"),
        pytest.param({"externalIPs": ["192.0.2.1"]}, "spec.externalIPs: 192.0.2.1", id="externalIPs"),
        pytest.param({"selector": None}, "spec.selector: none", id="no-selector"),
        pytest.param({"selector": {"app": "y"}}, "", id="another-selector"),
    ],
)
async def test_changed_services(alice: User, existing: None, change: Json, message: str) -> None:
    """N2, UPDATE."""
    answer = await alice.patch("v1", "Service", "existing", {"spec": change})
    assert answer.startswith(message)
    assert bool(answer) == bool(message)


# --- Ingresses --------------------------------------------------------------------------------------------


def ingress(host: str | None, **spec: Any) -> Json:
    backend = {"service": {"name": "x", "port": {"number": 80}}}
    rule: Json = {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    if host is not None:
        rule["host"] = host
    return {"ingressClassName": "karvdash", "rules": [rule], **spec}


#: {} is the user's slug.
STRANGE_HOSTS = {
    "N2-hub": "localhost",
    "N2-user": "{}.localhost",
    "N2-other-user": "redis-bob.localhost",
    "N2-wildcard": "*.localhost",
    "N2-wildcard-own": "*-{}.localhost",
    "N2-no-host": None,
    "3.6-subdomain": "a.b-{}.localhost",
    "3.6-no-name": "-{}.localhost",
    "N2-other-domain": "x-{}.example.org",
    "N2-domain-below": "x-{}.localhost.example.org",
    "N2-own-is-not-last": "x-{}.bob.localhost",
}


@pytest.mark.parametrize("case", STRANGE_HOSTS)
async def test_hosts_of_others(alice: User, case: str) -> None:
    host = STRANGE_HOSTS[case]
    text = host.format(alice.slug) if host is not None else None
    answer = await alice.create(alice.manifest(NETWORK, "Ingress", spec=ingress(text)))
    own = f"Allowed: <name>-{alice.slug}.localhost."
    kubernetes = "spec.rules[0].host: Invalid value"  # it knows no such names at all
    assert answer in (f"spec.rules.host: {text or 'none'} is not allowed. {own}",) or answer.startswith(
        kubernetes
    )


@pytest.mark.parametrize("name", ["x", "redis", "bolt-neo4j", "1st", "a-b-c"])
async def test_hosts_of_ones_own(alice: User, name: str) -> None:
    manifest = alice.manifest(NETWORK, "Ingress", spec=ingress(f"{name}-{alice.slug}.localhost"))
    assert await alice.create(manifest) == ""
    assert await alice.apply(manifest) == ""


ELSEWHERE = {"service": {"name": "x", "port": {"number": 80}}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            {"ingressClassName": "nginx"},
            "spec.ingressClassName: nginx is not allowed. Allowed: karvdash.",
            id="3.5-class",
        ),
        pytest.param(
            {"ingressClassName": None}, "spec.ingressClassName: none is not allowed", id="3.5-no-class"
        ),
        pytest.param(
            {"defaultBackend": ELSEWHERE}, "spec.defaultBackend: requests for any host", id="N2-default"
        ),
        pytest.param({"tls": [{"secretName": "x"}]}, "spec.tls: certificates are not allowed", id="N2-tls"),
        pytest.param({"tls": [{"hosts": ["localhost"]}]}, "spec.tls: certificates", id="N2-tls-of-the-hub"),
        pytest.param(
            {"rules": ingress("redis-bob.localhost")["rules"]},
            "spec.rules.host: redis-bob.local",
            id="N2-host",
        ),
    ],
)
async def test_other_ingresses(alice: User, existing: None, change: Json, message: str) -> None:
    """As a new one, as an applied one, and as a change of one that is all right (N2, UPDATE after CREATE)."""
    spec = {**ingress(f"x-{alice.slug}.localhost"), **change}
    manifest = alice.manifest(NETWORK, "Ingress", spec={key: value for key, value in spec.items() if value})
    answers = [
        await alice.create(manifest),
        await alice.apply(manifest),
        await alice.patch(NETWORK, "Ingress", "existing", {"spec": change}),
    ]
    assert [answer[: len(message)] for answer in answers] == [message] * 3


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        pytest.param(
            {"kubernetes.io/ingress.class": "nginx"},
            "metadata.annotations[kubernetes.io/ingress.class]: nginx is not allowed",
            id="3.5-old-class",
        ),
        pytest.param({FAR: "hub.localhost"}, "metadata.annotations: external-dns", id="N2-dns"),
        pytest.param({"example.org/a": "b"}, "", id="others"),
    ],
)
async def test_annotations_of_ingresses(
    alice: User, existing: None, annotations: dict[str, str], message: str
) -> None:
    answer = await alice.patch(NETWORK, "Ingress", "existing", {"metadata": {"annotations": annotations}})
    assert answer.startswith(message)
    assert bool(answer) == bool(message)


# --- routes of others -------------------------------------------------------------------------------------

ROUTES = {
    "HTTPRoute": "gateway.networking.k8s.io",
    "GRPCRoute": "gateway.networking.k8s.io",
    "TLSRoute": "gateway.networking.k8s.io",
    "Gateway": "gateway.networking.k8s.io",
    "ReferenceGrant": "gateway.networking.k8s.io",
    "IngressRoute": "traefik.io",
    "VirtualService": "networking.istio.io",
    "HTTPProxy": "projectcontour.io",
    "Certificate": "cert-manager.io",
    "DNSEndpoint": "externaldns.k8s.io",
    "CiliumNetworkPolicy": "cilium.io",
}


def plural(kind: str) -> str:
    word = kind.lower()
    return f"{word[:-1]}ies" if word.endswith("y") and kind != "Gateway" else f"{word}s"


def definition(kind: str, group: str) -> Json:
    """A kind with any content: whoever serves it is not needed for asking the API server."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"kind": kind, "plural": plural(kind), "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural(kind)}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


@pytest.fixture(scope="module")
async def routes(admin_kube: Kube) -> AsyncIterator[None]:
    """The kinds of other controllers, as if they were installed."""
    made = [definition(kind, group) for kind, group in ROUTES.items()]
    await asyncio.gather(*(admin_kube.apply(one) for one in made))
    deadline = time.monotonic() + 30
    for kind, group in ROUTES.items():
        while True:
            try:
                await admin_kube.list(f"{group}/v1", kind)
                break
            except NotFound:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
    yield
    for one in made:
        await admin_kube.delete("apiextensions.k8s.io/v1", one["kind"], one["metadata"]["name"])


@pytest.mark.parametrize("kind", ROUTES)
async def test_routes_round_the_gate(alice: User, routes: None, kind: str) -> None:
    """3.5, N2: as new and as applied."""
    manifest = alice.manifest(f"{ROUTES[kind]}/v1", kind, spec={"hosts": ["localhost"]})
    for answer in (await alice.create(manifest), await alice.apply(manifest)):
        assert answer.startswith(f"kind: {kind} of {ROUTES[kind]} is not allowed")


# --- endpoints and states ---------------------------------------------------------------------------------


async def test_endpoints_by_hand(alice: User, existing: None) -> None:
    """3.2: they would lead the gate to any address."""
    subset = {"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}
    slice_ = alice.manifest(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        labels={"kubernetes.io/service-name": "existing"},
        addressType="IPv4",
        endpoints=[{"addresses": ["10.0.0.1"]}],
    )
    hand = "cannot be created, changed or deleted by hand"
    answers = [
        await alice.create(slice_),
        await alice.apply(slice_),
        await alice.create(alice.manifest("v1", "Endpoints", subsets=[subset])),
    ]
    found: list[Json] = []
    while not found:
        found = await alice.kube.list("discovery.k8s.io/v1", "EndpointSlice", alice.namespace)
        await asyncio.sleep(0.05)
    theirs = found[0]["metadata"]["name"]
    change = {"endpoints": [{"addresses": ["10.0.0.1"]}]}
    answers += [
        await alice.patch("discovery.k8s.io/v1", "EndpointSlice", theirs, change),
        await alice.delete("discovery.k8s.io/v1", "EndpointSlice", theirs),
    ]
    assert [hand in answer for answer in answers] == [True] * 5
    assert answers[0] == (
        "kind: EndpointSlice x cannot be created, changed or deleted by hand. "
        "Allowed: a Service with a selector, for which Kubernetes keeps them."
    )


@pytest.mark.parametrize(
    ("api_version", "kind", "name", "status"),
    [
        pytest.param("v1", "Pod", "existing", {"podIP": "10.0.0.1"}, id="3.1-pod"),
        pytest.param("v1", "Service", "existing", {"conditions": [CONDITION]}, id="3.1-service"),
        pytest.param("apps/v1", "Deployment", "existing", {"replicas": 0}, id="3.1-deployment"),
        pytest.param("v1", "ResourceQuota", "karvdash-user", {"used": {"pods": "0"}}, id="P4-quota-used"),
        pytest.param(
            NETWORK,
            "Ingress",
            "existing",
            {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}},
            id="3.1-ingress",
        ),
        pytest.param("v1", "PersistentVolumeClaim", "existing", {"phase": "Bound"}, id="3.1-claim"),
    ],
)
async def test_states_by_hand(
    alice: User, existing: None, api_version: str, kind: str, name: str, status: Json
) -> None:
    """3.1: a pod's address written by hand led 873 of 1,111 requests to somebody else's pod."""
    answer = await alice.patch(api_version, kind, name, {"status": status}, subresource="status")
    assert answer == (
        f"status: {kind} {name} has the state that Kubernetes has seen; it cannot be set by hand. "
        "Allowed: changes of its spec."
    )


async def test_pods_are_given_to_nodes_by_the_scheduler(alice: User, existing: None) -> None:
    """3.1, 3.4: a binding would pass by taints, and nodeName cannot be set at once."""
    target = {"apiVersion": "v1", "kind": "Node", "name": "x"}
    binding = alice.manifest("v1", "Binding", "existing", target=target)
    assert (await alice.create(binding)).startswith("target: pods are given to nodes by the scheduler")


# --- rights and tokens ------------------------------------------------------------------------------------


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


async def mint(user: User, namespace: str, seconds: int) -> str:
    """Ask for a token of a namespace's account, and let it be forgotten at once."""
    review = (
        b'{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":%d}}'
    )
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    call = Call("POST", path, [("dryRun", "All")], review % seconds, as_user=user.account, what="token")
    return await refusal(user.kube._transport.request(call))


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


# --- network policies -------------------------------------------------------------------------------------


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


# --- what there is to change ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def existing(alice: User) -> None:
    """One of everything, called existing; nothing of it runs."""
    nowhere = pod(nodeSelector={"karvdash.io/test": "nowhere"})
    made = [
        alice.manifest("v1", "Pod", "existing", spec=nowhere),
        alice.manifest("v1", "Service", "existing", spec=service()),
        alice.manifest(
            "apps/v1",
            "Deployment",
            "existing",
            spec={**workload("Deployment", nowhere, "existing"), "replicas": 0},
        ),
        alice.manifest(NETWORK, "Ingress", "existing", spec=ingress(f"x-{alice.slug}.localhost")),
        alice.manifest("v1", "PersistentVolumeClaim", "existing", spec=claim(storageClassName="nothing")),
    ]
    assert [await alice.create(one, dry_run=False) for one in made] == [""] * len(made)
