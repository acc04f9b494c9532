"""The programs of the cluster: how each is started, and in which order. Pure, from paths and plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .addresses import Plan
from .paths import Paths
from .settings import node_name


@dataclass(frozen=True)
class Component:
    """One program, ours (see binaries) or from PATH."""

    name: str
    program: str
    arguments: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)


def components(paths: Paths, plan: Plan) -> list[Component]:
    """All components in the order of starting; stopping goes backwards."""
    config = paths.config
    return [
        _etcd(paths),
        Component("containerd", "containerd", [f"--config={config / 'containerd.toml'}"]),
        Component("registry", "docker-registry", ["serve", str(config / "registry.json")]),
        _apiserver(paths, plan),
        _controller_manager(paths),
        _scheduler(paths),
        _kubelet(paths, plan),
        Component("kube-proxy", "kube-proxy", [f"--config={config / 'kube-proxy.json'}"]),
        Component("coredns", "coredns", ["-conf", str(config / "Corefile")]),
        _kwok(paths, plan),
    ]


# At 900 pods of fake nodes: 1056 MiB for all programs instead of 1208.
_FRUGAL = {"GOGC": "50"}

# The API server is by far the busiest: it collects seldom while there is room. With 900 pods of fake nodes
# it takes 380 MiB of the 954 of all programs, and where tests run a sixth less processor time than with 50.
_LIMITED = {"GOGC": "200", "GOMEMLIMIT": "320MiB"}

# Not started by `up`.
ON_DEMAND = {"kwok"}


def _etcd(paths: Paths) -> Component:
    # A socket in a folder that only root enters instead of a port without a password. Peers: there are none.
    socket, peers = f"unix://{paths.etcd_socket}", "http://127.0.0.1:2380"
    flags = [
        f"--data-dir={paths.state / 'etcd'}",
        f"--listen-client-urls={socket}",
        "--advertise-client-urls=http://127.0.0.1:2379",  # must look like an address; nobody asks for it
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",
        # There are no followers who would need older entries; they stay in memory otherwise.
        "--snapshot-count=1000",
        "--log-level=warn",
    ]
    return Component("etcd", "etcd", flags, _FRUGAL)


def _apiserver(paths: Paths, plan: Plan) -> Component:
    pki = paths.pki
    flags = [
        f"--etcd-servers=unix://{paths.etcd_socket}",
        f"--bind-address={plan.node_address}",
        f"--advertise-address={plan.node_address}",
        f"--service-cluster-ip-range={plan.services}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--profiling=false",
        f"--client-ca-file={pki / 'ca.crt'}",
        # Always, so that a change needs no other command line: the API server reads the file again.
        f"--authentication-config={paths.config / 'authentication.yaml'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'kubelet-client.key'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
        f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
    ]
    return Component("kube-apiserver", "kube-apiserver", flags, _LIMITED)


def _control(name: str, paths: Paths) -> list[str]:
    """Flags that the controller manager and the scheduler share. One of each, so no election."""
    config = paths.config / f"{name}.kubeconfig"
    kubeconfigs = [
        f"--{kind}={config}"
        for kind in ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
    ]
    return [
        *kubeconfigs,
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def _controller_manager(paths: Paths) -> Component:
    pki = paths.pki
    flags = [
        "--use-service-account-credentials",
        "--enable-hostpath-provisioner",
        # There is no other node to move pods to. With 50 s, the default, an API server that is away or a
        # machine that slept would leave every pod marked unready, and kwok never marks one ready again.
        "--node-monitor-grace-period=20m",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--service-account-private-key-file={pki / 'sa.key'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
    ]
    arguments = [*_control("controller-manager", paths), *flags]
    return Component("kube-controller-manager", "kube-controller-manager", arguments, _FRUGAL)


def _scheduler(paths: Paths) -> Component:
    return Component("kube-scheduler", "kube-scheduler", _control("scheduler", paths), _FRUGAL)


def _kubelet(paths: Paths, plan: Plan) -> Component:
    flags = [
        f"--config={paths.config / 'kubelet.json'}",
        f"--kubeconfig={paths.config / 'node.kubeconfig'}",
        f"--hostname-override={node_name(paths.name)}",
        f"--node-ip={plan.node_address}",
        "--root-dir=/var/lib/kubelet",
    ]
    return Component("kubelet", "kubelet", flags)


def _kwok(paths: Paths, plan: Plan) -> Component:
    flags = [
        f"--kubeconfig={paths.kubeconfig}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        f"--node-ip={plan.node_address}",
        # Leases, renewed every ten seconds as kubelets do; kwok's other heartbeat takes up to 45 s.
        "--node-lease-duration-seconds=40",
        f"--cidr={plan.fake_pods[1]}/{plan.fake_pods.prefixlen}",
    ]
    return Component("kwok", "kwok", flags)
