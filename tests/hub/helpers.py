"""What several tests of the Hub do."""

from __future__ import annotations

import json
import time
from typing import Any

from demo.stack import Stack
from tests.fixtures.stacks import Person

KINDS = "configmaps,deployments,statefulsets,jobs,pods,services,ingresses,persistentvolumeclaims,secrets"

#: Ends at once. While pods end, Kubernetes looks at a namespace that it deletes after 5 s, and then less and
#: less often: one that had a pod with a grace of seconds takes 16.
BRIEF = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: $NAME}
spec:
  selector: {matchLabels: {app: $NAME}}
  template:
    metadata: {labels: {app: $NAME}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 0
      containers: [{name: web, image: busybox, command: [httpd, -f]}]
---
kind: Template
name: Brief
variables: [{name: NAME, default: brief}]
"""


def launch(somebody: Person, template: str, **values: Any) -> dict[str, Any]:
    """Launch a service template; return what the API answered."""
    answer = somebody.api("POST", "/karvdash/services/", {"id": template, **values})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def namespace_of(somebody: Person) -> str:
    """The namespace of a person, as the API says."""
    return str(somebody.api("GET", "/karvdash/whoami").json()["namespace"])


def labelled(stack: Stack, somebody: Person, kinds: str = KINDS) -> list[str]:
    """Everything in a person's namespace that belongs to some service, as kind/name."""
    found = stack.cluster.kubectl(
        "get",
        kinds,
        "--namespace",
        namespace_of(somebody),
        "--selector",
        "karvdash.io/server",
        "--output",
        "json",
    )
    return sorted(f"{item['kind']}/{item['metadata']['name']}" for item in json.loads(found)["items"])


def upload(somebody: Person, text: str) -> str:
    """Store a service template of one's own; return its id."""
    answer = somebody.api("POST", "/karvdash/templates/", {"data": text})
    assert answer.ok, answer.text
    return str(answer.json()["id"])


def wait_until_empty(stack: Stack, somebody: Person, seconds: float = 60) -> None:
    """Wait until nothing of any service is left in the person's namespace."""
    deadline = time.monotonic() + seconds
    while left := labelled(stack, somebody):
        assert time.monotonic() < deadline, f"still there: {left} in {namespace_of(somebody)}"
        time.sleep(0.2)
