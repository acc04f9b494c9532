"""Services inside the cluster only, and nobody but Kubernetes says where they lead."""

from __future__ import annotations

import asyncio

import pytest

from tests.policies.conftest import User
from tests.policies.pods import Json, service

NETWORK = "networking.k8s.io/v1"
CONDITION = {
    "type": "a",
    "status": "True",
    "reason": "b",
    "message": "c",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
FAR = "external-dns.alpha.kubernetes.io/hostname"


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
