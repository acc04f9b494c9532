"""Stopping what nobody uses: the template's ``idle``, or ``Platform.idle_stop`` for the rest.

Use is what the gate reports each minute (requests let in, bytes on websockets), what JupyterHub's own
notebooks report of themselves, a start, and a press of *Keep it*; JupyterHub's ``last_activity`` holds it.
Nobody sees whether a service without page is used, so the platform's default leaves those alone; a template
that names a time for one means the time since its start.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from karvdash_hub.durations import read_duration, spell_duration
from karvdash_hub.errors import KarvdashError
from karvdash_hub.spawner import options as launch_options
from karvdash_hub.spawner.registry import Key

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: Seconds between two looks.
LOOK = 30.0
#: Seconds after the Hub's start in which gates report what was used meanwhile.
SETTLING = 150.0
#: It is announced when a quarter of the time is left, an hour before at most.
_ANNOUNCED = 3600.0


class Idle(NamedTuple):
    """When a running server will be stopped unless it is used.

    Attributes:
        after: seconds without use; infinity if never.
        used: Unix seconds, when it was last used.
    """

    after: float
    used: float

    @property
    def until(self) -> float:
        """Unix seconds, when it is stopped."""
        return self.used + self.after

    @property
    def announced(self) -> float:
        """Unix seconds, from when on people are told."""
        return self.until - min(_ANNOUNCED, self.after / 4)

    def warning(self, now: float) -> str:
        """Say what is about to happen, ``""`` while it is not."""
        if now < self.announced:
            return ""
        unused, left = spell_duration(now - self.used), spell_duration(self.until - now)
        return f"Nobody has used it for {unused}. It stops in {left} unless somebody does."


def outlook(karvdash: Karvdash, user: Any, name: str) -> Idle:
    """Say what is in store for a server of a user that runs."""
    record = user.spawners[name].orm_spawner if name in user.spawners else user.orm_spawners[name]
    moments = (record.last_activity, record.started)
    used = max((_seconds(moment) for moment in moments if moment is not None), default=time.time())
    return Idle(_after(karvdash, user, record), used)


def note_use(karvdash: Karvdash, key: Key, moment: float) -> None:
    """Note that a server was used (Unix seconds). The caller commits JupyterHub's database."""
    user = karvdash.user(key.user)
    if user is None or (record := user.orm_spawners.get(key.server)) is None:
        return
    used = datetime.fromtimestamp(moment, UTC).replace(tzinfo=None)
    if record.last_activity is None or used > record.last_activity:
        record.last_activity = used
        user.orm_user.last_activity = max(used, user.orm_user.last_activity or used)


def keep(karvdash: Karvdash, user: Any, name: str) -> None:
    """Count this as use of a server, so that it is not stopped for want of any. Raises: NotFound."""
    karvdash.services.get(user, name)
    key = Key(user.name, name)
    note_use(karvdash, key, time.time())
    karvdash.app.db.commit()
    karvdash.launches.changed(key)


async def run(karvdash: Karvdash) -> None:
    """Stop what nobody uses, for as long as the Hub lives."""
    await karvdash.app._start_future
    await karvdash.informers.synced.wait()
    # What was used while the Hub was away, it has to be told first.
    await asyncio.sleep(SETTLING)
    while True:
        await stop_unused(karvdash, time.time())
        await asyncio.sleep(LOOK)


async def stop_unused(karvdash: Karvdash, now: float) -> None:
    """Stop every server whose time is over; together, since pods may take their time to end."""
    if karvdash.blind:
        return
    due = [
        (user, name, idle)
        for user in karvdash.users()
        for name, spawner in list(user.spawners.items())
        if spawner.ready and not spawner.pending and (idle := outlook(karvdash, user, name)).until <= now
    ]
    await asyncio.gather(*(_try_stop(karvdash, *one) for one in due))


async def _try_stop(karvdash: Karvdash, user: Any, name: str, idle: Idle) -> None:
    try:
        await _stop(karvdash, user, name, idle)
    except KarvdashError as error:
        log.warning("Stopping unused %s/%s goes on later: %s", user.name, name, error)
    except Exception:
        # One server that cannot be stopped must not keep the others.
        log.exception("Stopping unused %s/%s failed", user.name, name)


async def _stop(karvdash: Karvdash, user: Any, name: str, idle: Idle) -> None:
    """Stop a server as JupyterHub's handlers do it (handlers/base.py stop_single_user, 6.1.1), unasked."""
    after = spell_duration(idle.after)
    log.info("Stopping %s/%s: nobody has used it for %s", user.name, name, after)
    key, spawner = Key(user.name, name), user.spawners[name]
    # Before anything is done, as when a person stops it: a Hub that is killed now goes on with it.
    if (row := karvdash.launches.row(*key)) is not None and row.state == "ready":
        karvdash.launches.note(key, "removed")
    spawner._stop_pending = True
    try:
        await karvdash.app.proxy.delete_user(user, name)
    finally:
        await user.stop(name)
    row = karvdash.launches.row(*key)
    if row is not None and row.state == "removed" and not spawner.active:
        message = f"It was stopped because nobody had used it for {after}."
        karvdash.launches.note(key, "removed", message)


def _after(karvdash: Karvdash, user: Any, record: Any) -> float:
    options = record.user_options or {}
    default = read_duration(karvdash.platform.idle_stop)
    if not launch_options.names_template(options):
        return default
    try:
        template = karvdash.library.find(karvdash.namespace(user.name), str(options["template"]))
    except KarvdashError:
        return math.inf  # deleted since the launch, or not read yet: it may have said "never"
    if template.idle is not None:
        return template.idle
    spawner = user.spawners[record.name] if record.name in user.spawners else None  # noqa: SIM401 (get makes one)
    has_page = spawner is not None and spawner.plan is not None and spawner.plan.url is not None
    return default if has_page else math.inf


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()
