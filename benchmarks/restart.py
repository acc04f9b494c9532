"""B8: Hub killed, to 1,000 services listed right; against one kubectl get. B5: their memory."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections import Counter

from benchmarks.client import Client
from benchmarks.crowd import SERVICES, Member, crowd
from benchmarks.memory import USERS, compare
from benchmarks.results import Result
from demo.stack import Stack

KINDS = "deployments,pods,services,ingresses,endpointslices"


def run(stack: Stack) -> list[Result]:
    """Three restarts and three LISTs, in turn; the medians."""
    with crowd(stack) as everybody:
        before = counts(stack)
        ours, peer = [], []
        for _ in range(3):
            peer.append(list_all(stack))
            ours.append(restart(stack, everybody.members))
        after = counts(stack)
        if before != after:
            raise RuntimeError(f"objects before {before}, after {after}")
    print(f"  restarts {rounded(ours)} s, kubectl get {rounded(peer)} s")
    print(f"  objects before and after: {dict(after)}")
    middle = sorted(ours)[1], sorted(peer)[1]
    restarted = Result("B8 restart, 1,000 services", *middle, "s", middle[0] / middle[1], 10.0)
    return [restarted, compare(everybody.growth)]


def rounded(values: list[float]) -> list[float]:
    """For people."""
    return [round(value, 1) for value in values]


def restart(stack: Stack, members: list[Member]) -> float:
    """Seconds from SIGKILL of the Hub until every user's list is right."""
    began = time.perf_counter()
    stack.processes["hub"].kill()
    stack.start_parts(("hub",))
    for member in members:
        while not is_right(stack, member):
            if time.perf_counter() - began > 300:
                raise RuntimeError(f"{member.name}'s services are not right after 300 s")
            time.sleep(0.1)
    return time.perf_counter() - began


def is_right(stack: Stack, member: Member) -> bool:
    """Whether this user sees every service, running."""
    try:
        status, answer = Client(stack, member.token).call("GET", "/services/")
    except (OSError, http.client.HTTPException, ValueError):
        return False
    running = [one for one in answer["objects"] if one["state"] == "running"] if status == 200 else []
    return len(running) == SERVICES // USERS


def list_all(stack: Stack) -> float:
    """Seconds of one kubectl get of the same objects."""
    began = time.perf_counter()
    subprocess.run(kubectl(stack), check=True, capture_output=True)
    return time.perf_counter() - began


def counts(stack: Stack) -> Counter[str]:
    """How many objects of each kind there are."""
    done = subprocess.run(kubectl(stack), check=True, capture_output=True)
    return Counter(thing["kind"] for thing in json.loads(done.stdout)["items"])


def kubectl(stack: Stack) -> list[str]:
    """The command that lists everything that servers own."""
    program = [str(stack.cluster.kubectl_program), f"--kubeconfig={stack.cluster.kubeconfig}"]
    return [*program, "get", KINDS, "-A", "-l", "karvdash.io/server", "-o", "json"]
