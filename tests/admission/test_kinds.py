"""Whatever makes a pod, the pod has the user's volumes and variables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.admission.people import MOUNTS, UserNamespace, mounts, variables
from tests.admission.webhook import Webhook

Json = dict[str, Any]
LABELS = {"app": "x"}
NOWHERE = {"karvdash.io/no-such-node": "true"}


def template(*, restart: str = "Always") -> Json:
    """A pod template with an init container and a sidecar."""
    return {
        "metadata": {"labels": LABELS},
        "spec": {
            "nodeSelector": NOWHERE,
            "restartPolicy": restart,
            "initContainers": [
                {"name": "init", "image": "busybox:1.36"},
                {"name": "sidecar", "image": "busybox:1.36", "restartPolicy": "Always"},
            ],
            "containers": [
                {
                    "name": "main",
                    "image": "busybox:1.36",
                    "env": [{"name": "WHO", "value": "$(KARVDASH_USERNAME)"}],
                }
            ],
        },
    }


def workload(kind: str, name: str) -> Json:
    """One object of a kind that makes pods."""
    version = (
        "batch/v1"
        if kind in ("Job", "CronJob")
        else "v1"
        if kind in ("ReplicationController",)
        else "apps/v1"
    )
    selector: Json = {"matchLabels": LABELS}
    spec: Json = {"selector": selector, "template": template()}
    if kind == "ReplicationController":
        spec["selector"] = LABELS
    if kind == "StatefulSet":
        spec["serviceName"] = name
    if kind in ("Job", "CronJob"):
        spec = {"template": template(restart="Never")}
    if kind == "CronJob":
        spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": spec}}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    "kind",
    ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"],
)
def test_every_kind_of_workload_gets_everything(kind: str, bob: UserNamespace) -> None:
    """In containers, init containers and sidecars."""
    made = workload(kind, "w")
    if kind == "DaemonSet":  # its pods are for nodes that exist
        made["spec"]["template"]["spec"].pop("nodeSelector")
    bob.create_object(made)
    if kind == "CronJob":
        bob.kubectl("create", "job", "now", "--from=cronjob/w")
    [pod] = bob.pods("app=x")
    assert mounts(pod) == {"init": MOUNTS, "sidecar": MOUNTS, "main": MOUNTS}
    for container in (*pod["spec"]["initContainers"], *pod["spec"]["containers"]):
        assert variables(container)["KARVDASH_USERNAME"] == "bob"
        assert variables(container)["KARVDASH_NAMESPACE"] == bob.name


def test_kubectl_run_gets_everything(alice: UserNamespace) -> None:
    """A bare pod, with the variables that come from settings; a "$" in a user's name stays one."""
    alice.kubectl("run", "bare", "--image=pause", "--labels=run=bare")
    [pod] = alice.pods("run=bare")
    assert mounts(pod) == {"bare": MOUNTS}
    assert variables(pod["spec"]["containers"][0]) == {
        "KARVDASH_USERNAME": "Alice $$(HOME)@example.org",
        "KARVDASH_NAMESPACE": alice.name,
        "KARVDASH_INGRESS_URL": "https://hub.example.com",
        "KARVDASH_PRIVATE_DIR": "/private",
        "KARVDASH_PRIVATE_VOLUME": f"{alice.name}-volume-private",
        "KARVDASH_SHARED_DIR": "/shared",
        "KARVDASH_SHARED_VOLUME": f"{alice.name}-volume-shared",
        "KARVDASH_REGISTRY": "registry.example.com:5000",
        "KARVDASH_ARGO_URL": "https://argo.example.com",
    }


def test_containers_share_what_they_write(alice: UserNamespace, busybox: str) -> None:
    """An init container writes, another container reads; the token is there; variables are expanded."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "karvdash-api"}}
    alice.create_object(secret | {"stringData": {"config.ini": "[Karvdash]", "other": "x"}})
    read = "cat /private/a; cat /var/lib/karvdash/config.ini; ls /var/lib/karvdash; echo $WHO"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "writes"},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsUser": 1000},
            "initContainers": [
                {"name": "init", "image": busybox, "command": ["sh", "-c", "echo hello >/private/a"]}
            ],
            "containers": [
                {
                    "name": "main",
                    "image": busybox,
                    "command": ["sh", "-c", read],
                    "env": [{"name": "WHO", "value": "I am $(KARVDASH_USERNAME)"}],
                }
            ],
        },
    }
    alice.create_object(pod)
    alice.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/writes", "--timeout=60s")
    said = alice.kubectl("logs", "writes")
    assert said.split("\n") == ["hello", "[Karvdash]config.ini", "I am Alice $(HOME)@example.org", ""]


def test_a_debugging_container_gets_the_volumes_that_the_pod_has(alice: UserNamespace, pod: Json) -> None:
    """Kubernetes asks about ephemeral containers apart; those that were there stay as they are."""
    alice.create_object(pod | {"metadata": {"name": "debugged"}})
    for name in ("first", "second"):
        alice.kubectl("debug", "debugged", "--image=busybox:1.36", f"--container={name}", "--attach=false")
    found = alice.get("pods", "debugged")
    assert mounts(found) == {"main": MOUNTS, "first": MOUNTS, "second": MOUNTS}
    assert variables(found["spec"]["ephemeralContainers"][1])["KARVDASH_NAMESPACE"] == alice.name


def test_pods_of_other_namespaces_are_left_alone(webhook: Webhook, alice: UserNamespace, pod: Json) -> None:
    """Kubernetes does not even ask."""
    before = webhook.get("/metrics")[1]
    other = UserNamespace(alice.api, "default")
    made = other.create_object(pod | {"metadata": {"name": "untouched"}})
    other.delete("pods", "untouched")
    assert mounts(made) == {"main": set()}
    asked = [line for line in before.splitlines() if "review_seconds_count" in line]
    assert asked[0] in webhook.get("/metrics")[1].splitlines()


def test_a_dry_run_shows_what_would_be_added(alice: UserNamespace, pod: Json) -> None:
    """And leaves nothing behind."""
    shown = alice.create_object(pod | {"metadata": {"name": "dry"}}, "?dryRun=All")
    assert mounts(shown) == {"main": MOUNTS}
    assert "dry" not in {one["metadata"]["name"] for one in alice.get("pods")["items"]}
