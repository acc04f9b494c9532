"""429: a watch waits as long as the API server asks for, and then goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from karvdash_hub.kube.rest import Kube
from karvdash_hub.kube.watch import Watch
from tests.kube.api_server import NOBODY, ApiServer
from tests.kube.relay import Relay
from tests.watch.test_changes import config_map, until, value

pytestmark = pytest.mark.cluster

FLOW = "flowcontrol.apiserver.k8s.io/v1"
ADMISSION = "admissionregistration.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io"
#: One request of this person may run at a time, others are refused.
LEVEL: dict[str, Any] = {
    "apiVersion": FLOW,
    "kind": "PriorityLevelConfiguration",
    "metadata": {"name": "narrow"},
    "spec": {
        "type": "Limited",
        "limited": {
            "nominalConcurrencyShares": 0,
            "lendablePercent": 0,
            "borrowingLimitPercent": 0,
            "limitResponse": {"type": "Reject"},
        },
    },
}
SCHEMA: dict[str, Any] = {
    "apiVersion": FLOW,
    "kind": "FlowSchema",
    "metadata": {"name": "narrow"},
    "spec": {
        "priorityLevelConfiguration": {"name": "narrow"},
        "matchingPrecedence": 2,
        "rules": [
            {
                "subjects": [{"kind": "User", "user": {"name": "nobody"}}],
                "resourceRules": [
                    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}
                ],
            }
        ],
    },
}
BINDING: dict[str, Any] = {
    "apiVersion": f"{RBAC}/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "nobody-is-somebody"},
    "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"apiGroup": RBAC, "kind": "User", "name": "nobody"}],
}


def hanging_webhook(port: int) -> dict[str, Any]:
    """Admission that asks an address where nobody answers."""
    return {
        "apiVersion": ADMISSION,
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "hangs"},
        "webhooks": [
            {
                "name": "hangs.example.org",
                "clientConfig": {"url": f"https://127.0.0.1:{port}/"},
                "rules": [
                    {
                        "operations": ["CREATE"],
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "resources": ["configmaps"],
                    }
                ],
                "objectSelector": {"matchLabels": {"hang": "yes"}},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Ignore",
                "timeoutSeconds": 30,
            }
        ],
    }


@pytest.fixture
async def let_go(kube: Kube) -> AsyncIterator[Callable[[], None]]:
    """One request of nobody at a time, and admission that hangs until this is called."""
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda reader, writer: writers.append(writer), "127.0.0.1", 0)
    manifests = (LEVEL, SCHEMA, BINDING, hanging_webhook(silent.sockets[0].getsockname()[1]))
    for manifest in manifests:
        await kube.create(manifest)

    def end() -> None:
        silent.close()
        for writer in writers:
            writer.transport.abort()

    yield end
    end()
    for manifest in reversed(manifests):  # other tests use the same API server
        await kube.delete(manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"])


async def test_too_many_requests(server: ApiServer, let_go: Callable[[], None]) -> None:
    async with Relay(server.port) as relay, Kube(server.config(NOBODY)) as nobody:
        occupied = await occupy(nobody)
        config = server.config(NOBODY, port=relay.port)
        watch: Watch[str] = Watch(config, "/api/v1/namespaces/default/secrets", project=value)
        watch.start()
        await until(lambda: watch.outage.text)
        refused = time.monotonic()
        assert "the API server answers 429: " in watch.outage.text
        await until(lambda: relay.accepted == 2)
        assert time.monotonic() - refused >= 0.95  # Retry-After: 1

        let_go()
        await occupied
        await asyncio.wait_for(watch.synced.wait(), 15)
        assert watch.outage.text == ""
        await watch.stop()


async def occupy(kube: Kube) -> asyncio.Task[object]:
    """Send a request that hangs in admission, as soon as the API server has taken up the webhook."""
    async with asyncio.timeout(30):
        while True:
            request: asyncio.Task[object] = asyncio.create_task(
                kube.create(config_map("slow", "1", hang="yes"), dry_run=True)
            )
            done, _ = await asyncio.wait([request], timeout=1)
            if not done:
                return request
            await request
