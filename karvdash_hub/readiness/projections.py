"""From objects as the API server sends them (parsed JSON) to the tuples of ``model``.

Total: any object of the kind is projected, whatever is missing in it. Texts that many objects share are
interned, and equal parts of them are kept once, which halves the memory of a thousand pods.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import lru_cache
from sys import intern
from typing import Any, TypeVar, cast

from karvdash_hub import names
from karvdash_hub.readiness.model import (
    Anchor,
    Claim,
    ContainerPhase,
    ContainerState,
    Endpoint,
    Event,
    Ingress,
    IngressPath,
    Node,
    Pod,
    Service,
    ServicePort,
)
from karvdash_hub.readiness.quantity import add_quantities

Json = Mapping[str, Any]
T = TypeVar("T", bound=Hashable)


def project_pod(item: Json) -> Pod:
    """Project a Pod. ref: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/"""
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or []}
    placed = conditions.get("PodScheduled") or {}
    ready = conditions.get("Ready") or {}
    scheduled = bool(spec.get("nodeName")) or placed.get("status") == "True"
    return Pod(
        uid=metadata.get("uid", ""),
        name=metadata["name"],
        server=_server(metadata),
        phase=intern(status.get("phase") or "Pending"),
        ready=ready.get("status") == "True",
        deleting=bool(metadata.get("deletionTimestamp")),
        created=_text(metadata, "creationTimestamp"),
        scheduled=scheduled,
        unschedulable="" if scheduled else str(placed.get("message") or ""),
        containers=_once(tuple(_containers(spec, status))),
        owner=_owner(metadata),
        ip=str(status.get("podIP") or ""),
        reason=intern(str(status.get("reason") or "")),
        message=str(status.get("message") or ""),
        requests=() if scheduled else _requests(spec),
        restarts=intern(spec.get("restartPolicy") or "Always"),
        since=_text(ready, "lastTransitionTime") if ready.get("status") == "True" else "",
    )


def project_anchor(item: Json) -> Anchor:
    """Project the ConfigMap that stands for a server."""
    metadata = item["metadata"]
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return Anchor(
        name=metadata["name"],
        namespace=intern(metadata.get("namespace", "")),
        server=_server(metadata),
        uid=metadata.get("uid", ""),
        hub=intern(notes.get(names.ANNOTATION_HUB, "")),
        user=intern(notes.get(names.ANNOTATION_USER, "")),
        host=notes.get(names.ANNOTATION_HOST, ""),
        # Whatever is not plainly open is closed.
        auth=notes.get(names.ANNOTATION_AUTH) != "false",
        launch=notes.get(names.ANNOTATION_LAUNCH, ""),
        template=intern(labels.get(names.LABEL_TEMPLATE, "")),
        deleting=bool(metadata.get("deletionTimestamp")),
        created=_text(metadata, "creationTimestamp"),
        hosts=tuple(host for host in notes.get(names.ANNOTATION_HOSTS, "").split(",") if host),
        origins=tuple(origin for origin in notes.get(names.ANNOTATION_ORIGINS, "").split(",") if origin),
    )


def project_endpoint(item: Json) -> Endpoint:
    """Project an EndpointSlice. ref: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/"""
    metadata = item["metadata"]
    labels, owners = metadata.get("labels") or {}, metadata.get("ownerReferences") or []
    return Endpoint(
        name=metadata["name"],
        service=intern(labels.get("kubernetes.io/service-name", "")),
        manager=intern(labels.get("endpointslice.kubernetes.io/managed-by", "")),
        owner=next((owner["uid"] for owner in owners if owner.get("kind") == "Service"), ""),
        server=_server(metadata),
        addresses=tuple(
            (address, _is_ready(endpoint))
            for endpoint in item.get("endpoints") or []
            for address in endpoint.get("addresses") or []
        ),
        ports=_once(
            tuple(
                (intern(port.get("name") or ""), port["port"])
                for port in item.get("ports") or []
                if port.get("port")
            )
        ),
    )


def project_service(item: Json) -> Service:
    """Project a Service."""
    metadata, spec = item["metadata"], item.get("spec") or {}
    return Service(
        name=metadata["name"],
        server=_server(metadata),
        uid=metadata.get("uid", ""),
        cluster_ip=intern(spec.get("clusterIP") or ""),
        ports=_once(
            tuple(
                ServicePort(
                    intern(port.get("name") or ""),
                    port["port"],
                    intern(str(port.get("targetPort") or port["port"])),
                )
                for port in spec.get("ports") or []
            )
        ),
        selector=tuple(sorted((intern(k), intern(v)) for k, v in (spec.get("selector") or {}).items())),
        created=_text(metadata, "creationTimestamp"),
    )


def project_ingress(item: Json) -> Ingress:
    """Project an Ingress; routes that lead to no Service are left out."""
    metadata, spec = item["metadata"], item.get("spec") or {}
    return Ingress(
        name=metadata["name"],
        server=_server(metadata),
        ingress_class=intern(spec.get("ingressClassName") or ""),
        paths=tuple(
            IngressPath(
                host=rule.get("host") or "",
                path=path.get("path") or "/",
                path_type=intern(path.get("pathType") or ""),
                service=intern(service["name"]),
                port=intern(str(_port(service.get("port") or {}))),
            )
            for rule in spec.get("rules") or []
            for path in (rule.get("http") or {}).get("paths") or []
            if (service := (path.get("backend") or {}).get("service"))
        ),
    )


def project_claim(item: Json) -> Claim:
    """Project a PersistentVolumeClaim."""
    metadata, spec = item["metadata"], item.get("spec") or {}
    return Claim(
        name=metadata["name"],
        server=_server(metadata),
        phase=intern((item.get("status") or {}).get("phase") or "Pending"),
        storage_class=intern(spec.get("storageClassName") or ""),
        keep=(metadata.get("labels") or {}).get(names.LABEL_KEEP) == "true",
        deleting=bool(metadata.get("deletionTimestamp")),
    )


def project_event(item: Json) -> Event:
    """Project an Event. Old and new style differ in where count and time are."""
    metadata, subject, series = item["metadata"], item.get("involvedObject") or {}, item.get("series") or {}
    return Event(
        kind=intern(subject.get("kind") or ""),
        name=intern(subject.get("name") or ""),
        type=intern(item.get("type") or ""),
        reason=intern(item.get("reason") or ""),
        message=item.get("message") or "",
        count=int(series.get("count") or item.get("count") or 1),
        time=str(
            series.get("lastObservedTime")
            or item.get("lastTimestamp")
            or item.get("eventTime")
            or metadata.get("creationTimestamp")
            or ""
        ),
        uid=metadata.get("uid", ""),
        namespace=intern(metadata.get("namespace", "")),
    )


def project_node(item: Json) -> Node:
    """Project a Node; one that takes no new pods offers nothing."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    offered = {} if spec.get("unschedulable") else status.get("allocatable") or {}
    return Node(
        name=item["metadata"]["name"],
        allocatable=tuple(sorted((intern(k), intern(str(v))) for k, v in offered.items())),
    )


def _containers(spec: Json, status: Json) -> Iterator[ContainerState]:
    for init, listed, reported in (
        (True, "initContainers", "initContainerStatuses"),
        (False, "containers", "containerStatuses"),
    ):
        wanted = {container["name"]: container for container in spec.get(listed) or []}
        for container in status.get(reported) or []:
            yield _container(container, wanted.get(container["name"]) or {}, init)


def _container(status: Json, spec: Json, init: bool) -> ContainerState:
    states = status.get("state") or {"waiting": {}}
    phase, state = next(iter(states.items()))
    end = states.get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
    ended = intern(end.get("reason") or "")
    limits = (spec.get("resources") or {}).get("limits") or {}
    restarts = int(status.get("restartCount") or 0)
    return ContainerState(
        name=intern(status["name"]),
        init=init,
        ready=bool(status.get("ready")),
        started=bool(status.get("started")),
        state=cast(ContainerPhase, intern(phase)),
        reason=intern((state or {}).get("reason") or ""),
        message=_message(phase, state or {}, end),
        exit_code=end.get("exitCode"),
        restarts=restarts,
        # The specification's, since the status may hold a digest that nobody wrote.
        image=intern(spec.get("image") or status.get("image") or ""),
        sidecar=init and spec.get("restartPolicy") == "Always",
        ended=ended,
        memory_limit=str(limits.get("memory") or "") if ended == "OOMKilled" else "",
        since=str((state or {}).get("startedAt") or "") if restarts and phase == "running" else "",
    )


def _message(phase: str, state: Json, end: Json) -> str:
    # "back-off 10s restarting failed container" says less than what the container left behind.
    if phase == "waiting" and state.get("reason") == "CrashLoopBackOff":
        return str(end.get("message") or "")
    return str(state.get("message") or "")


def _requests(spec: Json) -> tuple[tuple[str, str], ...]:
    """Sum what the scheduler has to find; init containers run before the others and count apart.

    ref: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
    """
    together: dict[str, str] = {}
    for container in [*(spec.get("containers") or []), *_sidecars(spec)]:
        for resource, amount in _wanted(container).items():
            together[resource] = add_quantities(together.get(resource, "0"), str(amount))
    return tuple(sorted((intern(resource), amount) for resource, amount in together.items()))


def _sidecars(spec: Json) -> Iterable[Json]:
    return (c for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always")


def _wanted(container: Json) -> Json:
    resources = container.get("resources") or {}
    return {**(resources.get("limits") or {}), **(resources.get("requests") or {})}


def _is_ready(endpoint: Json) -> bool:
    # Unknown counts as ready, says the API. ref: discovery.k8s.io/v1 EndpointConditions
    return (endpoint.get("conditions") or {}).get("ready") is not False


def _port(port: Json) -> object:
    return port.get("number") or port.get("name") or ""


def _owner(metadata: Json) -> str:
    for owner in metadata.get("ownerReferences") or []:
        if owner.get("controller"):
            return intern(f"{owner.get('kind')}/{owner.get('name')}")
    return ""


def _same(part: Hashable) -> Hashable:
    return part


#: The texts in a part count as much as the part itself; what was not seen for long is forgotten here alone.
_known = lru_cache(maxsize=2048)(_same)


def _once(part: T) -> T:
    """Return an equal part that is kept already, if there is one. Its fields have one type each."""
    return cast(T, _known(part))


def _server(metadata: Json) -> str:
    return intern((metadata.get("labels") or {}).get(names.LABEL_SERVER, ""))


def _text(metadata: Json, key: str) -> str:
    # Interned, since what is made together has the same second.
    return intern(str(metadata.get(key) or ""))
