"""The last lines of a container that ended, for the sentence that says so.

A verdict names the container whose log explains it. Its end is fetched once, with the user's rights and in
the background: nobody who looks at a service waits for a log.
"""

from __future__ import annotations

import asyncio
import logging
import re
import unicodedata
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.errors import TooMany, Unreachable
from karvdash_hub.readiness.model import Snapshot, Verdict
from karvdash_hub.spawner.registry import Key

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

_LINES = 5
_CHARACTERS = 500
#: Ends of containers that are remembered, of all users.
_REMEMBERED = 512
#: Logs that are read at the same time, and seconds for one.
_AT_ONCE, _PATIENCE = 4, 10.0
#: Seconds until a log is asked for again that could not be read because Kubernetes was away or busy.
_AGAIN = 10.0
#: Colours and cursor movements of terminals.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)")


class _End(NamedTuple):
    """One end of one container."""

    pod_uid: str
    container: str
    restarts: int


class CrashLines:
    """Last log lines by container and restart."""

    def __init__(self, karvdash: Karvdash) -> None:
        self._karvdash = karvdash
        self._texts: OrderedDict[_End, str] = OrderedDict()
        self._fetching: dict[_End, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)

    def explain(self, key: Key, snapshot: Snapshot, verdict: Verdict) -> Verdict:
        """Return the verdict with the last lines in its message, once they are known.

        The first call for an end of a container begins to fetch them; subscribers hear when they arrive.
        """
        end = self._begin(key, snapshot, verdict)
        text = self._texts.get(end) if end is not None else ""
        return replace(verdict, message=f"{verdict.message} Last lines:\n{text}") if text else verdict

    async def explain_fully(self, key: Key, snapshot: Snapshot, verdict: Verdict) -> Verdict:
        """Return the same as ``explain``, but wait a little for lines that are just being fetched."""
        end = self._begin(key, snapshot, verdict)
        if end is not None and (fetching := self._fetching.get(end)) is not None:
            await asyncio.wait({fetching}, timeout=_PATIENCE)
        return self.explain(key, snapshot, verdict)

    def _begin(self, key: Key, snapshot: Snapshot, verdict: Verdict) -> _End | None:
        """Name the end that a verdict is about, if any; fetch its lines unless that was done."""
        if verdict.state != "failing" or verdict.container is None:
            return None
        pod = next((pod for pod in snapshot.pods if pod.name == verdict.pod), None)
        state = next((one for one in pod.containers if one.name == verdict.container), None) if pod else None
        if pod is None or state is None:
            return None
        end = _End(pod.uid, state.name, state.restarts)
        if end not in self._texts:
            self._remember(end, "")
            # While it waits for its restart, the run that ended is the previous one.
            previous = state.state != "terminated"
            task = self._karvdash.background(self._fetch(key, pod.name, end, previous))
            self._fetching[end] = task
            task.add_done_callback(lambda _: self._fetching.pop(end, None))
        return end

    async def _fetch(self, key: Key, pod: str, end: _End, previous: bool) -> None:
        karvdash = self._karvdash
        lines: deque[str] = deque(maxlen=_LINES)
        try:
            async with self._places, asyncio.timeout(_PATIENCE):
                async for line in karvdash.kube.logs(
                    karvdash.namespace(key.user),
                    pod,
                    end.container,
                    tail=_LINES,
                    previous=previous,
                    as_user=karvdash.account(key.user),
                ):
                    lines.append(line)
        except (TimeoutError, TooMany, Unreachable):
            asyncio.get_running_loop().call_later(_AGAIN, self._texts.pop, end, None)
            return
        except KarvdashError as error:
            # Gone with its pod, or never written: the sentence goes without.
            log.info("No last lines of %s/%s: %s", *key, error)
            return
        if text := tidy(lines):
            self._remember(end, text)
            karvdash.launches.changed(key)

    def _remember(self, end: _End, text: str) -> None:
        self._texts[end] = text
        while len(self._texts) > _REMEMBERED:
            self._texts.popitem(last=False)


def tidy(lines: Iterable[str]) -> str:
    """Return log lines as text to show: no control characters, no empty lines, the last 500 characters."""
    shown = (_printable(line) for line in lines)
    text = "\n".join(line for line in shown if line)
    return text if len(text) <= _CHARACTERS else f"…{text[1 - _CHARACTERS :]}"


def _printable(line: str) -> str:
    # A progress bar writes itself anew after each carriage return; the last one counts.
    last = _ESCAPES.sub("", line).rstrip("\r").rpartition("\r")[2].replace("\t", " ")
    return "".join(one for one in last if unicodedata.category(one)[0] != "C").rstrip()
