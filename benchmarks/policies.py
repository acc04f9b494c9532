"""Creating a pod with all policies in force, against the same pod without one, in turns.

A dry run does everything but store the pod, so the policies' share is larger than in a real creation. The
webhook is away meanwhile: it would add the same to both sides.
"""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import Any

from benchmarks.results import Result, summary
from demo import admission
from demo.parts import ROOT
from demo.stack import Stack
from karvdash_hub.cli.policies import from_settings
from karvdash_hub.kube.config import load
from karvdash_hub.kube.errors import Forbidden, Invalid
from karvdash_hub.kube.rest import Kube, default_account

ROUNDS, PODS, WARM = 9, 100, 20
NAMESPACE = "karvdash-bench-policies"
_API = "admissionregistration.k8s.io/v1"
_BINDING = "ValidatingAdmissionPolicyBinding"

#: As a small service has it: two containers, a claim, a Secret, probes.
SPEC = {
    "securityContext": {"runAsUser": 1000, "fsGroup": 100, "seccompProfile": {"type": "RuntimeDefault"}},
    "initContainers": [
        {"name": "prepare", "image": "busybox", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    ],
    "containers": [
        {
            "name": "main",
            "image": "busybox",
            "env": [{"name": f"VARIABLE_{number}", "value": "x" * 20} for number in range(10)],
            "ports": [{"containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [
                {"name": "data", "mountPath": "/data"},
                {"name": "secret", "mountPath": "/secret", "readOnly": True},
            ],
        }
    ],
    "volumes": [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "secret", "secret": {"secretName": "secret"}},
    ],
}


def run(stack: Stack) -> list[Result]:
    """Nine rounds of a hundred pods on each side."""
    admission.withdraw(stack)
    try:
        ours, peer = asyncio.run(measure(stack))
    finally:
        stack.start_parts(admission.PARTS)
        admission.wait_until_asked(stack)
    print(f"  with policies {summary(ours)}; without {summary(peer)}")
    with_, without = median(ours) * 1000, median(peer) * 1000
    return [Result("policies, a pod's creation", with_, without, "ms", with_ / without, 1.3)]


async def measure(stack: Stack) -> tuple[list[float], list[float]]:
    """Return the seconds of every creation with and without policies."""
    bindings = [one for one in from_settings(ROOT / "jupyterhub_config.py") if one["kind"] == _BINDING]
    async with Kube(load(str(stack.cluster.kubeconfig))) as kube:
        await make_namespace(kube)
        ours: list[float] = []
        peer: list[float] = []
        try:
            for _ in range(ROUNDS):
                for binding in bindings:
                    await kube.apply(binding)
                await until(kube, in_force=True)
                ours += await timed(kube)
                for binding in bindings:
                    await kube.delete(_API, _BINDING, binding["metadata"]["name"])
                await until(kube, in_force=False)
                peer += await timed(kube)
        finally:
            for binding in bindings:
                await kube.apply(binding)
            await kube.delete("v1", "Namespace", NAMESPACE)
    return ours, peer


async def make_namespace(kube: Kube) -> None:
    """A namespace whose account is its cluster-admin, as a user's."""
    await kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    await kube.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "user", "namespace": NAMESPACE},
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": NAMESPACE}],
        }
    )
    await asyncio.sleep(1)


async def until(kube: Kube, *, in_force: bool) -> None:
    """Wait until the policies, all of which look at pods, hold or hold no longer."""
    checks = [{"nodeName": "x"}, {"hostPID": True}, {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}]
    deadline = time.monotonic() + 30
    for check in checks:
        while await refused(kube, {**SPEC, **check, **_with_volumes(check)}) != in_force:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the policies are {'not in' if in_force else 'still in'} force: {check}")
            await asyncio.sleep(0.05)
    # The last binding in the alphabet is the last that is seen; none of the others looks at pods.
    await asyncio.sleep(0.5)


def _with_volumes(check: dict[str, Any]) -> dict[str, Any]:
    return {"volumes": [*SPEC["volumes"], *check["volumes"]]} if "volumes" in check else {}  # type: ignore[misc]


async def refused(kube: Kube, spec: dict[str, Any]) -> bool:
    """Create a pod (not really)."""
    metadata = {"name": "x", "namespace": NAMESPACE}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    try:
        await kube.create(pod, as_user=default_account(NAMESPACE), dry_run=True)
    except (Forbidden, Invalid):
        return True
    return False


async def timed(kube: Kube) -> list[float]:
    """Create pods one after the other; seconds of each, without the first ones."""
    took = []
    for _ in range(WARM + PODS):
        began = time.perf_counter()
        if await refused(kube, SPEC):
            raise RuntimeError("a harmless pod is refused")
        took.append(time.perf_counter() - began)
    return took[WARM:]
