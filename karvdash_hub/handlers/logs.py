"""Logs of a service's containers as events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from karvdash_hub.errors import FieldError, NotFound, ValuesInvalid
from karvdash_hub.handlers.streams import Event
from karvdash_hub.spawner.hub import Karvdash

#: Lines sent when the asker names no number, and the most that one may ask for.
TAIL = 200
LONGEST_TAIL = 10_000


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


async def log_events(karvdash: Karvdash, username: str, wanted: WantedLog) -> AsyncGenerator[Event, None]:
    """Yield ``line`` events, each with the time of the line as its id, then ``end``."""
    lines = karvdash.kube.logs(
        karvdash.namespace(username),
        wanted.pod,
        wanted.container,
        follow=wanted.follow,
        tail=wanted.tail,
        timestamps=True,
        as_user=karvdash.account(username),
    )
    async for line in lines:
        time, _, text = line.partition(" ")
        # Times are all of one form, so that they compare as text. Lines seen before a break are skipped.
        if time > wanted.after:
            yield Event("line", text, time)
    yield Event("end", {})


def _tail(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) <= LONGEST_TAIL:
        return int(text)
    raise ValuesInvalid([FieldError(None, "tail", f"must be a number of lines, 1 to {LONGEST_TAIL}.")])
