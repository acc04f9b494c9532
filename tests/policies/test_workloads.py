"""Whoever makes a pod: real controllers, given workloads by a user with cluster-admin (H2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.policies.conftest import User
from tests.policies.pods import WORKLOADS, Json, api_version, pod, workload

AGO = "2026-01-01T00:00:00Z"


def host_root(image: str) -> Json:
    mounts = [{"name": "v", "mountPath": "/v"}]
    volumes = [{"name": "v", "hostPath": {"path": "/"}}]
    return pod({"name": "c", "image": image, "volumeMounts": mounts}, volumes=volumes)


def sleeping(image: str) -> Json:
    one = {"name": "c", "image": image, "command": ["sleep", "600"]}
    return pod(one, terminationGracePeriodSeconds=0)


async def eventually(check: Callable[[], Awaitable[bool]], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.1)


async def begin(user: User, kind: str, spec: Json) -> str:
    """Create a workload; a CronJob's time has come."""
    name = f"{kind.lower()}-{'bad' if 'volumes' in spec else 'good'}"
    manifest = user.manifest(api_version(kind), kind, name, spec=workload(kind, spec, name))
    assert await user.create(manifest, dry_run=False) == ""
    if kind == "CronJob":
        late = {"status": {"lastScheduleTime": AGO}}
        await user.kube.patch(api_version(kind), kind, name, user.namespace, late, subresource="status")
    return name


async def pods_of(user: User, name: str) -> list[Json]:
    found = await user.kube.list("v1", "Pod", user.namespace)
    return [one for one in found if one["metadata"]["name"].startswith(name)]


@pytest.mark.parametrize("kind", WORKLOADS)
async def test_the_pod_is_refused_whoever_makes_it(bob: User, busybox: str, kind: str) -> None:
    """H2: the workload stands, its pod does not, and its events say why."""
    name = await begin(bob, kind, host_root(busybox))
    refused = "spec.volumes[v].hostPath.path: / is not an allowed directory of the node"

    async def told() -> bool:
        events = await bob.kube.list("v1", "Event", bob.namespace, field_selector="reason=FailedCreate")
        mine = [event for event in events if event["involvedObject"]["name"].startswith(name)]
        return any(refused in event["message"] for event in mine)

    await eventually(told, f"{kind} says nothing")
    assert await pods_of(bob, name) == []
    await bob.delete(api_version(kind), kind, name, dry_run=False)


async def test_a_workload_from_before_the_policies_is_judged_when_it_grows(bob: User, busybox: str) -> None:
    """H12: scale from 0."""
    spec = {**workload("Deployment", host_root(busybox), "grows"), "replicas": 0}
    assert await bob.create(bob.manifest("apps/v1", "Deployment", "grows", spec=spec), dry_run=False) == ""
    scale = {"spec": {"replicas": 1}}
    answer = await bob.patch("apps/v1", "Deployment", "grows", scale, subresource="scale", dry_run=False)
    assert answer == ""

    async def told() -> bool:
        found = await bob.kube.get("apps/v1", "Deployment", "grows", bob.namespace)
        messages = [one["message"] for one in found.get("status", {}).get("conditions") or []]
        return any("is not an allowed directory of the node" in message for message in messages)

    await eventually(told, "the Deployment says nothing")
    assert await pods_of(bob, "grows") == []
    await bob.delete("apps/v1", "Deployment", "grows", dry_run=False)


@pytest.mark.parametrize("kind", WORKLOADS)
async def test_every_controller_works(bob: User, busybox: str, kind: str) -> None:
    name = await begin(bob, kind, sleeping(busybox))

    async def runs() -> bool:
        return any(one["status"].get("phase") == "Running" for one in await pods_of(bob, name))

    await eventually(runs, f"{kind} does not run")
    await bob.delete(api_version(kind), kind, name, dry_run=False)


async def test_a_service_gets_its_endpoints(bob: User, busybox: str) -> None:
    """The controllers write what users may not (3.2)."""
    manifest = bob.manifest("v1", "Pod", "web", labels={"app": "web"}, spec=sleeping(busybox))
    assert await bob.create(manifest, dry_run=False) == ""
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    assert await bob.create(bob.manifest("v1", "Service", "web", spec=spec), dry_run=False) == ""

    async def reachable() -> bool:
        slices = await bob.kube.list(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            bob.namespace,
            label_selector="kubernetes.io/service-name=web",
        )
        ends = [end for one in slices for end in one.get("endpoints") or []]
        return any(end["conditions"].get("ready") for end in ends)

    await eventually(reachable, "no endpoints")
    await bob.delete("v1", "Pod", "web", dry_run=False)


@pytest.mark.parametrize(
    ("way", "mount"),
    [
        pytest.param("true", {"subPathExpr": "$(WAY)"}, id="dots"),
        pytest.param("ln -s / /v/way", {"subPath": "way"}, id="link"),
        pytest.param("mkdir /v/a && ln -s /etc /v/a/way", {"subPath": "a/way/cni"}, id="link-half-way"),
    ],
)
async def test_nobody_leaves_a_folder_by_a_sub_path(
    bob: User, busybox: str, way: str, mount: dict[str, str]
) -> None:
    """H9: Kubernetes' own rule, which comes after admission: the container never starts."""
    volume = {"name": "v", "mountPath": "/v"}
    before = {"name": "b", "image": busybox, "command": ["sh", "-c", way], "volumeMounts": [volume]}
    one = {
        "name": "c",
        "image": busybox,
        "command": ["ls", "/v"],
        "env": [{"name": "WAY", "value": "../../.."}],
        "volumeMounts": [{**volume, **mount}],
    }
    volumes = [{"name": "v", "emptyDir": {}}]
    spec = pod(one, initContainers=[before], volumes=volumes, terminationGracePeriodSeconds=0)
    assert await bob.create(bob.manifest("v1", "Pod", "climber", spec=spec), dry_run=False) == ""

    async def refused() -> bool:
        found = await bob.kube.get("v1", "Pod", "climber", bob.namespace)
        states = found["status"].get("containerStatuses") or []
        return any(
            (state["state"].get("waiting") or {}).get("reason") == "CreateContainerConfigError"
            for state in states
        )

    await eventually(refused, "the container was not refused")
    await bob.delete("v1", "Pod", "climber", dry_run=False)
    await eventually(lambda: nothing(bob, "climber"), "the pod does not end")


async def nothing(user: User, name: str) -> bool:
    return await pods_of(user, name) == []
