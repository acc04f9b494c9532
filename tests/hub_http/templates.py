"""Service templates that tests upload."""

from __future__ import annotations

PAUSE = """\
apiVersion: v1
kind: Service
metadata: {name: $NAME}
spec: {ports: [{port: 80}], selector: {app: $NAME}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: $NAME}
spec:
  selector: {matchLabels: {app: $NAME}}
  template:
    metadata: {labels: {app: $NAME}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: web, image: busybox, command: [sh, -c, "echo one; echo two; exec httpd -f -p 80"]}
"""

TALKER = (
    PAUSE
    + """\
---
kind: Template
name: Talker
description: Says one and two <script>alert(1)</script>
variables:
- {name: NAME, default: talker}
- {name: COUNT, default: 3, min: 1, max: 5, help: How many}
- {name: LEVEL, default: low, choices: [low, high]}
- {name: SECRET, type: password, default: "", help: Not for everybody}
"""
)

#: One mistake a line of this list is named after: a variable without default, an unknown type, no NAME.
BROKEN = (
    PAUSE
    + """\
---
kind: Template
name: Broken
variables:
- {name: SIZE}
- {name: LEVEL, default: 3, type: colour}
"""
)
