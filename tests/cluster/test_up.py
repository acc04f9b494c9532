"""A cluster that is up: what runs in it, and what does not leak out of it."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import Cluster, ClusterError
from cluster.processes import wait_for

from .conftest import Started, apply, run_pod

pytestmark = pytest.mark.cluster

GIB = 2**30


def test_the_node_is_ready_within_20_seconds(started: Started) -> None:
    assert started.seconds < 20


def test_up_again_changes_nothing(ct: Cluster) -> None:
    before = ct.status()
    begin = time.monotonic()
    ct.up()
    assert (ct.status(), time.monotonic() - begin < 5) == (before, True)


def test_up_starts_only_what_is_missing(ct: Cluster) -> None:
    before = dict(ct.status())
    for name in ("kube-scheduler", "kubelet"):
        ct.component(name).stop()
        assert ct.component(name).pid is None
    ct.up()
    after = ct.status()
    changed = {name for name in before if before[name] != after[name]}
    assert (changed, ct.component("kubelet").pid is not None) == ({"kube-scheduler", "kubelet"}, True)


def test_an_unknown_component_is_refused_by_name(ct: Cluster) -> None:
    with pytest.raises(ClusterError, match="there is no component 'kubelt': choose of etcd, containerd"):
        ct.component("kubelt")


def test_the_version_and_its_features(ct: Cluster) -> None:
    version = json.loads(ct.kubectl("version", "--output=json"))
    metrics = str(ct.api().request("GET", "/metrics")[1]).splitlines()
    watch_list = [line for line in metrics if line.startswith('kubernetes_feature_enabled{name="WatchList",')]
    assert [version[side]["gitVersion"] for side in ("clientVersion", "serverVersion")] == ["v1.35.4"] * 2
    assert [line.split()[-1] for line in watch_list] == ["1"]


def deployment(name: str, namespace: str) -> list[dict[str, object]]:
    labels = {"app": name}
    container = {
        "name": "main",
        "image": "paulbouwer/hello-kubernetes:1.5",
        "env": [{"name": "MESSAGE", "value": f"from {name}"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    metadata = {"name": name, "namespace": namespace}
    service = {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
    ]


def test_a_deployment_is_reached_from_the_host_and_from_pods(ct: Cluster, namespace: str) -> None:
    apply(ct, *deployment("hello", namespace))
    ct.kubectl("-n", namespace, "wait", "--for=condition=Available", "deployment/hello", "--timeout=30s")
    get = ("-n", namespace, "get", "-o")
    cluster_ip = ct.kubectl(*get, "jsonpath={.spec.clusterIP}", "service/hello")
    pod_ip = ct.kubectl(*get, "jsonpath={.items[0].status.podIP}", "pods")
    for url in (f"http://{cluster_ip}/", f"http://{pod_ip}:8080/"):
        assert wait_for(lambda url=url: "from hello" in fetch(url), 5), url  # type: ignore[misc]
    # By name, and by the Service's address from another pod: name service and proxy rules for pods.
    assert "from hello" in run_pod(ct, namespace, "wget -q -O - http://hello/")


def fetch(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except OSError as error:
        return str(error)


def test_names_in_a_pod(ct: Cluster, namespace: str) -> None:
    """Names outside get an address where packets can leave, else "no such name"; never silence."""
    script = """
    nslookup kubernetes.default.svc.cluster.local.; echo ---
    nslookup kube-dns.kube-system.svc.cluster.local.; echo ---
    nslookup no-such-service.default.svc.cluster.local.; echo ---
    start=$(date +%s); nslookup example.org. >/dev/null; echo $(($(date +%s) - start))
    """
    api, dns, missing, seconds = run_pod(ct, namespace, script).split("---")
    assert str(ct.plan.api_service) in api
    assert str(ct.plan.dns_service) in dns
    assert "NXDOMAIN" in missing
    assert int(seconds) <= 2


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"hello {self.client_address[0]}".encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing into the output of the tests."""


@pytest.fixture
def host_server(ct: Cluster) -> Iterator[int]:
    """A program of the host that listens on its end of the link; the port."""
    with http.server.ThreadingHTTPServer((ct.host_address, 0), _Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_pods_reach_the_host_and_are_known_by_their_own_address(
    ct: Cluster, namespace: str, host_server: int
) -> None:
    said = run_pod(ct, namespace, f"wget -q -O - http://{ct.host_address}:{host_server}/; echo; hostname -i")
    greeting, address = said.split("\n")[:2]
    assert greeting == f"hello {address.strip()}"


@pytest.mark.parametrize("user", [0, 1000], ids=["root", "user 1000"])
def test_a_claim_is_bound_by_default_and_every_user_can_write(ct: Cluster, namespace: str, user: int) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": "data", "namespace": namespace}
    apply(ct, {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
    said = run_pod(ct, namespace, "echo kept > /data/file && cat /data/file", user=user, claim="data")
    phase = ct.kubectl("-n", namespace, "get", "pvc", "data", "-o", "jsonpath={.status.phase}")
    assert (said, phase) == ("kept\n", "Bound")


@pytest.mark.parametrize(
    "image", ["nobody/nothing:1", "quay.io/nobody/nothing", "localhost:5000/nothing", "busybox:0.0"]
)
def test_a_missing_image_is_said_within_seconds(ct: Cluster, namespace: str, image: str) -> None:
    pod = {"containers": [{"name": "main", "image": image}]}
    metadata = {"name": "missing", "namespace": namespace}
    apply(ct, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    path = "jsonpath={.status.containerStatuses[0].state.waiting.reason}"

    def reason() -> str:
        return ct.kubectl("-n", namespace, "get", "pod", "missing", "-o", path)

    assert wait_for(lambda: reason() in ("ErrImagePull", "ImagePullBackOff"), 8, interval=0.2), reason()
    events = ct.kubectl("-n", namespace, "get", "events", "-o", "jsonpath={.items[*].message}")
    assert "not found" in events


@pytest.mark.parametrize(
    ("verb", "allowed"),
    [pytest.param("list secrets", "no", id="secrets"), pytest.param("get /healthz", "yes", id="health")],
)
def test_rights_are_enforced(ct: Cluster, verb: str, allowed: str) -> None:
    arguments = ["auth", "can-i", *verb.split(), "--as=system:serviceaccount:default:default"]
    arguments += ["--as-group=system:authenticated"]
    command = [str(ct.kubectl_program), f"--kubeconfig={ct.kubeconfig}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == allowed


def test_fake_nodes_make_pods_ready_at_once(ct: Cluster, namespace: str) -> None:
    ct.add_kwok_nodes(2)
    try:
        nodes = ct.kubectl(
            "get", "nodes", "--selector=type=kwok", "-o", "jsonpath={.items[*].spec.taints[*].key}"
        )
        toleration = {"key": "kwok.x-k8s.io/node", "operator": "Exists"}
        container = {"name": "main", "image": "never-pulled"}
        spec = {"nodeSelector": {"type": "kwok"}, "tolerations": [toleration], "containers": [container]}
        metadata = [{"name": f"fake-{number}", "namespace": namespace} for number in range(50)]
        pods = [{"apiVersion": "v1", "kind": "Pod", "metadata": one, "spec": spec} for one in metadata]
        apply(ct, *pods)
        ct.kubectl("-n", namespace, "wait", "--for=condition=Ready", "pods", "--all", "--timeout=20s")
        address = ct.kubectl("-n", namespace, "get", "pod", "fake-7", "-o", "jsonpath={.status.podIP}")
        begin = time.monotonic()
        refused = fetch(f"http://{address}/")
    finally:
        ct.remove_kwok_nodes()
    # Kubernetes may still have its own on them: not-ready, for a moment.
    assert [taint for taint in nodes.split() if "kwok" in taint] == ["kwok.x-k8s.io/node"] * 2
    assert ("No route to host" in refused, time.monotonic() - begin < 8) == (True, True), refused
    assert (ct.kubectl("get", "nodes", "--selector=type=kwok", "-o", "name"), ct.component("kwok").pid) == (
        "",
        None,
    )


def test_a_killed_api_server_comes_back_with_everything(ct: Cluster, namespace: str) -> None:
    ct.kubectl("-n", namespace, "create", "configmap", "kept", "--from-literal=a=b")
    server = ct.component("kube-apiserver")
    server.stop()
    with pytest.raises(ClusterError, match="kubectl get nodes"):
        ct.kubectl("get", "nodes")
    server.start()
    assert wait_for(ct.api().ready, 20)
    assert ct.kubectl("-n", namespace, "get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "b"


def test_all_programs_together_take_at_most_1_1_gib(ct: Cluster) -> None:
    memory = ct.memory()
    assert sum(memory.values()) < 1.1 * GIB, memory


def test_nothing_listens_on_all_addresses_of_the_host(ct: Cluster) -> None:
    """Sockets of our programs exist in our network namespace only."""
    ours = {process.pid for process in ct.status().values() if process}
    listening = subprocess.run(["ss", "-H", "-ltunp"], capture_output=True, text=True, check=True).stdout
    assert [line for line in listening.splitlines() if any(f"pid={pid}," in line for pid in ours)] == []


def test_the_host_keeps_its_mounts_rules_and_tunables(ct: Cluster) -> None:
    mounts = Path("/proc/self/mounts").read_text()
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    inside = subprocess.run(
        [*ct.enter(), "cat", "/proc/sys/kernel/panic_on_oops", "/proc/sys/vm/overcommit_memory"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (str(ct.state) in mounts, "KUBE" in rules, inside.split()) == (False, False, ["1", "1"])
    # Bound over, not written: whatever the host has, it is not what the kubelet sees in its own view.
    assert Path("/proc/sys/kernel/panic").stat().st_ino != _inode_inside(ct, "/proc/sys/kernel/panic")


def _inode_inside(ct: Cluster, path: str) -> int:
    command = [*ct.enter(), "stat", "--format=%i", path]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
