"""Projections of everything but pods and workloads."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from karvdash_hub.readiness.model import (
    Anchor,
    Claim,
    Endpoint,
    Event,
    Ingress,
    IngressPath,
    Node,
    Service,
    ServicePort,
)
from karvdash_hub.readiness.projections import (
    project_anchor,
    project_claim,
    project_endpoint,
    project_event,
    project_ingress,
    project_node,
    project_service,
)

CREATED = "2026-11-21T12:30:00Z"
META: dict[str, Any] = {
    "name": "web",
    "namespace": "n",
    "uid": "u",
    "creationTimestamp": CREATED,
    "labels": {"karvdash.io/server": "web"},
}
BARE: dict[str, Any] = {"metadata": {"name": "web"}}


def backend(service: str, **port: Any) -> dict[str, Any]:
    """A path of an Ingress."""
    return {"path": "/a", "pathType": "Prefix", "backend": {"service": {"name": service, "port": port}}}


@pytest.mark.parametrize(
    ("project", "item", "expected"),
    [
        pytest.param(
            project_anchor,
            {
                "metadata": META
                | {
                    "labels": META["labels"] | {"karvdash.io/template": "redis"},
                    "annotations": {
                        "karvdash.io/hub": "h",
                        "karvdash.io/user": "Alice.B",
                        "karvdash.io/host": "web-alice.localhost",
                        "karvdash.io/auth": "false",
                        "karvdash.io/launch": "7",
                    },
                }
            },
            Anchor(
                "web",
                "n",
                "web",
                "u",
                "h",
                "Alice.B",
                "web-alice.localhost",
                False,
                "7",
                "redis",
                False,
                CREATED,
            ),
            id="anchor",
        ),
        pytest.param(
            project_anchor,
            BARE,
            Anchor("web", "", "", "", "", "", "", True, "", "", False, ""),
            id="bare anchor is closed",
        ),
        pytest.param(
            project_anchor,
            {"metadata": META | {"annotations": {"karvdash.io/auth": "no"}, "deletionTimestamp": "t"}},
            Anchor("web", "n", "web", "u", "", "", "", True, "", "", True, CREATED),
            id="anchor with a word that is not false is closed",
        ),
        pytest.param(
            project_endpoint,
            {
                "metadata": META | {"labels": META["labels"] | {"kubernetes.io/service-name": "web-service"}},
                "endpoints": [
                    {"addresses": ["10.1.1.1"], "conditions": {"ready": True}},
                    {"addresses": ["10.1.1.2"], "conditions": {"ready": False}},
                    {"addresses": ["10.1.1.3"], "conditions": {}},
                ],
                "ports": [{"name": "http", "port": 80}, {"port": 9000}, {"name": "none"}],
            },
            Endpoint(
                "web",
                "web-service",
                "web",
                (("10.1.1.1", True), ("10.1.1.2", False), ("10.1.1.3", True)),
                (("http", 80), ("", 9000)),
            ),
            id="slice",
        ),
        pytest.param(
            project_endpoint,
            {"metadata": {"name": "web"}, "endpoints": None, "ports": None},
            Endpoint("web", "", "", (), ()),
            id="empty slice",
        ),
        pytest.param(
            project_service,
            {
                "metadata": META,
                "spec": {
                    "clusterIP": "10.0.0.1",
                    "selector": {"b": "2", "a": "1"},
                    "ports": [{"port": 80, "targetPort": "http"}, {"name": "m", "port": 9000}],
                },
            },
            Service(
                "web",
                "web",
                "u",
                "10.0.0.1",
                (ServicePort("", 80, "http"), ServicePort("m", 9000, "9000")),
                (("a", "1"), ("b", "2")),
                CREATED,
            ),
            id="Service",
        ),
        pytest.param(project_service, BARE, Service("web", "", "", "", (), (), ""), id="Service of nothing"),
        pytest.param(
            project_ingress,
            {
                "metadata": META,
                "spec": {
                    "ingressClassName": "karvdash",
                    "defaultBackend": {"service": {"name": "other"}},
                    "rules": [
                        {
                            "host": "web-alice.localhost",
                            "http": {"paths": [backend("web", number=80), backend("api", name="http")]},
                        },
                        {"http": {"paths": [{"backend": {"resource": {"kind": "Bucket"}}}]}},
                        {"host": "no.paths"},
                    ],
                },
            },
            Ingress(
                "web",
                "web",
                "karvdash",
                (
                    IngressPath("web-alice.localhost", "/a", "Prefix", "web", "80"),
                    IngressPath("web-alice.localhost", "/a", "Prefix", "api", "http"),
                ),
            ),
            id="Ingress",
        ),
        pytest.param(project_ingress, BARE, Ingress("web", "", "", ()), id="bare Ingress"),
        pytest.param(
            project_claim,
            {
                "metadata": META | {"labels": META["labels"] | {"karvdash.io/keep": "true"}},
                "spec": {"storageClassName": "local"},
                "status": {"phase": "Bound"},
            },
            Claim("web", "web", "Bound", "local", True, False),
            id="kept claim",
        ),
        pytest.param(
            project_claim,
            {"metadata": META | {"deletionTimestamp": "t"}},
            Claim("web", "web", "Pending", "", False, True),
            id="claim that goes",
        ),
        pytest.param(
            project_event,
            {
                "metadata": META,
                "involvedObject": {"kind": "Pod", "name": "p"},
                "type": "Warning",
                "reason": "BackOff",
                "message": "m",
                "count": 3,
                "lastTimestamp": "t2",
            },
            Event("Pod", "p", "Warning", "BackOff", "m", 3, "t2", "u", "n"),
            id="event, old style",
        ),
        pytest.param(
            project_event,
            {
                "metadata": META,
                "involvedObject": {"kind": "Pod", "name": "p"},
                "eventTime": "t1",
                "series": {"count": 5, "lastObservedTime": "t5"},
                "lastTimestamp": None,
            },
            Event("Pod", "p", "", "", "", 5, "t5", "u", "n"),
            id="event, new style, repeated",
        ),
        pytest.param(project_event, BARE, Event("", "", "", "", "", 1, "", "", ""), id="bare event"),
        pytest.param(
            project_node,
            {"metadata": META, "status": {"allocatable": {"memory": "1Gi", "cpu": 2}}},
            Node("web", (("cpu", "2"), ("memory", "1Gi"))),
            id="node",
        ),
        pytest.param(
            project_node,
            {"metadata": META, "spec": {"unschedulable": True}, "status": {"allocatable": {"cpu": "2"}}},
            Node("web", ()),
            id="cordoned node",
        ),
    ],
)
def test_project(project: Callable[[dict[str, Any]], object], item: dict[str, Any], expected: object) -> None:
    before = copy.deepcopy(item)
    assert expected == project(item)
    assert before == item
