"""Pods that are ready count before their controller has counted them, as long as nothing was changed."""

from __future__ import annotations

import pytest

from karvdash_hub.readiness.judge import judge
from karvdash_hub.readiness.model import Verdict
from tests.pure.servers import EXPECTED, NOW, POD, READY_SLICE, snapshot, starting, waiting


@pytest.mark.parametrize(
    ("generation", "expected"),
    [
        pytest.param(1, Verdict("running", "Ready.", percent=100, answers=True), id="first"),
        pytest.param(2, starting("Starting.", 20, answers=True), id="changed: the pod may be an older one"),
    ],
)
def test_a_ready_pod_that_is_not_counted_yet(generation: int, expected: Verdict) -> None:
    seen = snapshot([POD], [waiting(generation=generation)], [READY_SLICE])
    assert judge(seen, expected=EXPECTED, service="web", now=NOW) == expected
