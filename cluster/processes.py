"""Programs that outlive us, known by process id *and* start time, never by name.

An id alone may belong to somebody else by now; an id with its start time cannot.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import ClusterError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Process:
    """`started` is field 22 of ``/proc/<pid>/stat``: clock ticks since the machine started."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        state = _stat(self.pid)
        return state is not None and state.started == self.started and not state.dead


@dataclass(frozen=True)
class _Stat:
    started: int
    dead: bool


def _stat(pid: int) -> _Stat | None:
    """State of a process, or None when there is none. The name (field 2) may hold spaces and brackets."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return _Stat(started=int(fields[19]), dead=fields[0] in "ZX")


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Records:
    """The recorded processes of one instance, one file a program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, name: str, process: Process) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".{name}"
        temporary.write_text(json.dumps(asdict(process)))
        temporary.replace(self.folder / f"{name}.json")

    def load(self, name: str) -> Process | None:
        """The process of that name if it is alive."""
        try:
            process = Process(**json.loads((self.folder / f"{name}.json").read_text()))
        except FileNotFoundError:
            return None
        return process if process.alive else None

    def forget(self, name: str) -> None:
        (self.folder / f"{name}.json").unlink(missing_ok=True)

    def alive(self) -> dict[str, Process]:
        names = sorted(file.stem for file in self.folder.glob("[!.]*.json"))
        return {name: process for name in names if (process := self.load(name))}


def spawn(
    command: Sequence[str], *, log: Path, cgroups: Iterable[Path], environment: Mapping[str, str]
) -> Process:
    """Start a program in its own session and in `cgroups`, with output appended to `log`."""
    prefix = [sys.executable, "-I", "-S", str(_LAUNCH), str(log), ":".join(map(str, cgroups)), "--"]
    done = subprocess.run(
        [*prefix, *command],
        env={"PATH": PATH, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise ClusterError(f"cannot start {command[0]}: {done.stderr.decode(errors='replace').strip()}")
    pid = int(done.stdout)
    state = _stat(pid)
    if state is None:
        raise ClusterError(f"{command[0]} ended at once; see {log}")
    return Process(pid, state.started)


def stop(processes: Iterable[Process], grace: float = 2.0) -> None:
    """End processes: SIGTERM to all, up to `grace` seconds for all together, then SIGKILL."""
    left = _send(processes, signal.SIGTERM)
    wait_for(lambda: not any(process.alive for process in left), grace)
    killed = _send(left, signal.SIGKILL)
    if not wait_for(lambda: not any(process.alive for process in killed), 10):
        raise ClusterError(
            f"processes {[process.pid for process in killed]} do not end; see /proc/<id>/stack"
        )


def _send(processes: Iterable[Process], number: signal.Signals) -> list[Process]:
    living = [process for process in processes if process.alive]
    for process in living:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
    return living


def wait_for(condition: Callable[[], bool], seconds: float, interval: float = 0.02) -> bool:
    """Look at `condition` until it holds (True) or `seconds` have passed (False)."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(interval)
    return True


def run(command: Sequence[str], *, text_in: str | None = None) -> str:
    """Run a short command and return its output. Raises ClusterError with what it said."""
    try:
        done = subprocess.run(
            command,
            input=text_in,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": PATH},
        )
    except FileNotFoundError as error:
        raise ClusterError(f"{command[0]} is not installed") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise ClusterError(f"{' '.join(command)} failed: {said}")
    return done.stdout
