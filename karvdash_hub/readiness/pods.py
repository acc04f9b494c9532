"""How one pod is doing, in a verdict of its own; ``judge`` picks the one that matters most."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from karvdash_hub.readiness.containers import (
    explain_broken,
    explain_end,
    explain_mount,
    has_log,
    is_broken,
)
from karvdash_hub.readiness.images import pulled_image
from karvdash_hub.readiness.model import ContainerState, Event, Node, Pod, Verdict
from karvdash_hub.readiness.scheduling import NO_VOLUME, explain_unschedulable

#: A container that ended with an error has to stay up this long, in seconds, before it counts again:
#: one without a readiness check is "ready" for the moment that lies between two crashes.
PROBATION = 10.0
#: From this many restarts on, a container that is not ready is taken for broken between crashes too.
MANY_RESTARTS = 2

_PROBE = re.compile(r"^(Readiness|Startup|Liveness) probe (?:failed|errored[^:]*): (.*)", re.DOTALL)
_HTTP_STATUS = re.compile(r"statuscode: (\d+)")
_REFUSED = re.compile(r":(\d+): connect: connection refused")
_LATE = re.compile(r"deadline exceeded|timed out|timeout", re.IGNORECASE)
_CHECKS = {"Readiness": "readiness", "Startup": "startup", "Liveness": "liveness"}
_KILLED = re.compile(r"^Container (\S+) failed (liveness|startup) probe")


def judge_pod(
    pod: Pod, events: Sequence[Event], now: float, *, nodes: Sequence[Node] = (), storage: str = ""
) -> Verdict:
    """Judge a pod that is not being deleted.

    Args:
        events: about the pod, oldest first.
        now: Unix time in seconds.
        nodes: of the cluster, if known.
        storage: what keeps the server's claims from getting a volume, as a sentence, or ``""``.
    """
    if pod.phase == "Failed":
        return _failed(pod)
    if not pod.scheduled:
        return _unscheduled(pod, nodes, storage)
    for container in pod.containers:
        if is_broken(container):
            return _broken(pod, container, events)
    for container in pod.containers:
        if (verdict := _on_probation(pod, container, events, now)) is not None:
            return verdict
    if pod.ready or pod.phase == "Succeeded":
        return Verdict("running", "Ready.", percent=100)
    return _under_way(pod, events)


def _failed(pod: Pod) -> Verdict:
    for container in pod.containers:
        if container.state == "terminated" and container.exit_code:
            return Verdict("failing", explain_end(container), True, 0, container.name, pod.name)
    why = pod.message.strip().rstrip(".") or "Kubernetes gives no reason"
    verb = {"Evicted": "was evicted", "DeadlineExceeded": "ran longer than it may"}.get(pod.reason, "failed")
    return Verdict("failing", f"Pod {pod.name} {verb}: {why}.", True)


def _unscheduled(pod: Pod, nodes: Sequence[Node], storage: str) -> Verdict:
    if not pod.unschedulable:
        return Verdict("starting", "Looking for a node.", percent=15)
    message = explain_unschedulable(pod, nodes)
    if storage and message == NO_VOLUME:
        message = storage
    return Verdict("starting", message, stuck=True, percent=15)


def _broken(pod: Pod, container: ContainerState, events: Sequence[Event]) -> Verdict:
    message = _killed_by_check(container, events) or explain_broken(container)
    logged = has_log(container)
    return Verdict(
        "failing",
        message,
        stuck=True,
        percent=40,
        container=container.name if logged else None,
        pod=pod.name if logged else None,
    )


def _on_probation(pod: Pod, container: ContainerState, events: Sequence[Event], now: float) -> Verdict | None:
    if container.state != "running" or not container.restarts:
        return None
    killed = _killed_by_check(container, events)
    if not container.ready and container.restarts >= MANY_RESTARTS and (killed or container.exit_code):
        message = killed or f"{explain_end(container)} It runs again, but is not ready."
        return Verdict("failing", message, True, 60, container.name, pod.name)
    wait = PROBATION - (now - seconds(container.since)) if container.since else 0.0
    if container.ready and (killed or container.exit_code) and 0 < wait <= PROBATION:
        message = f"{killed or explain_end(container)} It runs again; waiting whether it stays."
        return Verdict("starting", message, False, 80, container.name, pod.name, recheck=wait)
    return None


def _killed_by_check(container: ContainerState, events: Sequence[Event]) -> str:
    """Tell if the kubelet itself ended the container: its exit code then explains nothing."""
    for event in reversed(events):
        match = _KILLED.match(event.message) if event.reason == "Killing" else None
        if match and match[1] == container.name:
            probe = _probe_failure(events, (match[2].capitalize(),)) or f"its {match[2]} check fails."
            return f"Container {container.name} is restarted again and again: {probe}"
    return ""


def _under_way(pod: Pod, events: Sequence[Event]) -> Verdict:
    inits = [c for c in pod.containers if c.init and not c.sidecar]
    for number, container in enumerate(inits, 1):
        if container.state == "running":
            message = f"Init container {container.name} runs ({number} of {len(inits)})."
            return Verdict("starting", message, False, 50, container.name, pod.name)
    waiting = [c for c in pod.containers if c.state == "waiting"]
    if waiting or not pod.containers:
        return _creating(pod, events)
    for container in pod.containers:
        if container.state == "running" and not container.ready:
            return _unready(pod, container, events)
    for container in pod.containers:
        if not container.init and container.state == "terminated":
            done = pod.owner.startswith("Job/")
            message = f"Container {container.name} has done its work." if done else explain_end(container)
            return Verdict("starting", message, False, 85 if done else 60, container.name, pod.name)
    message = f"Pod {pod.name} is not ready although its containers are: its node may be away."
    return Verdict("starting", message, percent=85)


def _creating(pod: Pod, events: Sequence[Event]) -> Verdict:
    """Say what happens while containers wait to be made; the latest event that tells anything decides."""
    for event in reversed(events):
        if event.reason in ("Pulled", "Failed", "BackOff", "Created", "Started"):
            break
        if event.reason == "Pulling" and (image := pulled_image(event.message)):
            return Verdict("starting", f"Pulling image {image}.", percent=40)
        if event.reason in ("FailedMount", "FailedAttachVolume") and (why := explain_mount(event.message)):
            return Verdict("failing", why, stuck=True, percent=30)
        if event.reason == "FailedCreatePodSandBox":
            why = event.message.rpartition(": ")[2].strip().rstrip(".")
            message = f"The node cannot set up pod {pod.name}: {why}. Kubernetes tries again."
            return Verdict("failing", message, stuck=True, percent=30)
    return Verdict("starting", "Starting.", percent=30)


def _unready(pod: Pod, container: ContainerState, events: Sequence[Event]) -> Verdict:
    check = "readiness" if container.started else "startup"
    message = f"{container.name} is running but does not answer its {check} check yet."
    if probe := _probe_failure(events, ("Readiness", "Startup", "Liveness")):
        message = f"{container.name} is running but not ready yet: {probe}"
    return Verdict("starting", message, False, 80, container.name, pod.name)


def _probe_failure(events: Sequence[Event], kinds: tuple[str, ...]) -> str:
    for event in reversed(events):
        match = _PROBE.match(event.message) if event.reason == "Unhealthy" else None
        if match and match[1] in kinds:
            return f"its {_CHECKS[match[1]]} check {_explain_probe(match[2])}."
    return ""


def _explain_probe(output: str) -> str:
    if match := _HTTP_STATUS.search(output):
        return f"gets HTTP status {match[1]}"
    if match := _REFUSED.search(output):
        return f"finds nothing that listens on port {match[1]}"
    if _LATE.search(output):
        return "gets no answer in time"
    line = " ".join(output.split()).rstrip(".")
    return f"fails ({line[:200]})" if line else "fails"


def seconds(time: str) -> float:
    """Return Unix seconds of a time as Kubernetes writes it."""
    return datetime.fromisoformat(time).timestamp()
