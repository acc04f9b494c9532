"""``server`` is an API server of these tests' own, which they may stop, kill and restart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from karvdash_hub.kube.rest import Kube
from karvdash_hub.kube.transport import Call
from tests.kube.api_server import ApiServer


@pytest.fixture(scope="package")
def server() -> Iterator[ApiServer]:
    server = ApiServer()
    server.up()
    yield server
    server.down()


@pytest.fixture
async def kube(server: ApiServer) -> AsyncIterator[Kube]:
    """An administrator, after whom no ConfigMap stays in the namespace default."""
    async with Kube(server.config()) as kube:
        yield kube
        await kube.call(Call("DELETE", "/api/v1/namespaces/default/configmaps"))
