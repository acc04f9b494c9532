"""Leaving an answer in the middle, from a server that sends as fast as it can."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from pathlib import Path

import pytest

from karvdash_hub.kube.config import load
from karvdash_hub.kube.stream import Stream

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"10\r\n0123456789abcde\n\r\n"


async def _send_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD)
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(CHUNK * 1000)
            await writer.drain()


@pytest.mark.parametrize("lines", [0, 1, 100])
async def test_who_leaves_while_more_is_coming_leaves_no_mistake_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, lines: int
) -> None:
    caplog.set_level(logging.INFO)
    server = await asyncio.start_server(_send_for_ever, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    (tmp_path / "kubeconfig").write_text(
        json.dumps(
            {
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
                "clusters": [{"name": "x", "cluster": {"server": f"http://{host}:{port}"}}],
                "users": [{"name": "x", "user": {"token": "t"}}],
            }
        )
    )
    async with Stream.get(load(str(tmp_path / "kubeconfig")), "/") as stream:
        read = stream.lines(5)
        for _ in range(lines):
            assert await anext(read) == b"0123456789abcde"
        async with asyncio.timeout(30):
            while not stream._chunks._putters:  # type: ignore[attr-defined]  # it has more than it may keep
                await asyncio.sleep(0.01)
        await read.aclose()
    server.close()
    assert caplog.text == ""
