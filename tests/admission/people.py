"""User namespaces as the Hub makes them, made by an administrator."""

from __future__ import annotations

import json
import time
from typing import Any

from cluster import Cluster
from karvdash_hub import names

Json = dict[str, Any]
MOUNTS = {"/private", "/shared", "/var/lib/karvdash"}


class UserNamespace:
    """A namespace with the annotations that the Hub writes."""

    def __init__(self, cluster: Cluster, name: str, username: str) -> None:
        self.cluster = cluster
        self.name = name
        self.username = username

    def create(self, *, volumes: str = "private shared") -> None:
        """Make the namespace, and claims of the default class in place of the Hub's volumes."""
        marks = {names.ANNOTATION_USER: self.username, names.ANNOTATION_VOLUMES: volumes}
        metadata = {"name": self.name, "annotations": marks}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        for domain in ("private", "shared"):
            self.apply(claim(names.claim_name(self.name, domain)))  # type: ignore[arg-type]
        deadline = time.monotonic() + 10
        while True:  # pods are refused until the account exists
            try:
                self.kubectl("get", "serviceaccount", "default")
                return
            except Exception:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def remove(self) -> None:
        """Begin to delete it."""
        self.cluster.kubectl("delete", "namespace", self.name, "--wait=false", "--ignore-not-found")

    def kubectl(self, *arguments: str, text_in: str | None = None) -> str:
        """Run kubectl in this namespace."""
        return self.cluster.kubectl("--namespace", self.name, *arguments, text_in=text_in)

    def apply(self, manifest: Json) -> None:
        """Apply an object, here unless it is cluster-wide."""
        self.kubectl("apply", "-f", "-", text_in=json.dumps(manifest))

    def create_object(self, manifest: Json) -> Json:
        """Create an object; return it as Kubernetes stored it."""
        text = self.kubectl("create", "--output", "json", "-f", "-", text_in=json.dumps(manifest))
        made: Json = json.loads(text)
        return made

    def get(self, *what: str) -> Json:
        """Get objects."""
        found: Json = json.loads(self.kubectl("get", *what, "--output", "json"))
        return found

    def pods(self, selector: str = "", *, count: int = 1, seconds: float = 30) -> list[Json]:
        """Wait for so many pods, at least."""
        deadline = time.monotonic() + seconds
        while len(found := self.get("pods", "--selector", selector)["items"]) < count:
            assert time.monotonic() < deadline, (
                f"{len(found)} pods of {count}: {self.kubectl('get', 'events')}"
            )
            time.sleep(0.2)
        return list(found)


def claim(name: str, **metadata: Any) -> Json:
    """A claim of the default class."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, **metadata},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }


def mounts(pod: Json) -> dict[str, set[str]]:
    """Where each container has a volume of ours: container name to paths."""
    spec = pod["spec"]
    containers = [*spec.get("initContainers", ()), *spec["containers"], *spec.get("ephemeralContainers", ())]
    return {
        container["name"]: {
            mount["mountPath"]
            for mount in container.get("volumeMounts", ())
            if not mount["mountPath"].startswith("/var/run/secrets/")
        }
        for container in containers
    }


def variables(container: Json) -> dict[str, str]:
    """The KARVDASH_* variables of a container."""
    return {
        variable["name"]: variable["value"]
        for variable in container.get("env", ())
        if variable["name"].startswith("KARVDASH_")
    }
