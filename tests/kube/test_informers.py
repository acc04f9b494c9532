"""The Hub's copy of a real cluster, followed with the Hub's own rights."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.informers import Informers
from karvdash_hub.kube.rest import Kube
from karvdash_hub.readiness.judge import judge
from karvdash_hub.readiness.model import Expected, Snapshot, Verdict
from tests.kube.conftest import UserNamespace
from tests.kube.objects import ANSWERS, anchor, deployment, service

pytestmark = pytest.mark.any_cluster


@pytest.fixture
async def informers(hub_config: KubeConfig) -> AsyncIterator[Informers]:
    informers = Informers(hub_config)
    informers.start()
    async with asyncio.timeout(20):
        await informers.synced.wait()
    yield informers
    await informers.stop()


def verdict_on(snapshot: Snapshot, *expected: Expected, service: str | None = "web") -> Verdict:
    """Judge now."""
    return judge(snapshot, expected=expected, service=service, now=time.time())


WEB = Expected("Deployment", "web")


async def test_one_life(informers: Informers, admin_kube: Kube, alice: UserNamespace, busybox: str) -> None:
    """Nothing, starting, ready, stopping, nothing; each change wakes who waits."""
    told: list[str] = []
    here = alice.name
    informers.subscribe(lambda namespace, server: told.append(server) if namespace == here else None)
    assert verdict_on(informers.snapshot(here, "web"), WEB).message == "Starting."
    assert verdict_on(informers.snapshot(here, "web")).state == "stopped"

    owner = await admin_kube.create(anchor(here, "web"))
    web = deployment(here, "web", ANSWERS, image=busybox, owner=owner)
    for manifest in (web, service(here, "web", owner=owner)):
        await admin_kube.create(manifest)

    def ready(snapshot: Snapshot) -> bool:
        return verdict_on(snapshot, WEB).state == "running"

    snapshot = await informers.wait(here, "web", ready, 60)
    assert verdict_on(snapshot, WEB) == Verdict("running", "Ready.", percent=100, answers=True)
    assert snapshot.anchor is not None
    assert (snapshot.anchor.user, snapshot.anchor.auth) == ("alice", True)
    assert [pod.phase for pod in snapshot.pods] == ["Running"]
    assert [port.target for item in snapshot.services for port in item.ports] == ["8080"]
    assert [ready for item in snapshot.endpoints for _, ready in item.addresses] == [True]
    assert (here, "web") in informers.servers()
    assert snapshot.anchor in informers.anchors()
    assert {"cpu", "memory"} <= {name for node in snapshot.nodes for name, _ in node.allocatable}
    assert (informers.healthy, informers.outage) == (True, "")
    assert set(told) == {"web"}

    await admin_kube.delete("v1", "ConfigMap", "karvdash-web", here)
    going = await informers.wait(here, "web", lambda seen: seen.anchor is None or seen.anchor.deleting, 20)
    assert verdict_on(going).state == "stopping"
    await informers.wait(here, "web", lambda seen: seen.empty, 60)
    assert verdict_on(informers.snapshot(here, "web")).state == "stopped"
    assert (here, "web") not in informers.servers()


async def test_waiting_ends_at_its_time(informers: Informers, alice: UserNamespace) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await informers.wait(alice.name, "nothing", lambda snapshot: not snapshot.empty, 0.3)
    assert 0.2 < time.monotonic() - began < 2
    assert (await informers.wait(alice.name, "nothing", lambda snapshot: snapshot.empty, 0)).empty


async def test_servers_do_not_see_each_other(
    informers: Informers, admin_kube: Kube, alice: UserNamespace
) -> None:
    here = alice.name
    told: list[str] = []
    end = informers.subscribe(lambda namespace, server: told.append(server) if namespace == here else None)
    await admin_kube.create(anchor(here, "one"))
    await admin_kube.create(anchor(here, "two"))
    snapshot = await informers.wait(here, "two", lambda seen: seen.anchor is not None, 10)
    assert snapshot.anchor is not None
    assert snapshot.anchor.name == "karvdash-two"
    async with asyncio.timeout(10):
        while set(told) != {"one", "two"}:  # who waits may be woken before who listens
            await asyncio.sleep(0.01)
    end()
    told.clear()
    # An object that changes hands leaves the one and comes to the other.
    await admin_kube.patch(
        "v1", "ConfigMap", "karvdash-one", here, {"metadata": {"labels": {"karvdash.io/server": "three"}}}
    )
    await informers.wait(here, "three", lambda seen: seen.anchor is not None, 10)
    assert informers.snapshot(here, "one").empty
    assert told == []


async def test_one_bad_subscriber_costs_the_others_nothing(
    informers: Informers, admin_kube: Kube, alice: UserNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(namespace: str, server: str) -> None:
        raise ValueError(server)

    told: list[str] = []
    informers.subscribe(fail)
    informers.subscribe(lambda namespace, server: told.append(server))
    await admin_kube.create(anchor(alice.name, "one"))
    await informers.wait(alice.name, "one", lambda seen: seen.anchor is not None, 10)
    await asyncio.sleep(0)
    assert "one" in told
    assert f"A subscriber failed at server one of {alice.name}" in caplog.text


async def test_events_are_there_while_somebody_wants_them(
    informers: Informers, admin_kube: Kube, alice: UserNamespace, busybox: str
) -> None:
    """Two launches share one watch; warnings stay known afterwards, the rest does not."""
    here = alice.name
    secret = {"name": "v", "secret": {"secretName": "missing"}}
    broken = deployment(here, "web", ANSWERS, image=busybox, volumes=[secret])

    def failing(snapshot: Snapshot) -> bool:
        return verdict_on(snapshot, WEB).state == "failing"

    async with informers.events(here):
        async with informers.events(here):
            await admin_kube.create(broken)
            snapshot = await informers.wait(here, "web", failing, 60)
        message = "Volume v cannot be mounted: Secret missing does not exist."
        assert verdict_on(snapshot, WEB).message == message
        assert {event.type for event in informers.snapshot(here, "web").events} == {"Normal", "Warning"}
        assert [event.name for event in snapshot.events if event.kind == "Pod"]
    after = informers.snapshot(here, "web")
    assert {event.type for event in after.events} == {"Warning"}
    assert verdict_on(after, WEB).message == message
    assert informers.snapshot(here, "other").events == []


async def test_stock_notebooks_find_what_they_read(
    informers: Informers, admin_kube: Kube, alice: UserNamespace, busybox: str
) -> None:
    """KubeSpawner's own code judges the pruned pod."""
    from kubespawner import KubeSpawner

    stock = informers.stock
    await asyncio.wait_for(stock.first_load_future, 1)
    key = f"{alice.name}/jupyter-alice"
    ports = [{"name": "notebook-port", "containerPort": 8888}]
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "jupyter-alice",
            "namespace": alice.name,
            "labels": {"component": "singleuser-server"},
            "annotations": {"hub.jupyter.org/username": "alice"},
        },
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {"name": "notebook", "image": busybox, "command": ["sleep", "600"], "ports": ports},
                {"name": "side", "image": busybox, "command": ["sleep", "600"]},
            ],
        },
    }
    spawner: Any = None  # these methods read nothing but the pod
    async with informers.events(alice.name):
        await admin_kube.create(pod)
        async with asyncio.timeout(60):
            while not KubeSpawner.is_pod_running(spawner, stock.pods.get(key)):
                await asyncio.sleep(0.1)
        assert "Started" in {event["reason"] for event in stock.events}
        assert {event["involvedObject"]["name"] for event in stock.events} == {"jupyter-alice"}
        times = [event["lastTimestamp"] or event["eventTime"] for event in stock.events]
        assert times == sorted(times)
    found = stock.pods[key]
    assert KubeSpawner.pod_has_uid(spawner, found)
    assert KubeSpawner._get_pod_port(spawner, found) == 8888
    assert found["metadata"]["annotations"] == {"hub.jupyter.org/username": "alice"}
    assert stock.events == []
    await stock.stop()  # as KubeSpawner does to replace a reflector
    await admin_kube.delete("v1", "Pod", "jupyter-alice", alice.name)
    async with asyncio.timeout(60):
        while key in stock.pods:
            await asyncio.sleep(0.1)
