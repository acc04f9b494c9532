"""What a person is told when it does not start: real failures on a real node, all in one namespace."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.informers import Informers
from karvdash_hub.kube.rest import Kube
from karvdash_hub.readiness.judge import judge
from karvdash_hub.readiness.model import Expected, Snapshot, Verdict
from tests.kube.conftest import UserNamespace
from tests.kube.objects import ANSWERS, deployment, service

pytestmark = pytest.mark.any_cluster

SECRET_KEY = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}
PROBE = {"httpGet": {"port": 8080, "path": "/nothing"}, "periodSeconds": 1}
QUOTA = {"hard": {"requests.cpu": "100"}}
MUCH = {"requests": {"cpu": "64", "memory": "512Gi"}}
TOO_MUCH = {"requests": {"cpu": "200"}}

#: Server, what is changed in its Deployment, expected state, whether stuck, expected sentence (a pattern).
FAILURES: Mapping[str, tuple[Mapping[str, Any], str, bool, str]] = {
    "no-image": (
        {"image": "nosuch:1"},
        "failing",
        True,
        r"Image nosuch:1 was not found in the registry\. Check its name and tag\.",
    ),
    "bad-image": ({"image": "No Such!"}, "failing", True, r"'No Such!' is not the name of an image\."),
    "crash": (
        {"script": "exit 3"},
        "failing",
        True,
        r"Container web ended with exit code 3 \(\d restarts?\)\.",
    ),
    "no-command": (
        {"command": ["nosuch"]},
        "failing",
        True,
        r"Container web cannot start: its image has no command 'nosuch'\.",
    ),
    "no-memory": (
        {
            "script": "dd if=/dev/zero of=/dev/null bs=200M",
            "resources": {"limits": {"memory": "24Mi", "cpu": "1"}},
        },
        "failing",
        True,
        r"Container web ran out of memory \(limit 24Mi\)\. Choose a larger size\.",
    ),
    "no-secret": (
        {"env": [SECRET_KEY]},
        "failing",
        True,
        r"Container web cannot be created: Secret db does not exist\.",
    ),
    "too-large": (
        {"resources": MUCH},
        "starting",
        True,
        r"Needs 64 CPUs and 512 GiB of memory; no node has that much free\. The largest node has .*: "
        r"choose a smaller size\.",
    ),
    "over-quota": (
        {"resources": TOO_MUCH, "kind": "StatefulSet"},
        "failing",
        True,
        r"Quota exceeded: this needs 200 CPUs; [\d.]+ of 100 are in use \(requests\.cpu\)\. "
        r"Choose a smaller size\.",
    ),
    "not-ready": (
        {"readinessProbe": PROBE},
        "starting",
        False,
        r"web is running but not ready yet: its readiness check gets HTTP status 404\.",
    ),
    "unselected": (
        {"selector": {"app": "other"}},
        "starting",
        True,
        r"Service unselected finds no pod: none has the labels of its selector \(app=other\)\.",
    ),
}


@pytest.fixture
async def informers(hub_config: KubeConfig) -> AsyncIterator[Informers]:
    informers = Informers(hub_config)
    informers.start()
    async with asyncio.timeout(20):
        await informers.synced.wait()
    yield informers
    await informers.stop()


async def test_failures_in_words(
    informers: Informers, admin_kube: Kube, alice: UserNamespace, busybox: str
) -> None:
    here = alice.name
    limits = {"name": "q", "namespace": here}
    await admin_kube.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": limits, "spec": QUOTA})
    defaults = [{"type": "Container", "defaultRequest": {"cpu": "10m"}}]
    await admin_kube.create(
        {"apiVersion": "v1", "kind": "LimitRange", "metadata": limits, "spec": {"limits": defaults}}
    )
    async with informers.events(here):
        for name, (changes, *_) in FAILURES.items():
            await admin_kube.create(workload(here, name, busybox, changes))
            await admin_kube.create(service(here, name, selector=changes.get("selector")))
        told = await asyncio.gather(*(settled(informers, here, name) for name in FAILURES))
    wrong = {name: differs(name, verdict) for name, verdict in zip(FAILURES, told, strict=True)}
    assert {name: text for name, text in wrong.items() if text} == {}


def workload(namespace: str, name: str, image: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """A Deployment that fails in one way."""
    made = {"image": image, **changes}
    script = made.pop("script", ANSWERS)
    made.pop("selector", None)
    return deployment(namespace, name, script, **made)


async def settled(informers: Informers, namespace: str, name: str) -> Verdict:
    """Wait for the expected sentence; give back the last verdict if it does not come."""
    changes, state, stuck, sentence = FAILURES[name]
    expected = [Expected(str(changes.get("kind", "Deployment")), name)]
    last = Verdict("stopped", "")

    def as_expected(snapshot: Snapshot) -> bool:
        nonlocal last
        last = judge(snapshot, expected=expected, service=name, now=time.time())
        return (last.state, last.stuck) == (state, stuck) and bool(re.fullmatch(sentence, last.message))

    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError):  # time alone changes some verdicts
            await informers.wait(namespace, name, as_expected, 3)
            break
    return last


def differs(name: str, verdict: Verdict) -> str | None:
    """Say what was told instead, or None."""
    _, state, stuck, sentence = FAILURES[name]
    right = (verdict.state, verdict.stuck) == (state, stuck) and re.fullmatch(sentence, verdict.message)
    return None if right else f"{verdict.state}, stuck {verdict.stuck}: {verdict.message}"
