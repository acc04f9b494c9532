"""A hundred launches of one user at once: in order, ten at a time, and nobody else waits behind them.

How much slower somebody else's launch gets is a ratio of times, and so a benchmark: ``make bench``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.conftest import HubProcess
from tests.hub.helpers import launch, upload

FAKE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: $NAME}
spec:
  selector: {matchLabels: {app: $NAME}}
  template:
    metadata: {labels: {app: $NAME}}
    spec:
      automountServiceAccountToken: false
      nodeSelector: {type: kwok}
      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]
      containers: [{name: web, image: pause:3.10}]
---
kind: Template
name: Fake
variables: [{name: NAME, default: fake}]
"""
MANY = 100


@pytest.fixture
def fake_nodes(stack: Stack) -> Iterator[None]:
    """Nodes that run nothing and say that they do."""
    stack.cluster.add_kwok_nodes(2)
    yield
    stack.cluster.remove_kwok_nodes()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_users_hundred_delay_nobody(fake_nodes: None, person: Callable[..., Person]) -> None:
    # The nodes first, to go last: without them, Kubernetes would make a hundred pods anew.
    many, one = person(), person()
    template, other = upload(many, FAKE), "hello-kubernetes"
    alone = timed(one, other)

    with ThreadPoolExecutor(20) as threads:
        asked = [threads.submit(launch, many, template, NAME=f"n{number}") for number in range(MANY)]
        time.sleep(1)
        beside = timed(one, other)
        # It did not queue behind the hundred: most of those have still to begin when it is over.
        left = (
            sum(service["state"] == "starting" for service in services_of(many))
            + MANY
            - len(services_of(many))
        )
        most, said, refused = 0, set(), []
        deadline = time.monotonic() + 600
        while True:
            services = services_of(many)
            waiting = [one for one in services if one["message"].startswith("Waiting")]
            # Without progress it is on its way into the queue.
            starting = [one for one in services if one["state"] == "starting" and one["percent"] > 0]
            most = max(most, len(starting))
            said |= {one["message"] for one in waiting}
            if len(services) == MANY and all(one["state"] == "running" for one in services):
                break
            assert time.monotonic() < deadline, f"{len(services)} there, {len(waiting)} wait"
            time.sleep(0.3)
        refused = [done.exception() for done in asked if done.exception()]

    print(f"alone {alone:.2f} s, beside {MANY} others {beside:.2f} s, most at once {most}")
    assert refused == []
    assert most <= 10
    assert any(message.startswith("Waiting: ") and "of your launches" in message for message in said), said
    assert left > MANY // 2


SLOW = """\
apiVersion: v1
kind: Pod
metadata: {name: $NAME}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  containers:
  - {name: web, image: busybox, command: [httpd, -f], readinessProbe: {exec: {command: ["false"]}}}
---
kind: Template
name: Slow
variables: [{name: NAME, default: slow}]
"""


def test_what_takes_long_gives_its_place_away(person: Callable[..., Person], hub: HubProcess) -> None:
    """It is launched all the same: only nobody has to wait for it any more."""
    alice = person()
    slow = upload(alice, SLOW)
    hub.restart(
        "c.Platform.launches_per_user = 1",
        # Seconds; a constant of the Hub, and a longer one.
        "from karvdash_hub.spawner import launch",
        "launch.PLACE = 4.0",
    )
    launch(alice, slow)
    launch(alice, "hello-kubernetes", NAME="quick")
    assert alice.service("quick")["message"] == "Waiting: this launch is the next of yours."
    alice.wait_for("quick", "running", seconds=30)
    service = alice.service("slow")
    assert (service["state"], service["percent"] > 0) == ("starting", True)


def services_of(somebody: Person) -> list[dict[str, Any]]:
    """Everything a person has."""
    objects: list[dict[str, Any]] = somebody.api("GET", "/karvdash/services/").json()["objects"]
    return objects


def timed(somebody: Person, template: str) -> float:
    """Seconds from the request of a launch until it runs; it is deleted afterwards."""
    began = time.monotonic()
    name = launch(somebody, template)["name"]
    somebody.wait_for(name, "running")
    took = time.monotonic() - began
    somebody.api("DELETE", f"/karvdash/services/{name}/")
    return took
