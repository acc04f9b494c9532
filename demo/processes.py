"""Processes that outlive the command which started them, stopped by recorded id and never by name."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class Died(RuntimeError):
    """A process ended while it was expected to run; the message has its last log lines."""


def start_ticks(pid: int) -> str | None:
    """When process ``pid`` started, in clock ticks since boot; None if there is none (or a zombie).

    A process id alone is not an identity, since the kernel uses it again.
    Source: proc(5), fields 3 and 22 of /proc/[pid]/stat.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rsplit(")", 1)[1].split()
    return None if fields[0] == "Z" else fields[19]


class Process:
    """One long-running program with ``<run>/<name>.pid`` and ``<log>/<name>.log``.

    ``<name>.pid`` holds the process id and nothing else, so that ``kill $(cat …)`` works;
    ``<name>.start`` beside it holds the start time that makes the id an identity.
    """

    def __init__(self, name: str, *, run: Path, log: Path) -> None:
        self.name = name
        self.pid_file = run / f"{name}.pid"
        self.start_file = run / f"{name}.start"
        self.log_file = log / f"{name}.log"

    @property
    def pid(self) -> int | None:
        """The id of the running process, or None."""
        try:
            pid, ticks = int(self.pid_file.read_text()), self.start_file.read_text()
        except (OSError, ValueError):
            return None
        return pid if start_ticks(pid) == ticks else None

    def start(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> int:
        """Start it in a session of its own, unless it runs already; return the process id."""
        if (running := self.pid) is not None:
            return running
        for folder in (self.pid_file.parent, self.log_file.parent):
            folder.mkdir(parents=True, exist_ok=True)
        pid = self.spawn(argv, env=env, cwd=cwd)
        self.start_file.write_text(start_ticks(pid) or "")
        self.pid_file.write_text(f"{pid}\n")
        return pid

    def spawn(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> int:
        """Make the process, which writes into the log; return its id."""
        with self.log_file.open("ab") as log:
            child = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        child.returncode = 0  # it is not waited for: keeps Python from warning about a running child
        return child.pid

    def signal(self, number: int) -> bool:
        """Send a signal if it runs; say whether it did."""
        if (pid := self.pid) is None:
            return False
        os.kill(pid, number)
        return True

    def stop(self, *, grace: float = 10.0) -> None:
        """TERM, wait up to ``grace`` seconds, KILL; its whole session goes with it."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            if not self._gone_within(pid, grace):
                os.kill(pid, signal.SIGKILL)
                self._gone_within(pid, 5)
        self._kill_rest_of_session()
        self.pid_file.unlink(missing_ok=True)
        self.start_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL, as a crash would; the pid file stays, as after a crash."""
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGKILL)
            self._gone_within(pid, 5)

    def last_lines(self, count: int = 20) -> str:
        """The end of the log, for error messages."""
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-count:])
        except OSError:
            return "(no log)"

    def _gone_within(self, pid: int, seconds: float) -> bool:
        ticks = self.start_file.read_text() if self.start_file.exists() else None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._reap(pid)
            if start_ticks(pid) != ticks:
                return True
            time.sleep(0.05)
        return False

    @staticmethod
    def _reap(pid: int) -> None:
        with contextlib.suppress(ChildProcessError):  # the child of an earlier command
            os.waitpid(pid, os.WNOHANG)

    def _kill_rest_of_session(self) -> None:
        """Kill what the leader left in its session (nginx workers of a killed master)."""
        try:
            leader = int(self.pid_file.read_text())
            since = int(self.start_file.read_text())
        except (OSError, ValueError):
            return
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            pid = int(stat.parent.name)
            if int(fields[3]) == leader and pid != leader and int(fields[19]) >= since:
                with contextlib.suppress(ProcessLookupError):  # it went by itself meanwhile
                    os.kill(pid, signal.SIGKILL)
