"""What the instances of one machine share: who has which addresses, and locks.

The list lives in /run: a restart of the machine empties it, and with it go all instances.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

from . import isolation
from .addresses import BASES, FIRST_BASE, LINK_PREFIX, Plan, choose, collisions, plans
from .cgroups import Tree
from .errors import ClusterError
from .paths import RUN_ROOT, Paths
from .processes import run

_LIST = RUN_ROOT / "instances.json"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; waits for whoever has it. The kernel frees it when we die."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = _lock(path)
    try:
        yield
    finally:
        os.close(handle)


def _lock(path: Path) -> int:
    """Open and lock `path`; again when it was removed while we waited, or two would hold two files."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if path.exists() and path.stat().st_ino == os.fstat(handle).st_ino:
            return handle
        os.close(handle)


def host_routes() -> list[IPv4Network]:
    """Destinations of the host's IPv4 routes, of all tables, without loopback and our own links."""
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]) or "[]")
    return [
        IPv4Network("0.0.0.0/0" if route["dst"] == "default" else route["dst"])
        for route in routes
        if route.get("dev", "") != "lo" and not route.get("dev", "").startswith(LINK_PREFIX)
    ]


def indexes() -> dict[str, int]:
    """Index of the addresses of every instance, by its state folder, running or not.

    Addresses stay with a state folder until it is wiped, because the ClusterIPs in its database and
    the names in its certificates are made for them. Folders that are gone are left out.
    """
    try:
        known = json.loads(_LIST.read_text())
    except FileNotFoundError:
        return {}
    return {state: index for state, index in known.items() if Path(state).exists()}


def _save(known: dict[str, int]) -> None:
    temporary = _LIST.with_suffix(".new")
    temporary.write_text(json.dumps(known, indent=1))
    temporary.replace(_LIST)


def claim(paths: Paths) -> Plan:
    """Give the instance its addresses: those its state was made for, or free ones. Makes the state folder.

    Raises ClusterError when the addresses that the state was made for are taken, or none are free.
    """
    with locked(_LIST.with_suffix(".lock")):
        # Instances in other containers are not in our list, but their links are seen.
        known = indexes()
        foreign = {index for index, owner in isolation.link_owners().items() if owner != paths.identity}
        if (index := known.get(str(paths.state))) is not None and index not in foreign:
            return plans()[index]
        routes, before = host_routes(), made_for(paths)
        taken = {*known.values(), *foreign}
        plan = choose(taken, routes, preference(paths) if before is None else before)
        if plan is None:
            raise ClusterError(no_addresses(routes))
        if before is not None and plan.index != before:
            raise ClusterError(_state_of_other_addresses(paths, plans()[before], known, routes))
        paths.state.mkdir(parents=True, exist_ok=True)
        paths.marker.write_text(json.dumps({"index": plan.index}))
        _save({**known, str(paths.state): plan.index})
        return plan


def release(paths: Paths) -> None:
    """Free the addresses of a state folder that was wiped."""
    with locked(_LIST.with_suffix(".lock")):
        _save({state: index for state, index in indexes().items() if state != str(paths.state)})


def made_for(paths: Paths) -> int | None:
    """Index of the addresses that the state was made for, None when there is no state."""
    try:
        return int(json.loads(paths.marker.read_text())["index"])
    except FileNotFoundError:
        return None


def preference(paths: Paths) -> int:
    """Where to begin to look: different folders begin at different places.

    So an instance that is not running finds its addresses free after a restart of the machine,
    which empties the list, even when a new instance was started first.
    """
    return zlib.crc32(str(paths.state).encode()) % FIRST_BASE


def check_owner(paths: Paths) -> None:
    """Raise ClusterError when an instance of the same name but another state folder is running."""
    try:
        state = paths.owner.read_text()
    except FileNotFoundError:
        return
    if state != str(paths.state) and Tree(replace(paths, state=Path(state)).cgroup).processes():
        raise ClusterError(
            f"a cluster named {paths.name!r} with its state in {state} runs already: use another name, "
            f"or stop that one (python -m cluster down --name {paths.name} --state {state})"
        )


def no_addresses(routes: list[IPv4Network]) -> str:
    blocks = ", ".join(str(base) for base in BASES)
    met = sorted({str(route) for plan in plans() for route in collisions(plan, routes)})
    return f"no free addresses in {blocks}: stop a cluster, or remove the routes {', '.join(met) or '(none)'}"


def _state_of_other_addresses(
    paths: Paths, plan: Plan, known: dict[str, int], routes: list[IPv4Network]
) -> str:
    cluster = next((f"the cluster in {state}" for state, index in known.items() if index == plan.index), None)
    route = next((f"the route {route}" for route in collisions(plan, routes)), "somebody else")
    return (
        f"the state in {paths.state} was made for {plan.block}, which {cluster or route} has: remove that, "
        f"or start empty (python -m cluster down --wipe --name {paths.name} --state {paths.state})"
    )
