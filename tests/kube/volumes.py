"""Users' volumes and the pods that mount them, for tests."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from karvdash_hub.data import VolumeClaim, parse_location
from karvdash_hub.data.folders import DOMAINS
from karvdash_hub.kube.errors import NotFound
from karvdash_hub.kube.rest import Kube

if TYPE_CHECKING:
    from tests.kube.conftest import UserNamespace

CLAIM, VOLUME = "PersistentVolumeClaim", "PersistentVolume"


def claims_of(person: UserNamespace, root: Path, *, size: str = "1Pi") -> list[VolumeClaim]:
    place = parse_location(root.as_uri())
    return [VolumeClaim(place, domain, person.name, person.slug, person.username, size) for domain in DOMAINS]


async def delete(kube: Kube, kind: str, name: str, namespace: str = "") -> None:
    try:
        await kube.delete("v1", kind, name, namespace)
    except NotFound:
        return


async def gone(kube: Kube, kind: str, name: str, namespace: str = "", seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            await kube.get("v1", kind, name, namespace)
        except NotFound:
            return
        assert time.monotonic() < deadline, f"{kind} {name} is still there"
        await asyncio.sleep(0.1)


async def states(kube: Kube, claims: list[VolumeClaim]) -> list[tuple[str, str]]:
    """Phase of each claim and of its volume."""
    return [
        (
            (await kube.get("v1", CLAIM, claim.name, claim.namespace))["status"]["phase"],
            (await kube.get("v1", VOLUME, claim.volume_name))["status"]["phase"],
        )
        for claim in claims
    ]


async def versions(kube: Kube, claims: list[VolumeClaim]) -> list[str]:
    return [
        (await kube.get("v1", kind, name, namespace))["metadata"]["resourceVersion"]
        for claim in claims
        for kind, name, namespace in ((CLAIM, claim.name, claim.namespace), (VOLUME, claim.volume_name, ""))
    ]


def container(image: str, name: str, claims: list[VolumeClaim], script: str, uid: int) -> dict[str, Any]:
    """A container that runs a script as some user id, with the usual umask and the claims mounted."""
    return {
        "name": name,
        "image": image,
        "command": ["sh", "-c", f"umask 022; {script}"],
        "securityContext": {"runAsUser": uid, "runAsGroup": uid},
        "volumeMounts": [{"name": claim.domain, "mountPath": f"/{claim.domain}"} for claim in claims],
    }


def pod(
    person: UserNamespace, image: str, name: str, claims: list[VolumeClaim], script: str, uid: int = 0
) -> dict[str, Any]:
    """A pod of one container, with the claims mounted as every pod gets them."""
    volumes = [{"name": claim.domain, "persistentVolumeClaim": {"claimName": claim.name}} for claim in claims]
    spec = {
        "containers": [container(image, "main", claims, script, uid)],
        "volumes": volumes,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
    }
    return person.manifest("v1", "Pod", name, spec=spec)


async def running(kube: Kube, person: UserNamespace, name: str, *phases: str) -> str:
    """Wait for a phase, "Running" unless others are given."""
    wanted, deadline = phases or ("Running",), time.monotonic() + 60
    while True:
        live = await kube.get("v1", "Pod", name, person.name)
        if live["status"].get("phase") in wanted:
            return str(live["status"]["phase"])
        assert time.monotonic() < deadline, live["status"]
        await asyncio.sleep(0.1)


async def run(kube: Kube, manifest: dict[str, Any], person: UserNamespace) -> str:
    """Run a pod to its end; what it printed, with how it ended in front."""
    name = manifest["metadata"]["name"]
    await kube.create(manifest)
    phase = await running(kube, person, name, "Succeeded", "Failed")
    lines = [line async for line in kube.logs(person.name, name)]
    return " ".join([phase, *lines])
