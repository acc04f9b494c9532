"""Whatever happens to the connection or the API server, a watch keeps what it has and comes back right."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from karvdash_hub.kube.rest import Kube
from karvdash_hub.kube.watch import Watch
from tests.kube.api_server import ADMIN, NOBODY, ApiServer
from tests.kube.relay import Relay
from tests.watch.test_changes import config_map, names, record, until, value, watch_of

pytestmark = pytest.mark.cluster


async def started(watch: Watch[str]) -> Watch[str]:
    """Start and wait for the first complete state."""
    watch.start()
    await asyncio.wait_for(watch.synced.wait(), 15)
    return watch


async def test_connections_cut_at_any_moment(server: ApiServer, kube: Kube) -> None:
    """Nothing is lost and nothing is told twice while 150 changes pass through a network that breaks."""
    wanted = {f"n{number}": str(number) for number in range(150)}
    async with Relay(server.port) as relay:
        watch = await started(watch_of(server, port=relay.port))
        told = record(watch)

        async def change() -> None:
            for name, content in wanted.items():
                await kube.create(config_map(name, content))
                await asyncio.sleep(0.02)

        changing = asyncio.create_task(change())
        while not changing.done():
            await until(lambda: relay.connections or changing.done())
            await asyncio.sleep(random.uniform(0, 0.05))
            relay.cut()
        await changing
        await until(lambda: names(watch) == wanted)
        await until(lambda: watch.healthy)
        await watch.stop()
        assert relay.accepted >= 4
    assert sorted(told) == sorted((name, None, content) for name, content in wanted.items())


async def test_one_lost_connection_is_no_outage(server: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    async with Relay(server.port) as relay:
        watch = await started(watch_of(server, port=relay.port))
        # As after a long quiet time: the first loss in a row.
        watch._backoff.reset()
        relay.cut()
        await until(lambda: relay.accepted == 2 and relay.connections == 1)
        assert (watch.healthy, watch.outage.text, caplog.text) == (True, "", "")
        await watch.stop()


async def test_api_server_away_then_back(
    server: ApiServer, kube: Kube, caplog: pytest.LogCaptureFixture
) -> None:
    """The old items stay; what happened meanwhile is told as differences when it is back (410 Gone)."""
    for name in ("stays", "changes", "goes"):
        await kube.create(config_map(name, "1"))
    async with Relay(server.port) as relay:
        watch = await started(watch_of(server, port=relay.port))
        port = relay.port
        told = record(watch)
    # The relay is gone: connections to its port are refused.
    await until(lambda: watch.outage.text)
    assert watch.outage.text.startswith("No news from Kubernetes about configmaps since ")
    assert watch.outage.text.endswith(" UTC: connection refused.")
    assert (watch.healthy, names(watch)) == (False, {"stays": "1", "changes": "1", "goes": "1"})
    await kube.apply(config_map("changes", "2"))
    await kube.delete("v1", "ConfigMap", "goes", "default")
    await kube.create(config_map("comes", "1"))
    # A new server process knows no history, so the version that the watch asks for is gone.
    server.kill()
    server.start()
    assert told == []

    again = Relay(server.port)
    again.port = port
    async with again:
        await until(lambda: watch.healthy)
        await until(lambda: len(told) == 3)
        await watch.stop()
    assert sorted(told) == [("changes", "1", "2"), ("comes", None, "1"), ("goes", "1", None)]
    assert names(watch) == {"stays": "1", "changes": "2", "comes": "1"}
    assert caplog.text.count("No news from Kubernetes") == 1


async def test_gone_version(server: ApiServer, kube: Kube, caplog: pytest.LogCaptureFixture) -> None:
    """410 Gone: listed again at once, told as differences, and no outage."""
    await kube.create(config_map("a", "1"))
    async with Relay(server.port) as relay:
        watch = await started(watch_of(server, port=relay.port))
        told = record(watch)
        watch._version = "1"  # older than anything that the server remembers
        with caplog.at_level("INFO"):
            relay.cut()
            await until(lambda: "listing again" in caplog.text)
        await kube.create(config_map("b", "1"))
        await until(lambda: told)
        await watch.stop()
    assert "410" in caplog.text
    assert told == [("b", None, "1")]


async def test_a_server_that_hangs_is_noticed(server: ApiServer, kube: Kube) -> None:
    """The connection stays open and nothing comes: after some silence it counts as dead."""
    await kube.create(config_map("a", "1"))
    watch = await started(watch_of(server, silence=2.0))
    told = record(watch)
    try:
        server.pause()
        await until(lambda: watch._stream is None, seconds=5)
        assert names(watch) == {"a": "1"}
    finally:
        server.resume()
    await kube.create(config_map("b", "1"))
    await until(lambda: told, seconds=30)
    await watch.stop()
    assert told == [("b", None, "1")]


async def test_token_file_changes(server: ApiServer, kube: Kube, tmp_path: Path) -> None:
    """401 until the kubelet has written a valid token; it is read without a restart."""
    await kube.create(config_map("a", "1"))
    file = tmp_path / "token"
    file.write_text("expired")
    watch: Watch[str] = Watch(
        server.config(token_file=str(file)), "/api/v1/namespaces/default/configmaps", project=value
    )
    watch.start()
    await until(lambda: watch.outage.text)
    assert watch.outage.text.endswith("the API server answers 401: Unauthorized.")
    file.write_text(ADMIN + "\n")
    await asyncio.wait_for(watch.synced.wait(), 10)
    assert (watch.outage.text, names(watch)) == ("", {"a": "1"})
    await watch.stop()


async def test_a_kind_that_is_not_installed_may_be_refused_later(
    server: ApiServer, kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No objects is an answer, and the watch outlives the next one, whatever it is and who hears of it."""
    monkeypatch.setattr("karvdash_hub.kube.watch.ABSENT", 0.1)
    file = tmp_path / "token"
    file.write_text(ADMIN)
    watch: Watch[str] = Watch(
        server.config(token_file=str(file)), "/apis/example.org/v1/things", project=value, optional=True
    )
    told: list[str] = []

    def tell() -> None:
        told.append(watch.outage.text)
        raise ValueError("a defect of whoever is told")

    watch.outage.on_change = tell
    watch.start()
    await asyncio.wait_for(watch.synced.wait(), 10)
    assert (watch.outage.text, told) == ("", [])
    file.write_text("wrong")
    await until(lambda: watch.outage.text)
    assert watch.outage.text.endswith("the API server answers 401: Unauthorized.")
    file.write_text(ADMIN)
    await until(lambda: not watch.outage.text)
    assert [bool(outage) for outage in told] == [True, False]
    await watch.stop()


async def test_rights_that_come_later(server: ApiServer, kube: Kube) -> None:
    """403 names what is missing, and ends when the binding is there."""
    watch: Watch[str] = Watch(
        server.config(NOBODY), "/api/v1/namespaces/default/secrets", project=lambda item: "secret"
    )
    watch.start()
    await until(lambda: watch.outage.text)
    assert 'secrets is forbidden: User "nobody" cannot' in watch.outage.text
    await kube.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "watch-secrets"},
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list", "watch"]}],
        }
    )
    await kube.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "watch-secrets"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "watch-secrets",
            },
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody"}],
        }
    )
    await asyncio.wait_for(watch.synced.wait(), 15)
    await watch.stop()
    await kube.delete("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "watch-secrets")
