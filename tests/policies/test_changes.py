"""What was refused at first cannot be had by a change: UPDATE, PATCH, apply, debug, resize (H5, H12)."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from karvdash_hub.kube.rest import Kube
from tests.policies.conftest import DATA, Parameters, User
from tests.policies.pods import Json, container, pod, secured

NOWHERE = {"nodeSelector": {"karvdash.io/test": "nowhere"}}
SMALL = {"resources": {"requests": {"cpu": "1m"}}}
LARGER = {"resources": {"requests": {"cpu": "2m"}}}


@pytest.fixture(scope="module")
async def waiting(alice: User) -> AsyncIterator[str]:
    """A pod that exists and that no node takes."""
    name = f"waiting-{secrets.token_hex(2)}"
    manifest = alice.manifest("v1", "Pod", name, spec=pod(container(**SMALL), **NOWHERE))
    assert await alice.create(manifest, dry_run=False) == ""
    yield name
    await alice.kube.delete("v1", "Pod", name, alice.namespace)


@pytest.fixture(scope="module")
async def old(alice: User, admin_kube: Kube) -> AsyncIterator[str]:
    """A pod from before the policies, with everything that they refuse."""
    name = f"old-{secrets.token_hex(2)}"
    spec = pod(container(securityContext={"privileged": True}, **SMALL), hostNetwork=True, **NOWHERE)
    manifest = alice.manifest("v1", "Pod", name, spec=spec)
    manifest["metadata"]["finalizers"] = ["example.org/kept"]
    await admin_kube.create(manifest)
    yield name
    await admin_kube.patch("v1", "Pod", name, alice.namespace, {"metadata": {"finalizers": None}})
    await admin_kube.delete("v1", "Pod", name, alice.namespace)


def debug(**fields: Any) -> Json:
    return {"spec": {"ephemeralContainers": [container("debug", **fields)]}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(debug(), "", id="debug"),
        pytest.param(
            debug(securityContext={"privileged": True}),
            "spec.ephemeralContainers[debug].securityContext.privileged: true is not allowed",
            id="H5-privileged",
        ),
        pytest.param(
            debug(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}),
            "spec.ephemeralContainers[debug].securityContext.capabilities.add: SYS_ADMIN",
            id="H5-capability",
        ),
        pytest.param(
            debug(volumeDevices=[{"name": "v", "devicePath": "/dev/x"}]),
            "spec.ephemeralContainers[0].volumeDevices",  # Kubernetes' own validation
            id="H5-device",
        ),
    ],
)
async def test_debug_containers(alice: User, waiting: str, change: Json, message: str) -> None:
    answer = await alice.patch("v1", "Pod", waiting, change, subresource="ephemeralcontainers")
    assert answer.startswith(message)
    assert bool(answer) == bool(message)


async def test_a_debug_container_writes_where_the_pod_may(alice: User, parameters_with: Parameters) -> None:
    """H5: it mounts what the pod has, and is held to reading where the pod's containers are."""
    await parameters_with({"allowed_host_path_dirs": [DATA]}, read_only_host_paths=[DATA])
    mount = {"name": "d", "mountPath": "/d"}
    volumes = [{"name": "d", "hostPath": {"path": DATA}}]
    spec = pod(container(volumeMounts=[{**mount, "readOnly": True}]), volumes=volumes, **NOWHERE)
    assert await alice.create(alice.manifest("v1", "Pod", "hosted", spec=spec), dry_run=False) == ""
    where = {"subresource": "ephemeralcontainers"}
    answer = await alice.patch("v1", "Pod", "hosted", debug(volumeMounts=[mount]), **where)
    assert answer.startswith("spec.ephemeralContainers[debug].volumeMounts.readOnly: must be true for d")
    reading = debug(volumeMounts=[{**mount, "readOnly": True}])
    assert await alice.patch("v1", "Pod", "hosted", reading, **where) == ""
    assert await alice.delete("v1", "Pod", "hosted", dry_run=False) == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"metadata": {"labels": {"a": "b"}}}, "", id="label"),
        pytest.param(
            {"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/c": "unconfined"}}},
            # Kubernetes' own rule.
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: Forbidden: may not add",
            id="apparmor-annotation",
        ),
        # Kubernetes' own rule: nearly all of a pod's spec stays as it is.
        pytest.param(
            {"spec": {"hostNetwork": True}}, "spec: Forbidden: pod updates may not change", id="network"
        ),
        pytest.param(
            {"spec": {"nodeName": "n"}}, "spec: Forbidden: pod updates may not change", id="nodeName"
        ),
    ],
)
async def test_changes_of_a_pod(alice: User, waiting: str, change: Json, message: str) -> None:
    answer = await alice.patch("v1", "Pod", waiting, change)
    assert answer.startswith(message)
    assert bool(answer) == bool(message)


async def test_apply(alice: User) -> None:
    """Server-side apply is a creation, then an update."""
    manifest = alice.manifest("v1", "Pod", spec=secured(privileged=True))
    assert (await alice.apply(manifest)).startswith("spec.containers[c].securityContext.privileged")
    assert await alice.apply(alice.manifest("v1", "Pod", spec=pod())) == ""


async def test_tolerations_can_be_added_later(alice: User, waiting: str) -> None:
    found = (await alice.kube.get("v1", "Pod", waiting, alice.namespace))["spec"]["tolerations"]
    for added, message in (
        ({"key": "nvidia.com/gpu", "operator": "Exists"}, ""),
        ({"operator": "Exists"}, "spec.tolerations: one of every taint (no key) is not allowed."),
    ):
        answer = await alice.patch("v1", "Pod", waiting, {"spec": {"tolerations": [*found, added]}})
        assert answer.startswith(message)
        assert bool(answer) == bool(message)


async def test_resize(alice: User, waiting: str, old: str) -> None:
    """What the policies allow may grow; what was there before them may not."""

    async def resize(name: str) -> str:
        containers = (await alice.kube.get("v1", "Pod", name, alice.namespace))["spec"]["containers"]
        change = {"spec": {"containers": [{**containers[0], **LARGER}]}}
        return await alice.patch("v1", "Pod", name, change, subresource="resize")

    assert await resize(waiting) == ""
    assert (await resize(old)).startswith("spec.hostNetwork: true is not allowed")


async def test_pods_from_before_the_policies_end_as_usual(alice: User, old: str) -> None:
    """Labels, finalizers and deletion do not touch the spec; a debug container does."""
    for change in ({"metadata": {"labels": {"a": "b"}}}, {"metadata": {"finalizers": None}}):
        assert await alice.patch("v1", "Pod", old, change) == ""
    assert await alice.delete("v1", "Pod", old) == ""
    answer = await alice.patch("v1", "Pod", old, debug(), subresource="ephemeralcontainers")
    assert answer.startswith("spec.hostNetwork: true is not allowed")


async def test_a_large_pod(alice: User) -> None:
    """60 KB are judged within CEL's budget, and the one bad container among many is found."""
    environment = [{"name": f"VARIABLE_{number}", "value": "x" * 100} for number in range(12)]
    mounts = [{"name": f"v{number}", "mountPath": f"/mnt/{number}"} for number in range(20)]
    fields = {"env": environment, "volumeMounts": mounts}
    many = [container(f"c{number}", **fields) for number in range(25)]
    volumes = [{"name": f"v{number}", "emptyDir": {}} for number in range(20)]
    assert len(str(pod(*many, volumes=volumes))) > 60_000
    assert await alice.create_pod(pod(*many, volumes=volumes)) == ""
    bad = container("bad", **fields, securityContext={"privileged": True})
    answer = await alice.create_pod(pod(*many, bad, volumes=volumes))
    assert answer.startswith("spec.containers[bad].securityContext.privileged: true")
