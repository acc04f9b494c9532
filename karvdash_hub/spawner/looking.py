"""Make a ``ServiceView`` of what is in memory: JupyterHub's record, our row, the watches, the verdict."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyterhub.spawner import SpawnException

from karvdash_hub.errors import KarvdashError
from karvdash_hub.readiness.judge import judge
from karvdash_hub.readiness.model import Snapshot, Verdict
from karvdash_hub.spawner import idle, removal
from karvdash_hub.spawner import options as launch_options
from karvdash_hub.spawner.launch import current
from karvdash_hub.spawner.plan import LaunchPlan
from karvdash_hub.spawner.registry import Key
from karvdash_hub.spawner.views import ServiceView

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

#: Seconds: "stops in 25 min" is told anew.
_EACH_MINUTE = 60.0


def look(karvdash: Karvdash, user: Any, name: str) -> ServiceView:
    """Show one server of a user as it is now. ``user.orm_spawners`` has to have it."""
    # The wrapper exists while a server is active, and some time after.
    spawner = user.spawners[name] if name in user.spawners else None  # noqa: SIM401 (get() makes one)
    # JupyterHub makes a dictionary of all servers of the user whenever it is asked for orm_spawners.
    record = user.orm_spawners[name] if spawner is None else spawner.orm_spawner
    options = record.user_options or {}
    if not launch_options.names_template(options):
        return _stock(karvdash, user, record, spawner)
    key = Key(user.name, name)
    plan = spawner.plan if spawner is not None else None
    snapshot = karvdash.snapshot(key)
    verdict = _verdict(karvdash, key, spawner, plan, snapshot)
    row = karvdash.launches.row(*key)
    template_id = str(options["template"])
    values = dict(plan.values) if plan else dict(options.get("variables") or {})
    view = ServiceView(
        user=user.name,
        name=name,
        display_name=record.display_name or name,
        template=_template(karvdash, user.name, template_id, {**values, "NAME": name}),
        template_id=template_id,
        state=verdict.state,
        message=_outage(karvdash) or verdict.message,
        url=plan.url if plan else None,
        endpoints=plan.endpoints if plan else (),
        connect=plan.connect if plan else "",
        created=_iso(row.created if row else record.last_activity) or "",
        started=_iso(record.started),
        values={**values, "NAME": name},
        secret_names=tuple(options.get("secrets") or ()),
        size=dict(options.get("size") or {}),
        percent=verdict.percent,
        pods=_pods(snapshot),
        recheck=verdict.recheck,
        launching=karvdash.launches.live(*key) is not None,
    )
    return _with_outlook(karvdash, user, view)


def _with_outlook(karvdash: Karvdash, user: Any, view: ServiceView) -> ServiceView:
    """Add what will happen to a service that runs and that nobody uses."""
    if view.state not in ("running", "failing"):
        return view
    found, now = idle.outlook(karvdash, user, view.name), time.time()
    if math.isinf(found.after):
        return view
    later = _EACH_MINUTE if now >= found.announced else found.announced - now
    return replace(
        view,
        idle_after=found.after,
        idle_warning=found.warning(now),
        recheck=min(later, later if view.recheck is None else view.recheck),
    )


def _verdict(
    karvdash: Karvdash, key: Key, spawner: Any, plan: LaunchPlan | None, snapshot: Snapshot
) -> Verdict:
    """Decide the state: what JupyterHub is busy with comes first, then what the cluster shows."""
    launch = karvdash.launches.live(*key)
    stopping = spawner is not None and spawner.pending == "stop"
    if launch is not None and not stopping:
        return Verdict("starting", launch.message, percent=launch.percent)
    # A launch that is over needs nothing of JupyterHub any more, which still tells its proxy.
    if spawner is not None and spawner.pending == "spawn" and not _launched(karvdash, key, plan):
        return Verdict("starting", "Starting.")
    if stopping:
        verdict = judge(snapshot, now=time.time(), stopping=True)
        return Verdict("stopping", verdict.message if verdict.state == "stopping" else "Stopping.")
    if spawner is not None and spawner.active and karvdash.launches.unfinished(*key):
        # Begun by a Hub that was killed: the reconciler is about to do it once more.
        return Verdict("starting", "Going on with what was begun before the Hub was restarted.")
    if spawner is not None and plan is not None and (spawner.active or spawner.pending == "spawn"):
        return current(karvdash, plan, key, stopping=False)
    if spawner is not None and spawner.active:
        return Verdict("starting", "Starting.")
    if other := removal.foreign(karvdash, key):
        return Verdict("stopping", other, stuck=True)
    if not snapshot.empty:
        return judge(snapshot, now=time.time(), stopping=True)
    row = karvdash.launches.row(*key)
    if row is not None and row.state in ("failed", "removed") and row.message:
        return Verdict("stopped", row.message)
    return Verdict("stopped", "Stopped.")


def _launched(karvdash: Karvdash, key: Key, plan: LaunchPlan | None) -> bool:
    row = karvdash.launches.row(*key)
    return plan is not None and row is not None and row.state == "ready"


def _stock(karvdash: Karvdash, user: Any, record: Any, spawner: Any) -> ServiceView:
    verdict = _stock_verdict(spawner)
    view = ServiceView(
        user=user.name,
        name=record.name,
        display_name=record.display_name or record.name or "Notebook",
        state=verdict.state,
        message=_outage(karvdash) or verdict.message,
        url=user.server_url(record.name) if spawner is not None and spawner.ready else None,
        created=_iso(record.started or record.last_activity) or "",
        started=_iso(record.started),
        percent=verdict.percent,
        recheck=verdict.recheck,
        stock=True,
    )
    return _with_outlook(karvdash, user, view)


def _stock_verdict(spawner: Any) -> Verdict:
    """Decide the state of a notebook: JupyterHub's word, and the pod's own for the sentence."""
    if spawner is None:
        return Verdict("stopped", "Stopped.")
    if spawner.pending == "stop":
        return Verdict("stopping", "Stopping.")
    if spawner.pending == "spawn":
        seen: Verdict = spawner.verdict()
        if seen.state == "running":
            return Verdict("starting", "Started; waiting until it answers.", percent=95)
        return replace(seen, percent=min(seen.percent, 95))
    if spawner.pending == "check":
        return Verdict("starting", "Starting.")
    if spawner.ready:
        seen = spawner.verdict()
        return seen if seen.state == "failing" else Verdict("running", "Ready.", percent=100)
    return Verdict("stopped", _why_not(spawner) or "Stopped.")


def _why_not(spawner: Any) -> str:
    """Say how the last start failed; "" if it did not, or that was before the Hub was restarted."""
    last = spawner._spawn_future
    if last is None or not last.done() or last.cancelled():
        return ""
    error = last.exception()
    return str(error.message) if isinstance(error, SpawnException) else ""


def _template(
    karvdash: Karvdash, username: str, template_id: str, values: Mapping[str, Any]
) -> dict[str, Any] | None:
    try:
        template = karvdash.library.find(karvdash.namespace(username), template_id)
    except KarvdashError:
        return None
    shown = {name: value for name, value in values.items() if name not in template.secret_names}
    return {**template.summary(), "values": shown}


def _outage(karvdash: Karvdash) -> str:
    outage = karvdash.informers.outage
    return f"{outage} What you see is from then." if outage else ""


def _pods(snapshot: Snapshot) -> list[dict[str, Any]]:
    return [
        {"name": pod.name, "containers": [container.name for container in pod.containers], "ready": pod.ready}
        for pod in snapshot.pods
    ]


def _iso(moment: datetime | None) -> str | None:
    return moment.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z") if moment else None
