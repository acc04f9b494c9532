"""A pod that is ready and in no EndpointSlice: it will be, or the Service selects something else."""

from __future__ import annotations

import pytest

from karvdash_hub.readiness.judge import judge
from karvdash_hub.readiness.projections import project_pod
from tests.pure.servers import DEPLOYMENT, EXPECTED, NOW, POD, READY_SLICE, snapshot

EMPTY = READY_SLICE._replace(addresses=())


@pytest.mark.parametrize(
    ("since", "message", "stuck", "recheck"),
    [
        pytest.param(
            "2026-11-21T12:30:58Z", "Waiting until Service web leads to the pods.", False, 3.0, id="soon"
        ),
        pytest.param("2026-11-21T12:30:55Z", "Service web finds no pod", True, None, id="not-any-more"),
        pytest.param("", "Service web finds no pod", True, None, id="unknown"),
        pytest.param(
            "2026-11-21T12:32:00Z", "Service web finds no pod", True, None, id="a-clock-that-is-ahead"
        ),
    ],
)
def test_how_long_a_slice_may_take(since: str, message: str, stuck: bool, recheck: float | None) -> None:
    seen = snapshot([POD._replace(since=since)], [DEPLOYMENT], [EMPTY])
    verdict = judge(seen, expected=EXPECTED, service="web", now=NOW)
    assert verdict.message.startswith(message)
    assert (verdict.state, verdict.stuck, verdict.recheck) == ("starting", stuck, recheck)


@pytest.mark.parametrize(("status", "since"), [("True", "2026-11-21T12:30:58Z"), ("False", "")])
def test_when_a_pod_became_ready(status: str, since: str) -> None:
    condition = {"type": "Ready", "status": status, "lastTransitionTime": "2026-11-21T12:30:58Z"}
    item = {"metadata": {"name": "web"}, "status": {"conditions": [condition]}}
    assert project_pod(item).since == since
