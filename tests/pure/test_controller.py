"""``exposure = "ingress"``: the Ingress of a launch, whole, and what settings, policies and Traefik share."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from traitlets import TraitError

from karvdash_hub import service_templates as engine
from karvdash_hub.data.settings import DataDomains
from karvdash_hub.front.config import IDENTITY_HEADERS
from karvdash_hub.gate.external import ENDPOINT
from karvdash_hub.policies import Policies, parameters
from karvdash_hub.settings import Platform
from karvdash_hub.share import share_dir

TEMPLATE = """
kind: Service
apiVersion: v1
metadata: {{name: $NAME}}
spec: {{ports: [{{port: 80}}], selector: {{app: $NAME}}}}
---
kind: Ingress
apiVersion: networking.k8s.io/v1beta1
metadata:
  name: $NAME
  annotations:
    kubernetes.io/ingress.class: nginx
    nginx.ingress.kubernetes.io/auth-url: http://evil.example
    traefik.ingress.kubernetes.io/router.middlewares: evil@kubernetescrd
    traefik.ingress.kubernetes.io/router.priority: "9999"
spec:
  rules:
  - host: $HOSTNAME
    http: {{paths: [{{path: /, backend: {{serviceName: $NAME, servicePort: 80}}}}]}}
---
kind: Template
name: Web
{auth}
variables:
- {{name: NAME, default: web}}
- {{name: HOSTNAME, default: ""}}
"""
MIDDLEWARE = {"traefik.ingress.kubernetes.io/router.middlewares": "karvdash-karvdash-gate@kubernetescrd"}


def launched(auth: str, platform: Platform) -> list[dict[str, Any]]:
    """What a launch applies, as spawner/plan.py puts it together."""
    made = engine.plan(
        engine.parse(TEMPLATE.format(auth=auth), id="web"),
        server="web",
        values={},
        platform=engine.platform_values(
            namespace="karvdash-alice", host="web-alice.example.com", registry=""
        ),
    )
    owned = engine.own(
        made.manifests,
        namespace="karvdash-alice",
        server="web",
        template_id="web",
        anchor_name="karvdash-web",
        anchor_uid="7e1f",
        ingress_annotations={"karvdash.io/user": "alice"},
    )
    return engine.for_controller(
        owned, ingress_class=platform.ingress_class, annotations=platform.ingress_annotations
    )


@pytest.mark.parametrize("auth", ["", "auth: false"])
def test_the_ingress_for_a_controller(auth: str) -> None:
    """The gate is asked about services that are open to all too, and lets everybody in."""
    service, ingress = launched(auth, Platform(exposure="ingress"))
    assert service["kind"] == "Service"
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    assert ingress == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "web",
            "namespace": "karvdash-alice",
            "labels": {
                "app.kubernetes.io/managed-by": "karvdash-hub",
                "karvdash.io/server": "web",
                "karvdash.io/template": "web",
            },
            "annotations": {
                "karvdash.io/host": "web-alice.example.com",
                "karvdash.io/user": "alice",
                **MIDDLEWARE,
            },
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "ConfigMap", "name": "karvdash-web", "uid": "7e1f"}
            ],
        },
        "spec": {
            "ingressClassName": "traefik",
            "rules": [
                {
                    "host": "web-alice.example.com",
                    "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
                }
            ],
        },
    }


def test_annotations_of_another_controller() -> None:
    own = {"example.org/auth": "http://gate/external-auth", "example.org/tls": "true"}
    platform = Platform(exposure="ingress", ingress_class="example", ingress_annotations=own)
    _, ingress = launched("", platform)
    assert ingress["spec"]["ingressClassName"] == "example"
    assert ingress["metadata"]["annotations"] == {
        "karvdash.io/host": "web-alice.example.com", "karvdash.io/user": "alice", **own,
    }  # fmt: skip
    values = parameters(platform, DataDomains(), Policies())
    assert values["ingressClass"] == "example"
    assert values["ingressAnnotations"] == (
        "example.org/auth=http://gate/external-auth\nexample.org/tls=true"
    )


def test_the_gate_routes_unless_it_is_said() -> None:
    values = parameters(Platform(ingress_class="other"), DataDomains(), Policies())
    assert (values["ingressClass"], values["ingressAnnotations"]) == ("karvdash", "")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"exposure": "traefik"}, "exposure", id="no-such-way"),
        pytest.param({"ingress_annotations": {}}, "an annotation at least", id="nothing-asks-the-gate"),
        pytest.param({"ingress_annotations": {"a": "b\nc"}}, "no line breaks", id="line-break"),
        pytest.param({"ingress_annotations": {"a=b": "c"}}, "no = in names", id="equals"),
        pytest.param(
            {"exposure": "ingress", "service_url_prefixes": ["lab-1"]}, "needs Platform.exposure", id="list"
        ),
        pytest.param(
            {"service_url_prefixes": ["lab-1"], "exposure": "ingress"}, "needs Platform.exposure", id="listed"
        ),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(TraitError) as refused:
        Platform(**settings)
    assert message in str(refused.value)


def test_the_middleware_is_the_one_that_is_named() -> None:
    """And removes every header in which services expect an identity."""
    [middleware] = yaml.safe_load_all(share_dir("exposure", "traefik.yaml").read_text())
    metadata = middleware["metadata"]
    named = f"{metadata['namespace']}-{metadata['name']}@kubernetescrd"
    assert {"traefik.ingress.kubernetes.io/router.middlewares": named} == MIDDLEWARE
    assert Platform().ingress_annotations == MIDDLEWARE
    asked = middleware["spec"]["forwardAuth"]
    assert asked["address"].endswith(f":8004{ENDPOINT}")
    assert asked["trustForwardHeader"] is False
    internal = ("X-Original-", "X-Karvdash-", "X-Scheme", "Proxy")
    expected = {name for name in IDENTITY_HEADERS if not name.startswith(internal)}
    assert set(asked["authResponseHeaders"]) == expected | {"Authorization", "Cookie", "X-Forwarded-User"}
