"""What the instances of one machine share: who has which addresses, and locks.

The list lives in /run: a restart of the machine empties it, and with it go all instances.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from .addresses import Plan, choose, collisions, plans
from .errors import ClusterError
from .paths import RUN_ROOT, Paths
from .processes import run

_LIST = RUN_ROOT / "instances.json"


@dataclass(frozen=True)
class Entry:
    """One instance that has addresses: its index and its state folder."""

    index: int
    state: str


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; waits for whoever has it. The kernel frees it when we die."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def host_routes() -> list[IPv4Network]:
    """Destinations of the host's IPv4 routes, of all tables, without loopback and without our own links."""
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]) or "[]")
    return [
        IPv4Network("0.0.0.0/0" if route["dst"] == "default" else route["dst"])
        for route in routes
        if not route.get("dev", "").startswith(("lo", "khub"))
    ]


def entries() -> dict[str, Entry]:
    """All instances of this machine that have addresses, by name."""
    try:
        return {name: Entry(**entry) for name, entry in json.loads(_LIST.read_text()).items()}
    except FileNotFoundError:
        return {}


def _save(known: dict[str, Entry]) -> None:
    temporary = _LIST.with_suffix(".new")
    temporary.write_text(json.dumps({name: vars(entry) for name, entry in known.items()}, indent=1))
    temporary.replace(_LIST)


def claim(paths: Paths, made_for: int | None) -> Plan:
    """Give the instance its addresses: those it has, those its state was `made_for`, or free ones.

    Raises ClusterError when another state folder uses the name, when the addresses that the state
    was made for are taken, or when none are free.
    """
    with locked(_LIST.with_suffix(".lock")):
        known = entries()
        if entry := known.get(paths.name):
            if entry.state != str(paths.state):
                raise ClusterError(
                    f"a cluster named {paths.name!r} with state in {entry.state} exists on this machine: "
                    f"stop it (python -m cluster down --name {paths.name} --state {entry.state}) or use another name"
                )
            return plans()[entry.index]
        routes = host_routes()
        plan = choose((entry.index for entry in known.values()), routes, made_for)
        if plan is None:
            raise ClusterError(_no_addresses(routes))
        if made_for is not None and plan.index != made_for:
            raise ClusterError(_state_of_other_addresses(paths, plans()[made_for], known, routes))
        _save({**known, paths.name: Entry(plan.index, str(paths.state))})
        return plan


def release(name: str) -> None:
    with locked(_LIST.with_suffix(".lock")):
        _save({other: entry for other, entry in entries().items() if other != name})


def _no_addresses(routes: list[IPv4Network]) -> str:
    blocks = ", ".join(dict.fromkeys(str(plan.block.supernet(4)) for plan in plans()))
    met = sorted({str(route) for plan in plans() for route in collisions(plan, routes)})
    return f"no free addresses in {blocks}: stop a cluster, or remove the routes {', '.join(met) or '(none)'}"


def _state_of_other_addresses(paths: Paths, plan: Plan, known: dict[str, Entry], routes: list[IPv4Network]) -> str:
    holder = next((f"the cluster {name!r}" for name, entry in known.items() if entry.index == plan.index), None)
    route = next((f"the route {route}" for route in collisions(plan, routes)), "nobody")
    return (
        f"the state in {paths.state} was made for {plan.block}, which {holder or route} uses now: "
        f"remove that, or start empty (python -m cluster down --wipe --name {paths.name} --state {paths.state})"
    )
