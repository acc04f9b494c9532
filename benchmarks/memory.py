"""B5: memory of 1,000 running services in Hub and gate, against 1,000 servers of a plain JupyterHub."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.results import Result
from cluster.processes import resident_bytes
from demo.processes import Process

SERVICES, USERS = 1000, 20
PLAIN = Path(__file__).parent / "plain_hub.py"
PLAIN_PORT = 8390


def compare(ours: float) -> Result:
    """B5, from the growth in MiB that the crowd brought to Hub and gate."""
    peer = measure_plain()
    print(f"  {SERVICES} services: {ours:.1f} MiB more in Hub and gate; plain servers: {peer:.1f} MiB")
    return Result("B5 memory, 1,000 services", ours, peer, "MiB", ours / peer, 2.0)


def resident(pids: list[int]) -> float:
    """Resident MiB of the processes together."""
    return sum(map(resident_bytes, pids)) / 2**20


def measure_plain() -> float:
    """Growth of a JupyterHub whose spawner does nothing, for as many users and named servers."""
    with TemporaryDirectory() as folder:
        hub = Process("plain", run=Path(folder), log=Path(folder))
        command = [sys.executable, "-m", "jupyterhub", "--config", str(PLAIN)]
        hub.start(command, env={**os.environ, "PLAIN_PORT": str(PLAIN_PORT)}, cwd=Path(folder))
        try:
            wait_for_hub(hub)
            before = resident([hub.pid or 0])
            for user in range(USERS):
                call("POST", f"/users/plain{user}")
                for number in range(SERVICES // USERS):
                    call("POST", f"/users/plain{user}/servers/s{number}")
            return resident([hub.pid or 0]) - before
        finally:
            hub.stop()


def wait_for_hub(hub: Process) -> None:
    """Wait until the plain Hub answers."""
    for _ in range(600):
        try:
            call("GET", "/")
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(hub.last_lines())


def call(method: str, path: str) -> None:
    """One call of the plain Hub's API."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{PLAIN_PORT}/hub/api{path}",
        method=method,
        data=json.dumps({}).encode() if method == "POST" else None,
        headers={"Authorization": "token " + "0" * 32},
    )
    with urllib.request.urlopen(request, timeout=60):
        return
