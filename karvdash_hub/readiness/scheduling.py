"""Why no node takes a pod, from the scheduler's message, the pod's requests and the nodes' sizes.

The message is ``0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). …``:
one number a reason, then what preemption tried.
ref: kubernetes/pkg/scheduler/framework/types.go FitError (1.35)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from karvdash_hub.readiness.model import Node, Pod
from karvdash_hub.readiness.quantity import format_bytes, format_number, parse_quantity

_INSUFFICIENT = re.compile(r"(\d+) Insufficient ([\w./-]*\w)")
_ALL_NODES = re.compile(r"0/(\d+) nodes are available")
#: Told when a claim waits; who knows the claims may know better.
NO_VOLUME = "No volume has been found for its claims yet."

_AFTERMATH = re.compile(r" (?:no new claims to deallocate|still not schedulable|preemption:)")
_BYTES = ("memory", "ephemeral-storage")

_OTHER: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), sentence)
    for pattern, sentence in (
        (r"no nodes available|0/0 nodes", "The cluster has no node at the moment."),
        (
            r'persistentvolumeclaim "([^"]+)" not found',
            "Volume claim {0} does not exist. Create it, or take it out of the template.",
        ),
        (r'persistentvolumeclaim "([^"]+)" is being deleted', "Volume claim {0} is being deleted."),
        (r'persistentvolumeclaim "([^"]+)" bound to non-existent', "The volume of claim {0} is gone."),
        (
            r"unbound immediate PersistentVolumeClaims|didn't find available persistent volumes",
            NO_VOLUME,
        ),
        (r"not have enough free storage", "No node has enough free storage for its volume."),
        (
            r"PersistentVolume's node affinity|volume node affinity conflict|no available volume zone",
            "Its volume is on a node that cannot take it now.",
        ),
        (r"ReadWriteOncePod", "Its volume is in use by another pod and allows only one."),
        (r"exceed max volume count", "No node can take another volume."),
        (r"Too many pods", "Every node is full: no more pods fit. It starts when other services stop."),
        (
            r"didn't match Pod's node affinity/selector|scheduler-enforced node affinity",
            "No node has the labels that its node selector or affinity asks for.",
        ),
        (r"pod (anti-)?affinity|anti-affinity rules", "No node satisfies its pod affinity rules."),
        (r"topology spread", "No node satisfies its topology spread constraints."),
        (r"free ports", "Every node already uses a host port that it asks for."),
        (r"requested node name", "The node that it names does not exist."),
        (r"cannot allocate all claims", "No node has the devices that it claims free."),
        (r"were unschedulable", "All nodes are closed for new pods (cordoned). Tell an administrator."),
        (
            r"untolerated taint \{([^:}]+)[^}]*\}",
            "No node takes it: the taint {0} keeps it away, and it does not tolerate that.",
        ),
        (
            r"untolerated taint|taints that the pod didn't tolerate",
            "No node takes it: the nodes are not ready or reserved (taints).",
        ),
        (r"scheduling gates", "It waits until its scheduling gates are removed."),
    )
)


def explain_unschedulable(pod: Pod, nodes: Sequence[Node]) -> str:
    """Say in a sentence what the pod waits for."""
    # What preemption says about other nodes would only repeat or contradict the reasons.
    message = _AFTERMATH.split(pod.unschedulable)[0]
    short = {resource: int(count) for count, resource in _INSUFFICIENT.findall(message)}
    if short:
        return _explain_shortage(message, short, dict(pod.requests), nodes)
    for pattern, sentence in _OTHER:
        if match := pattern.search(message):
            return sentence.format(*match.groups())
    detail = message.partition("nodes are available: ")[2] or message
    return f"No node can take it: {detail.strip().rstrip('.')}."


def _explain_shortage(
    message: str, short: Mapping[str, int], requests: Mapping[str, str], nodes: Sequence[Node]
) -> str:
    devices = [resource for resource in short if "/" in resource]
    if devices:
        everywhere = (match := _ALL_NODES.search(message)) is not None and int(match[1]) == short[devices[0]]
        return _explain_device(devices[0], requests.get(devices[0], "1"), nodes, everywhere)
    amounts = [_amount(resource, requests[resource]) for resource in sorted(short) if resource in requests]
    if not amounts:
        return f"No node has enough {' and '.join(sorted(short))} free."
    need = f"Needs {' and '.join(amounts)}; no node has that much free."
    largest = [
        _amount(resource, format_number(most))
        for resource in sorted(short)
        if resource in requests and (most := _largest(resource, nodes)) < parse_quantity(requests[resource])
    ]
    if nodes and largest:
        return f"{need} The largest node has {' and '.join(largest)} in all: choose a smaller size."
    return f"{need} It starts when other services stop."


def _explain_device(resource: str, wanted: str, nodes: Sequence[Node], everywhere: bool) -> str:
    word = "GPU" if resource.endswith("gpu") else resource
    number = int(parse_quantity(wanted))
    things = f"{number} {word}s" if number != 1 else ("a GPU" if word == "GPU" else f"one {word}")
    total = sum(int(_offered(resource, node)) for node in nodes)
    if nodes and not total:
        return f"No node of this cluster has {'a GPU' if word == 'GPU' else word}. Choose a size without."
    if nodes and (most := _largest(resource, nodes)) < number:
        return f"Needs {things} on one node; the largest node has {format_number(most)}. Choose fewer."
    if number > 1:
        return f"Waiting for {things} on one node: no node has that many free."
    # One is wanted and every node says that it has not even one: then none is free in the whole cluster.
    if total and everywhere:
        return f"Waiting for {things}: 0 of {total} free."
    return f"Waiting for {things}: none is free."


def _amount(resource: str, quantity: str) -> str:
    number = parse_quantity(quantity)
    if resource == "cpu":
        return f"{format_number(number)} CPU{'' if number == 1 else 's'}"
    if resource in _BYTES:
        return f"{format_bytes(number)} of {resource.replace('-', ' ')}"
    return f"{format_number(number)} {resource}"


def _offered(resource: str, node: Node) -> Decimal:
    return parse_quantity(dict(node.allocatable).get(resource, "0"))


def _largest(resource: str, nodes: Sequence[Node]) -> Decimal:
    return max((_offered(resource, node) for node in nodes), default=Decimal(0))
