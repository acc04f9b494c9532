"""B1: POST to ready and open, against kubectl apply and wait of the same rendered manifests.

A third side in the same interleaved run is a program that has nothing to decide: one open connection, the
same objects, one request for each. What the API server takes for them is nobody's doing.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.client import Client
from benchmarks.results import Result, percentile, summary
from cluster.api import Api
from demo.stack import Stack

ROUNDS = 50
TEMPLATE = "hello-kubernetes"
#: Where the kinds of this template are, below a namespace.
PATHS = {
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
    "Service": "/api/v1/namespaces/{}/services",
}


class Witness(threading.Thread):
    """Watches Deployments and EndpointSlices by itself, to tell Kubernetes' own time from ours."""

    def __init__(self, api: Api, path: str) -> None:
        super().__init__(daemon=True)
        self.api, self.path = api, path
        self.seen: list[tuple[float, dict[str, Any]]] = []

    def run(self) -> None:
        """Note when each event arrived."""
        connection = http.client.HTTPSConnection(self.api._host, 6443, context=self.api._context)
        connection.request("GET", f"{self.path}?watch=1")
        for line in connection.getresponse():
            self.seen.append((time.perf_counter(), json.loads(line)["object"]))

    def first(self, wanted: Any, since: float) -> float | None:
        """When an object that satisfies ``wanted`` was first seen after ``since``."""
        return next((at for at, thing in list(self.seen) if at > since and wanted(thing)), None)


def run(stack: Stack) -> list[Result]:
    """50 launches each, in turn."""
    load = os.getloadavg()[0]
    client = Client(stack, stack.env["USER_TOKEN"])
    warm_up(client)
    namespace = client.call("GET", "/whoami")[1]["namespace"]
    api = stack.cluster.api()
    deployments = Witness(api, f"/apis/apps/v1/namespaces/{namespace}/deployments")
    slices = Witness(api, f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices")
    deployments.start()
    slices.start()
    ours: list[float] = []
    peer: list[float] = []
    added: list[float] = []
    direct: list[float] = []
    opened = 0
    with TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            for side in ("ours", "direct", "peer") if number % 2 else ("peer", "direct", "ours"):
                if side == "direct":
                    direct.append(with_requests(stack, client, api, f"d{number}", deployments))
                    continue
                if side == "peer":
                    peer.append(with_kubectl(stack, client, f"k{number}", Path(folder)))
                    continue
                name = f"b{number}"
                begin, ready, status = with_hub(client, name)
                ours.append(ready - begin)
                opened += status == 200
                applied = deployments.first(lambda thing, name=name: thing["metadata"]["name"] == name, begin)
                serving = slices.first(lambda thing, name=name: is_serving(thing, name), begin)
                if applied and serving:
                    added.append((applied - begin) + max(0.0, ready - serving))
                client.delete(name)
    print(f"  ours    {summary(ours)}; first GET through the front answered 200: {opened} of {ROUNDS}")
    print(f"  kubectl {summary(peer)}")
    print(f"  what we add to Kubernetes' own time: {summary(added)}")
    print(f"  of which the same objects by one open connection take: {summary(direct)}")
    if opened != ROUNDS:
        raise RuntimeError(
            f"only {opened} of {ROUNDS} services answered at the moment they were called ready"
        )
    return [
        ratio("B1 launch, median", statistics.median(ours), statistics.median(peer)),
        ratio("B1 launch, p95", percentile(ours, 0.95), percentile(peer, 0.95)),
        Result(
            "B1 added, median",
            statistics.median(added) * 1000,
            50,
            "ms",
            statistics.median(added) / 0.05,
            1.0,
            note=f"load average {load:.1f} before",
        ),
        above(statistics.median(added), statistics.median(direct)),
    ]


def above(added: float, direct: float) -> Result:
    """What is left of ``added`` seconds without those that the API server takes for the objects."""
    left = (added - direct) * 1000
    return Result(
        "B1 added above the same requests",
        left,
        50,
        "ms",
        left / 50,
        1.0,
        note=f"{added * 1000:.0f} - {direct * 1000:.0f} ms",
    )


def ratio(name: str, ours: float, peer: float) -> Result:
    """A result in seconds with floor 1.0."""
    return Result(name, ours, peer, "s", ours / peer, 1.0)


def warm_up(client: Client) -> None:
    """One launch that is not counted: namespace, image, discovery."""
    with_hub(client, "warm")
    client.delete("warm")


def with_hub(client: Client, name: str) -> tuple[float, float, int]:
    """POST, wait for ready, open: (moment of the POST, moment of ready, status of the first GET)."""
    begin = time.perf_counter()
    status, service = client.call("POST", "/services/", {"id": TEMPLATE, "NAME": name})
    if status != 201:
        raise RuntimeError(f"launch of {name}: {status} {service}")
    ready = client.wait_running(name)
    return begin, ready, client.open_service(service["url"].split("//")[1].split(":")[0].rstrip("/"))


def rendered(client: Client, name: str) -> list[dict[str, Any]]:
    """The manifests that the Hub would apply."""
    status, preview = client.call("POST", f"/templates/{TEMPLATE}/preview", {"NAME": name})
    if status != 200 or preview["errors"]:
        raise RuntimeError(f"preview of {name}: {status} {preview}")
    objects: list[dict[str, Any]] = preview["objects"]
    for thing in objects:
        thing["metadata"].pop("ownerReferences", None)
    return objects


def with_requests(stack: Stack, client: Client, api: Api, name: str, deployments: Witness) -> float:
    """Seconds from the first of the requests until the witness sees the Deployment."""
    objects = rendered(client, name)
    namespace = objects[0]["metadata"]["namespace"]
    connection = http.client.HTTPSConnection(api._host, 6443, context=api._context)
    ask(connection, "GET", "/readyz")
    begin = time.perf_counter()
    for thing in objects:
        ask(connection, "POST", PATHS[thing["kind"]].format(namespace), thing)
    deadline = begin + 30
    while (seen := deployments.first(lambda one: one["metadata"]["name"] == name, begin)) is None:
        if time.perf_counter() > deadline:
            raise RuntimeError(f"Deployment {name} was not seen")
        time.sleep(0.002)
    for thing in objects:
        ask(connection, "DELETE", f"{PATHS[thing['kind']].format(namespace)}/{name}")
    connection.close()
    kubectl = [str(stack.cluster.kubectl_program), f"--kubeconfig={stack.cluster.kubeconfig}"]
    gone = ["wait", "-n", namespace, "--for=delete", "pod", "-l", f"app={name}", "--timeout=60s"]
    subprocess.run([*kubectl, *gone], check=False, capture_output=True)  # 1 when there was none yet
    return seen - begin


def ask(connection: http.client.HTTPSConnection, method: str, path: str, body: Any = None) -> None:
    """One request to the API server. Raises RuntimeError if it is refused."""
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {text!r}")


def with_kubectl(stack: Stack, client: Client, name: str, folder: Path) -> float:
    """Seconds of kubectl apply and wait, of the manifests that the Hub would apply."""
    objects = rendered(client, name)
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    kubectl = [str(stack.cluster.kubectl_program), f"--kubeconfig={stack.cluster.kubeconfig}"]
    namespace = objects[0]["metadata"]["namespace"]
    begin = time.perf_counter()
    subprocess.run([*kubectl, "apply", "-f", str(file)], check=True, capture_output=True)
    subprocess.run(
        [
            *kubectl,
            "wait",
            "-n",
            namespace,
            "--for=condition=Available",
            f"deployment/{name}",
            "--timeout=60s",
        ],
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - begin
    subprocess.run([*kubectl, "delete", "-f", str(file), "--wait=true"], check=True, capture_output=True)
    return seconds


def is_serving(thing: dict[str, Any], service: str) -> bool:
    """Whether an EndpointSlice of ``service`` has a ready endpoint."""
    labels = thing["metadata"].get("labels") or {}
    return labels.get("kubernetes.io/service-name") == service and any(
        endpoint.get("conditions", {}).get("ready") for endpoint in thing.get("endpoints") or ()
    )
