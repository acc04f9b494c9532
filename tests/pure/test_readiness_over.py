"""When a container has ended for good, so that nobody waits for more of its log."""

from __future__ import annotations

from typing import Any

import pytest

from karvdash_hub.readiness.projections import project_pod


def pod(policy: str | None, state: dict[str, Any], *, phase: str = "Running", init: bool = False) -> Any:
    container = {"name": "c", "image": "i"}
    status = {"name": "c", "image": "i", "state": state, "restartCount": 1}
    return {
        "metadata": {"name": "p"},
        "spec": {"initContainers" if init else "containers": [container]}
        | ({"restartPolicy": policy} if policy else {}),
        "status": {"phase": phase, "initContainerStatuses" if init else "containerStatuses": [status]},
    }


RUNNING: dict[str, Any] = {"running": {}}
WAITING: dict[str, Any] = {"waiting": {"reason": "CrashLoopBackOff"}}
DONE: dict[str, Any] = {"terminated": {"exitCode": 0}}
BROKEN: dict[str, Any] = {"terminated": {"exitCode": 1}}


@pytest.mark.parametrize(
    ("item", "over"),
    [
        pytest.param(pod("Never", RUNNING), False, id="it runs"),
        pytest.param(pod("Never", BROKEN), True, id="never again"),
        pytest.param(pod("OnFailure", DONE), True, id="done"),
        pytest.param(pod("OnFailure", BROKEN), False, id="again after a failure"),
        pytest.param(pod("OnFailure", WAITING), False, id="waits for that"),
        pytest.param(pod("Always", DONE), False, id="always again"),
        pytest.param(pod(None, DONE), False, id="by default too"),
        pytest.param(pod("Always", DONE, init=True), True, id="an init container is done once"),
        pytest.param(pod("Always", BROKEN, init=True), False, id="and tries again"),
        pytest.param(pod("OnFailure", BROKEN, phase="Failed"), True, id="the whole pod failed"),
        pytest.param(pod("Never", DONE, phase="Succeeded"), True, id="the whole pod is done"),
    ],
)
def test_a_container_has_ended_for_good(item: Any, over: bool) -> None:
    found = project_pod(item)
    assert found.is_over(found.containers[0]) == over
