"""The steps of one launch, in the order in which ``start()`` takes them.

    row ─► turn ─► namespace ─► plan ─┬► dry run ─┬► apply ─► wait
                                      └► anchor ──┘

From the row on, whatever exists can be found again: the row says that there may be an anchor, the anchor
owns all objects. Steps may be repeated, so a launch that a killed Hub left half done is simply done once
more. The three that make the objects are in ``making.py``, because a change takes them too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from karvdash_hub import names
from karvdash_hub.errors import KarvdashError, Unavailable
from karvdash_hub.readiness.judge import judge
from karvdash_hub.readiness.model import Verdict
from karvdash_hub.spawner import removal
from karvdash_hub.spawner.options import LaunchOptions
from karvdash_hub.spawner.plan import LaunchPlan, make_plan
from karvdash_hub.spawner.registry import Key, Launch
from karvdash_hub.spawner.step import step
from karvdash_hub.waiting import wait_for_event

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

#: Seconds that objects of a former run get to disappear. Pods may take their grace period of 30.
LEFTOVERS = 120.0
#: Seconds that a launch whose objects exist keeps its place. What takes longer, such as pulling an image,
#: is the nodes' work, and nobody else has to wait for it.
PLACE = 20.0
#: Seconds until an address that refuses is tried again.
_TRY_AGAIN = 0.05


def claim_singleton(karvdash: Karvdash, launch: Launch) -> None:
    """Refuse a second server of a singleton template. No ``await``, so of two at once one wins.

    Raises: Conflict that names the other server, NotFound if there is no such template.
    """
    template = karvdash.library.find(launch.namespace, launch.template)
    if template.singleton:
        others = (
            anchor.server
            for anchor in karvdash.informers.anchors()
            if (anchor.namespace, anchor.template) == (launch.namespace, launch.template)
            and anchor.server != launch.key.server
        )
        karvdash.launches.claim_singleton(
            launch.key.user, launch.template, launch.key.server, next(others, None)
        )


async def begin(karvdash: Karvdash, launch: Launch) -> None:
    """Write the row, before anything exists; a former server of this name is destroyed first.

    Raises: KubeError if that is impossible now.
    """
    row = karvdash.launches.row(*launch.key)
    if row is not None and row.state == "deleted":
        # What is left is deleted as the user, for which the namespace has to be as it should be.
        await karvdash.ensure_namespace(launch.key.user)
        await removal.finish_delete(karvdash, launch.key)
    karvdash.launches.write(launch)


@asynccontextmanager
async def turn(karvdash: Karvdash, launch: Launch) -> AsyncIterator[None]:
    """Wait for one's turn, say so, and keep the place while the launch goes on.

    Raises: Unavailable while Kubernetes does not answer: nothing can be launched then.
    """
    if outage := karvdash.informers.outage:
        raise Unavailable(f"{outage} Nothing can be started now.", "kubernetes-unreachable")
    async with karvdash.queue.turn(
        launch.key.user, told=lambda ahead: _wait_in_line(karvdash, launch, ahead)
    ):
        yield


def _wait_in_line(karvdash: Karvdash, launch: Launch, ahead: int) -> None:
    if ahead:
        verb = "is" if ahead == 1 else "are"
        message = f"Waiting: {ahead} of your launches {verb} ahead."
    else:
        message = "Waiting: this launch is the next of yours."
    karvdash.launches.say(launch, message, 0)
    # Good enough for whoever asked for it; the answer to the request is not held back.
    launch.accept()


@step("namespace", "Preparing your namespace.", 2)
async def prepare(karvdash: Karvdash, launch: Launch, resuming: bool) -> None:
    """Make the user's namespace and folders, and wait until nothing of a former run of this server is left.

    Args:
        resuming: what exists belongs to this very launch and stays.
    """
    await karvdash.ensure_place(
        launch.key.user, told=lambda message: karvdash.launches.say(launch, message, 2)
    )
    if not resuming and not karvdash.informers.snapshot(launch.namespace, launch.key.server).empty:
        karvdash.launches.say(launch, "Waiting for the previous run to end.", 3)
        await removal.remove_anchor(karvdash, launch.key)
        if not await removal.gone(karvdash, launch.key, LEFTOVERS):
            raise KarvdashError(
                f"Objects of the previous run of {launch.key.server} are still there after {LEFTOVERS:.0f} "
                "seconds. Try again later, or ask an administrator.",
                "leftovers",
                409,
            )


@step("plan", "Filling in the template.", 4)
async def plan(karvdash: Karvdash, launch: Launch, options: LaunchOptions) -> LaunchPlan:
    """Fill in the template: pure, but for the passwords, which may have to be read from their Secret."""
    passwords = await karvdash.passwords.values(launch.key, options)
    made = make_plan(karvdash, launch.key, launch.id, options, passwords)
    for host in made.hosts:
        karvdash.store.claim_host(names.Hostname(host), *launch.key, "service")
    return made


@step("wait", "Starting.", 10)
async def wait(
    karvdash: Karvdash, launch: Launch, made: LaunchPlan, leave: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Follow the objects until they are ready, or until it is clear that they will not be soon.

    Returns in either case, and when something else is to be done with the server: what was created
    stays, and goes on being watched.

    Args:
        leave: gives the launch's place to the next one.
    """
    wake, mine = asyncio.Event(), (launch.namespace, launch.key.server)
    ends = (
        karvdash.informers.subscribe(lambda *what: wake.set() if what == mine else None),
        # The last lines of a log are fetched, and then told of here.
        karvdash.launches.subscribe(lambda key: wake.set() if key == launch.key else None),
    )
    try:
        async with karvdash.informers.events(launch.namespace):
            with launch.looking_on(wake.set):
                await _look_on(karvdash, launch, made, wake, leave)
    finally:
        for end in ends:
            end()
    # Whatever the outcome: its objects stay, and a later verdict may well be "running".
    karvdash.launches.note(launch.key, "ready")


async def _look_on(
    karvdash: Karvdash,
    launch: Launch,
    made: LaunchPlan,
    wake: asyncio.Event,
    leave: Callable[[], Awaitable[None]] | None,
) -> None:
    platform, began = karvdash.platform, time.monotonic()
    stuck_since: float | None = None
    while not launch.gave_way and (now := time.monotonic()) < began + platform.launch_timeout:
        wake.clear()
        verdict = current(karvdash, made, launch.key)
        if verdict.state == "running" and await _answers(karvdash, launch, made):
            return
        karvdash.launches.say(launch, _still(verdict), max(10, min(verdict.percent, 99)))
        moments = [began + platform.launch_timeout]
        if verdict.state == "running":
            moments.append(now + _TRY_AGAIN)
        if verdict.recheck is not None:
            moments.append(now + verdict.recheck)
        stuck_since = (stuck_since or now) if verdict.stuck else None
        if stuck_since is not None:
            moments.append(stuck_since + platform.stuck_patience)
            if now >= moments[-1]:
                return
        if leave is not None:
            moments.append(began + PLACE)
            if now >= moments[-1]:
                await leave()
                leave = None
        await wait_for_event(wake, max(0.0, min(moments) - now))


def current(karvdash: Karvdash, made: LaunchPlan, key: Key, *, stopping: bool | None = None) -> Verdict:
    """Judge a server by what is in memory now; ``stopping`` as in ``judge``."""
    snapshot = karvdash.snapshot(key)
    verdict = judge(
        snapshot, expected=made.expected, service=made.service, now=time.time(), stopping=stopping
    )
    return karvdash.crash_lines.explain(key, snapshot, verdict)


async def _answers(karvdash: Karvdash, launch: Launch, made: LaunchPlan) -> bool:
    """Whether something listens at the Service's port: ready, for Kubernetes, may be before that."""
    if made.url is None:
        return True
    snapshot = karvdash.informers.snapshot(launch.namespace, launch.key.server)
    return await karvdash.probe.answers(snapshot.endpoints, made.service)


def _still(verdict: Verdict) -> str:
    return "Started; waiting until it answers." if verdict.state == "running" else verdict.message
