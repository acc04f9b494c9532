"""What somebody changes or deletes by hand in a user namespace is put right within seconds."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest

from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.conftest import HubProcess
from tests.hub.helpers import launch, namespace_of

KINDS = "rolebindings,networkpolicies,resourcequotas,limitranges,persistentvolumeclaims"
SECONDS = 30.0


def injected(stack: Stack, namespace: str) -> dict[str, Any]:
    """What the platform has put there, by kind and name, without what Kubernetes writes itself."""
    found = stack.cluster.kubectl(
        "get", KINDS, "--namespace", namespace, "--selector", "karvdash.io/injected=true", "--output", "json"
    )
    return {
        f"{item['kind']}/{item['metadata']['name']}": {
            "labels": item["metadata"]["labels"],
            **{key: item[key] for key in ("roleRef", "subjects", "spec") if key in item},
        }
        for item in json.loads(found)["items"]
    }


def namespace_labels(stack: Stack, namespace: str) -> dict[str, str]:
    found = json.loads(stack.cluster.kubectl("get", "namespace", namespace, "--output", "json"))
    return dict(found["metadata"]["labels"])


@pytest.fixture
def namespace(stack: Stack, person: Callable[..., Person]) -> str:
    """Of somebody with a service."""
    somebody = person()
    launch(somebody, "hello-kubernetes", NAME="hello")
    somebody.wait_for("hello", "running")
    return namespace_of(somebody)


@pytest.mark.parametrize(
    "by_hand",
    [
        pytest.param(("delete", "networkpolicy", "karvdash-isolate"), id="policy deleted"),
        pytest.param(("delete", "rolebinding", "karvdash-user"), id="role deleted"),
        pytest.param(
            ("delete", "rolebinding", "karvdash-impersonate", "karvdash-secrets"), id="our own rights deleted"
        ),
        pytest.param(("delete", "limitrange", "karvdash-user"), id="limits deleted"),
        pytest.param(
            ("patch", "resourcequota", "karvdash-user", "-p", '{"spec": {"hard": {"pods": "9999"}}}'),
            id="quota changed",
        ),
        pytest.param(
            ("patch", "networkpolicy", "karvdash-isolate", "-p", '{"spec": {"ingress": [{}]}}'),
            id="policy opened",
        ),
        pytest.param(
            ("label", "networkpolicy", "karvdash-isolate", "karvdash.io/injected-"), id="label removed"
        ),
    ],
)
def test_an_object_is_put_right(stack: Stack, namespace: str, by_hand: tuple[str, ...]) -> None:
    right = injected(stack, namespace)
    stack.cluster.kubectl(*by_hand, "--namespace", namespace)
    deadline = time.monotonic() + SECONDS
    while (found := injected(stack, namespace)) != right:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_the_namespace_itself_is_put_right(stack: Stack, namespace: str) -> None:
    right = namespace_labels(stack, namespace)
    stack.cluster.kubectl("label", "namespace", namespace, "karvdash.io/user-", "karvdash.io/injected-")
    deadline = time.monotonic() + SECONDS
    while (found := namespace_labels(stack, namespace)) != right:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_what_was_deleted_while_the_hub_was_away(stack: Stack, namespace: str, hub: HubProcess) -> None:
    right = injected(stack, namespace)
    hub.stop()
    stack.cluster.kubectl("delete", "networkpolicy", "karvdash-isolate", "--namespace", namespace)
    hub.start()
    deadline = time.monotonic() + SECONDS
    while (found := injected(stack, namespace)) != right:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_one_that_is_not_ours_any_more_is_left_alone(stack: Stack, namespace: str, hub: HubProcess) -> None:
    since = len(hub.log())
    stack.cluster.kubectl("annotate", "--overwrite", "namespace", namespace, "karvdash.io/hub=another")
    hub.wait_for_log(f"Namespace {namespace} cannot be put right", since)
    stack.cluster.kubectl("delete", "networkpolicy", "karvdash-isolate", "--namespace", namespace)
    time.sleep(5)
    assert "NetworkPolicy/karvdash-isolate" not in injected(stack, namespace)
    stack.cluster.kubectl(
        "annotate", "--overwrite", "namespace", namespace, f"karvdash.io/hub={instance_id(stack)}"
    )
    deadline = time.monotonic() + SECONDS
    while "NetworkPolicy/karvdash-isolate" not in injected(stack, namespace):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def instance_id(stack: Stack) -> str:
    with sqlite3.connect(stack.hub_dir / "karvdash.sqlite") as database:
        query = "select value from meta where key = 'instance_id'"
        return str(database.execute(query).fetchone()[0])


def test_a_deleted_secret_comes_back_at_the_next_launch(
    stack: Stack, hub: HubProcess, person: Callable[..., Person]
) -> None:
    """The Hub may not read Secrets, so it does not see that one is gone; it writes it again."""
    alice = person()
    launch(alice, "hello-kubernetes", NAME="hello")
    alice.wait_for("hello", "running")
    stack.cluster.kubectl("delete", "secret", "karvdash-api", "--namespace", namespace_of(alice))
    hub.restart()
    launch(alice, "hello-kubernetes", NAME="again")
    assert "config.ini" in stack.cluster.kubectl(
        "get", "secret", "karvdash-api", "--namespace", namespace_of(alice), "--output", "jsonpath={.data}"
    )
