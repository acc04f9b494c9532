"""1,000 running services of 20 users on fake nodes: all is real but the containers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.client import Client
from benchmarks.memory import SERVICES, USERS, resident
from demo.stack import Stack

TEMPLATE = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: $NAME}
spec:
  rules:
  - host: $HOSTNAME
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: $NAME, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: $NAME}
spec: {selector: {app: $NAME}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: $NAME}
spec:
  selector: {matchLabels: {app: $NAME}}
  template:
    metadata: {labels: {app: $NAME}}
    spec:
      nodeSelector: {type: kwok}
      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists, effect: NoSchedule}]
      containers: [{name: web, image: registry.k8s.io/pause:3.10, ports: [{containerPort: 80}]}]
---
kind: Template
name: Fake
description: Runs on a fake node
variables:
- {name: NAME, default: fake}
- {name: HOSTNAME, default: fake.example.com}
"""


@dataclass(frozen=True)
class Member:
    """One of the crowd."""

    name: str
    token: str


@dataclass(frozen=True)
class Crowd:
    """Everybody, and the MiB that their services added to Hub and gate."""

    members: list[Member]
    growth: float


@contextmanager
def crowd(stack: Stack) -> Iterator[Crowd]:
    """Launch 1,000 services over the API, and delete the users' namespaces afterwards."""
    add_fakes(stack, nodes=20)
    members = [make_member(stack, f"crowd{number}") for number in range(USERS)]
    pids = [pid for part in ("hub", "gate") if (pid := stack.processes[part].pid)]
    before = resident(pids)
    began = time.monotonic()
    with ThreadPoolExecutor(USERS) as pool:
        list(pool.map(lambda member: launch_all(stack, member), members))
    print(f"  {SERVICES} services run after {time.monotonic() - began:.0f} s")
    yield Crowd(members, resident(pids) - before)
    for member in members:
        stack.cluster.kubectl("delete", "namespace", f"karvdash-{member.name}", "--wait=false")
    stack.cluster.remove_kwok_nodes()


def add_fakes(stack: Stack, *, nodes: int) -> None:
    """Add nodes that run nothing, and service template ``fake`` for them; wait until the Hub has read it."""
    stack.cluster.add_kwok_nodes(nodes)
    folder = stack.hub_dir / "templates"
    folder.mkdir(exist_ok=True)
    (folder / "fake.template.yaml").write_text(TEMPLATE.lstrip())
    client = Client(stack, stack.env["USER_TOKEN"])
    deadline = time.monotonic() + 60
    while client.call("GET", "/templates/fake/")[0] != 200:
        if time.monotonic() > deadline:
            raise RuntimeError("the Hub does not see the service template fake")
        time.sleep(0.2)


def make_member(stack: Stack, name: str) -> Member:
    """A user and a token, from the demonstration's own bootstrap service."""
    bootstrap = (stack.state / "secrets" / "bootstrap.token").read_text()
    stack.api("POST", f"/users/{name}", {}, token=bootstrap)
    return Member(
        name, stack.api("POST", f"/users/{name}/tokens", {"note": "bench"}, token=bootstrap)[1]["token"]
    )


def launch_all(stack: Stack, member: Member) -> None:
    """Launch this member's share, and wait until all of it runs."""
    client = Client(stack, member.token)
    for number in range(SERVICES // USERS):
        status, answer = client.call("POST", "/services/", {"id": "fake", "NAME": f"s{number}"})
        if status != 201:
            raise RuntimeError(f"{member.name}: {status} {answer}")
    deadline = time.monotonic() + 600
    while running(client) < SERVICES // USERS:
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"{member.name}: only {running(client)} run: {client.call('GET', '/services/')[1]}"
            )
        time.sleep(1)


def running(client: Client) -> int:
    """How many services of this user run."""
    status, answer = client.call("GET", "/services/")
    return sum(service["state"] == "running" for service in answer["objects"]) if status == 200 else -1
