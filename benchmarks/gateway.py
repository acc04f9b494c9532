"""B9: requests a second through front and gate, against the same nginx location without auth_request."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.client import Client
from benchmarks.results import Result
from cluster.packages import install
from cluster.preflight import Package, missing_packages
from demo.processes import Process
from demo.stack import Stack

ROUNDS, SECONDS, CONNECTIONS = 3, 20, 16
BASE_PORT = 8391
# One worker and upstream keep-alive, as the front has them; no questions, no Lua.
BASE = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000;
  upstream pod {{ server {pod}; keepalive 128; keepalive_requests 100000; }}
  server {{
    listen 127.0.0.1:{port} reuseport;
    location / {{ proxy_pass http://pod; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


def run(stack: Stack) -> list[Result]:
    """Three rounds of 20 s each, in turn."""
    install(missing, print) if (missing := missing_packages((Package("wrk", ("wrk",)),))) else None
    client = Client(stack, stack.env["USER_TOKEN"])
    status, service = client.call("POST", "/services/", {"id": "hello-kubernetes", "NAME": "gateway"})
    if status != 201:
        raise RuntimeError(f"{status} {service}")
    client.wait_running("gateway")
    host = service["url"].split("//")[1].rstrip("/")
    ours, peer = [], []
    with TemporaryDirectory() as folder:
        base = start_base(Path(folder), pod_address(stack, client))
        try:
            for _ in range(ROUNDS):
                peer.append(load(f"http://127.0.0.1:{BASE_PORT}/", {}))
                ours.append(load(f"http://127.0.0.1:{stack.ports.front}/", {**client.headers, "Host": host}))
        finally:
            base.stop()
    # A connection that was silent for two minutes is closed.
    Client(stack, stack.env["USER_TOKEN"]).delete("gateway")
    print(f"  through the gate {[round(one) for one in ours]}, nginx alone {[round(one) for one in peer]}")
    values = median(ours), median(peer)
    return [Result("B9 gateway", *values, "requests/s", values[0] / values[1], 0.5, at_least=True)]


def pod_address(stack: Stack, client: Client) -> str:
    """Where the service's only pod listens."""
    namespace = client.call("GET", "/whoami")[1]["namespace"]
    selector = "karvdash.io/server=gateway"
    path = "jsonpath={.items[0].status.podIP}"
    return stack.cluster.kubectl("get", "pods", "-n", namespace, "-l", selector, "-o", path) + ":8080"


def start_base(folder: Path, pod: str) -> Process:
    """The peer: nginx in front of the pod."""
    config = folder / "nginx.conf"
    config.write_text(BASE.format(folder=folder, pod=pod, port=BASE_PORT))
    nginx = Process("base", run=folder, log=folder)
    nginx.start(["nginx", "-c", str(config)], env=dict(os.environ), cwd=folder)
    time.sleep(1)
    return nginx


def load(url: str, headers: dict[str, str]) -> float:
    """Requests a second that wrk counts; all of them have to succeed."""
    options = [word for key, value in headers.items() for word in ("-H", f"{key}: {value}")]
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *options, url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        raise RuntimeError(said)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None:
        raise RuntimeError(said)
    return float(found[1])
