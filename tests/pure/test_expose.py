"""Ingresses, Services and the addresses that people get."""

from __future__ import annotations

import json
from typing import Any

import pytest

from karvdash_hub.errors import ManifestsInvalid
from karvdash_hub.service_templates import (
    Manifest,
    endpoints,
    expose,
    ingress_hosts,
    normalise_ingress,
    parse,
    plan,
    primary_service,
)
from tests.pure.templates import HOST, PLATFORM, SEED

NEW = {"service": {"name": "web", "port": {"number": 80}}}


def old(port: Any, name: str = "web") -> dict[str, Any]:
    """Write a backend as in v1beta1."""
    return {"serviceName": name, "servicePort": port}


def ingress(spec: Any, version: str = "networking.k8s.io/v1") -> Manifest:
    annotations = {"kubernetes.io/ingress.class": "nginx", "a": "b"}
    metadata = {"name": "web", "annotations": annotations}
    return {"apiVersion": version, "kind": "Ingress", "metadata": metadata, "spec": spec}


def rule(host: str | None, *paths: Any) -> dict[str, Any]:
    return {"host": host, "http": {"paths": list(paths)}}


def path(port: Any = None, *, name: str = "web", path: str = "/", kind: str = "Prefix") -> dict[str, Any]:
    backend = {"service": {"name": name, "port": port or {"number": 80}}}
    return {"path": path, "pathType": kind, "backend": backend}


V1 = "networking.k8s.io/v1"
BETA = "networking.k8s.io/v1beta1"


@pytest.mark.parametrize(
    ("version", "spec", "rules"),
    [
        pytest.param(V1, {"rules": [rule(HOST, path())]}, [rule(HOST, path())], id="v1"),
        pytest.param(
            V1, {"rules": [rule(HOST, {"backend": old(80)})]}, [rule(HOST, path())], id="the seed's mixture"
        ),
        pytest.param(
            BETA,
            {"rules": [rule(HOST, {"path": "/a", "backend": old("http")})]},
            [rule(HOST, path({"name": "http"}, path="/a"))],
            id="v1beta1 with a named port",
        ),
        pytest.param(
            "extensions/v1beta1",
            {"rules": [rule(None, {"backend": old("80")})]},
            [rule(HOST, path())],
            id="extensions, no host, quoted port",
        ),
        pytest.param(BETA, {"backend": old(80)}, [rule(HOST, path())], id="v1beta1 with one backend for all"),
        pytest.param(V1, {"defaultBackend": NEW}, [rule(HOST, path())], id="v1 with one backend for all"),
        pytest.param(
            V1,
            {
                "rules": [
                    rule(HOST, path(path="/a", kind="ImplementationSpecific"), path(path="/b", kind="Exact"))
                ]
            },
            [rule(HOST, path(path="/a"), path(path="/b", kind="Exact"))],
            id="path types",
        ),
        pytest.param(
            V1,
            {"rules": [rule(HOST.upper(), path()), rule(f"bolt-{HOST}", path())]},
            [rule(HOST, path()), rule(f"bolt-{HOST}", path())],
            id="a second host, as Neo4j's",
        ),
        pytest.param(
            V1,
            {"ingressClassName": "nginx", "tls": [{"secretName": "x"}], "defaultBackend": NEW},
            [rule(HOST, path())],
            id="class and TLS are the front's",
        ),
    ],
)
def test_normalise_ingress(version: str, spec: Any, rules: list[Any]) -> None:
    given = ingress(spec, version)
    before = json.dumps(given)
    assert normalise_ingress(given, HOST) == {
        "apiVersion": V1,
        "kind": "Ingress",
        "metadata": {"name": "web", "annotations": {"a": "b", "karvdash.io/host": HOST}},
        "spec": {"ingressClassName": "karvdash", "rules": rules},
    }
    assert json.dumps(given) == before


def with_host(host: str) -> Manifest:
    return ingress({"rules": [rule(host, path())]})


def with_backend(backend: Any) -> Manifest:
    return ingress({"rules": [rule(HOST, {"backend": backend})]})


HOST_FIELD = "spec.rules[0].host"
BACKEND = "spec.rules[0].http.paths[0].backend"
FOREIGN = "is not this service's host"


@pytest.mark.parametrize(
    ("manifest", "field", "sentence"),
    [
        pytest.param(with_host("example.com"), HOST_FIELD, FOREIGN, id="the Hub's host"),
        pytest.param(with_host("web-bob.example.com"), HOST_FIELD, FOREIGN, id="somebody else's host"),
        pytest.param(with_host("*.example.com"), HOST_FIELD, FOREIGN, id="wildcard"),
        pytest.param(with_host(f"*-{HOST}"), HOST_FIELD, FOREIGN, id="wildcard prefix"),
        pytest.param(with_host(f"a.b-{HOST}"), HOST_FIELD, FOREIGN, id="dot in the prefix"),
        pytest.param(with_host(f"-{HOST}"), HOST_FIELD, FOREIGN, id="empty prefix"),
        pytest.param(with_host(f"{'x' * 60}-{HOST}"), HOST_FIELD, FOREIGN, id="label too long"),
        pytest.param(with_host(f"x{HOST}"), HOST_FIELD, FOREIGN, id="prefix without hyphen"),
        pytest.param(with_host(f"{HOST}:8000"), HOST_FIELD, FOREIGN, id="port"),
        pytest.param(with_host(f"{HOST}\n"), HOST_FIELD, FOREIGN, id="line end"),
        pytest.param(with_host("$HOSTNAME"), HOST_FIELD, "declare the variable HOSTNAME", id="undeclared"),
        pytest.param(ingress({}), "spec.rules", "at least one rule", id="no rule"),
        pytest.param(ingress(None), "spec.rules", "at least one rule", id="no spec"),
        pytest.param(ingress({"rules": 5}), "spec.rules", "at least one rule", id="rules that are none"),
        pytest.param(ingress({"rules": [5]}), "spec.rules[0].http.paths", "at least one path", id="no path"),
        pytest.param(with_backend({}), f"{BACKEND}.serviceName", "Name the Service", id="no Service"),
        pytest.param(with_backend(5), BACKEND, "A backend is a Service", id="no backend"),
        pytest.param(with_backend({"resource": {}}), BACKEND, "A backend is a Service", id="bucket"),
        pytest.param(
            with_backend({"service": {"name": "web"}}),
            f"{BACKEND}.service.port",
            "number or the name",
            id="no port",
        ),
        pytest.param(with_backend(old(70000)), f"{BACKEND}.servicePort", "is no port", id="port too high"),
        pytest.param(
            ingress({"defaultBackend": NEW, "rules": [rule(HOST, path())]}),
            "spec.defaultBackend",
            "not possible next to rules",
            id="both",
        ),
        pytest.param(
            ingress({"rules": [rule(HOST, path(path="a"))]}),
            "spec.rules[0].http.paths[0].path",
            "starts with /",
            id="relative path",
        ),
        pytest.param(
            ingress({"rules": [rule(HOST, path(kind="Regex"))]}),
            "spec.rules[0].http.paths[0].pathType",
            "Prefix or Exact",
            id="path type",
        ),
    ],
)
def test_bad_ingresses(manifest: Manifest, field: str, sentence: str) -> None:
    with pytest.raises(ManifestsInvalid) as refused:
        normalise_ingress(manifest, HOST, document=4)
    assert (4, field) in [(error.document, error.field) for error in refused.value.errors]
    assert sentence in str(refused.value)


def service(name: str, labels: Any = None, **spec: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": labels}, "spec": spec}


@pytest.mark.parametrize(
    ("manifests", "name"),
    [
        pytest.param([], None, id="none"),
        pytest.param([service("a"), service("b")], "a", id="the first"),
        pytest.param([service("a", {"karvdash-hidden": "true"}), service("b")], "b", id="not a hidden one"),
        pytest.param([service("a", {"karvdash-hidden": "false"}), service("b")], "a", id="hidden: false"),
        pytest.param([service("a", {"karvdash-hidden": "true"})], None, id="all hidden"),
        pytest.param([{**service("a"), "apiVersion": "serving.knative.dev/v1"}], None, id="another group's"),
    ],
)
def test_primary_service(manifests: list[Manifest], name: str | None) -> None:
    assert primary_service(manifests) == name


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"type": "NodePort"}, "spec.type"),
        ({"type": "LoadBalancer"}, "spec.type"),
        ({"type": "ExternalName", "externalName": "example.org"}, "spec.externalName"),
        ({"externalIPs": ["1.2.3.4"]}, "spec.externalIPs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_services_that_go_round_the_gate(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(ManifestsInvalid) as refused:
        expose([service("a", **spec)], host=HOST, indexes=[7])
    assert (7, field) in [(error.document, error.field) for error in refused.value.errors]


def test_every_mistake_of_every_object_is_reported() -> None:
    manifests = [with_host("example.org"), service("a", type="NodePort"), with_backend({})]
    with pytest.raises(ManifestsInvalid) as refused:
        expose(manifests, host=HOST, indexes=[0, 2, 3])
    assert sorted({error.document for error in refused.value.errors if error.document is not None}) == [
        0,
        2,
        3,
    ]


def test_addresses_of_the_seeds_example() -> None:
    launch = plan(
        parse(SEED, id="hello"),
        server="web",
        values={},
        platform=PLATFORM,
        public_url="https://example.com:8443/hub",
    )
    expected = {"kind": "http", "name": "web", "host": HOST, "url": f"https://{HOST}:8443/"}
    assert launch.endpoints == [expected]
    assert (launch.host, launch.hosts, launch.service_name) == (HOST, (HOST,), "web")


def test_the_main_address_is_the_servers_own_host() -> None:
    """Whatever the template writes first: people open Neo4j's pages, not its Bolt port."""
    rules = [rule(f"bolt-{HOST}", path(name="web")), rule(HOST, path(name="web", path="/browser"))]
    manifests = [normalise_ingress(ingress({"rules": rules}), HOST), service("web", ports=[{"port": 80}])]
    found = endpoints(manifests, namespace="karvdash-alice")
    assert [one["url"] for one in found] == [f"http://{HOST}/browser", f"http://bolt-{HOST}/"]


def test_addresses_in_their_order() -> None:
    """The main Service's page comes first, then other pages, then what only programs reach."""
    rules = [rule(f"bolt-{HOST}", path(name="bolt")), rule(HOST, path(path="/long"), path(path="/x"))]
    manifests = [
        normalise_ingress(ingress({"rules": rules}), HOST),
        service("hidden", {"karvdash-hidden": "true"}, ports=[{"port": 9}]),
        service("web", ports=[{"port": 80}]),
        service("bolt", ports=[{"port": 1}]),
        service(
            "db", ports=[{"port": 5432, "name": "sql"}, {"port": 53, "protocol": "UDP"}, {"port": "x"}, 5]
        ),
        service("headless", clusterIP="None"),
        service("odd", ports={"port": 1}),
    ]
    assert endpoints(manifests, namespace="karvdash-alice", public_url="http://localhost:8000") == [
        {"kind": "http", "name": "web", "host": HOST, "url": f"http://{HOST}:8000/x"},
        {"kind": "http", "name": "bolt", "host": f"bolt-{HOST}", "url": f"http://bolt-{HOST}:8000/"},
        {"kind": "tcp", "name": "sql", "host": "db.karvdash-alice.svc", "port": 5432},
        {"kind": "udp", "name": "db", "host": "db.karvdash-alice.svc", "port": 53},
    ]
    assert ingress_hosts(manifests) == [f"bolt-{HOST}", HOST]
