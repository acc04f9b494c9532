"""One user's launch while another one launches a hundred, against the same launch alone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from benchmarks.client import Client
from benchmarks.crowd import add_fakes, make_member
from benchmarks.results import Result
from demo.stack import Stack

MANY, ROUNDS = 100, 5


def run(stack: Stack) -> list[Result]:
    """Five launches alone, then five beside a hundred on fake nodes."""
    add_fakes(stack, nodes=2)
    many, one = make_member(stack, "many"), Client(stack, stack.env["USER_TOKEN"])
    alone = [timed(one, f"alone{number}") for number in range(ROUNDS)]
    with ThreadPoolExecutor(20) as threads:
        asked = [
            threads.submit(
                Client(stack, many.token).call, "POST", "/services/", {"id": "fake", "NAME": f"f{number}"}
            )
            for number in range(MANY)
        ]
        time.sleep(1)
        beside = [timed(one, f"beside{number}") for number in range(ROUNDS)]
        if refused := [status for status, _ in (call.result() for call in asked) if status != 201]:
            raise RuntimeError(f"refused: {refused}")
    stack.cluster.kubectl("delete", "namespace", "karvdash-many", "--wait=false")
    stack.cluster.remove_kwok_nodes()
    values = median(beside), median(alone)
    return [Result("fairness, beside 100 launches", *values, "s", values[0] / values[1], 2.0)]


def timed(client: Client, name: str) -> float:
    """Seconds from the POST until it runs; it is deleted afterwards."""
    began = time.perf_counter()
    status, answer = client.call("POST", "/services/", {"id": "hello-kubernetes", "NAME": name})
    if status != 201:
        raise RuntimeError(f"{name}: {status} {answer}")
    took = client.wait_running(name) - began
    client.delete(name)
    return took
