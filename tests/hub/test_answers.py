"""Whether something listens where a Service leads."""

from __future__ import annotations

import asyncio

import pytest

from karvdash_hub.readiness.model import Endpoint
from karvdash_hub.spawner.answers import Probe

CONTROLLER = "endpointslice-controller.k8s.io"


def slice_of(port: int, *, manager: str = CONTROLLER, service: str = "web", ready: bool = True) -> Endpoint:
    return Endpoint("web-1", service, "web", (("127.0.0.1", ready),), (("", port),), manager)


@pytest.mark.parametrize(
    ("slice_", "asked"),
    [
        pytest.param(slice_of(0), True, id="the controller's"),
        pytest.param(slice_of(0, manager=""), False, id="nobody's"),
        pytest.param(slice_of(0, manager="somebody.example.com"), False, id="a user's"),
        pytest.param(slice_of(0, service="other"), False, id="another Service's"),
        pytest.param(slice_of(0, ready=False), False, id="not ready"),
    ],
)
async def test_only_what_kubernetes_wrote_is_connected_to(slice_: Endpoint, asked: bool) -> None:
    """Users may write slices with any address: the Hub is not sent there."""
    visitors = 0

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visitors
        visitors += 1
        writer.close()

    listener = await asyncio.start_server(visit, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        assert await Probe().answers([slice_._replace(ports=(("", port),))], "web") == asked
        await asyncio.sleep(0.05)
    assert visitors == int(asked)
