"""Verdicts about other kinds than a Deployment, and about servers that stop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from karvdash_hub.readiness.judge import judge
from karvdash_hub.readiness.model import Claim, Event, Expected, Snapshot, Verdict, Workload
from tests.pure.servers import (
    ANCHOR,
    CREATED,
    DEPLOYMENT,
    EXPECTED,
    NOW,
    OVER,
    POD,
    QUOTA,
    READY_SLICE,
    RUNS,
    WAITS,
    event,
    failing,
    pod,
    snapshot,
    starting,
)

READY = Verdict("running", "Ready.", percent=100)
JOB = Workload("Job", "web", "web", 1, 1, 1, True, "", False, total=1)
SETS = DEPLOYMENT._replace(kind="StatefulSet", replicas=2, ready=2, updated=2, total=2)
MEMBERS = [POD._replace(name=f"web-{number}", owner="StatefulSet/web") for number in (0, 1)]
DAEMON = DEPLOYMENT._replace(kind="DaemonSet")
JOB_POD = POD._replace(owner="Job/web")
FAILED = RUNS._replace(ready=False, state="terminated", reason="Error", exit_code=7, ended="Error")
DONE = FAILED._replace(reason="Completed", exit_code=0, ended="Completed")
DATA = Claim("data", "web", "Bound", "local", False, False)


def of(kind: str, replicas: int = 1) -> tuple[Expected, ...]:
    """What was applied: one workload of this kind."""
    return (Expected(kind, "web", replicas),)


@pytest.mark.parametrize(
    ("seen", "applied", "expected"),
    [
        pytest.param(snapshot(MEMBERS, [SETS]), of("StatefulSet", 2), READY, id="StatefulSet ready"),
        pytest.param(
            snapshot(MEMBERS[:1], [SETS._replace(ready=1, updated=1, total=1)]),
            of("StatefulSet", 2),
            starting("1 of 2 pods of web are ready.", 85),
            id="StatefulSet, first of two",
        ),
        pytest.param(
            snapshot(
                [],
                [SETS._replace(ready=0, total=0)],
                events=[
                    event(
                        "FailedCreate",
                        f"Create Pod web-0 in StatefulSet web failed error: {QUOTA}",
                        "web",
                        "StatefulSet",
                    )
                ],
            ),
            of("StatefulSet", 2),
            failing(OVER, 10),
            id="StatefulSet, quota",
        ),
        pytest.param(
            snapshot(
                MEMBERS[:1],
                [SETS._replace(ready=1, total=1)],
                events=[
                    event("FailedCreate", f"Error creating: {QUOTA}", "web", "StatefulSet"),
                    event("SuccessfulCreate", "create Pod web-0", "web", "StatefulSet", second=9),
                ],
            ),
            of("StatefulSet", 2),
            starting("1 of 2 pods of web are ready.", 85),
            id="StatefulSet, quota no longer",
        ),
        pytest.param(
            snapshot(MEMBERS, [SETS._replace(updated=1)]),
            of("StatefulSet", 2),
            starting("Replacing the pods of web: 1 of 2 are new.", 60),
            id="StatefulSet, rolling update",
        ),
        pytest.param(
            snapshot([POD._replace(owner="DaemonSet/web")], [DAEMON]),
            of("DaemonSet"),
            READY,
            id="DaemonSet ready",
        ),
        pytest.param(
            snapshot([], [DAEMON._replace(replicas=0, ready=0, updated=0, total=0)]),
            of("DaemonSet"),
            Verdict("running", "No node takes a pod of web.", percent=100),
            id="DaemonSet without a node",
        ),
        pytest.param(
            snapshot([JOB_POD], [JOB]),
            of("Job"),
            Verdict("running", "Running.", percent=100),
            id="Job runs",
        ),
        pytest.param(
            snapshot([pod(DONE, owner="Job/web")], [JOB._replace(ready=0)]),
            of("Job"),
            starting("Container web has done its work.", 85, container="web", pod="web-1-a"),
            id="Job's container is done",
        ),
        pytest.param(
            snapshot([pod(DONE, owner="Job/web", phase="Succeeded")], [JOB._replace(complete=True)]),
            of("Job"),
            Verdict("running", "Done: web has completed.", percent=100),
            id="Job complete",
        ),
        pytest.param(
            snapshot(
                [pod(FAILED, owner="Job/web", phase="Failed")],
                [JOB._replace(ready=0, failure="Job has reached…", reason="BackoffLimitExceeded")],
            ),
            of("Job"),
            failing("Container web ended with exit code 7.", 0, "web", "web-1-a"),
            id="Job failed, its pod tells why",
        ),
        pytest.param(
            snapshot([], [JOB._replace(ready=0, failure="was active too long", reason="DeadlineExceeded")]),
            of("Job"),
            failing("Job web failed: it ran longer than it may.", 0),
            id="Job failed, no pod left",
        ),
        pytest.param(
            snapshot(
                [],
                [JOB._replace(ready=0)],
                events=[event("FailedCreate", f"Error creating: {QUOTA}", "web", "Job")],
            ),
            of("Job"),
            failing(OVER, 10),
            id="Job, quota",
        ),
        pytest.param(snapshot([POD._replace(name="web", owner="")]), of("Pod"), READY, id="bare pod ready"),
        pytest.param(snapshot(), of("Pod"), starting("Starting.", 10), id="bare pod not seen yet"),
        pytest.param(
            snapshot([pod(WAITS, name="web", owner="")]),
            of("Pod"),
            starting("Starting.", 30),
            id="bare pod starts",
        ),
        pytest.param(
            snapshot([pod(name="web", owner="", phase="Failed", reason="Evicted", message="Low on disk. ")]),
            of("Pod"),
            failing("Pod web was evicted: Low on disk.", 0),
            id="bare pod evicted",
        ),
        pytest.param(
            snapshot([POD._replace(owner="ReplicaSet/web")]),
            of("ReplicaSet", 2),
            starting("1 of 2 pods of web are ready.", 85),
            id="bare ReplicaSet, counted by its pods",
        ),
        pytest.param(
            snapshot([POD], [DEPLOYMENT, JOB._replace(name="setup", complete=True)]),
            EXPECTED,
            READY,
            id="Deployment beside a Job that is done",
        ),
        pytest.param(snapshot([POD], [DEPLOYMENT]), of("CronJob"), READY, id="kinds that run nothing now"),
        pytest.param(snapshot(), (), READY, id="nothing that runs"),
        pytest.param(
            snapshot(
                [pod(scheduled=False, unschedulable="pod has unbound immediate PersistentVolumeClaims.")],
                [DEPLOYMENT._replace(ready=0)],
                claims=[DATA._replace(phase="Pending")],
            ),
            EXPECTED,
            starting("No volume has been found for claim data yet.", 15, stuck=True),
            id="claim waits",
        ),
        pytest.param(
            snapshot(
                [pod(scheduled=False, unschedulable="pod has unbound immediate PersistentVolumeClaims.")],
                [DEPLOYMENT._replace(ready=0)],
                claims=[DATA._replace(phase="Pending")],
                events=[
                    event(
                        "ProvisioningFailed",
                        'storageclass.storage.k8s.io "fast" not found',
                        "data",
                        "PersistentVolumeClaim",
                    )
                ],
            ),
            EXPECTED,
            starting(
                'Claim data gets no volume: storageclass.storage.k8s.io "fast" not found.', 15, stuck=True
            ),
            id="claim waits, and why",
        ),
    ],
)
def test_without_a_service(seen: Snapshot, applied: tuple[Expected, ...], expected: Verdict) -> None:
    assert expected == judge(seen, expected=applied, service=None, now=NOW)


@pytest.mark.parametrize(
    ("seen", "applied", "asked", "expected"),
    [
        pytest.param(Snapshot(), (), None, Verdict("stopped", "Stopped."), id="nothing there"),
        pytest.param(Snapshot(), EXPECTED, None, starting("Starting.", 10), id="nothing there yet"),
        pytest.param(Snapshot(), EXPECTED, True, Verdict("stopped", "Stopped."), id="asked, and gone"),
        pytest.param(
            snapshot([POD], [DEPLOYMENT], [READY_SLICE], anchor=ANCHOR._replace(deleting=True)),
            EXPECTED,
            None,
            Verdict("stopping", "Stopping: waiting for pod web-1-a to end."),
            id="anchor goes",
        ),
        pytest.param(
            snapshot([POD, POD._replace(name="web-1-b")], anchor=None),
            (),
            None,
            Verdict("stopping", "Stopping: waiting for 2 pods to end."),
            id="pods outlive the anchor",
        ),
        pytest.param(
            snapshot([POD._replace(deleting=True)], anchor=None),
            EXPECTED,
            None,
            Verdict("stopping", "Stopping: waiting for pod web-1-a to end."),
            id="pods end, anchor is gone",
        ),
        pytest.param(
            snapshot(anchor=None), (), None, Verdict("stopping", "Stopping."), id="only a Service is left"
        ),
        pytest.param(
            snapshot([pod()], [DEPLOYMENT._replace(ready=0)], anchor=None),
            EXPECTED,
            None,
            starting("Starting.", 30),
            id="pod seen before its anchor",
        ),
        pytest.param(
            snapshot([POD], [DEPLOYMENT]),
            EXPECTED,
            True,
            Verdict("stopping", "Stopping: waiting for pod web-1-a to end."),
            id="asked to stop",
        ),
        pytest.param(
            snapshot([POD], [DEPLOYMENT], anchor=ANCHOR._replace(deleting=True)),
            EXPECTED,
            False,
            READY,
            id="known not to stop",
        ),
        pytest.param(
            snapshot(services=(), anchor=None, claims=[DATA._replace(keep=True)]),
            (),
            None,
            Verdict("stopped", "Stopped."),
            id="a kept claim does not count",
        ),
        pytest.param(
            snapshot(services=(), anchor=None, claims=[DATA]),
            (),
            None,
            Verdict("stopping", "Stopping."),
            id="another claim does",
        ),
    ],
)
def test_stopping(
    seen: Snapshot, applied: tuple[Expected, ...], asked: bool | None, expected: Verdict
) -> None:
    assert expected == judge(seen, expected=applied, service=None, now=NOW, stopping=asked)


def test_events_are_read_by_time_not_by_arrival() -> None:
    """After a new list the API server sends events in the order of their names."""
    pulled = Event("Pod", "web-1-a", "Normal", "Pulled", "", 1, "2026-11-21T12:30:06Z")
    pulling = pulled._replace(reason="Pulling", message='Pulling image "x:1"', time="2026-11-21T12:30:05.9Z")
    seen = snapshot([pod()], [DEPLOYMENT._replace(ready=0)], events=[pulled, pulling])
    assert judge(seen, expected=EXPECTED, now=NOW) == starting("Starting.", 30)


def test_an_event_in_the_second_of_the_start_counts() -> None:
    """Event times may have fractions of a second, creation times have none."""
    pulling = event("Pulling", 'Pulling image "x:1"')._replace(time=CREATED.replace("Z", ".123456Z"))
    seen = snapshot([pod()], [DEPLOYMENT._replace(ready=0)], events=[pulling])
    assert judge(seen, expected=EXPECTED, now=NOW) == starting("Pulling image x:1.", 40)


def test_a_verdict_keeps_whether_the_service_answers() -> None:
    """A page may go on offering "open" while one of two pods is replaced."""
    seen = snapshot([POD], [DEPLOYMENT._replace(replicas=2, updated=2)], [READY_SLICE])
    verdict = judge(seen, expected=EXPECTED, service="web", now=NOW)
    assert verdict == replace(starting("1 of 2 pods of web are ready.", 85), answers=True)
