"""Hosts of ones own, by Ingresses of our class, and no other way to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from karvdash_hub.kube.errors import NotFound
from karvdash_hub.kube.rest import Kube
from tests.policies.conftest import Parameters, User
from tests.policies.pods import Json, ingress

NETWORK = "networking.k8s.io/v1"
FAR = "external-dns.alpha.kubernetes.io/hostname"


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


async def test_hosts_that_the_site_hands_out(alice: User, parameters_with: Parameters) -> None:
    """Anybody's Ingress may name one: the gate asks the anchor whose it is."""
    handed_out = {"service_url_prefixes": ["lab-1", "lab-22"]}
    await parameters_with(platform=handed_out)

    async def answer(host: str) -> str:
        return await alice.create(alice.manifest(NETWORK, "Ingress", spec=ingress(host)))

    for good in ("lab-1.localhost", "lab-22.localhost", "bolt-lab-1.localhost", f"x-{alice.slug}.localhost"):
        assert await answer(good) == ""
    for bad in ("lab-2.localhost", "lab-1.localhost.example.org", "xlab-1.localhost", "a.b-lab-1.localhost"):
        assert (await answer(bad)).startswith(f"spec.rules.host: {bad} is not allowed.")


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


MIDDLEWARE = {"traefik.ingress.kubernetes.io/router.middlewares": "karvdash-karvdash-gate@kubernetescrd"}
ASKS, OTHER = "metadata.annotations: traefik.ingress.kubernetes.io/router", "kubectl.kubernetes.io/x"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({}, f"{ASKS}.middlewares=", id="N3-nobody-is-asked"),
        pytest.param({next(iter(MIDDLEWARE)): "mine@x"}, f"{ASKS}.middlewares=", id="N3-somebody-else"),
        pytest.param({**MIDDLEWARE, f"{ASKS[22:]}.priority": "9"}, f"{ASKS}.priority", id="N3-priority"),
        pytest.param({**MIDDLEWARE, OTHER: ""}, f"metadata.annotations: {OTHER}", id="N3-unknown"),
        pytest.param(MIDDLEWARE, "", id="asks"),
        pytest.param({**MIDDLEWARE, "karvdash.io/host": "x"}, "", id="ours"),
    ],
)
async def test_ingresses_where_a_controller_routes(
    alice: User, parameters_with: Parameters, change: dict[str, str], message: str
) -> None:
    """Platform.exposure = "ingress": the annotations that make it ask the gate, and no others."""
    await parameters_with(platform={"exposure": "ingress"}, token_seconds=7000)
    spec = {**ingress(f"x-{alice.slug}.localhost"), "ingressClassName": "traefik"}
    manifest = alice.manifest(NETWORK, "Ingress", spec=spec)
    manifest["metadata"]["annotations"] = change
    answer = await alice.create(manifest)
    assert (answer[: len(message)], bool(answer)) == (message, bool(message))


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
