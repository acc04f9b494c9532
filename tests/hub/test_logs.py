"""A log that is followed: to the end of what runs once, and over the restarts of what runs again."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.fixtures.stacks import Person
from tests.hub.helpers import launch, upload
from tests.hub_http.test_api import events

SECTION = """\
---
kind: Template
name: Talks
variables: [{name: NAME, default: talks}]
"""
ONCE = (
    """\
apiVersion: batch/v1
kind: Job
metadata: {name: $NAME}
spec:
  template:
    spec:
      automountServiceAccountToken: false
      restartPolicy: Never
      containers: [{name: web, image: busybox, command: [sh, -c, "echo one; sleep 3; echo two"]}]
"""
    + SECTION
)
#: Each run says something else.
AGAIN = (
    """\
apiVersion: v1
kind: Pod
metadata: {name: $NAME}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  containers: [{name: web, image: busybox, command: [sh, -c, "cat /proc/sys/kernel/random/uuid; exit 1"]}]
"""
    + SECTION
)


def follow(somebody: Person, name: str, lines: int) -> tuple[list[str], bool]:
    """Follow a log until it has ended or has so many lines; return them, and whether it ended."""
    deadline = time.monotonic() + 30
    while not somebody.api("GET", f"/karvdash/services/{name}/logs").ok:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    found: list[str] = []
    with somebody.api("GET", f"/karvdash/services/{name}/logs?follow=1", stream=True) as answer:
        for event, data, _ in events(answer):
            if event == "line":
                found.append(str(data))
            if event == "end" or len(found) == lines:
                return found, event == "end"
    return found, False


def test_the_log_of_a_job_ends_with_it(person: Callable[..., Person]) -> None:
    alice = person()
    launch(alice, upload(alice, ONCE))
    assert follow(alice, "talks", 3) == (["one", "two"], True)


def test_a_restart_is_followed_and_nothing_is_told_twice(person: Callable[..., Person]) -> None:
    alice = person()
    launch(alice, upload(alice, AGAIN))
    lines, ended = follow(alice, "talks", 3)
    assert (len(set(lines)), ended) == (3, False)
