"""Run in a process of its own: follow a full cluster and print what that costs, as JSON.

    python -m tests.kube.measure_informers SERVER CA_FILE TOKEN

``stall_cpu`` is the longest piece of processor time between two turns of the event loop. It equals the
stall on a machine that does nothing else; ``stall`` is by the clock and grows with whatever runs beside.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from pathlib import Path

from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.informers import Informers


class Stalls:
    """Notes the longest time between two turns of the event loop, in seconds."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            wall, cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0)
            self.wall = max(self.wall, time.perf_counter() - wall)
            self.cpu = max(self.cpu, time.thread_time() - cpu)

    def stop(self) -> tuple[float, float]:
        """End, and return clock and processor seconds."""
        self._task.cancel()
        return self.wall, self.cpu


def memory() -> float:
    """Resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def measure(config: KubeConfig) -> dict[str, float]:
    """Sync once, then judge every server once."""
    informers = Informers(config)
    gc.collect()
    before = memory()
    stalls = Stalls()
    began, cpu_before = time.perf_counter(), time.process_time()
    informers.start()
    await asyncio.wait_for(informers.synced.wait(), 120)
    synced, busy = time.perf_counter() - began, time.process_time() - cpu_before
    await asyncio.sleep(0.5)
    wall, cpu = stalls.stop()
    gc.collect()
    grown = memory() - before
    servers = informers.servers()
    began = time.perf_counter()
    pods = sum(len(informers.snapshot(*server).pods) for server in servers)
    snapshot = (time.perf_counter() - began) / max(1, len(servers))
    await informers.stop()
    return {
        "servers": len(servers),
        "pods": pods,
        "seconds_to_sync": round(synced, 2),
        "cpu_seconds_to_sync": round(busy, 2),
        "stall_ms": round(wall * 1000, 1),
        "stall_cpu_ms": round(cpu * 1000, 1),
        "memory_mib": round(grown, 1),
        "snapshot_us": round(snapshot * 1e6, 1),
    }


if __name__ == "__main__":
    server, ca_file, token = sys.argv[1:]
    found = asyncio.run(measure(KubeConfig(server, ca_file=ca_file, token=token)))
    print(json.dumps(found))
