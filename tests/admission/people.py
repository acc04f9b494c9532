"""User namespaces as the Hub makes them, made by an administrator with plain requests to the API server."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any
from urllib.parse import quote, urlsplit

from cluster import Cluster
from karvdash_hub import names
from karvdash_hub.kube.config import load

Json = dict[str, Any]
MOUNTS = {"/private", "/shared", "/var/lib/karvdash"}
PLURALS = {
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "CustomResourceDefinition": "customresourcedefinitions",
}


class Refused(Exception):
    """The API server's words."""


class Api:
    """An administrator's connections to the API server, one a thread: kubectl would cost a second a pod."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.config = load(str(cluster.kubeconfig))
        self._local = threading.local()
        self._open: list[http.client.HTTPSConnection] = []

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """One request; Refused unless it succeeds."""
        content = json.dumps(body) if body is not None else None
        headers = {"Content-Type": "application/json"}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        for attempt in (1, 2):
            try:
                connection = self._connection()
                connection.request(method, path, content, headers)
                answer = connection.getresponse()
                found: Json = json.loads(answer.read())
                break
            except (http.client.HTTPException, OSError):
                self._local.connection.close()  # http.client makes a new one; closed by a restart
                if attempt == 2:
                    raise
        if answer.status >= 300:
            raise Refused(found.get("message", str(found)))
        return found

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._open:
            connection.close()

    def _connection(self) -> http.client.HTTPSConnection:
        if getattr(self._local, "connection", None) is None:
            address = urlsplit(self.config.server).netloc
            context = self.config.ssl_context()
            self._local.connection = http.client.HTTPSConnection(address, context=context, timeout=60)
            self._open.append(self._local.connection)
        connection: http.client.HTTPSConnection = self._local.connection
        return connection


class UserNamespace:
    """A namespace with the annotations that the Hub writes."""

    def __init__(self, api: Api, name: str, username: str = "") -> None:
        self.api = api
        self.name = name
        self.username = username

    def create(self, *, volumes: str = "private shared") -> None:
        """Make the namespace, and claims of the default class in place of the Hub's volumes."""
        marks = {names.ANNOTATION_USER: self.username, names.ANNOTATION_VOLUMES: volumes}
        self.create_bare(annotations=marks)
        for domain in ("private", "shared"):
            self.create_object(claim(names.claim_name(self.name, domain)))  # type: ignore[arg-type]
        deadline = time.monotonic() + 30
        while True:  # pods are refused until the account exists
            try:
                self.get("serviceaccounts", "default")
                return
            except Refused:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def create_bare(self, **metadata: Any) -> None:
        """Make the namespace and nothing in it."""
        self.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": self.name, **metadata}})

    def annotate(self, **annotations: str | None) -> None:
        """Change annotations ``karvdash.io/…`` of the namespace; None takes one away."""
        marks = {f"karvdash.io/{key}": value for key, value in annotations.items()}
        self.api.call("PATCH", f"/api/v1/namespaces/{self.name}", {"metadata": {"annotations": marks}})

    def remove(self) -> None:
        """Begin to delete it."""
        self.api.call("DELETE", f"/api/v1/namespaces/{self.name}")

    def kubectl(self, *arguments: str, text_in: str | None = None) -> str:
        """Run kubectl in this namespace."""
        return self.api.cluster.kubectl("--namespace", self.name, *arguments, text_in=text_in)

    def create_object(self, manifest: Json, query: str = "") -> Json:
        """Create an object; return it as Kubernetes stored it."""
        plural = PLURALS.get(manifest["kind"], f"{manifest['kind'].lower()}s")
        return self.api.call("POST", self.path(plural, manifest["apiVersion"]) + query, manifest)

    def get(self, plural: str, name: str = "", *, version: str = "v1", selector: str = "") -> Json:
        """Get an object, or a list."""
        path = f"{self.path(plural, version)}/{name}".rstrip("/")
        return self.api.call("GET", f"{path}?labelSelector={quote(selector)}")

    def delete(self, plural: str, name: str, *, version: str = "v1") -> None:
        """Delete an object, at once."""
        self.api.call("DELETE", f"{self.path(plural, version)}/{name}?gracePeriodSeconds=0")

    def path(self, plural: str, version: str) -> str:
        """Where a kind is served."""
        root = "/apis" if "/" in version else "/api"
        return f"{root}/{version}/namespaces/{self.name}/{plural}"

    def pods(self, selector: str = "", *, count: int = 1, seconds: float = 60) -> list[Json]:
        """Wait for so many pods, at least."""
        deadline = time.monotonic() + seconds
        while len(found := self.get("pods", selector=selector)["items"]) < count:
            said = [event["message"] for event in self.get("events")["items"]]
            assert time.monotonic() < deadline, f"{len(found)} pods of {count}: {said}"
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
    """Where each container has a volume, but for the account's token: container name to paths."""
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
