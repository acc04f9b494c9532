"""What happens when the way to the API server breaks, or when it asks for patience.

The connection goes through a relay that can be cut, so that the API server itself keeps running for others.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from karvdash_hub.kube import errors
from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.rest import Kube
from karvdash_hub.kube.transport import Call
from tests.fixtures.clusters import SomeCluster
from tests.kube.conftest import UserNamespace


class Relay:
    """A TCP relay to the API server.

    Attributes:
        cut: so many of the API server's next answers are dropped, and their connections cut.
        silent: whether answers are dropped and connections kept.
        connections: how many there were.
    """

    def __init__(self, host: str, port: int) -> None:
        self.cut = 0
        self.silent = False
        self.connections = 0
        self.port = 0
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut everything and accept nothing more, as an API server that was killed."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        pair = {writer, far_writer}
        self._writers |= pair
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass(reader, far_writer, answers=False))
            group.create_task(self._pass(far_reader, writer, answers=True))
        self._writers -= pair

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if answers and self.cut:
                    self.cut -= 1
                    writer.transport.abort()
                if not (answers and self.silent):
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()


@pytest.fixture
async def relay(hub_config: KubeConfig) -> AsyncIterator[Relay]:
    address = urlsplit(hub_config.server)
    assert address.hostname
    made = Relay(address.hostname, address.port or 443)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def kube(hub_config: KubeConfig, relay: Relay) -> AsyncIterator[Kube]:
    """The Hub's client, through the relay."""
    through = dataclasses.replace(
        hub_config,
        server=f"https://127.0.0.1:{relay.port}",
        server_name=urlsplit(hub_config.server).hostname or "",
    )
    async with Kube(through, timeout=10) as made:
        await made.resource("v1", "ConfigMap")  # connected from here on
        yield made


async def test_the_api_server_is_killed_in_the_middle_of_a_call(
    kube: Kube, relay: Relay, alice: UserNamespace
) -> None:
    relay.silent = True
    call = asyncio.ensure_future(kube.get("v1", "Namespace", alice.name))
    await asyncio.sleep(0.2)
    assert not call.done(), "the call is under way"
    await relay.stop()
    began = time.monotonic()
    with pytest.raises(errors.Unreachable, match="cannot be reached"):
        await call
    assert time.monotonic() - began < 8

    relay.silent = False
    await relay.start()
    assert await kube.get("v1", "Namespace", alice.name), "it is used again as soon as it is back"


async def test_an_api_server_that_says_nothing(kube: Kube, relay: Relay, hub_config: KubeConfig) -> None:
    relay.silent = True
    began = time.monotonic()
    async with Kube(
        dataclasses.replace(hub_config, server=f"https://127.0.0.1:{relay.port}"), timeout=1
    ) as kube:
        with pytest.raises(errors.Unreachable, match="it did not answer in time"):
            await kube.whoami()
    assert 0.9 < time.monotonic() - began < 2


async def test_a_lost_answer_is_asked_for_again(kube: Kube, relay: Relay, alice: UserNamespace) -> None:
    config = alice.manifest("v1", "ConfigMap", "c", data={"a": "1"})
    relay.cut = 1
    assert (await kube.apply(config))["data"] == {"a": "1"}
    relay.cut = 1
    assert (await kube.get("v1", "ConfigMap", "c", alice.name))["data"] == {"a": "1"}
    relay.cut = 1
    await kube.delete("v1", "ConfigMap", "c", alice.name)
    assert relay.connections == 4


async def test_a_create_whose_answer_was_lost_is_not_repeated(
    kube: Kube, hub_kube: Kube, relay: Relay, alice: UserNamespace
) -> None:
    """Twice would be two objects, where the API server makes the name."""
    config = alice.manifest("v1", "ConfigMap", "", metadata={"generateName": "c-", "labels": {"app": "once"}})
    del config["metadata"]["name"]
    relay.cut = 1
    with pytest.raises(errors.Unreachable):
        await kube.create(config)
    assert len(await hub_kube.list("v1", "ConfigMap", alice.name, label_selector="app=once")) == 1


async def test_a_create_that_never_left_is_repeated(kube: Kube, relay: Relay, alice: UserNamespace) -> None:
    await relay.stop()
    await asyncio.sleep(0.1)  # the client has seen that its connection is gone
    call = asyncio.ensure_future(kube.create(alice.manifest("v1", "ConfigMap", "c")))
    await asyncio.sleep(0.3)
    await relay.start()
    assert (await call)["metadata"]["name"] == "c"


async def test_a_followed_log_that_breaks_off(
    kube: Kube, relay: Relay, alice: UserNamespace, busybox: str
) -> None:
    container = {"name": "main", "image": busybox, "command": ["sh", "-c", "echo one; sleep 600"]}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    await kube.create(alice.manifest("v1", "Pod", "p", spec=spec), as_user=alice.account)
    log = await _first_line(kube, alice)
    await relay.stop()
    with pytest.raises(errors.Unreachable):
        await anext(log)


async def _first_line(kube: Kube, user: UserNamespace) -> AsyncIterator[str]:
    for _ in range(300):
        log = aiter(kube.logs(user.name, "p", follow=True, as_user=user.account))
        try:
            if await anext(log, None) == "one":
                return log
        except errors.Invalid:  # still starting
            await asyncio.sleep(0.1)
    pytest.fail("the pod did not start")


@pytest.fixture
async def one_at_a_time(admin_kube: Kube, alice: UserNamespace) -> AsyncIterator[None]:
    """Let the API server answer 429 to this user while it works on another of the user's requests."""
    flow = "flowcontrol.apiserver.k8s.io/v1"
    limited = {
        "nominalConcurrencyShares": 0,
        "lendablePercent": 0,
        "borrowingLimitPercent": 0,
        "limitResponse": {"type": "Reject"},
    }
    account = {"kind": "ServiceAccount", "serviceAccount": {"namespace": alice.name, "name": "default"}}
    every = ["*"]
    everything = {"verbs": every, "apiGroups": every, "resources": every, "namespaces": every}
    specs = {
        "PriorityLevelConfiguration": {"type": "Limited", "limited": limited},
        "FlowSchema": {
            "matchingPrecedence": 2,
            "priorityLevelConfiguration": {"name": alice.name},
            "rules": [{"subjects": [account], "resourceRules": [everything]}],
        },
    }
    for kind, spec in specs.items():
        await admin_kube.create(
            {"apiVersion": flow, "kind": kind, "metadata": {"name": alice.name}, "spec": spec}
        )
    yield
    for kind in reversed(specs):
        await admin_kube.delete(flow, kind, alice.name)


async def test_an_api_server_that_asks_for_patience_gets_it(
    hub_kube: Kube, cluster: SomeCluster, alice: UserNamespace, one_at_a_time: None
) -> None:
    def rejected() -> float:
        """How many requests of this user were answered with 429."""
        lines = cluster.kubectl("get", "--raw", "/metrics").splitlines()
        counts = [line for line in lines if line.startswith("apiserver_flowcontrol_rejected_requests_total{")]
        return sum(float(line.rpartition(" ")[2]) for line in counts if f'"{alice.name}"' in line)

    names = [f"c{i:02}" for i in range(20)]
    for attempt in range(20):  # the API server takes up the new rule after a moment
        data = {"attempt": str(attempt)}
        manifests = [alice.manifest("v1", "ConfigMap", name, data=data) for name in names]
        stored = await asyncio.gather(*(hub_kube.apply(m, as_user=alice.account) for m in manifests))
        assert [item["data"] for item in stored] == [data] * len(names)
        if rejected():
            return
    pytest.fail("the API server has refused nothing, so nothing was tried")


async def test_a_token_that_is_replaced(hub_config: KubeConfig, tmp_path: Path) -> None:
    """Tokens in pods are replaced while the process runs."""
    file = tmp_path / "token"
    file.write_text(f"no-token-{secrets.token_hex(8)}")
    async with Kube(dataclasses.replace(hub_config, token="", token_file=str(file))) as kube:
        with pytest.raises(errors.Unauthorized, match="does not accept the Hub's credentials"):
            await kube.whoami()
        file.write_text(hub_config.token)
        assert await kube.whoami() == "system:serviceaccount:karvdash:karvdash-hub"


async def test_followers_take_nobodys_connection(hub_kube: Kube) -> None:
    """Seventy open streams, as of people who follow logs: another request does not wait for one to end."""
    follow = Call("GET", "/api/v1/nodes", [("watch", "1")])
    async with contextlib.AsyncExitStack() as streams:
        for _ in range(70):
            await streams.enter_async_context(hub_kube._transport.stream(follow))
        found = await asyncio.wait_for(hub_kube.list("v1", "Node"), 5)
    assert len(found) == 1
