"""A watch sees what is there and what changes, on a real API server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from karvdash_hub.kube.items import Key
from karvdash_hub.kube.rest import Kube
from karvdash_hub.kube.watch import PAGE, Watch
from tests.kube.api_server import ApiServer
from tests.kube.relay import Relay

pytestmark = pytest.mark.cluster

Change = tuple[str, str | None, str | None]


def value(item: dict[str, Any]) -> str:
    """Keep one field of a ConfigMap."""
    return str((item.get("data") or {}).get("value"))


def config_map(name: str, content: str, **labels: str) -> dict[str, Any]:
    """A ConfigMap in the namespace default."""
    metadata = {"name": name, "namespace": "default", "labels": {"watched": "yes"} | labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": content}}


def watch_of(server: ApiServer, **more: Any) -> Watch[str]:
    """Watch ConfigMaps that are labelled so."""
    config = server.config(port=more.pop("port", None))
    return Watch(config, "/api/v1/configmaps", label_selector="watched=yes", project=value, **more)


def record(watch: Watch[str]) -> list[Change]:
    """Collect what a subscriber is told."""
    told: list[Change] = []
    watch.subscribe(lambda key, old, new: told.append((key[1], old, new)))
    return told


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def names(watch: Watch[str]) -> dict[str, str]:
    """Items by name alone."""
    return {name: item for (_, name), item in watch.items.items()}


@pytest.mark.parametrize("watch_list", [True, False], ids=["watch list", "pages"])
async def test_state_then_changes(server: ApiServer, kube: Kube, watch_list: bool) -> None:
    await kube.create(config_map("a", "1"))
    watch = watch_of(server, watch_list=watch_list)
    told = record(watch)
    assert (watch.healthy, watch.last_contact, dict(watch.items)) == (False, float("inf"), {})
    watch.start()
    await asyncio.wait_for(watch.synced.wait(), 10)
    assert (names(watch), told, watch.outage.text) == ({"a": "1"}, [("a", None, "1")], "")
    await until(lambda: watch.healthy)

    await kube.create(config_map("b", "2"))
    await kube.apply(config_map("a", "3"))
    await kube.delete("v1", "ConfigMap", "b", "default")
    await until(lambda: len(told) == 4)
    await watch.stop()
    assert told[1:] == [("b", None, "2"), ("a", "1", "3"), ("b", "2", None)]
    assert names(watch) == {"a": "3"}
    assert watch.last_contact < 10


async def test_what_the_projection_leaves_out_wakes_nobody(server: ApiServer, kube: Kube) -> None:
    await kube.create(config_map("a", "1"))
    watch = watch_of(server)
    told = record(watch)
    watch.start()
    await asyncio.wait_for(watch.synced.wait(), 10)
    await kube.apply(config_map("a", "1", colour="blue"))
    await kube.create(config_map("last", "1"))
    await until(lambda: "last" in names(watch))
    await watch.stop()
    assert told == [("a", None, "1"), ("last", None, "1")]


async def test_losing_the_label_is_leaving(server: ApiServer, kube: Kube) -> None:
    await kube.create(config_map("a", "1"))
    watch = watch_of(server)
    watch.start()
    await asyncio.wait_for(watch.synced.wait(), 10)
    await kube.apply(config_map("a", "1", watched="no"))
    await until(lambda: not watch.items)
    await watch.stop()


async def test_more_objects_than_a_page(server: ApiServer, kube: Kube) -> None:
    wanted = {f"n{number}": str(number) for number in range(2 * PAGE + 1)}
    await asyncio.gather(*(kube.create(config_map(name, content)) for name, content in wanted.items()))
    for watch_list in (True, False):
        watch = watch_of(server, watch_list=watch_list)
        watch.start()
        await asyncio.wait_for(watch.synced.wait(), 10)
        await watch.stop()
        assert wanted == names(watch)


async def test_one_bad_subscriber_costs_the_others_nothing(
    server: ApiServer, kube: Kube, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(key: Key, old: str | None, new: str | None) -> None:
        raise ValueError(f"no {new}")

    await kube.create(config_map("a", "1"))
    watch = watch_of(server)
    end = watch.subscribe(fail)
    told = record(watch)
    watch.start()
    await asyncio.wait_for(watch.synced.wait(), 10)
    assert told == [("a", None, "1")]
    assert "A subscriber to /api/v1/configmaps failed at default/a" in caplog.text
    caplog.clear()
    end()
    await kube.apply(config_map("a", "2"))
    await until(lambda: len(told) == 2)
    await watch.stop()
    assert caplog.text == ""


@pytest.mark.parametrize("watch_list", [True, False], ids=["watch list", "pages"])
async def test_one_object_that_cannot_be_read_hides_no_other(
    server: ApiServer, kube: Kube, caplog: pytest.LogCaptureFixture, watch_list: bool
) -> None:
    def strict(item: dict[str, Any]) -> int:
        return int(item["data"]["value"])

    await kube.create(config_map("a", "1"))
    await kube.create(config_map("b", "bad"))
    watch: Watch[int] = Watch(
        server.config(),
        "/api/v1/configmaps",
        label_selector="watched=yes",
        project=strict,
        watch_list=watch_list,
    )
    watch.start()
    await asyncio.wait_for(watch.synced.wait(), 10)
    assert dict(watch.items) == {("default", "a"): 1}
    assert "/api/v1/configmaps: default/b cannot be read and is left out" in caplog.text
    await kube.apply(config_map("b", "2"))
    await kube.apply(config_map("a", "bad"))
    await until(lambda: dict(watch.items) == {("default", "b"): 2})
    assert watch.healthy
    await watch.stop()


async def test_a_quiet_watch_stops_at_once_and_closes_its_connection(server: ApiServer) -> None:
    async with Relay(server.port) as relay:
        watch = watch_of(server, port=relay.port)
        watch.start()
        await asyncio.wait_for(watch.synced.wait(), 10)
        assert relay.connections == 1
        began = time.monotonic()
        await watch.stop()
        await until(lambda: relay.connections == 0, seconds=1)
        assert time.monotonic() - began < 1


async def test_a_server_without_watch_list_is_listed_in_pages(kube: Kube) -> None:
    """As Kubernetes 1.33 is by default. The first refusal is no outage."""
    old = ApiServer("--feature-gates=WatchList=false")
    old.up()
    try:
        async with Kube(old.config()) as other:
            await other.create(config_map("a", "1"))
            watch = watch_of(old)
            watch.start()
            await asyncio.wait_for(watch.synced.wait(), 10)
            await other.apply(config_map("a", "2"))
            await until(lambda: names(watch) == {"a": "2"})
            assert watch.outage.text == ""
            await watch.stop()
    finally:
        old.down()


def test_the_module_stays_light() -> None:
    """The gate and the admission server pay for what this imports."""
    code = (
        "import sys, karvdash_hub.kube.watch, karvdash_hub.readiness.projections;"
        "heavy = {'aiohttp', 'jupyterhub', 'kubernetes_asyncio', 'sqlalchemy', 'yaml'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
