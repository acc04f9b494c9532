"""A server with one Deployment behind one Service, in small pieces, for the tables of readiness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from karvdash_hub.readiness.model import (
    Anchor,
    Claim,
    ContainerState,
    Endpoint,
    Event,
    Expected,
    Pod,
    Service,
    Snapshot,
    Verdict,
    Workload,
)

CREATED = "2026-11-21T12:30:00Z"
NOW = datetime(2026, 11, 21, 12, 31, tzinfo=UTC).timestamp()
ANCHOR = Anchor("karvdash-web", "n", "web", "u", "hub", "alice", "h", True, "l", "t", False, CREATED)
RUNS = ContainerState("web", False, True, True, "running", "", "", None, 0, "redis:7")
WAITS = RUNS._replace(ready=False, started=False, state="waiting", reason="ContainerCreating")
CRASHES = WAITS._replace(reason="CrashLoopBackOff", exit_code=3, restarts=2, ended="Error")
UNREADY = RUNS._replace(ready=False)
POD = Pod("u1", "web-1-a", "web", "Running", True, False, CREATED, True, "", (RUNS,), "ReplicaSet/web-1", "1")
DEPLOYMENT = Workload("Deployment", "web", "web", 1, 1, 1, True, "", False, total=1)
SERVICE = Service("web", "web", "u", "10.0.0.1", (), (("app", "web"),), CREATED)
READY_SLICE = Endpoint("web-x", "web", "web", (("10.1.1.1", True),), (("http", 80),))
EXPECTED = (Expected("Deployment", "web", 1),)


def pod(*containers: ContainerState, **changes: object) -> Pod:
    """A pod of the Deployment that is not ready."""
    made = POD._replace(ready=False, containers=containers or (WAITS,))
    return made._replace(**changes)  # type: ignore[arg-type]


def waiting(**changes: object) -> Workload:
    """The Deployment before its pod is ready."""
    return DEPLOYMENT._replace(ready=0)._replace(**changes)  # type: ignore[arg-type]


def event(reason: str, message: str, name: str = "web-1-a", kind: str = "Pod", second: int = 5) -> Event:
    """An event of this life of the server."""
    return Event(kind, name, "Warning", reason, message, 1, f"2026-11-21T12:30:{second:02}Z")


def snapshot(
    pods: Sequence[Pod] = (),
    workloads: Sequence[Workload] = (),
    endpoints: Sequence[Endpoint] = (),
    events: Sequence[Event] = (),
    services: Sequence[Service] = (SERVICE,),
    anchor: Anchor | None = ANCHOR,
    claims: Sequence[Claim] = (),
) -> Snapshot:
    """A server with an anchor and a Service."""
    return Snapshot(anchor, pods, workloads, endpoints, claims, services, (), events)


def starting(message: str, percent: int, **more: object) -> Verdict:
    """Shorter to read in a table."""
    return replace(Verdict("starting", message, percent=percent), **more)  # type: ignore[arg-type]


def failing(message: str, percent: int, container: str | None = None, pod: str | None = None) -> Verdict:
    """Shorter to read in a table."""
    return Verdict("failing", message, True, percent, container, pod)


CRASHED = failing("Container web ended with exit code 3 (2 restarts).", 40, "web", "web-1-a")
QUOTA = 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=8, limited: pods=8'
OVER = (
    "Quota exceeded: this needs 1 pod; 8 of 8 are in use (pods). "
    "Stop another service or choose a smaller size."
)
