"""Launch first, keep JupyterHub's books afterwards: while the containers start there is time for it.

    JupyterHub 6.1.1    server row ─► scopes ─► token ─► OAuth client ─► six commits ─► start() ─► objects
    here                server row ─► objects ─► all the rest, then start() finds the launch under way

That takes the 26 ms of processor time that JupyterHub needs for a launch out of everybody's way: the one who
waits for the objects, and the others, since whoever launches a hundred services has it done only for those
whose turn has come.

For JupyterHub the server is pending ("spawn") all the time, with a future that a stop may cancel, and it has
its row, so that a Hub that is killed finds an active server and takes the launch up again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from jupyterhub import orm
from jupyterhub.objects import Server
from jupyterhub.utils import url_escape_path, url_path_join

from karvdash_hub.spawner import options as launch_options
from karvdash_hub.spawner.registry import Key

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: ``BaseHandler.spawn_single_user`` of some request.
Stock = Callable[..., Awaitable[None]]
_MADE = ("applied", "ready")


async def spawn(
    karvdash: Karvdash,
    stock: Stock,
    user: Any,
    name: str,
    display_name: str,
    options: Mapping[str, Any] | None,
) -> None:
    """Do what ``stock(user, name, display_name, options=options)`` does, a service's launch first.

    Returns at once. The spawner's ``_spawn_future`` is done when the server is up or has failed.
    """
    user.get_or_create_spawner(name, display_name or name, replace_failed=True)
    # Asked for again: JupyterHub 6.1.1 returns one that takes a failed one's place and does not keep it.
    spawner = user.spawners[name]
    chosen = spawner.orm_spawner.user_options if options is None else options
    limited = user.settings.get("active_server_limit") or user.settings.get("concurrent_spawn_limit")
    if spawner.pending or limited or not launch_options.names_template(chosen):
        # Whether JupyterHub's limits allow it is to be known before anything exists.
        await stock(user, name, display_name, options=options)
        return
    spawner._spawn_pending = True
    try:
        _record(user, spawner, options)
    except BaseException:
        spawner._spawn_pending = False
        raise
    going = asyncio.ensure_future(_go(karvdash, stock, user, spawner, display_name))
    spawner._spawn_future = going
    going.add_done_callback(lambda done: _ended(spawner, done))


def _record(user: Any, spawner: Any, options: Mapping[str, Any] | None) -> None:
    """Write what a restarted Hub has to find: the options, and the row that makes a server an active one."""
    if options is not None:
        spawner.orm_spawner.user_options = options
    spawner.user_options = spawner.orm_spawner.user_options
    spawner.clear_state()
    base_url = url_path_join(user.base_url, url_escape_path(spawner.name), "/")
    server = orm.Server(base_url=base_url)
    user.db.add(server)
    user.db.flush()  # which fills in its defaults
    spawner.server = Server(orm_server=server)
    user.db.commit()


async def _go(karvdash: Karvdash, stock: Stock, user: Any, spawner: Any, display_name: str) -> None:
    work = spawner.begin_ahead()
    try:
        await _made(karvdash, spawner.key, work)
    except asyncio.CancelledError:
        await _drop(spawner, work)
        spawner._spawn_pending = False
        raise
    if work.done() and not work.cancelled() and (error := work.exception()) is not None:
        log.error("Not starting %s: %s", spawner._log_name, error)
        spawner.ahead = None
        await user.stop(spawner.name)
        raise error
    # No await from here until JupyterHub has set it again.
    spawner._spawn_pending = False
    await stock(user, spawner.name, display_name, options=None)
    if (spawning := spawner._spawn_future) is not None:
        spawning.add_done_callback(lambda _: _check_taken(karvdash, user, spawner, work))


async def _made(karvdash: Karvdash, key: Key, work: asyncio.Task[str]) -> None:
    """Wait until Kubernetes has all objects, or until there is nothing to wait for."""
    changed = asyncio.Event()
    work.add_done_callback(lambda _: changed.set())
    unsubscribe = karvdash.launches.subscribe(lambda other: changed.set() if other == key else None)
    try:
        while not work.done():
            launch, row = karvdash.launches.live(*key), karvdash.launches.row(*key)
            if launch is not None and row is not None and row.id == launch.id and row.state in _MADE:
                return
            changed.clear()
            await changed.wait()
    finally:
        unsubscribe()


async def _drop(spawner: Any, work: asyncio.Task[str]) -> None:
    spawner.ahead = None
    work.cancel()
    await asyncio.wait({work})


def _check_taken(karvdash: Karvdash, user: Any, spawner: Any, work: asyncio.Task[str]) -> None:
    """Stop what JupyterHub has not taken over, because something went wrong before it called ``start()``."""
    if spawner.ahead is work:
        karvdash.background(_abandon(user, spawner, work))


async def _abandon(user: Any, spawner: Any, work: asyncio.Task[str]) -> None:
    await _drop(spawner, work)
    await user.stop(spawner.name)


def _ended(spawner: Any, done: asyncio.Future[None]) -> None:
    """As JupyterHub does it: a failure is kept, for pages that tell of it; anything else is forgotten."""
    if (done.cancelled() or done.exception() is None) and spawner._spawn_future is done:
        spawner._spawn_future = None
        spawner._spawn_pending = False  # it may have been cancelled before it began
