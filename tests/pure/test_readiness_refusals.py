"""Why a pod gets no node, or is not made at all: from the words of Kubernetes 1.35 to sentences."""

from __future__ import annotations

from decimal import Decimal

import pytest

from karvdash_hub.kube.errors import from_status
from karvdash_hub.readiness.model import Node, Pod
from karvdash_hub.readiness.quantity import add_quantities, format_bytes, parse_quantity
from karvdash_hub.readiness.refusals import explain_refusal
from karvdash_hub.readiness.scheduling import explain_unschedulable


def waiting_pod(message: str, **requests: str) -> Pod:
    """A pod that the scheduler found no place for."""
    named = tuple((name.replace("__", "/").replace("_", "."), amount) for name, amount in requests.items())
    return Pod(
        "u", "p", "web", "Pending", False, False, "", False, message, (), "ReplicaSet/w-1", "", requests=named
    )


PREEMPTION = " no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims."
SMALL = Node("a", (("cpu", "2"), ("memory", "24000000Ki"), ("nvidia.com/gpu", "0")))
GPUS = (Node("b", (("cpu", "32"), ("nvidia.com/gpu", "4"))), Node("c", (("nvidia.com/gpu", "4"),)))


@pytest.mark.parametrize(
    ("pod", "nodes", "expected"),
    [
        pytest.param(
            waiting_pod("0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory." + PREEMPTION),
            (),
            "No node has enough cpu and memory free.",
            id="requests unknown",
        ),
        pytest.param(
            waiting_pod("0/1 nodes are available: 1 Insufficient cpu." + PREEMPTION, cpu="64"),
            (),
            "Needs 64 CPUs; no node has that much free. It starts when other services stop.",
            id="cpu, nodes unknown",
        ),
        pytest.param(
            waiting_pod("0/1 nodes are available: 1 Insufficient cpu." + PREEMPTION, cpu="1500m"),
            (SMALL,),
            "Needs 1.5 CPUs; no node has that much free. It starts when other services stop.",
            id="cpu taken",
        ),
        pytest.param(
            waiting_pod(
                "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory." + PREEMPTION,
                cpu="64",
                memory="512Gi",
            ),
            (SMALL,),
            "Needs 64 CPUs and 512 GiB of memory; no node has that much free. The largest node has 2 CPUs "
            "and 22.9 GiB of memory in all: choose a smaller size.",
            id="larger than any node",
        ),
        pytest.param(
            waiting_pod("0/2 nodes are available: 2 Insufficient nvidia.com/gpu.", nvidia_com__gpu="1"),
            GPUS,
            "Waiting for a GPU: 0 of 8 free.",
            id="all GPUs taken",
        ),
        pytest.param(
            waiting_pod(
                "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) had untolerated taint(s).",
                nvidia_com__gpu="1",
            ),
            GPUS,
            "Waiting for a GPU: none is free.",
            id="GPUs taken or out of bounds",
        ),
        pytest.param(
            waiting_pod("0/2 nodes are available: 2 Insufficient nvidia.com/gpu.", nvidia_com__gpu="2"),
            GPUS,
            "Waiting for 2 GPUs on one node: no node has that many free.",
            id="two GPUs",
        ),
        pytest.param(
            waiting_pod("0/2 nodes are available: 2 Insufficient nvidia.com/gpu.", nvidia_com__gpu="8"),
            GPUS,
            "Needs 8 GPUs on one node; the largest node has 4. Choose fewer.",
            id="more GPUs than a node has",
        ),
        pytest.param(
            waiting_pod("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", nvidia_com__gpu="1"),
            (SMALL,),
            "No node of this cluster has a GPU. Choose a size without.",
            id="no GPU at all",
        ),
        pytest.param(
            waiting_pod("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", nvidia_com__gpu="1"),
            (),
            "Waiting for a GPU: none is free.",
            id="GPU, nodes unknown",
        ),
        pytest.param(
            waiting_pod("0/1 nodes are available: 1 Insufficient example.com/fpga.", example_com__fpga="1"),
            (Node("a", (("example.com/fpga", "2"),)),),
            "Waiting for one example.com/fpga: 0 of 2 free.",
            id="another device",
        ),
        pytest.param(
            waiting_pod("0/1 nodes are available: 1 Too many pods." + PREEMPTION),
            (),
            "Every node is full: no more pods fit. It starts when other services stop.",
            id="pods",
        ),
        pytest.param(
            waiting_pod(
                "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector." + PREEMPTION
            ),
            (),
            "No node has the labels that its node selector or affinity asks for.",
            id="selector",
        ),
        pytest.param(
            waiting_pod("0/1 nodes are available: 1 node(s) had untolerated taint(s)." + PREEMPTION),
            (),
            "No node takes it: the nodes are not ready or reserved (taints).",
            id="taint, 1.35",
        ),
        pytest.param(
            waiting_pod("0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}."),
            (),
            "No node takes it: the taint dedicated keeps it away, and it does not tolerate that.",
            id="taint, 1.32",
        ),
        pytest.param(
            waiting_pod('0/1 nodes are available: persistentvolumeclaim "nope" not found. not found'),
            (),
            "Volume claim nope does not exist. Create it, or take it out of the template.",
            id="no claim",
        ),
        pytest.param(
            waiting_pod(
                "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
            ),
            (),
            "No volume has been found for its claims yet.",
            id="unbound",
        ),
        pytest.param(
            waiting_pod("0/1 nodes are available: 1 node(s) were unschedulable."),
            (),
            "All nodes are closed for new pods (cordoned). Tell an administrator.",
            id="cordoned",
        ),
        pytest.param(
            waiting_pod("no nodes available to schedule pods"),
            (),
            "The cluster has no node at the moment.",
            id="no node",
        ),
        pytest.param(
            waiting_pod("0/2 nodes are available: 2 node(s) were of the wrong colour." + PREEMPTION),
            (),
            "No node can take it: 2 node(s) were of the wrong colour.",
            id="unknown reason",
        ),
    ],
)
def test_explain_unschedulable(pod: Pod, nodes: tuple[Node, ...], expected: str) -> None:
    assert expected == explain_unschedulable(pod, nodes)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(
            'pods "web-cff9b8864-6qf8d" is forbidden: exceeded quota: quota, requested: limits.cpu=2, '
            "used: limits.cpu=3, limited: limits.cpu=4",
            "Quota exceeded: this needs 2 CPUs; 3 of 4 are in use (limits.cpu). "
            "Stop another service or choose a smaller size.",
            id="quota, condition of a Deployment",
        ),
        pytest.param(
            'Create Pod web-0 in StatefulSet web failed error: pods "web-0" is forbidden: exceeded quota: q, '
            "requested: limits.cpu=2, used: limits.cpu=0, limited: limits.cpu=1",
            "Quota exceeded: this needs 2 CPUs; 0 of 1 are in use (limits.cpu). Choose a smaller size.",
            id="quota, event of a StatefulSet, never fits",
        ),
        pytest.param(
            "Create Pod web-0 in StatefulSet web failed error: failed to create PVC data-web-0: "
            'persistentvolumeclaims "data-web-0" is forbidden: exceeded quota: quota, requested: '
            "requests.storage=5Gi, used: requests.storage=6Gi, limited: requests.storage=10Gi",
            "Quota exceeded: this needs 5 GiB of storage; 6 GiB of 10 GiB are in use (requests.storage). "
            "Stop another service or choose a smaller size.",
            id="quota of a claim",
        ),
        pytest.param(
            '(combined from similar events): Error creating: pods "j-x" is forbidden: exceeded quota: quota, '
            "requested: pods=1,requests.nvidia.com/gpu=1, used: pods=8,requests.nvidia.com/gpu=2, "
            "limited: pods=8,requests.nvidia.com/gpu=2",
            "Quota exceeded: this needs 1 pod; 8 of 8 are in use (pods); this needs 1 GPU; 2 of 2 are in "
            "use (requests.nvidia.com/gpu). Stop another service or choose a smaller size.",
            id="two quotas, event of a Job",
        ),
        pytest.param(
            'pods "x" is forbidden: failed quota: quota: must specify limits.cpu for: web; '
            "limits.memory for: web",
            "The namespace's quota quota asks every container for limits.cpu and limits.memory: "
            "choose a size.",
            id="quota wants limits",
        ),
        pytest.param(
            'Error creating: pods "x" is forbidden: maximum memory usage per Container is 512Mi, but limit '
            "is 600Mi",
            "Outside the namespace's limits: maximum memory usage per Container is 512Mi, but limit is "
            "600Mi. Choose another size.",
            id="LimitRange",
        ),
        pytest.param(
            'pods "psa-1" is forbidden: violates PodSecurity "baseline:latest": privileged (container "web" '
            "must not set securityContext.privileged=true)",
            'Refused by the namespace\'s pod security level baseline: privileged (container "web" must not '
            "set securityContext.privileged=true).",
            id="pod security",
        ),
        pytest.param(
            "pods \"x-\" is forbidden: ValidatingAdmissionPolicy 'volumes' with binding 'volumes' denied "
            "request: spec.volumes[0] names a host path",
            "Refused by the policy volumes: spec.volumes[0] names a host path.",
            id="policy",
        ),
        pytest.param(
            'Error creating: admission webhook "pods.example.com" denied the request: no',
            "Refused by the admission webhook pods.example.com: no.",
            id="webhook",
        ),
        pytest.param(
            'Error creating: Internal error occurred: failed calling webhook "pods.example.com": failed to '
            'call webhook: Post "https://127.0.0.1:9443/mutate": dial tcp: connect: connection refused',
            "No pod can be made: the admission webhook pods.example.com does not answer. Kubernetes "
            "tries again.",
            id="webhook away",
        ),
        pytest.param(
            'Error creating: Internal error occurred: failed calling webhook "pods.admission.karvdash.io": '
            'failed to call webhook: Post "https://127.0.0.1:9443/mutate": context deadline exceeded',
            "No pod can be made at the moment: the part of the platform that gives pods their folders does "
            "not answer. Kubernetes tries again.",
            id="our webhook away",
        ),
        pytest.param(
            'Error creating: admission webhook "pods.admission.karvdash.io" denied the request: Try again.',
            "Try again.",
            id="our webhook",
        ),
        pytest.param(
            'Error creating: pods "x-" is forbidden: error looking up service account a/ghost: '
            'serviceaccount "ghost" not found',
            "Service account ghost does not exist in the namespace.",
            id="service account",
        ),
        pytest.param(
            'Error creating: pods "x-" is forbidden: no PriorityClass with name ghost was found',
            "Priority class ghost does not exist.",
            id="priority class",
        ),
        pytest.param(
            'Error creating: Pod "x-1" is invalid: spec.containers[0].image: Required value',
            "Refused by Kubernetes: spec.containers[0].image: Required value.",
            id="invalid",
        ),
    ],
)
def test_explain_refusal(message: str, expected: str) -> None:
    assert expected == explain_refusal(message)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0", "0", id="zero"),
        pytest.param("100m", "0.1", id="milli"),
        pytest.param("2", "2", id="plain"),
        pytest.param("1.5Gi", "1610612736", id="binary"),
        pytest.param("1k", "1000", id="decimal"),
        pytest.param("5n", "5E-9", id="nano"),
        pytest.param("1e3", "1000", id="exponent"),
        pytest.param("1E", "1000000000000000000", id="exa, not an exponent"),
        pytest.param("2Ei", "2305843009213693952", id="exbi"),
    ],
)
def test_parse_quantity(text: str, expected: str) -> None:
    assert Decimal(expected) == parse_quantity(text)


@pytest.mark.parametrize("text", ["", "much", "1 Gi", "1gi", "--1"])
def test_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


def test_add_and_write_quantities() -> None:
    assert add_quantities("0", "500m") == "500m"
    assert add_quantities("500m", "1500m") == "2"
    assert format_bytes(Decimal(512)) == "512 bytes"
    assert format_bytes(parse_quantity("1536Mi")) == "1.5 GiB"
    assert format_bytes(parse_quantity("4096Ti")) == "4096 TiB"


def test_a_refusal_of_a_bare_pod_while_our_webhook_is_away() -> None:
    """Nobody tries that again by itself, so the person is asked to."""
    text = (
        'Internal error occurred: failed calling webhook "pods.admission.karvdash.io": failed to call '
        'webhook: Post "https://10.208.0.1:9443/mutate?timeout=5s": connect: connection refused'
    )
    error = from_status(500, {"message": text}, what="Pod p")
    assert error.message == (
        "Pod p: No pod can be made at the moment: the part of the platform that gives pods their folders "
        "does not answer. Try again in a minute."
    )
