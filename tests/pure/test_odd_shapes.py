"""Whatever stands where something else belongs, the answer is a service or a sentence."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from karvdash_hub.errors import TemplateInvalid
from karvdash_hub.service_templates import Size, own, parse, plan, with_owner
from tests.pure.templates import PLATFORM, SEED

ODD: list[Any] = [None, 5, "", "$MESSAGE", [], [None], {}, {"a": None}]
STATEFUL = """\
apiVersion: v1
kind: Service
metadata: {name: $NAME, labels: {a: b}, annotations: {c: d}}
spec: {type: ClusterIP, ports: [{port: 80}], selector: {a: b}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: $NAME}
spec:
  replicas: 1
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: a, env: [{name: a, value: b}], resources: {limits: {cpu: 1}}}]}
  volumeClaimTemplates: [{metadata: {name: data}}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: $NAME}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a}]}}}}}
---
kind: Template
name: Stateful
datasets: no
connect: $NAME
variables:
- {name: NAME, default: web}
- {name: A, default: 3, type: integer, min: 1, max: 5, choices: [3, 4], help: x, label: y, pattern: "[0-9]"}
- {name: MESSAGE, default: x, type: password}
"""


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every node below the root."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from places(value, (*path, key))


def replaced(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(tree)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return changed


CASES = [
    pytest.param(documents, path, id=f"{name} {'.'.join(map(str, path))}")
    for name, documents in (
        ("seed", list(yaml.safe_load_all(SEED))),
        ("stateful", list(yaml.safe_load_all(STATEFUL))),
    )
    for path in places(documents)
]


@pytest.mark.parametrize(("documents", "path"), CASES)
def test_odd_shapes(documents: list[Any], path: tuple[Any, ...]) -> None:
    for value in ODD:
        source = "---\n".join(json.dumps(one) + "\n" for one in replaced(documents, path, value))
        try:
            template = parse(source, id="x")
        except TemplateInvalid as refused:
            assert refused.errors
            assert str(refused)
            continue
        launch = plan(template, server="web", values={}, platform=PLATFORM, size=Size())
        owned = own(launch.manifests, namespace="karvdash-alice", server="web", template_id="x")
        json.dumps([with_owner(owned, anchor_name="a", anchor_uid="b"), template.summary()])
        json.dumps([variable.describe() for variable in template.variables])
