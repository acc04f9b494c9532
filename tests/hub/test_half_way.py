"""A launch or a change that Kubernetes refuses half-way: nothing of it is left, and the reason is told."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable

import pytest

from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.helpers import labelled, launch, namespace_of, upload, wait_until_empty

PAIR = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: $NAME-%(n)s}
---
apiVersion: v1
kind: Service
metadata: {name: $NAME-%(n)s}
spec: {selector: {app: $NAME-%(n)s}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: $NAME-%(n)s}
spec:
  selector: {matchLabels: {app: $NAME-%(n)s}}
  template:
    metadata: {labels: {app: $NAME-%(n)s}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: busybox, command: [httpd, -f]}]
---
"""
TWINS = (
    PAIR % {"n": "a"}
    + PAIR % {"n": "b"}
    + """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $NAME, labels: {karvdash.io/keep: "true"}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
kind: Template
name: Twins
variables:
- {name: NAME, default: twins}
- {name: PASSWORD, type: password, default: ""}
"""
)


def limit(stack: Stack, namespace: str, resource: str, more: int) -> None:
    """Let the namespace have only so many objects more than it has; returns when that is in force."""
    kind = resource.removeprefix("count/")
    where = ["--namespace", namespace]
    there = stack.cluster.kubectl("get", kind, *where, "--output", "name").split()
    stack.cluster.kubectl("create", "quota", "tight", f"--hard={resource}={len(there) + more}", *where)
    deadline = time.monotonic() + 30
    while True:
        quota = json.loads(stack.cluster.kubectl("get", "quota", "tight", *where, "--output", "json"))
        if int(quota.get("status", {}).get("used", {}).get(resource, -1)) == len(there):
            return
        assert time.monotonic() < deadline, quota
        time.sleep(0.1)


def unlimited(stack: Stack, namespace: str) -> None:
    """Take the limit away; the API server keeps a quota in mind for some seconds."""
    stack.cluster.kubectl("delete", "quota", "tight", "--namespace", namespace)
    time.sleep(1)


def test_a_launch_that_is_refused_at_once_leaves_nothing(stack: Stack, person: Callable[..., Person]) -> None:
    """Its anchor is made while Kubernetes checks the rest; when the answer comes it is gone again."""
    alice = person()
    template = upload(
        alice,
        TWINS.replace("spec:\n  selector:", "spec:\n  replicas: $REPLICAS\n  selector:")
        + "- {name: REPLICAS, type: integer, default: -1}\n",
    )
    for _ in range(5):
        answer = alice.api("POST", "/karvdash/services/", {"id": template})
        assert answer.status_code == 422, answer.text
        assert {(one["document"], one["field"]) for one in answer.json()["errors"]} == {
            (2, "spec.replicas"),
            (5, "spec.replicas"),
        }
        assert labelled(stack, alice) == []
        assert alice.api("GET", "/karvdash/services/").json()["objects"] == []
    assert launch(alice, template, REPLICAS=1)["name"] == "twins"
    alice.wait_for("twins", "running")


@pytest.mark.parametrize(
    ("resource", "more", "kind", "documents"),
    [
        # The dry run sees every object alone, so that one more may always be.
        pytest.param("count/configmaps", 2, "ConfigMap", {0, 3}, id="first objects"),
        pytest.param("count/services", 1, "Service", {1, 4}, id="an address"),
        pytest.param("count/deployments.apps", 1, "Deployment", {2, 5}, id="after everything else"),
    ],
)
def test_a_quota_met_half_way_leaves_nothing(
    stack: Stack, person: Callable[..., Person], resource: str, more: int, kind: str, documents: set[int]
) -> None:
    alice = person()
    template = upload(alice, TWINS)
    namespace = namespace_of(alice)
    limit(stack, namespace, resource, more)

    answer = alice.api("POST", "/karvdash/services/", {"id": template, "PASSWORD": "open sesame"})
    assert answer.status_code == 422, answer.text
    told = [line.removeprefix("- ") for line in answer.json()["error"].splitlines() if "quota" in line]
    assert told, answer.text
    assert [line for line in told if not line.startswith(f"{kind} twins-")] == []
    assert [line for line in told if "Exceeded quota: tight" not in line] == []
    assert {error["document"] for error in answer.json()["errors"]} <= documents
    assert "open sesame" not in answer.text
    assert alice.api("GET", "/karvdash/services/").json()["objects"] == []
    wait_until_empty(stack, alice, 30)

    # Name and address are free again.
    unlimited(stack, namespace)
    assert launch(alice, template, PASSWORD="open sesame")["name"] == "twins"
    alice.wait_for("twins", "running")
    alice.remove_everything()
    wait_until_empty(stack, alice)


def test_a_launch_that_failed_before_there_was_a_namespace_is_forgotten(
    stack: Stack, person: Callable[..., Person]
) -> None:
    """What is to be deleted of it is nothing, in a namespace where the Hub may act as nobody."""
    name = "u" + secrets.token_hex(4)
    namespace = f"karvdash-{name}"
    stack.cluster.kubectl("create", "namespace", namespace)
    alice = person(name)
    since = len(stack.processes["hub"].log_file.read_text(errors="replace"))
    answer = alice.api("POST", "/karvdash/services/", {"id": "hello-kubernetes"})
    assert (answer.status_code, "was not made for a user" in answer.text) == (409, True)
    assert alice.api("GET", "/karvdash/services/").json()["objects"] == []
    log = stack.processes["hub"].log_file.read_text(errors="replace")[since:]
    assert f"Deleting {name}/hello-kubernetes goes on later" not in log

    stack.cluster.kubectl("delete", "namespace", namespace)
    assert launch(alice, "hello-kubernetes")["name"] == "hello-kubernetes"
    alice.wait_for("hello-kubernetes", "running")


CHANGING = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: $NAME-$WHICH-a}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: $NAME-$WHICH-b}
---
apiVersion: v1
kind: Secret
metadata: {name: $NAME}
stringData: {password: $PASSWORD}
---
kind: Template
name: Changing
variables:
- {name: NAME, default: changing}
- {name: WHICH, default: one}
- {name: PASSWORD, type: password, default: ""}
"""


def test_a_change_refused_half_way_is_undone(stack: Stack, person: Callable[..., Person]) -> None:
    """Objects, settings and passwords are those of before, and it can be changed later."""
    alice = person()
    template = upload(alice, CHANGING)
    namespace = namespace_of(alice)
    launch(alice, template, PASSWORD="old password")
    alice.wait_for("changing", "running")
    before = labelled(stack, alice)
    # Either of the two new ones may be made, as the dry run finds, but not both.
    limit(stack, namespace, "count/configmaps", 1)

    change = {"variables": {"WHICH": "two", "PASSWORD": "new password"}}
    answer = alice.api("PATCH", "/karvdash/services/changing/", change)
    assert answer.status_code == 422, answer.text
    assert "ConfigMap changing-two-" in answer.json()["error"]
    assert "Exceeded quota: tight" in answer.json()["error"]
    assert labelled(stack, alice) == before
    assert alice.service("changing")["values"]["WHICH"] == "one"
    assert passwords(stack, namespace) == {
        "changing": "old password",
        "karvdash-changing-values": "old password",
    }
    alice.wait_for("changing", "running")

    unlimited(stack, namespace)
    assert alice.api("PATCH", "/karvdash/services/changing/", change).status_code == 200
    alice.wait_for("changing", "running")
    assert labelled(stack, alice) == [one.replace("changing-one", "changing-two") for one in before]
    assert passwords(stack, namespace) == {
        "changing": "new password",
        "karvdash-changing-values": "new password",
    }
    alice.remove_everything()
    wait_until_empty(stack, alice)


def passwords(stack: Stack, namespace: str) -> dict[str, str]:
    """The password in each Secret of the service."""
    found = stack.cluster.kubectl(
        "get", "secrets", "-n", namespace, "-l", "karvdash.io/server=changing", "-o", "json"
    )
    return {
        item["metadata"]["name"]: base64.b64decode(next(iter(item["data"].values()))).decode()
        for item in json.loads(found)["items"]
    }
