"""What is kept of Kubernetes objects, and what is made of it. Tuples, because there are thousands.

Times are strings as Kubernetes writes them (``2026-11-21T12:30:00Z``). An absent text is ``""``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

State = Literal["starting", "running", "failing", "stopping", "stopped"]
ContainerPhase = Literal["waiting", "running", "terminated"]


class ContainerState(NamedTuple):
    """One container of a pod.

    Attributes:
        started: its startup probe succeeded, or it has none and runs.
        reason: of the state it is in, for instance ``ImagePullBackOff``.
        message: of the state it is in; between two restarts that of the last end.
        exit_code: of the state ``terminated``, or of the end before the latest restart.
        sidecar: an init container that keeps running beside the others (``restartPolicy: Always``).
        ended: reason that goes with ``exit_code``: ``Completed``, ``Error``, ``OOMKilled``.
        memory_limit: quantity, kept only when memory ran out.
        since: when it was started, kept only after a restart.
    """

    name: str
    init: bool
    ready: bool
    started: bool
    state: ContainerPhase
    reason: str
    message: str
    exit_code: int | None
    restarts: int
    image: str
    sidecar: bool = False
    ended: str = ""
    memory_limit: str = ""
    since: str = ""


class Pod(NamedTuple):
    """A pod.

    Attributes:
        server: name of the server it belongs to (label).
        unschedulable: the scheduler's message, when it found no place.
        owner: ``Kind/name`` of the controller that made it.
        reason, message: why the whole pod failed, for instance ``Evicted``.
        requests: resource and quantity, summed over containers; kept only until it is scheduled.
        restarts: when containers are started again: ``Always``, ``OnFailure``, ``Never``.
        since: when it became ready, if it is.
    """

    uid: str
    name: str
    server: str
    phase: str
    ready: bool
    deleting: bool
    created: str
    scheduled: bool
    unschedulable: str
    containers: tuple[ContainerState, ...]
    owner: str
    ip: str
    reason: str = ""
    message: str = ""
    requests: tuple[tuple[str, str], ...] = ()
    restarts: str = "Always"
    since: str = ""

    def is_over(self, container: ContainerState) -> bool:
        """Tell whether a container of this pod has ended for good."""
        if self.phase in ("Succeeded", "Failed"):
            return True
        if container.state != "terminated" or container.sidecar:
            return False
        done = container.exit_code == 0
        return self.restarts == "Never" or (done and (container.init or self.restarts == "OnFailure"))


class Workload(NamedTuple):
    """A Deployment, StatefulSet, DaemonSet or Job.

    Attributes:
        replicas: pods wanted: of a DaemonSet one a node that takes it, of a Job those that run at once.
        ready: pods that are ready, of a Job also those that succeeded.
        updated: pods of the newest revision.
        observed: its controller has seen the newest specification.
        failure: message of a condition that says it cannot go on.
        reason: of that condition: ``FailedCreate``, ``ProgressDeadlineExceeded``, a Job's own.
        total: pods of any revision that are not being deleted.
        complete: a Job that has done its work.
        generation: of its specification.
    """

    kind: str
    name: str
    server: str
    replicas: int
    ready: int
    updated: int
    observed: bool
    failure: str
    deleting: bool
    reason: str = ""
    total: int = 0
    complete: bool = False
    generation: int = 0


class Endpoint(NamedTuple):
    """An EndpointSlice: where the pods behind a Service listen.

    Attributes:
        service: name of the Service.
        addresses: IP and whether traffic may go there now.
        ports: name (may be ``""``) and number.
        manager: who made it, as it says itself: ``endpointslice-controller.k8s.io`` for Kubernetes.
        owner: uid of the Service that owns it.
    """

    name: str
    service: str
    server: str
    addresses: tuple[tuple[str, bool], ...]
    ports: tuple[tuple[str, int], ...]
    manager: str = ""
    owner: str = ""


class ServicePort(NamedTuple):
    """A port of a Service; ``target`` is a number or a container port's name, as text."""

    name: str
    port: int
    target: str


class Service(NamedTuple):
    """A Service; ``cluster_ip`` is ``"None"`` for headless ones."""

    name: str
    server: str
    uid: str
    cluster_ip: str
    ports: tuple[ServicePort, ...]
    selector: tuple[tuple[str, str], ...]
    created: str


class IngressPath(NamedTuple):
    """One route of an Ingress; ``port`` is a number or a name, as text."""

    host: str
    path: str
    path_type: str
    service: str
    port: str


class Ingress(NamedTuple):
    """An Ingress, flattened: one entry a host and path."""

    name: str
    server: str
    ingress_class: str
    paths: tuple[IngressPath, ...]


class Claim(NamedTuple):
    """A PersistentVolumeClaim; ``keep`` ones stay when their server stops."""

    name: str
    server: str
    phase: str
    storage_class: str
    keep: bool
    deleting: bool


class Anchor(NamedTuple):
    """The ConfigMap that owns all objects of a server.

    Attributes:
        hub: instance id of the Hub that made it.
        user: user name, not a slug.
        host: allocated host without port, or ``""``.
        auth: False when everybody may open the host.
        launch: id of the launch that made it.
        hosts: all that are allocated to the server, ``host`` among them.
        origins: of pages elsewhere that may act on the service.
    """

    name: str
    namespace: str
    server: str
    uid: str
    hub: str
    user: str
    host: str
    auth: bool
    launch: str
    template: str
    deleting: bool
    created: str
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


class Event(NamedTuple):
    """Something that Kubernetes reports about an object: ``kind`` and ``name`` are that object's."""

    kind: str
    name: str
    type: str
    reason: str
    message: str
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    time: str
    uid: str = ""
    namespace: str = ""


class Node(NamedTuple):
    """A node; ``allocatable`` holds what pods may use of it: resource and quantity."""

    name: str
    allocatable: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Snapshot:
    """All that is known about one server at one moment.

    Attributes:
        ingresses: names.
        events: of this server's objects, oldest first; only while somebody watches them.
        nodes: of the cluster, empty when the Hub may not see them.
    """

    anchor: Anchor | None = None
    pods: Sequence[Pod] = ()
    workloads: Sequence[Workload] = ()
    endpoints: Sequence[Endpoint] = ()
    claims: Sequence[Claim] = ()
    services: Sequence[Service] = ()
    ingresses: Sequence[str] = ()
    events: Sequence[Event] = ()
    nodes: Sequence[Node] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing of the server is left, save claims that are to be kept."""
        kept = all(claim.keep for claim in self.claims)
        return kept and not (
            self.anchor or self.pods or self.workloads or self.endpoints or self.services or self.ingresses
        )


class Expected(NamedTuple):
    """A workload that was applied. Nothing is ready until the watch shows it, in this generation or later."""

    kind: str
    name: str
    replicas: int = 1
    generation: int = 0


@dataclass(frozen=True)
class Verdict:
    """How a server is doing.

    Attributes:
        message: one or two sentences for a person: what happens, to which object, what to do.
        stuck: it will not get ready unless somebody does something.
        percent: how far the start has come, 0 to 100.
        pod, container: whose log explains it, when one does.
        answers: its Service has a place to send requests to, whatever else is wrong.
        recheck: seconds after which time alone may change the verdict, when it may.
    """

    state: State
    message: str
    stuck: bool = False
    percent: int = 0
    container: str | None = None
    pod: str | None = None
    answers: bool = False
    recheck: float | None = None
