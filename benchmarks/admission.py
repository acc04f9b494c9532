"""B2: the 99th percentile of our webhook against a minimal one in Go that makes the same patch.

Both get the same reviews by TLS, 100 a second whether they keep up or not (open loop), in turn for two
seconds each, from a load generator in Go. Times count from the moment at which a request was due.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.results import Result, percentile
from cluster import binaries
from cluster.processes import resident_bytes
from demo import admission
from demo.processes import Process
from demo.stack import Stack

MODULE = binaries.Module("webhook", Path(__file__).parent / "webhook", ".")
PEER_PORT = 9444
RATE, SECONDS, ROUNDS = 100, 2, 15
SIZES = {"4 KB": 4_000, "60 KB": 60_000}
LARGEST = 60.0
"""MiB that one replica may take."""


def run(stack: Stack) -> list[Result]:
    """Both sizes of pods, then the memory of the replica that answered."""
    binaries.ensure(print, (MODULE,))
    program = str(binaries.find("webhook", (MODULE,)))
    namespace, user = known_namespace(stack)
    tls = stack.state / "admission"
    results = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        address = f"{stack.cluster.host_address}:{PEER_PORT}"
        peer = Process("peer", run=folder, log=folder)
        files = [str(tls / "tls.crt"), str(tls / "tls.key")]
        peer.start([program, "serve", address, *files, namespace, user], env=dict(os.environ), cwd=folder)
        urls = [f"https://{stack.cluster.host_address}:{port}/mutate" for port in (admission.PORT, PEER_PORT)]
        wait_for(stack.cluster.host_address, peer)
        try:
            for size, length in SIZES.items():
                (folder / "review.json").write_text(json.dumps(review(namespace, length)))
                results.append(compare(program, tls / "ca.crt", folder / "review.json", urls, size))
        finally:
            peer.stop()
    resident = resident_bytes(stack.processes["admission"].pid or 0) / 2**20
    print(f"  one replica: {resident:.1f} MiB")
    return [*results, Result("B2 memory of one replica", resident, LARGEST, "MiB", resident / LARGEST, 1.0)]


def compare(program: str, ca: Path, review_file: Path, urls: list[str], size: str) -> Result:
    """Ask both in turn. The note has the load average, since other work shows in the tail first."""
    numbers = [str(number) for number in (RATE, SECONDS, ROUNDS)]
    command = [program, "load", str(ca), str(review_file), *numbers, *urls]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    took: dict[str, list[float]] = json.loads(done.stdout)
    ours, peer = (took[url] for url in urls)
    for name, values in (("ours", ours), ("peer", peer)):
        shown = ", ".join(
            f"p{share * 100:g} {percentile(values, share) * 1000:.2f} ms" for share in (0.5, 0.9, 0.99)
        )
        print(f"  {size} pods, {name}: {shown} of {len(values)}")
    p99 = percentile(ours, 0.99) * 1000, percentile(peer, 0.99) * 1000
    medians = [percentile(values, 0.5) * 1000 for values in (ours, peer)]
    note = f"medians {medians[0]:.2f} and {medians[1]:.2f} ms, load average {os.getloadavg()[0]:.1f}"
    return Result(f"B2 webhook p99, {size} pods", *p99, "ms", p99[0] / p99[1], 3.0, note)


def wait_for(address: str, peer: Process) -> None:
    """Wait until the peer listens."""
    for _ in range(300):
        try:
            socket.create_connection((address, PEER_PORT), timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(peer.last_lines())


def known_namespace(stack: Stack) -> tuple[str, str]:
    """A user namespace with both data domains, made for this, and its user."""
    name, user = "karvdash-bench-admission", "bench"
    marks = {"karvdash.io/user": user, "karvdash.io/volumes": "private shared"}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": marks}}
    stack.cluster.kubectl("apply", "-f", "-", text_in=json.dumps(manifest))
    return name, user


def review(namespace: str, length: int) -> dict[str, Any]:
    """A review as the API server sends it, about a pod of so many bytes."""
    account = f"system:serviceaccount:{namespace}:default"
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": namespace,
            "operation": "CREATE",
            "userInfo": {"username": account, "groups": ["system:serviceaccounts", "system:authenticated"]},
            "object": pod(namespace, length),
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    }


def pod(namespace: str, length: int) -> dict[str, Any]:
    """A pod with an init container and two containers, filled up with environment."""
    token = {
        "name": "kube-api-access",
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        "readOnly": True,
    }
    containers = [
        {"name": f"c{number}", "image": "pause", "env": [], "volumeMounts": [token]} for number in range(3)
    ]
    projected = {
        "name": "kube-api-access",
        "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]},
    }
    made: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "web-", "namespace": namespace, "labels": {"app": "web"}},
        "spec": {"volumes": [projected], "initContainers": containers[:1], "containers": containers[1:]},
    }
    number = 0
    while (missing := length - len(json.dumps(made))) > 0:
        for container in containers:
            for _ in range(1 + missing // 600):
                container["env"].append({"name": f"VARIABLE_{number}", "value": "x" * 100})  # type: ignore[attr-defined]
                number += 1
    return made
