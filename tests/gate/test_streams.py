"""Bytes: websockets, server-sent events, large bodies."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import requests
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.gate.conftest import Gateway, Service

GIGABYTE = 2**30


@asynccontextmanager
async def websocket(service: Service, **headers: str) -> AsyncIterator[WebSocketClientConnection]:
    """Open a websocket as the owner, from a page of the service."""
    given = {
        "Host": f"{service.host}:{service.gateway.port}",
        "Origin": f"http://{service.host}:{service.gateway.port}",
        "Cookie": service.cookie,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    url = f"ws://127.0.0.1:{service.gateway.port}/ws?a=1&b=%26"
    request = HTTPRequest(url, headers={name: value for name, value in given.items() if value})
    connection = await websocket_connect(request, max_message_size=64 * 2**20)
    try:
        yield connection
    finally:
        connection.close()


async def test_a_websocket_carries_both_ways(web: Service) -> None:
    async with websocket(web) as connection:
        await connection.read_message()
        for message in ("text", b"\x00\xff" * 100_000, "é" * 1000):
            await connection.write_message(message, binary=isinstance(message, bytes))
            assert await connection.read_message() == message
        assert web.gateway.metric("karvdash_gate_relays ") >= 1


async def test_the_service_gets_the_websocket_as_it_gets_requests(web: Service) -> None:
    """The same cleaning as for requests, done twice over: by nginx and by the gate."""
    forged = {
        "X_Forwarded_User": "root",
        "Remote_User": "root",
        "X_Karvdash_Cookie": "x",
        "X_Original_Host": "y",
    }
    async with websocket(web, Cookie=f"a=1; {web.cookie}; jupyterhub-x=2; b=3", **forged) as connection:
        arrived = json.loads(str(await connection.read_message()))

    assert arrived["Host"] == f"{web.host}:{web.gateway.port}"
    assert arrived["X-Forwarded-User"] == web.user
    assert arrived["X-Forwarded-For"] == "127.0.0.1"
    assert arrived["Cookie"] == "a=1; b=3"
    assert {"Remote-User", "X-Karvdash-Cookie", "X-Original-Host"} & set(arrived) == set()


async def test_a_service_does_not_wait_for_the_body_of_an_upgrade(web: Service) -> None:
    """The gate has read it: what follows would be taken for it."""
    async with websocket(web, Content_Length="0") as connection:
        assert "Content-Length" not in json.loads(str(await connection.read_message()))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Cookie": ""}, 401, id="stranger"),
        pytest.param({"Origin": "http://evil-bob.kv.test"}, 403, id="a page of another host"),
        pytest.param({"Origin": "null"}, 403, id="a page of nobody"),
    ],
)
async def test_others_get_no_websocket(web: Service, headers: dict[str, str], status: int) -> None:
    with pytest.raises(HTTPClientError) as refused:
        async with websocket(web, **headers):
            pass
    assert refused.value.code == status


async def test_a_program_without_origin_gets_one(web: Service) -> None:
    async with websocket(web, Origin="") as connection:
        assert await connection.read_message()


async def test_signing_out_closes_the_websockets_of_that_visitor(web: Service, gateway: Gateway) -> None:
    """At once, in the middle of everything; another visitor's goes on."""
    guests = {name: gateway.cookie(web.host, name) for name in ("g1", "g2")}
    async with websocket(web, Cookie=guests["g1"]) as first, websocket(web, Cookie=guests["g2"]) as second:
        for connection in (first, second):
            await connection.read_message()
        origin = {"Origin": f"http://{web.host}:{gateway.port}"}
        started = time.monotonic()
        await asyncio.to_thread(web.ask, "/.karvdash/logout", "POST", cookie=guests["g1"], headers=origin)
        assert await asyncio.wait_for(first.read_message(), 5) is None
        assert time.monotonic() - started < 2
        await second.write_message("still here")
        assert await second.read_message() == "still here"


async def test_a_websocket_ends_with_the_sign_in_that_began_it(web: Service, gateway: Gateway) -> None:
    async with websocket(web, Cookie=gateway.cookie(web.host, "g3", seconds=3)) as connection:
        await connection.read_message()
        assert await asyncio.wait_for(connection.read_message(), 20) is None


async def test_a_slow_reader_fills_no_memory(web: Service, gateway: Gateway) -> None:
    """200 MB are sent into a websocket whose answers nobody reads: the gate passes the pressure on."""
    before = gateway.memory("gate")
    sent = 0
    async with websocket(web) as connection:
        await connection.read_message()
        block = b"x" * 2**20
        try:
            async with asyncio.timeout(8):
                while sent < 200:
                    await connection.write_message(block, binary=True)
                    sent += 1
        except TimeoutError:
            pass
    assert gateway.memory("gate") - before < 20 * 2**20, f"after {sent} MB"


def test_events_arrive_one_by_one(web: Service) -> None:
    with requests.get(
        f"http://127.0.0.1:{web.gateway.port}/events",
        headers={"Host": web.host, "Cookie": web.cookie},
        stream=True,
        timeout=30,
    ) as answer:
        times = [time.monotonic() for line in answer.iter_lines(chunk_size=1) if line]

    # Two may come together when the machine is busy; were they kept anywhere, all would.
    assert len(times) == 5
    assert times[-1] - times[0] > 0.4, times


@pytest.mark.slow
def test_a_gigabyte_goes_up_without_being_kept(web: Service, gateway: Gateway) -> None:
    before = gateway.memory("front")
    most = 0

    def blocks() -> Iterator[bytes]:
        nonlocal most
        block = b"x" * (4 * 2**20)
        for number in range(GIGABYTE // len(block)):
            if number % 64 == 0:
                most = max(most, gateway.memory("front"))
            yield block

    answer = web.ask("/sink", "POST", data=blocks())

    assert answer.json()["bytes"] == GIGABYTE
    assert most - before < 8 * 2**20
    assert not any(path.is_file() for path in (gateway.folder / "front" / "tmp").rglob("*"))


@pytest.mark.slow
def test_a_gigabyte_comes_down_without_being_kept(web: Service, gateway: Gateway) -> None:
    before, most, size = gateway.memory("front"), 0, 0
    with web.ask(f"/bytes?n={GIGABYTE}", stream=True) as answer:
        for number, block in enumerate(answer.iter_content(2**20)):
            size += len(block)
            if number % 256 == 0:
                most = max(most, gateway.memory("front"))

    assert size == GIGABYTE
    assert most - before < 8 * 2**20


@pytest.mark.parametrize("size", [0, 10, 100_000, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_arrive_whole(web: Service, size: int, chunked: bool) -> None:
    """Also with the first request of a visitor, whose verdict is asked for while the body waits."""
    cookie = web.gateway.cookie(web.host, f"guest{size}{chunked}")
    data = iter([b"x" * size]) if chunked else b"x" * size
    for _ in range(2):
        assert web.ask("/sink", "PUT", cookie=cookie, data=data).json()["bytes"] == size
        data = b"x" * size


@pytest.mark.parametrize("size", [10, 100_000, 3_000_000])
def test_a_refused_upload_gets_its_answer(web: Service, size: int) -> None:
    """Nobody's body is taken in for the gate."""
    assert web.ask("/sink", "POST", cookie="", data=b"x" * size).status_code == 401
    assert web.ask("/sink", "POST", cookie="", data=iter([b"x" * size])).status_code == 401
    foreign = {"Origin": "http://evil-bob.kv.test"}
    assert web.ask("/sink", "POST", data=b"x" * size, headers=foreign).status_code == 403
