"""What a Hub with another database has left behind."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.helpers import launch, namespace_of


def test_a_service_of_another_database_says_so(stack: Stack, person: Callable[..., Person]) -> None:
    """It is neither stopped nor said to be stopping for ever."""
    alice = person()
    launch(alice, "redis")
    alice.wait_for("redis", "running")
    alice.api("POST", "/karvdash/services/redis/stop")
    alice.wait_for("redis", "stopped")
    namespace = namespace_of(alice)
    anchor = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "karvdash-redis",
            "namespace": namespace,
            "labels": {
                "karvdash.io/anchor": "true",
                "karvdash.io/server": "redis",
                "karvdash.io/template": "redis",
            },
            "annotations": {"karvdash.io/hub": "another", "karvdash.io/user": alice.name},
        },
    }
    stack.cluster.kubectl("apply", "--filename", "-", text_in=json.dumps(anchor))
    deadline = time.monotonic() + 30
    while "another database" not in (message := alice.service("redis")["message"]):
        assert time.monotonic() < deadline, message
        time.sleep(0.1)
    assert f"ConfigMap karvdash-redis in namespace {namespace}" in message
    stack.cluster.kubectl("delete", "configmap", "karvdash-redis", "--namespace", namespace)
    alice.wait_for("redis", "stopped")
