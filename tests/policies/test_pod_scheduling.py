"""Where pods may run, and before whom."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from karvdash_hub.kube.rest import Kube
from tests.policies.conftest import Parameters, User
from tests.policies.pods import Json, pod

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


def tolerating(**fields: object) -> Json:
    return pod(tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists"}, fields])


@pytest.fixture(scope="module")
async def classes(admin_kube: Kube) -> AsyncIterator[dict[str, str]]:
    """Priority classes of an admin's (by their value) and a runtime class."""
    made = {name: f"karvdash-test-{name}-{secrets.token_hex(2)}" for name in ("high", "low", "kata")}
    api = "scheduling.k8s.io/v1"
    for name, value in (("high", 1000), ("low", -10)):
        metadata = {"name": made[name]}
        await admin_kube.create(
            {"apiVersion": api, "kind": "PriorityClass", "metadata": metadata, "value": value}
        )
    runtime = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "kata"}
    await admin_kube.create({**runtime, "metadata": {"name": made["kata"]}})
    yield made
    for name in ("high", "low"):
        await admin_kube.delete(api, "PriorityClass", made[name])
    await admin_kube.delete("node.k8s.io/v1", "RuntimeClass", made["kata"])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            pod(nodeName="n"), "spec.nodeName: n is not allowed: it would pass by", id="P6-nodeName"
        ),
        pytest.param(
            pod(priorityClassName="system-node-critical"),
            "spec.priorityClassName: system-node-critical is not allowed. Allowed: classes whose value is 0",
            id="3.4-system-node-critical",
        ),
        pytest.param(
            pod(priorityClassName="system-cluster-critical"),
            "spec.priorityClassName: system-cluster-critical is not allowed.",
            id="3.4-system-cluster-critical",
        ),
        pytest.param(
            tolerating(key=CONTROL_PLANE, operator="Exists"),
            f"spec.tolerations: {CONTROL_PLANE} is not allowed.",
            id="P6-control-plane",
        ),
        pytest.param(
            tolerating(key="node-role.kubernetes.io/master", effect="NoSchedule"),
            "spec.tolerations: node-role.kubernetes.io/master is not allowed.",
            id="P6-master",
        ),
        pytest.param(
            tolerating(operator="Exists"),
            "spec.tolerations: one of every taint (no key) is not allowed. Name the taint",
            id="3.4-everything",
        ),
    ],
)
async def test_what_is_refused(alice: User, spec: Json, message: str) -> None:
    assert (await alice.create_pod(spec)).startswith(message)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(pod(nodeSelector={"a": "b"}), id="nodeSelector"),
        pytest.param(pod(schedulerName="mine"), id="own-scheduler"),
        pytest.param(pod(priorityClassName=""), id="no-class"),
        pytest.param(tolerating(key="dedicated", operator="Equal", value="x"), id="a-taint"),
    ],
)
async def test_what_is_allowed(alice: User, spec: Json) -> None:
    assert await alice.create_pod(spec) == ""


async def test_priority_classes(alice: User, classes: dict[str, str], parameters_with: Parameters) -> None:
    """A class that gives no precedence needs no permission."""
    assert await alice.create_pod(pod(priorityClassName=classes["low"])) == ""
    answer = await alice.create_pod(pod(priorityClassName=classes["high"]))
    assert answer.startswith(f"spec.priorityClassName: {classes['high']} is not allowed.")
    await parameters_with(priority_classes=[classes["high"]])
    assert await alice.create_pod(pod(priorityClassName=classes["high"])) == ""
    answer = await alice.create_pod(pod(priorityClassName="system-node-critical"))
    assert answer.endswith(f"Allowed: {classes['high']}, classes whose value is 0 or less, or none.")


async def test_runtime_classes(alice: User, classes: dict[str, str], parameters_with: Parameters) -> None:
    spec = pod(runtimeClassName=classes["kata"])
    assert await alice.create_pod(spec) == (
        f"spec.runtimeClassName: {classes['kata']} is not allowed. Allowed: none."
    )
    await parameters_with(runtime_classes=["nvidia", classes["kata"]])
    assert await alice.create_pod(spec) == ""


async def test_protected_taints(alice: User, parameters_with: Parameters) -> None:
    spec = tolerating(key="storage-nodes", operator="Exists")
    assert await alice.create_pod(spec) == ""
    await parameters_with(protected_taints=["storage-nodes"])
    assert (await alice.create_pod(spec)).startswith("spec.tolerations: storage-nodes is not allowed.")
