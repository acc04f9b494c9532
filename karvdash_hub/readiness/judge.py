"""One verdict for all objects of a server.

Order of the questions: is it going away? what keeps a pod from running? what keeps a controller from
making pods? are all pods there? does the Service find them? The first trouble found is told, the worst
first: what fails before what waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from karvdash_hub.readiness.model import Event, Expected, Pod, Snapshot, Verdict, Workload
from karvdash_hub.readiness.pods import judge_pod, seconds
from karvdash_hub.readiness.refusals import explain_refusal

#: Kinds whose own status is watched; the pods of others are counted by their owner.
WATCHED = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job"})
COUNTED = frozenset({"ReplicaSet", "ReplicationController"})

_LATE = "ProgressDeadlineExceeded"
_WHOLE_SECONDS = len("2026-11-21T12:30:00")
#: Seconds within which a pod that became ready is in an EndpointSlice, on a busy cluster.
_FOUND = 5.0
_STARTING = Verdict("starting", "Starting.", percent=10)


def judge(
    snapshot: Snapshot,
    *,
    expected: Sequence[Expected] = (),
    service: str | None = None,
    now: float,
    stopping: bool | None = None,
) -> Verdict:
    """Judge a server.

    Args:
        expected: the workloads that were applied; none of them missing is needed to be ready.
        service: name of the Service that has to have a ready endpoint, or None.
        now: Unix time in seconds.
        stopping: True when it was asked to stop. When unknown: a deleted anchor, or objects that
            outlive it, mean the same.
    """
    if stopping is None:
        stopping = _is_stopping(snapshot, expected)
    if stopping or (snapshot.empty and not expected):
        return _judge_stop(snapshot)
    if snapshot.empty:
        return _STARTING
    answers = _answers(snapshot, service)
    trouble = [*_troubles(snapshot, expected, now)]
    if not trouble and service is not None and not answers:
        trouble = [*_service_troubles(snapshot, service, now)]
    verdict = max(trouble, key=_weight) if trouble else _ready(snapshot)
    return replace(verdict, answers=answers)


def _weight(verdict: Verdict) -> tuple[bool, bool, bool, int]:
    """What to tell first: failing, then stuck, then what says most, then whatever is furthest behind."""
    says_more = verdict.message != _STARTING.message
    return (
        verdict.state == "failing",
        verdict.stuck,
        says_more,
        -verdict.percent if says_more else verdict.percent,
    )


def _is_stopping(snapshot: Snapshot, expected: Sequence[Expected]) -> bool:
    if snapshot.anchor is not None:
        return snapshot.anchor.deleting
    # The watches of anchors and pods do not keep step: right after the start a pod may be seen first.
    return not expected or bool(snapshot.pods and all(pod.deleting for pod in snapshot.pods))


def _judge_stop(snapshot: Snapshot) -> Verdict:
    if snapshot.empty:
        return Verdict("stopped", "Stopped.")
    left = [pod.name for pod in snapshot.pods]
    if not left:
        return Verdict("stopping", "Stopping.")
    which = f"pod {left[0]}" if len(left) == 1 else f"{len(left)} pods"
    return Verdict("stopping", f"Stopping: waiting for {which} to end.")


def _ready(snapshot: Snapshot) -> Verdict:
    workloads = snapshot.workloads
    if workloads and all(workload.complete for workload in workloads):
        jobs = ", ".join(workload.name for workload in workloads)
        return Verdict("running", f"Done: {jobs} has completed.", percent=100)
    if workloads and all(workload.kind == "Job" for workload in workloads):
        return Verdict("running", "Running.", percent=100)
    idle = [w for w in workloads if not w.replicas and not w.complete]
    if idle and len(idle) == len(workloads):
        return Verdict("running", _explain_idle(idle[0]), percent=100)
    return Verdict("running", "Ready.", percent=100)


def _troubles(snapshot: Snapshot, expected: Sequence[Expected], now: float) -> Iterator[Verdict]:
    events = _Events(snapshot)
    seen = {(workload.kind, workload.name): workload.generation for workload in snapshot.workloads}
    for item in expected:
        if item.kind in WATCHED and seen.get((item.kind, item.name), -1) < item.generation:
            yield _STARTING
    unready = [*_workload_troubles(snapshot, expected, events)]
    late = any(workload.reason == _LATE for workload in snapshot.workloads)
    storage = _explain_claims(snapshot, events)
    for pod in _pods_that_count(snapshot):
        about = events.of("Pod", pod.name)
        verdict = judge_pod(pod, about, now, nodes=snapshot.nodes, storage=storage)
        # A pod more than is wanted (a surge, an evicted leftover) is no trouble when the rest is up.
        spare = pod.owner and snapshot.workloads and not unready and not verdict.recheck
        if verdict.state != "running" and not spare:
            yield replace(verdict, state="failing", stuck=True) if late else verdict
    yield from unready


def _explain_claims(snapshot: Snapshot, events: _Events) -> str:
    pending = [claim.name for claim in snapshot.claims if claim.phase == "Pending"]
    for name in pending:
        for event in reversed(events.of("PersistentVolumeClaim", name)):
            if event.reason == "ProvisioningFailed":
                return f"Claim {name} gets no volume: {event.message.rstrip('.')}."
    return f"No volume has been found for claim {', '.join(pending)} yet." if pending else ""


def _pods_that_count(snapshot: Snapshot) -> Iterator[Pod]:
    """Yield the pods to judge: not those that go, nor failed ones that a controller has replaced."""
    alive = [pod for pod in snapshot.pods if not pod.deleting]
    replaced = {pod.owner for pod in alive if pod.owner and pod.phase != "Failed"}
    for pod in alive:
        if pod.phase != "Failed" or pod.owner not in replaced:
            yield pod


def _workload_troubles(
    snapshot: Snapshot, expected: Sequence[Expected], events: _Events
) -> Iterator[Verdict]:
    alive = [pod for pod in snapshot.pods if not pod.deleting]
    for workload in snapshot.workloads:
        if workload.deleting:
            continue
        seen = [pod for pod in snapshot.pods if _belongs(pod.owner, workload)]
        ready = sum(pod.ready and not pod.deleting for pod in seen)
        if (verdict := _judge_workload(workload, events, ready)) is not None:
            yield verdict
            continue
        if seen and ready < workload.replicas and workload.kind != "Job":
            # Pods are seen to fail before their controller has counted them.
            yield _partial(workload.name, ready, workload.replicas)
    for item in expected:
        if item.kind == "Pod" and not any(pod.name == item.name for pod in alive):
            yield _STARTING
        elif item.kind in COUNTED:
            ready = sum(pod.ready and pod.owner == f"{item.kind}/{item.name}" for pod in alive)
            if ready < item.replicas:
                yield _partial(item.name, ready, item.replicas)


def _belongs(owner: str, workload: Workload) -> bool:
    kind, _, name = owner.partition("/")
    if workload.kind == "Deployment":  # its ReplicaSets are named <deployment>-<hash>
        return kind == "ReplicaSet" and name.rpartition("-")[0] == workload.name
    return (kind, name) == (workload.kind, workload.name)


def _judge_workload(workload: Workload, events: _Events, seen: int) -> Verdict | None:
    """Return what a controller is short of, or None when it has all that it wants.

    Args:
        seen: pods of it that are ready. They count before the controller has counted them, as long as the
            specification is the first one: later there may be pods of an older one among them.
    """
    if workload.kind == "Job" and (workload.complete or workload.failure or workload.reason):
        return None if workload.complete else Verdict("failing", _explain_job(workload), stuck=True)
    if not workload.observed:
        return _STARTING
    if workload.failure and workload.reason != _LATE:
        return Verdict("failing", explain_refusal(workload.failure), stuck=True, percent=10)
    ready = (max(workload.ready, seen) if workload.generation == 1 else workload.ready) >= workload.replicas
    if (
        ready
        and workload.updated >= workload.replicas
        and workload.total <= max(workload.updated, workload.replicas)
    ):
        return None
    if refusal := events.refusal(workload):
        return Verdict("failing", explain_refusal(refusal), stuck=True, percent=10)
    if workload.failure:
        message = f"{workload.name} has made no progress for longer than progressDeadlineSeconds allows."
        # Told only where no pod gives a better reason: those are less far.
        return Verdict("failing", message, stuck=True, percent=95)
    if workload.updated < workload.replicas and workload.total > workload.updated:
        message = f"Replacing the pods of {workload.name}: {workload.updated} of {workload.replicas} are new."
        return Verdict("starting", message, percent=60)
    if ready:
        return Verdict("starting", f"Replacing the old pods of {workload.name}.", percent=90)
    return _partial(workload.name, workload.ready, workload.replicas)


def _partial(name: str, ready: int, wanted: int) -> Verdict:
    if not ready:
        return Verdict("starting", "Starting.", percent=20)
    return Verdict("starting", f"{ready} of {wanted} pods of {name} are ready.", percent=85)


def _explain_job(job: Workload) -> str:
    why = {
        "BackoffLimitExceeded": "its pods ended with errors too often",
        "DeadlineExceeded": "it ran longer than it may",
        "PodFailurePolicy": "a pod ended in a way that its failure policy forbids",
    }.get(job.reason, job.failure.rstrip("."))
    return f"Job {job.name} failed: {why}."


def _explain_idle(workload: Workload) -> str:
    if workload.kind == "DaemonSet":
        return f"No node takes a pod of {workload.name}."
    return f"{workload.name} is set to 0 replicas, so nothing runs."


def _answers(snapshot: Snapshot, service: str | None) -> bool:
    return service is not None and any(
        ready for slice_ in snapshot.endpoints if slice_.service == service for _, ready in slice_.addresses
    )


def _service_troubles(snapshot: Snapshot, name: str, now: float) -> Iterator[Verdict]:
    """All pods are as wanted, and yet the Service leads nowhere: tell why."""
    service = next((service for service in snapshot.services if service.name == name), None)
    idle = [workload for workload in snapshot.workloads if not workload.replicas and not workload.complete]
    if service is not None and not service.selector:
        return  # whoever leaves out the selector manages the endpoints by hand
    if idle and not any(pod.ready for pod in snapshot.pods):
        yield Verdict("starting", _explain_idle(idle[0]), stuck=True, percent=50)
        return
    slices = [slice_ for slice_ in snapshot.endpoints if slice_.service == name]
    waited = now - max((seconds(pod.since) for pod in snapshot.pods if pod.since), default=0.0)
    recheck = _FOUND - waited if 0 <= waited < _FOUND else None
    if service is not None and slices and not recheck and not any(slice_.addresses for slice_ in slices):
        wanted = ", ".join(f"{key}={value}" for key, value in service.selector)
        message = f"Service {name} finds no pod: none has the labels of its selector ({wanted})."
        yield Verdict("starting", message, stuck=True, percent=90)
        return
    yield Verdict("starting", f"Waiting until Service {name} leads to the pods.", percent=95, recheck=recheck)


class _Events:
    """The events of this life of the server, by object, oldest first."""

    def __init__(self, snapshot: Snapshot) -> None:
        # Names come back at the next start, and events outlive their objects by an hour.
        born = snapshot.anchor.created if snapshot.anchor else ""
        self._by_object: dict[tuple[str, str], list[Event]] = {}
        for event in sorted(snapshot.events, key=lambda event: event.time):
            if event.time[:_WHOLE_SECONDS] >= born[:_WHOLE_SECONDS]:
                self._by_object.setdefault((event.kind, event.name), []).append(event)

    def of(self, kind: str, name: str) -> Sequence[Event]:
        return self._by_object.get((kind, name), ())

    def refusal(self, workload: Workload) -> str:
        """Return the message of the last failure to make a pod, unless one was made since."""
        for event in reversed([*self._creations(workload)]):
            if event.reason == "FailedCreate":
                return event.message
            if event.reason == "SuccessfulCreate":
                return ""
        return ""

    def _creations(self, workload: Workload) -> Iterable[Event]:
        if workload.kind != "Deployment":
            return self.of(workload.kind, workload.name)
        return sorted(
            (
                event
                for (kind, name), events in self._by_object.items()
                if _belongs(f"{kind}/{name}", workload)
                for event in events
            ),
            key=lambda event: event.time,
        )
