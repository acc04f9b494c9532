"""What it costs to follow 2,000 pods, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from karvdash_hub.kube.rest import Kube
from tests.kube.api_server import ADMIN, ApiServer
from tests.kube.many_servers import fill

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SERVERS, PODS = 100, 2000


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[ApiServer]:
    """An API server that has everything: making 2,000 pods takes longest of all."""
    server = ApiServer()
    server.up()
    async with Kube(server.config()) as kube:
        await fill(kube, SERVERS, PODS)
    yield server
    server.down()


@pytest.mark.parametrize(
    "flags", [(), ("--feature-gates=WatchList=false",)], ids=lambda flags: "pages" if flags else "watch list"
)
async def test_stall_and_memory(server: ApiServer, flags: tuple[str, ...]) -> None:
    """The event loop is never held up for 50 ms, and the memory stays below 8 MiB."""
    server.use(*flags)
    config = server.config()
    command = [sys.executable, "-m", "tests.kube.measure_informers", config.server, config.ca_file, ADMIN]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    print(found)
    assert (found["servers"], found["pods"]) == (SERVERS, PODS)
    assert found["stall_cpu_ms"] < 50
    assert found["memory_mib"] < 8
