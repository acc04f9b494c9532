"""Change the settings of a service, and restart it with them if it runs.

The new objects are applied over the old ones, so that name, address and claims stay, and Kubernetes
replaces only what differs. What cannot be changed in place (a Job's pods, a claim's size) makes a stop
and a start of it. As long as Kubernetes has not accepted the new settings, the old ones are in force.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from karvdash_hub.errors import Conflict, KarvdashError
from karvdash_hub.kube.apply import Refusal, Refused
from karvdash_hub.spawner import launch as steps
from karvdash_hub.spawner import making, removal
from karvdash_hub.spawner import options as launch_options
from karvdash_hub.spawner.plan import LaunchPlan
from karvdash_hub.spawner.registry import Key, Launch

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: Seconds that JupyterHub gets to tell its proxy of a server that was launched.
_ROUTED = 10.0
#: How the API server says that a field cannot be changed (1.35).
_IMMUTABLE = (
    "field is immutable",
    "may not change fields other than",
    "updates to statefulset spec for fields",
    "is immutable",
)


async def change(karvdash: Karvdash, handler: Any, user: Any, name: str, options: dict[str, Any]) -> None:
    """Store new options of a service; if it runs, restart it with them.

    Args:
        options: user_options, passwords included, checked against the template.
    Raises: KarvdashError when they are refused; the old ones stay.
    """
    spawner = user.spawners[name]
    await _make_way(karvdash, spawner)
    if spawner.pending:
        raise Conflict(f"{name} is busy ({spawner.pending}). Try again in a moment.", "pending")
    key = Key(user.name, name)
    if not spawner.active:
        _store(spawner, options)
        await karvdash.passwords.settle(key, spawner.launch_options)
        return
    launch = karvdash.launches.new(key, str(options["template"]), spawner.namespace)
    karvdash.launches.begin(launch)
    work = asyncio.create_task(_applied(karvdash, launch, spawner, options))
    spawner.busy = work
    try:
        await asyncio.wait({work})
    except asyncio.CancelledError:
        work.cancel()
        await asyncio.wait({work})
        karvdash.launches.end(launch)
        raise
    if work.cancelled():
        raise Conflict(f"{name} was stopped while it was being changed.", "pending")
    if (made := work.result()) is not None:
        spawner.busy = karvdash.background(_follow(karvdash, launch, made))
    else:
        await _restart(karvdash, handler, user, name)


async def _make_way(karvdash: Karvdash, spawner: Any) -> None:
    """End a launch or a change that only waits until its objects are ready: they are about to be replaced."""
    launch = karvdash.launches.live(*spawner.key)
    if launch is not None and launch.give_way():
        await launch.over.wait()
    spawning = spawner._spawn_future
    if spawner.pending == "spawn" and spawning is not None and not karvdash.launches.live(*spawner.key):
        # JupyterHub still tells its proxy.
        await asyncio.wait({spawning}, timeout=_ROUTED)


async def _applied(
    karvdash: Karvdash, launch: Launch, spawner: Any, options: dict[str, Any]
) -> LaunchPlan | None:
    """Apply new options; None if only a stop and a start can do it. The launch goes on only with a plan."""
    before = dict(spawner.orm_spawner.user_options or {})
    try:
        made = await _accepted(karvdash, launch, spawner, options, before)
    except BaseException:
        # Whatever ended it, a stop too: the service must not stay locked.
        karvdash.launches.end(launch)
        karvdash.passwords.forget(launch.key)
        _store(spawner, before)
        raise
    if made is None:
        karvdash.launches.end(launch)
    return made


async def _accepted(
    karvdash: Karvdash, launch: Launch, spawner: Any, options: dict[str, Any], before: dict[str, Any]
) -> LaunchPlan | None:
    """Apply the new objects over the old ones; None if only a stop and a start can do it."""
    former: LaunchPlan | None = spawner.plan
    stored = karvdash.passwords.strip(launch.key, options, before=before)
    try:
        made = await steps.plan(karvdash, launch, launch_options.parse(stored))
        await making.dry_run(karvdash, launch, made)
    except Refused as refused:
        if _all_immutable(refused.errors):
            _store(spawner, stored)
            return None
        raise
    # Not before: a Hub that is killed earlier goes on with the old ones, which are what runs.
    karvdash.launches.write(launch)
    _store(spawner, stored)
    spawner.remember(made.beside(former))
    try:
        uid = await making.anchor(karvdash, launch, made)
        made = await making.apply_all(karvdash, launch, made, uid)
        await making.prune(karvdash, launch, former, made)
        spawner.remember(made)
    except BaseException:
        await asyncio.shield(_back(karvdash, launch, spawner, made, former, before))
        raise
    return made


async def _back(
    karvdash: Karvdash,
    launch: Launch,
    spawner: Any,
    refused: LaunchPlan,
    former: LaunchPlan | None,
    before: dict[str, Any],
) -> None:
    """Put the old objects over what a refused change has applied already. The service goes on either way."""
    # First: the old objects are to be made with the old passwords.
    karvdash.passwords.forget(launch.key)
    if former is not None:
        spawner.remember(former)
    # Not unfinished: the reconciler would launch it again, and stop it if that fails.
    karvdash.launches.note(launch.key, "ready")
    _store(spawner, before)
    try:
        again = await steps.plan(karvdash, launch, spawner.launch_options)
        await making.apply_all(karvdash, launch, again, await making.anchor(karvdash, launch, again))
        await making.prune(karvdash, launch, refused, again)
    except KarvdashError as error:
        log.warning("%s/%s may be half changed until it is restarted: %s", *launch.key, error)
    karvdash.launches.note(launch.key, "ready")


async def _follow(karvdash: Karvdash, launch: Launch, made: LaunchPlan) -> None:
    try:
        await steps.wait(karvdash, launch, made)
    finally:
        karvdash.launches.end(launch)


async def _restart(karvdash: Karvdash, handler: Any, user: Any, name: str) -> None:
    key = Key(user.name, name)
    stopping = await handler.stop_single_user(user, name)
    await stopping
    await removal.gone(karvdash, key, removal.PATIENCE)
    await karvdash.services.start(handler, user, name)


def _store(spawner: Any, options: dict[str, Any]) -> None:
    """Let JupyterHub store the options, without the passwords, which passwords.py takes out."""
    spawner.orm_spawner.user_options = options
    spawner.user_options = spawner.orm_spawner.user_options
    spawner.user.db.commit()


def _all_immutable(refusals: Sequence[Refusal]) -> bool:
    return all(any(words in refusal.message for words in _IMMUTABLE) for refusal in refusals)
