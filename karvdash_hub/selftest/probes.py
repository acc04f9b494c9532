"""What a user's account must not be able to do, tried on the API server. Nothing is stored: dry runs."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.errors import Forbidden, Invalid
from karvdash_hub.kube.rest import Kube, Manifest, default_account
from karvdash_hub.selftest.report import Check

_POLICIES_CURE = (
    "Apply the admission policies (karvdash-hub policies apply), and see docs/explanation/security.md."
)


def pod(namespace: str, name: str, image: str, **spec: Any) -> Manifest:
    """Write a pod that the strictest rules allow; ``spec`` adds to it."""
    container = {
        "name": "main",
        "image": image,
        "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
            **spec.pop("security", {}),
        },
        **spec.pop("container", {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "containers": [container],
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            **spec,
        },
    }


async def check_rights(kube: Kube, namespace: str) -> Check:
    """Try to read what belongs to others: as a user, and as the Hub."""
    tried = "A user lists the pods of kube-system; the Hub reads the Secrets there."
    attempts: dict[str, Awaitable[Any]] = {
        "the user's account": kube.list("v1", "Pod", "kube-system", as_user=default_account(namespace)),
        "the Hub's account": kube.list("v1", "Secret", "kube-system"),
    }
    try:
        allowed = [who for who, attempt in attempts.items() if not await _refused(attempt)]
    except KarvdashError as error:
        return Check("rights", tried, "unknown", f"Kubernetes did not decide: {error}", "Try again.")
    if not allowed:
        return Check("rights", tried, "ok", "Kubernetes refuses both.")
    return Check(
        "rights",
        tried,
        "failed",
        f"Kubernetes lets {' and '.join(allowed)} do it.",
        "Start the API server with --authorization-mode=Node,RBAC, and look for role bindings that give too "
        "much, for example to system:serviceaccounts.",
    )


async def check_policies(kube: Kube, namespace: str, image: str) -> Check:
    """Try, as a user with all rights in the own namespace, what the admission policies forbid."""
    tried = "A user makes a pod with a folder of the node, one with privileges, an EndpointSlice, a NodePort."
    account = default_account(namespace)
    try:
        passed = [
            what
            for what, manifest in forbidden(namespace, image).items()
            if not await _refused(kube.create(manifest, as_user=account, dry_run=True))
        ]
    except KarvdashError as error:
        # A webhook that is away, for instance: then nothing says what the policies would have said.
        return Check(
            "policies", tried, "unknown", f"Kubernetes did not decide: {error}", "See the other checks."
        )
    if not passed:
        return Check("policies", tried, "ok", "All of them are refused.")
    found = f"Kubernetes accepts {', '.join(passed)}."
    return Check("policies", tried, "failed", found, _POLICIES_CURE)


def forbidden(namespace: str, image: str) -> Mapping[str, Manifest]:
    """Return what the policies have to refuse, by a name for people."""
    place = {"namespace": namespace, "name": "selftest"}
    root = {"name": "root", "hostPath": {"path": "/"}}
    return {
        "a pod with a folder of the node": pod(namespace, "selftest", image, volumes=[root]),
        "a privileged pod": pod(
            namespace,
            "selftest",
            image,
            security={"privileged": True, "allowPrivilegeEscalation": True},
        ),
        "an EndpointSlice": {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": place,
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.255.255.1"]}],
            "ports": [],
        },
        "a Service of type NodePort": {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": place,
            "spec": {"type": "NodePort", "selector": {"app": "selftest"}, "ports": [{"port": 80}]},
        },
    }


async def check_webhook(kube: Kube, namespace: str, image: str) -> Check:
    """Look whether a pod of a user gets what the admission server adds."""
    tried = "A user makes a pod; the admission server adds the user's variables and volumes."
    cure = "Start python -m karvdash_hub.admission and its certificate process, and look at their logs."
    try:
        made = await kube.create(
            pod(namespace, "selftest", image), as_user=default_account(namespace), dry_run=True
        )
    except KarvdashError as error:
        return Check("webhook", tried, "failed", f"The pod is refused: {error.message}", cure)
    variables = {one["name"]: one.get("value") for one in made["spec"]["containers"][0].get("env", ())}
    if variables.get("KARVDASH_NAMESPACE") == namespace:
        return Check("webhook", tried, "ok", "The pod has them.")
    return Check("webhook", tried, "failed", "The pod has nothing of it.", cure)


async def _refused(attempt: Awaitable[Any]) -> bool:
    try:
        await attempt
    except (Forbidden, Invalid):
        return True
    return False
