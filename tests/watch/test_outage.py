"""The API server goes away while servers run: what is known stays known, and it is said since when."""

from __future__ import annotations

import asyncio

import pytest

from karvdash_hub.kube.informers import Informers
from karvdash_hub.kube.rest import Kube
from tests.kube.api_server import ApiServer
from tests.kube.many_servers import NAMESPACE, fill
from tests.watch.test_changes import until

pytestmark = pytest.mark.cluster


async def test_api_server_killed_and_restarted(server: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    async with Kube(server.config()) as kube:
        await fill(kube, servers=2, pods=4)
    informers = Informers(server.config())
    informers.start()
    await asyncio.wait_for(informers.synced.wait(), 20)
    before = informers.snapshot(NAMESPACE, "s1")
    assert (len(before.pods), len(before.workloads), len(before.endpoints)) == (2, 1, 1)

    server.kill()
    await until(lambda: informers.outage)
    assert not informers.healthy
    await until(lambda: informers.outage.startswith("Kubernetes has not answered since "))
    assert informers.outage.endswith(" UTC.")
    assert informers.snapshot(NAMESPACE, "s1") == before

    told: list[str] = []
    informers.subscribe(lambda namespace, name: told.append(name))
    server.start()
    async with Kube(server.config()) as kube:
        await kube.delete("v1", "Service", "s0", NAMESPACE)
        await until(lambda: informers.healthy, seconds=30)
        await informers.wait(NAMESPACE, "s0", lambda seen: not seen.services, 30)
    assert informers.snapshot(NAMESPACE, "s1") == before
    assert set(told) == {"s0"}
    await informers.stop()
    assert "Traceback" not in caplog.text
