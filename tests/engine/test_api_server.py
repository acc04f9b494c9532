"""What the engine makes of a template, a real API server takes: types, versions, Pod Security."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from karvdash_hub.service_templates import ServiceTemplate, own, parse, plan, platform_values, template_id
from tests.fixtures.clusters import SomeCluster
from tests.pure.templates import BUNDLED, SEED

pytestmark = pytest.mark.any_cluster

STRICT = ("--server-side", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "--filename=-")


@pytest.fixture(scope="module")
def namespace(cluster: SomeCluster) -> Iterator[str]:
    """A namespace that takes only what Pod Security calls restricted, and warns of the rest."""
    name = f"karvdash-test-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    mode = "pod-security.kubernetes.io"
    cluster.kubectl("label", "namespace", name, f"{mode}/enforce=restricted", f"{mode}/warn=restricted")
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def manifests(template: ServiceTemplate, namespace: str, values: dict[str, Any] | None = None) -> str:
    host = "web-alice.example.com"
    platform = platform_values(namespace=namespace, host=host, registry="registry:5000")
    launch = plan(template, server="web", values=values or {}, platform=platform)
    owned = own(launch.manifests, namespace=namespace, server="web", template_id=template.id)
    return yaml.safe_dump_all(owned)


@pytest.mark.parametrize("file", BUNDLED, ids=lambda file: file.name.partition(".")[0])
def test_bundled_templates_are_taken_without_a_warning(
    cluster: SomeCluster, namespace: str, file: Path
) -> None:
    template = parse(file.read_text(), id=template_id(file.name))
    taken = cluster.kubectl("apply", *STRICT, text_in=manifests(template, namespace))
    assert len(taken.splitlines()) == len(template.documents)


def test_the_seeds_example_is_taken(cluster: SomeCluster, namespace: str) -> None:
    """It does not say what Pod Security's restricted profile wants, so a warning is right."""
    options = [option for option in STRICT if option != "--warnings-as-errors"]
    text = manifests(parse(SEED, id="hello-kubernetes"), namespace, {"MESSAGE": "yes"})
    taken = cluster.kubectl("apply", *options, text_in=text)
    assert [line.partition("/")[0] for line in taken.splitlines()] == [
        "ingress.networking.k8s.io",
        "service",
        "deployment.apps",
    ]


EVERYWHERE = """\
apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: $NAME, annotations: {a: $NUMBER, b: $FLAG}}
spec:
  rules:
  - {host: $HOSTNAME, http: {paths: [{backend: {serviceName: $NAME, servicePort: $NUMBER}}]}}
---
apiVersion: v1
kind: Service
metadata: {name: $NAME, labels: {a: $NUMBER, b: $FLAG}}
spec:
  selector: {a: $NUMBER}
  publishNotReadyAddresses: $FLAG
  ports: [{port: $NUMBER, targetPort: $NUMBER}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: $NAME}
immutable: $FLAG
data: {a: $NUMBER, b: $FLAG, $NUMBER: c}
---
apiVersion: v1
kind: Secret
metadata: {name: $NAME}
stringData: {a: $NUMBER, b: $FLAG}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: $NAME}
spec:
  replicas: $NUMBER
  serviceName: $NAME
  revisionHistoryLimit: $NUMBER
  selector: {matchLabels: {a: $NUMBER, b: $FLAG}}
  template:
    metadata: {labels: {a: $NUMBER, b: $FLAG}}
    spec:
      terminationGracePeriodSeconds: $NUMBER
      enableServiceLinks: $FLAG
      nodeSelector: {a: $NUMBER}
      tolerations: [{key: a, value: $NUMBER, effect: NoExecute, tolerationSeconds: $NUMBER}]
      securityContext: {runAsNonRoot: $FLAG, runAsUser: $NUMBER, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: main
        image: pause:$NUMBER
        command: [$NUMBER, $FLAG]
        args: [$NUMBER, $FLAG]
        tty: $FLAG
        env: [{name: A, value: $NUMBER}, {name: B, value: $FLAG}]
        ports: [{containerPort: $NUMBER}]
        resources: {requests: {memory: $NUMBER}, limits: {memory: $NUMBER}}
        livenessProbe:
          httpGet: {path: /, port: $NUMBER, httpHeaders: [{name: a, value: $NUMBER}]}
          periodSeconds: $NUMBER
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
        volumeMounts: [{name: a, mountPath: /a, readOnly: $FLAG}]
      volumes:
      - name: a
        configMap: {name: $NAME, optional: $FLAG, defaultMode: $MODE, items: [{key: a, path: $NUMBER}]}
---
kind: Template
name: Everywhere
variables:
- {name: NAME, default: web}
- {name: HOSTNAME, default: x}
- {name: MODE, default: %s}
- {name: NUMBER, default: %s}
- {name: FLAG, default: %s}
"""


@pytest.mark.parametrize(
    ("mode", "number", "flag"),
    [
        pytest.param("0440", "80", "true", id="numbers and booleans"),
        pytest.param("'288'", "'80'", "'true'", id="text that looks like them"),
    ],
)
def test_every_field_gets_its_type(
    cluster: SomeCluster, namespace: str, mode: str, number: str, flag: str
) -> None:
    """One variable at places that want a number, text, true or false: all are taken."""
    template = parse(EVERYWHERE % (mode, number, flag), id="everywhere")
    taken = cluster.kubectl("apply", *STRICT, text_in=manifests(template, namespace))
    assert len(taken.splitlines()) == 5
