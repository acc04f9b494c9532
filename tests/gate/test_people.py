"""Who a request comes from when the Hub does not answer: not there, or taking calls and saying nothing."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from karvdash_hub.gate.cookie import Session
from karvdash_hub.gate.hub import Hub
from karvdash_hub.gate.people import MOST_TOKENS, Identity, People
from karvdash_hub.gate.relay import Relays
from karvdash_hub.gate.verdict import Visitor
from tests.gate.conftest import free_ports

HOST = "web-alice.localhost"
TOKEN = "0123456789abcdef"
SOMEBODY = Identity(Visitor("", "token", "unknown"), hub_token=True)


def session() -> Session:
    now = time.time()
    return Session("alice", HOST, "alice", "web", False, now, now + 3600, "a1b2")


def people(folder: Path, port: int, *, grace: float = 600) -> tuple[People, Hub]:
    (folder / "token").write_text("none")
    hub = Hub(f"http://127.0.0.1:{port}/hub/api", folder / "token")
    return People(hub, Relays(), known=lambda host: host == HOST, grace=grace), hub


@pytest.fixture
def nowhere() -> int:
    """A port on which nobody listens."""
    return free_ports(1)[0]


@pytest.fixture
def silent() -> Iterator[int]:
    """A port on which somebody listens, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("with_session", "authorization", "expected"),
    [
        pytest.param(False, f"token {TOKEN}", SOMEBODY, id="the Hub's word"),
        pytest.param(False, f"Bearer {TOKEN}", SOMEBODY, id="everybody's word"),
        pytest.param(True, f"Bearer {TOKEN}", Identity(Visitor("alice"), True), id="beside a cookie"),
        pytest.param(True, "Basic YTpi", Identity(Visitor("alice")), id="no token"),
        pytest.param(True, "", Identity(Visitor("alice")), id="a cookie"),
    ],
)
async def test_while_the_hub_is_away_no_service_gets_what_may_be_its_token(
    tmp_path: Path, nowhere: int, with_session: bool, authorization: str, expected: Identity
) -> None:
    asked, _ = people(tmp_path, nowhere)
    assert expected == await asked.identify(HOST, session() if with_session else None, authorization)


async def test_nobody_asks_about_a_token_at_a_host_that_does_not_exist(tmp_path: Path, nowhere: int) -> None:
    asked, hub = people(tmp_path, nowhere)

    assert Identity(None) == await asked.identify("x-y.localhost", None, f"token {TOKEN}")
    assert hub.calls == {"ok": 0, "failed": 0}


async def test_strangers_tokens_do_not_keep_sessions_from_being_asked_about(
    tmp_path: Path, nowhere: int
) -> None:
    """A token that gets no answer says nothing about the Hub: the next session is asked about."""
    asked, hub = people(tmp_path, nowhere)
    await asked.identify(HOST, None, f"token {TOKEN}")
    assert hub.calls["failed"] == 1

    await asked.identify(HOST, session(), "")
    assert hub.calls["failed"] == 2


async def test_only_so_many_tokens_are_asked_about_at_once(tmp_path: Path, silent: int) -> None:
    """However many strangers send; the others are answered at once."""
    asked, _ = people(tmp_path, silent)
    waiting = [
        asyncio.ensure_future(asked.identify(HOST, None, f"token {TOKEN}{n:02d}")) for n in range(MOST_TOKENS)
    ]
    await asyncio.sleep(0.05)

    assert await asyncio.wait_for(asked.identify(HOST, None, f"token {TOKEN}xx"), 0.5) == SOMEBODY
    assert not any(task.done() for task in waiting)
    assert set(await asyncio.gather(*waiting)) == {SOMEBODY}


async def test_sessions_go_on_for_a_while_without_the_hub(tmp_path: Path, nowhere: int) -> None:
    """And not for ever: whoever lost access in the meantime would stay."""
    asked, _ = people(tmp_path, nowhere, grace=0.3)
    assert Identity(Visitor("alice")) == await asked.identify(HOST, session(), "")

    await asyncio.sleep(0.4)
    assert Identity(Visitor("", "cookie", "unknown")) == await asked.identify(HOST, session(), "")
