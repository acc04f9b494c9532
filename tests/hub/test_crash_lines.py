"""A service whose container ends says what the container wrote last."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.fixtures.stacks import Person
from tests.hub.helpers import launch, upload

CRASHES = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: $NAME}
spec:
  selector: {matchLabels: {app: $NAME}}
  template:
    metadata: {labels: {app: $NAME}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: busybox
        command: [sh, -c, "seq 6 | sed 's/^/line /'; printf '\\\\033[31mno database\\\\033[0m\\\\n'; exit 3"]
---
kind: Template
name: Crashes
variables:
- {name: NAME, default: crashes}
"""


def test_the_last_lines_are_in_the_message(person: Callable[..., Person]) -> None:
    alice = person()
    launch(alice, upload(alice, CRASHES))
    deadline = time.monotonic() + 60
    while "Last lines:" not in (message := alice.service("crashes")["message"]):
        assert time.monotonic() < deadline, message
        time.sleep(0.1)
    assert message.startswith("Container web ended with exit code 3")
    assert message.endswith("Last lines:\nline 3\nline 4\nline 5\nline 6\nno database")
    failing = alice.wait_for("crashes", "failing")
    assert failing["message"].endswith("no database")
