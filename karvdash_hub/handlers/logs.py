"""Logs of a service's containers as events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from karvdash_hub.errors import FieldError, NotFound, ValuesInvalid
from karvdash_hub.handlers.streams import Event
from karvdash_hub.readiness.model import ContainerState, Snapshot
from karvdash_hub.spawner.hub import Karvdash

#: Lines sent when the asker names no number, and the most that one may ask for.
TAIL = 200
LONGEST_TAIL = 10_000
#: What the kubelet writes before each line, RFC 3339 with nanoseconds.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
#: Seconds until a log that has ended is looked at again.
_AGAIN = 1.0


class WantedLog(NamedTuple):
    """Which log: ``after`` is the time of the last line that the asker has seen, "" at first."""

    pod: str
    container: str
    follow: bool
    tail: int
    after: str


def wanted_log(
    pods: Sequence[Mapping[str, Any]], argument: Callable[[str, str], str | None], after: str
) -> WantedLog:
    """Read the arguments ``pod``, ``container``, ``follow`` and ``tail``, and check them.

    Without a pod the first one is meant, without a container the pod's first.

    Raises: NotFound if the service has no such pod or container; ValuesInvalid.
    """
    by_name = {str(pod["name"]): list(pod["containers"]) for pod in pods}
    if not by_name:
        raise NotFound("This service has no container now, so there is no log.")
    pod = argument("pod", "") or next(iter(by_name))
    if pod not in by_name:
        raise NotFound(f"This service has no pod {pod!r}. It has {', '.join(by_name)}.")
    container = argument("container", "") or next(iter(by_name[pod]), "")
    if container not in by_name[pod]:
        raise NotFound(f"Pod {pod} has no container {container!r}. It has {', '.join(by_name[pod])}.")
    follow = str(argument("follow", "")).lower() in ("1", "true", "yes")
    return WantedLog(pod, container, follow, _tail(argument("tail", "") or str(TAIL)), after)


async def log_events(
    karvdash: Karvdash, username: str, server: str, wanted: WantedLog
) -> AsyncGenerator[Event, None]:
    """Yield ``line`` events, each with the time of the line as its id, then ``end``.

    With ``follow`` it goes on after a restart of the container, and ends when there will be none; while
    the container has not started yet there is one event ``waiting``.
    """
    namespace, after = karvdash.namespace(username), wanted.after
    told = False
    while (state := _container(karvdash.informers.snapshot(namespace, server), wanted)) is not None:
        if state.state == "waiting" and not state.restarts:
            if not told:
                yield Event("waiting", {"message": f"Container {wanted.container} has not started yet."})
            told = True
        else:
            async for moment, line in _lines(karvdash, username, wanted, after):
                after = moment
                yield Event("line", line, moment)
        if not wanted.follow:
            break
        await asyncio.sleep(_AGAIN)
        if not await _next_run(karvdash, namespace, server, wanted, state):
            break
    yield Event("end", {})


async def _next_run(
    karvdash: Karvdash, namespace: str, server: str, wanted: WantedLog, seen: ContainerState
) -> bool:
    """Wait until there may be more to read than when ``seen`` was; False if there will not be."""

    def decided(snapshot: Snapshot) -> bool:
        state = _container(snapshot, wanted)
        return (
            state is None
            or _over(snapshot, wanted)
            or state.state == "running"
            or state.restarts != seen.restarts
            # It started and ended between two looks.
            or (state.state == "terminated" and seen.state != "terminated")
        )

    snapshot = await karvdash.informers.wait(namespace, server, decided, None)
    state = _container(snapshot, wanted)
    # An end that was not seen yet when the log was read may have left lines.
    return state is not None and (not _over(snapshot, wanted) or state != seen)


async def _lines(
    karvdash: Karvdash, username: str, wanted: WantedLog, after: str
) -> AsyncGenerator[tuple[str, str], None]:
    lines = karvdash.kube.logs(
        karvdash.namespace(username),
        wanted.pod,
        wanted.container,
        follow=wanted.follow,
        # What the asker has seen is not sent again; only the rest of that second is left out below.
        tail=None if after else wanted.tail,
        since=after,
        timestamps=True,
        as_user=karvdash.account(username),
    )
    last = after
    async for line in lines:
        time, _, text = line.partition(" ")
        if not _TIME.fullmatch(time):
            # The rest of a line that was too long for one piece: it carries no time of its own.
            yield last, line
        elif time > after:
            # Times are all of one form, so that they compare as text. Lines seen before are skipped.
            last = time
            yield time, text


def _container(snapshot: Snapshot, wanted: WantedLog) -> ContainerState | None:
    for pod in snapshot.pods:
        if pod.name == wanted.pod:
            return next((state for state in pod.containers if state.name == wanted.container), None)
    return None


def _over(snapshot: Snapshot, wanted: WantedLog) -> bool:
    """Whether the container has ended for good, as that of a Job does."""
    state = _container(snapshot, wanted)
    return state is not None and any(pod.name == wanted.pod and pod.is_over(state) for pod in snapshot.pods)


def _tail(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) <= LONGEST_TAIL:
        return int(text)
    raise ValuesInvalid([FieldError(None, "tail", f"must be a number of lines, 1 to {LONGEST_TAIL}.")])
