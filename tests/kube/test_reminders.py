"""When the admission server answers again, controllers are reminded of what they could not make."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from karvdash_hub.admission.configuration import WEBHOOK
from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.errors import NotFound
from karvdash_hub.kube.informers import Informers
from karvdash_hub.kube.namespaces import ensure_namespace
from karvdash_hub.kube.rest import Kube
from karvdash_hub.names import ANNOTATION_LOOK_AGAIN
from karvdash_hub.spawner.reminders import Reminders, is_silent
from tests.kube.conftest import UserNamespace
from tests.kube.objects import deployment

_API, _KIND = "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"


@pytest.fixture
async def silent(admin_kube: Kube, hub_kube: Kube, alice: UserNamespace) -> AsyncIterator[str]:
    """A webhook of our name that does not answer, asked about pods of alice's namespace only."""
    webhook = {
        "name": WEBHOOK,
        "clientConfig": {"url": "https://127.0.0.1:9/mutate"},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
        ],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": alice.name}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 1,
    }
    name = f"{alice.name}-silent"
    await admin_kube.create(
        {"apiVersion": _API, "kind": _KIND, "metadata": {"name": name}, "webhooks": [webhook]}
    )
    async with asyncio.timeout(20):
        while not await is_silent(hub_kube, alice.name):
            await asyncio.sleep(0.05)
    yield name
    with suppress(NotFound):
        await admin_kube.delete(_API, _KIND, name)


async def test_whoever_has_waited_is_reminded(
    silent: str, admin_kube: Kube, hub_kube: Kube, hub_config: KubeConfig, alice: UserNamespace
) -> None:
    """The annotation reaches the ReplicaSet, whose controller then looks at once."""
    # So that no try of the controllers' own succeeds meanwhile.
    await ensure_namespace(hub_kube, **alice.wishes(quota={"hard": {"pods": "0"}}))
    informers = Informers(hub_config)
    informers.start()
    await informers.synced.wait()
    mine = Reminders(hub_kube, informers, lambda namespace: namespace == alice.name)
    for kind in ("Deployment", "StatefulSet"):
        made = deployment(alice.name, kind.lower(), "true", image="pause", kind=kind)
        await hub_kube.apply(made, as_user=alice.account)
        await informers.wait(alice.name, kind.lower(), lambda seen: bool(seen.workloads), 20)
    await mine.look()
    assert await marks(admin_kube, alice) == {"Deployment": False, "ReplicaSet": False, "StatefulSet": False}

    await admin_kube.delete(_API, _KIND, silent)
    async with asyncio.timeout(20):
        while await is_silent(hub_kube, alice.name):
            await asyncio.sleep(0.05)
    await mine.look()
    async with asyncio.timeout(20):
        while not all((await marks(admin_kube, alice)).values()):
            await asyncio.sleep(0.05)
    await informers.stop()


async def marks(kube: Kube, alice: UserNamespace) -> dict[str, bool]:
    """Which workloads bear the annotation."""
    found = {}
    for kind in ("Deployment", "ReplicaSet", "StatefulSet"):
        (one,) = await kube.list("apps/v1", kind, alice.name)
        found[kind] = ANNOTATION_LOOK_AGAIN in (one["metadata"].get("annotations") or {})
    return found
