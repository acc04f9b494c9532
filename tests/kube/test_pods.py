"""Logs of real containers, and commands run in them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from karvdash_hub.kube import errors
from karvdash_hub.kube.rest import Kube
from tests.kube.conftest import UserNamespace


async def run(kube: Kube, user: UserNamespace, image: str, script: str, name: str = "p") -> None:
    """Start a pod that runs a shell script, and wait until its container has started."""
    container = {"name": "main", "image": image, "command": ["sh", "-c", script]}
    # The shell is PID 1 and would ignore SIGTERM for the whole grace period.
    spec = {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 0}
    await kube.create(user.manifest("v1", "Pod", name, spec=spec), as_user=user.account)
    for _ in range(600):
        pod = await kube.get("v1", "Pod", name, user.name, as_user=user.account)
        states: list[dict[str, Any]] = [s["state"] for s in pod["status"].get("containerStatuses", [])]
        if states and "waiting" not in states[0]:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"pod {name} did not start: {pod['status']}")


async def lines(kube: Kube, user: UserNamespace, **options: Any) -> list[str]:
    return [line async for line in kube.logs(user.name, "p", as_user=user.account, **options)]


async def test_exec(hub_kube: Kube, alice: UserNamespace, busybox: str) -> None:
    await run(hub_kube, alice, busybox, "sleep 600")

    async def sh(script: str, **options: Any) -> tuple[str, int, bool]:
        return await hub_kube.exec(alice.name, "p", ["sh", "-c", script], as_user=alice.account, **options)

    assert await sh("echo out; echo err >&2") in [("out\nerr\n", 0, False), ("err\nout\n", 0, False)]
    assert await sh("echo $0; exit 3", container="main") == ("sh\n", 3, False)
    assert await sh("kill -9 $$") == ("", 137, False)
    assert await sh("printf '\\303\\251\\377'") == ("é\N{REPLACEMENT CHARACTER}", 0, False)
    assert await sh("yes | head -c 100000", limit=1000) == ("y\n" * 500, 0, True)
    # Every word is one argument, whatever is in it.
    echo = ["echo", "a  b", "$(id)", "é&?=#%2F", "--"]
    assert await hub_kube.exec(alice.name, "p", echo, as_user=alice.account) == (
        "a  b $(id) é&?=#%2F --\n",
        0,
        False,
    )
    with pytest.raises(errors.Unreachable, match=r"did not end within 0\.5 s"):
        await sh("sleep 30", timeout=0.5)
    with pytest.raises(errors.NotFound, match="nosuch"):
        await hub_kube.exec(alice.name, "nosuch", ["true"], as_user=alice.account)
    with pytest.raises(errors.Invalid, match="ontainer nosuch is not valid for pod p"):
        await sh("true", container="nosuch")
    with pytest.raises(errors.Forbidden, match=r"The Hub .* may not"):
        await hub_kube.exec(alice.name, "p", ["true"])
    with pytest.raises(errors.KubeError, match="nosuch"):
        await hub_kube.exec(alice.name, "p", ["nosuch"], as_user=alice.account)


async def test_logs(hub_kube: Kube, alice: UserNamespace, busybox: str) -> None:
    script = "echo one; echo; printf 'tw\\303\\251\\377\\n'; echo three; printf last"
    await run(hub_kube, alice, busybox, script)

    everything = ["one", "", "twé\N{REPLACEMENT CHARACTER}", "three", "last"]
    assert await lines(hub_kube, alice, follow=True) == everything
    assert await lines(hub_kube, alice, tail=2, container="main") == ["three", "last"]
    assert await lines(hub_kube, alice, tail=0) == []
    stamped = await lines(hub_kube, alice, tail=1, timestamps=True)
    assert stamped[0].startswith("20"), stamped
    assert stamped[0].endswith("Z last"), stamped
    with pytest.raises(errors.Invalid, match=r"Previous terminated container .* not found"):
        await lines(hub_kube, alice, previous=True)
    with pytest.raises(errors.Invalid, match="ontainer nosuch is not valid for pod p"):
        await lines(hub_kube, alice, container="nosuch")


async def test_a_log_is_followed_line_by_line(hub_kube: Kube, alice: UserNamespace, busybox: str) -> None:
    await run(
        hub_kube,
        alice,
        busybox,
        "mkfifo /tmp/f; echo ready; while read line < /tmp/f; do echo got $line; done",
    )
    log = aiter(hub_kube.logs(alice.name, "p", follow=True, as_user=alice.account))
    assert await anext(log) == "ready"
    for word in ("a", "b"):
        waiting = asyncio.ensure_future(anext(log))
        await asyncio.sleep(0.2)
        assert not waiting.done(), "nothing was written yet"
        await hub_kube.exec(alice.name, "p", ["sh", "-c", f"echo {word} > /tmp/f"], as_user=alice.account)
        assert await asyncio.wait_for(waiting, 10) == f"got {word}"
    await log.aclose()  # type: ignore[attr-defined]


async def test_a_line_without_end_is_cut(hub_kube: Kube, alice: UserNamespace, busybox: str) -> None:
    await run(hub_kube, alice, busybox, "head -c 200000 /dev/zero | tr '\\0' x; echo; echo end")
    found = await lines(hub_kube, alice, follow=True)
    assert "".join(found) == "x" * 200000 + "end"
    assert max(map(len, found)) <= 64 * 1024


async def test_the_log_of_a_container_that_has_not_started(hub_kube: Kube, alice: UserNamespace) -> None:
    container = {"name": "main", "image": "nosuch.example.org/nosuch:1"}
    manifest = alice.manifest("v1", "Pod", "p", spec={"containers": [container]})
    await hub_kube.create(manifest, as_user=alice.account)
    for _ in range(100):
        try:
            await lines(hub_kube, alice)
        except errors.Invalid as error:
            if "waiting to start" in error.message:
                break
        await asyncio.sleep(0.1)
    with pytest.raises(errors.Invalid, match='Pod p: Container "main" in pod "p" is waiting to start'):
        await lines(hub_kube, alice)
