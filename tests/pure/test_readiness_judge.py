"""One verdict for a Deployment behind a Service: what is told, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from karvdash_hub.readiness.judge import judge
from karvdash_hub.readiness.model import Snapshot, Verdict
from tests.pure.servers import (
    CRASHED,
    CRASHES,
    DEPLOYMENT,
    EXPECTED,
    NOW,
    OVER,
    POD,
    QUOTA,
    READY_SLICE,
    RUNS,
    SERVICE,
    UNREADY,
    WAITS,
    event,
    failing,
    pod,
    snapshot,
    starting,
    waiting,
)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(snapshot(anchor=None, services=()), starting("Starting.", 10), id="nothing seen yet"),
        pytest.param(snapshot(), starting("Starting.", 10), id="workload not seen yet"),
        pytest.param(
            snapshot([pod(scheduled=False, containers=())], [waiting()]),
            starting("Looking for a node.", 15),
            id="not scheduled yet",
        ),
        pytest.param(
            snapshot(
                [pod(scheduled=False, unschedulable="0/1 nodes are available: 1 Too many pods.")], [waiting()]
            ),
            starting(
                "Every node is full: no more pods fit. It starts when other services stop.", 15, stuck=True
            ),
            id="unschedulable",
        ),
        pytest.param(snapshot([pod()], [waiting()]), starting("Starting.", 30), id="being made"),
        pytest.param(
            snapshot([pod()], [waiting()], events=[event("Pulling", 'Pulling image "redis:7"')]),
            starting("Pulling image redis:7.", 40),
            id="pulling",
        ),
        pytest.param(
            snapshot(
                [pod()],
                [waiting()],
                events=[event("Pulling", 'Pulling image "redis:7"'), event("Pulled", "ok", second=6)],
            ),
            starting("Starting.", 30),
            id="pulled",
        ),
        pytest.param(
            snapshot([pod(WAITS._replace(reason="ImagePullBackOff", message="not found"))], [waiting()]),
            failing("Image redis:7 was not found in the registry. Check its name and tag.", 40),
            id="image not found",
        ),
        pytest.param(
            snapshot(
                [pod()],
                [waiting()],
                events=[
                    event("FailedMount", 'MountVolume.SetUp failed for volume "v" : secret "s" not found')
                ],
            ),
            failing("Volume v cannot be mounted: Secret s does not exist.", 30),
            id="mount",
        ),
        pytest.param(
            snapshot(
                [pod()],
                [waiting()],
                events=[event("FailedCreatePodSandBox", "Failed to create pod sandbox: rpc: no addresses")],
            ),
            failing("The node cannot set up pod web-1-a: no addresses. Kubernetes tries again.", 30),
            id="sandbox",
        ),
        pytest.param(
            snapshot(
                [pod()],
                [waiting()],
                events=[event("FailedMount", 'for volume "v" : x')._replace(time="2026-11-21T12:00:00Z")],
            ),
            starting("Starting.", 30),
            id="event of a former life",
        ),
        pytest.param(snapshot([pod(CRASHES)], [waiting()]), CRASHED, id="crash loop"),
        pytest.param(
            snapshot([pod(UNREADY._replace(exit_code=3, restarts=2, ended="Error"))], [waiting()]),
            failing(
                "Container web ended with exit code 3 (2 restarts). It runs again, but is not ready.",
                60,
                "web",
                "web-1-a",
            ),
            id="between crashes",
        ),
        pytest.param(
            snapshot(
                [pod(RUNS._replace(exit_code=3, restarts=1, since="2026-11-21T12:30:56Z"), ready=True)],
                [DEPLOYMENT],
                [READY_SLICE],
            ),
            starting(
                "Container web ended with exit code 3 (1 restart). It runs again; waiting whether it stays.",
                80,
                container="web",
                pod="web-1-a",
                answers=True,
                recheck=6.0,
            ),
            id="on probation after a crash",
        ),
        pytest.param(
            snapshot(
                [pod(RUNS._replace(exit_code=3, restarts=1, since="2026-11-21T12:30:40Z"), ready=True)],
                [DEPLOYMENT],
                [READY_SLICE],
            ),
            Verdict("running", "Ready.", percent=100, answers=True),
            id="long after a crash",
        ),
        pytest.param(
            snapshot(
                [pod(WAITS._replace(reason="CrashLoopBackOff", exit_code=0, restarts=4, ended="Completed"))],
                [waiting()],
                events=[
                    event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500"),
                    event("Killing", "Container web failed liveness probe, will be restarted", second=6),
                ],
            ),
            failing(
                "Container web is restarted again and again: its liveness check gets HTTP status 500.",
                40,
                "web",
                "web-1-a",
            ),
            id="liveness check",
        ),
        pytest.param(
            snapshot([pod(UNREADY)], [waiting()]),
            starting(
                "web is running but does not answer its readiness check yet.",
                80,
                container="web",
                pod="web-1-a",
            ),
            id="not ready yet",
        ),
        pytest.param(
            snapshot(
                [pod(UNREADY)],
                [waiting()],
                events=[
                    event(
                        "Unhealthy",
                        'Readiness probe failed: Get "http://10.1.1.1:80/": dial tcp 10.1.1.1:80: connect: '
                        "connection refused",
                    )
                ],
            ),
            starting(
                "web is running but not ready yet: its readiness check finds nothing that listens on "
                "port 80.",
                80,
                container="web",
                pod="web-1-a",
            ),
            id="readiness check fails",
        ),
        pytest.param(
            snapshot([pod(UNREADY)], [waiting(failure="timed out", reason="ProgressDeadlineExceeded")]),
            failing("web is running but does not answer its readiness check yet.", 80, "web", "web-1-a"),
            id="not ready for too long",
        ),
        pytest.param(
            snapshot([], [waiting(failure="timed out", reason="ProgressDeadlineExceeded")]),
            failing("web has made no progress for longer than progressDeadlineSeconds allows.", 95),
            id="no progress, no pod",
        ),
        pytest.param(
            snapshot(
                [
                    pod(
                        RUNS._replace(name="setup", init=True, ready=False),
                        WAITS._replace(name="second", init=True, reason="PodInitializing"),
                        WAITS._replace(reason="PodInitializing"),
                    )
                ],
                [waiting()],
            ),
            starting("Init container setup runs (1 of 2).", 50, container="setup", pod="web-1-a"),
            id="init container",
        ),
        pytest.param(
            snapshot(
                [pod(RUNS._replace(name="proxy", init=True, sidecar=True), RUNS, ready=True)],
                [DEPLOYMENT],
                [READY_SLICE],
            ),
            Verdict("running", "Ready.", percent=100, answers=True),
            id="native sidecar",
        ),
        pytest.param(
            snapshot([], [waiting(failure=QUOTA, reason="FailedCreate", updated=0, total=0)]),
            failing(OVER, 10),
            id="quota, condition",
        ),
        pytest.param(
            snapshot(
                [],
                [waiting(updated=0, total=0)],
                events=[event("FailedCreate", f"Error creating: {QUOTA}", "web-7d9f", "ReplicaSet")],
            ),
            failing(OVER, 10),
            id="quota, event of the ReplicaSet",
        ),
        pytest.param(
            snapshot([pod()], [waiting(observed=False)]), starting("Starting.", 30), id="change not observed"
        ),
        pytest.param(
            snapshot([POD], [DEPLOYMENT]),
            starting("Waiting until Service web leads to the pods.", 95),
            id="no slice yet",
        ),
        pytest.param(
            snapshot([POD], [DEPLOYMENT], [READY_SLICE._replace(addresses=(("10.1.1.1", False),))]),
            starting("Waiting until Service web leads to the pods.", 95),
            id="slice not ready",
        ),
        pytest.param(
            snapshot([POD], [DEPLOYMENT], [READY_SLICE._replace(addresses=())]),
            starting(
                "Service web finds no pod: none has the labels of its selector (app=web).", 90, stuck=True
            ),
            id="selector matches nothing",
        ),
        pytest.param(
            snapshot([POD], [DEPLOYMENT], services=[SERVICE._replace(selector=())]),
            Verdict("running", "Ready.", percent=100),
            id="Service without selector",
        ),
        pytest.param(
            snapshot([POD], [DEPLOYMENT], [READY_SLICE]),
            Verdict("running", "Ready.", percent=100, answers=True),
            id="ready",
        ),
        pytest.param(
            snapshot([POD, pod(CRASHES, name="web-2-b")], [DEPLOYMENT], [READY_SLICE]),
            Verdict("running", "Ready.", percent=100, answers=True),
            id="one pod more than is wanted crashes",
        ),
        pytest.param(
            snapshot([pod(CRASHES)], [DEPLOYMENT], [READY_SLICE]),
            replace(CRASHED, answers=True),
            id="crashed before its controller noticed",
        ),
        pytest.param(
            snapshot(
                [POD, pod(CRASHES, name="web-1-b")],
                [DEPLOYMENT._replace(replicas=2, updated=2, total=2)],
                [READY_SLICE],
            ),
            replace(CRASHED, pod="web-1-b", answers=True),
            id="one of two crashes, the other answers",
        ),
        pytest.param(
            snapshot(
                [POD, POD], [DEPLOYMENT._replace(replicas=3, ready=2, updated=3, total=3)], [READY_SLICE]
            ),
            starting("2 of 3 pods of web are ready.", 85, answers=True),
            id="two of three",
        ),
        pytest.param(
            snapshot(
                [POD, pod(WAITS, owner="ReplicaSet/web-2", name="web-2-a")],
                [DEPLOYMENT._replace(total=2)],
                [READY_SLICE],
            ),
            starting("Replacing the old pods of web.", 90, answers=True),
            id="rolling update, new pod being made",
        ),
        pytest.param(
            snapshot([POD, pod(deleting=True, name="web-0-z")], [DEPLOYMENT], [READY_SLICE]),
            Verdict("running", "Ready.", percent=100, answers=True),
            id="old pods that end do not count",
        ),
        pytest.param(
            snapshot([], [DEPLOYMENT._replace(replicas=0, ready=0, updated=0, total=0)]),
            starting("web is set to 0 replicas, so nothing runs.", 50, stuck=True),
            id="no replicas wanted",
        ),
        pytest.param(
            snapshot(
                [pod(phase="Failed", reason="Evicted", message="low on memory"), POD],
                [DEPLOYMENT],
                [READY_SLICE],
            ),
            Verdict("running", "Ready.", percent=100, answers=True),
            id="an evicted pod that was replaced",
        ),
    ],
)
def test_deployment_behind_a_service(seen: Snapshot, expected: Verdict) -> None:
    assert expected == judge(seen, expected=EXPECTED, service="web", now=NOW)
