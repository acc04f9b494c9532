"""The configuration files of the components, as pure functions. JSON where YAML is read: JSON is YAML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .addresses import Plan
from .paths import Paths

DOMAIN = "cluster.local"
REGISTRY_PORT = 5000
PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
MAX_PODS = 250


#: People by certificate alone. A configuration for people of an OpenID Connect provider takes its place.
AUTHENTICATION = {
    "apiVersion": "apiserver.config.k8s.io/v1",
    "kind": "AuthenticationConfiguration",
    "jwt": [],
}


def files(
    paths: Paths, plan: Plan, cni_programs: Path, upstream_dns: Sequence[str], authentication: str = ""
) -> dict[str, str]:
    """Every configuration file, by its path relative to the instance's `config` folder.

    Args:
        authentication: text of the API server's AuthenticationConfiguration; "" for none but certificates.
    """
    return {
        "authentication.yaml": authentication or json.dumps(AUTHENTICATION, indent=1),
        "containerd.toml": containerd(paths, cni_programs),
        "registries/_default/hosts.toml": mirror(plan),
        "cni/10-pods.conflist": json.dumps(cni(paths, plan), indent=1),
        "kubelet.json": json.dumps(kubelet(paths, plan), indent=1),
        "kube-proxy.json": json.dumps(kube_proxy(paths, plan), indent=1),
        "registry.json": json.dumps(registry(paths, plan), indent=1),
        "resolv.conf": "".join(f"nameserver {address}\n" for address in upstream_dns),
        "Corefile": corefile(paths, plan, upstream_dns),
    }


def containerd(paths: Paths, cni_programs: Path) -> str:
    """containerd 1.6 to 2: version 2 of the format is read by all of them. JSON strings are TOML strings."""
    text = {
        "root": str(paths.state / "containerd"),
        "registries": str(paths.config / "registries"),
        "cni_programs": str(cni_programs),
        "cni": str(paths.config / "cni"),
        "pause": PAUSE_IMAGE,
    }
    quoted = {name: json.dumps(value) for name, value in text.items()}
    # restrict_oom_score_adj: where root lacks CAP_SYS_RESOURCE, runc dies without it.
    return """version = 2
root = {root}
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = {pause}
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = {registries}
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = {cni_programs}
    conf_dir = {cni}
""".format(**quoted)


def mirror(plan: Plan) -> str:
    """Our registry stands for every registry, as the last resort too: no pull ever leaves the machine."""
    url = json.dumps(f"http://{plan.node_address}:{REGISTRY_PORT}")
    return f'server = {url}\n\n[host.{url}]\n  capabilities = ["pull", "resolve"]\n'


def cni(paths: Paths, plan: Plan) -> dict[str, Any]:
    """A routed link for each pod (`ptp`): no bridge, so nothing depends on the br_netfilter module.

    The list of addresses lives in `run`, and so is empty after a restart of the machine, like the pods.
    """
    addresses = {
        "type": "host-local",
        "dataDir": str(paths.run / "addresses"),
        "ranges": [[{"subnet": str(plan.pods)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def kubelet(paths: Paths, plan: Plan) -> dict[str, Any]:
    pki = paths.pki
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(plan.node_address),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{paths.cgroup}",
        "clusterDNS": [str(plan.node_address)],
        "clusterDomain": DOMAIN,
        "containerLogMaxFiles": 2,
        "containerLogMaxSize": "10Mi",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "enforceNodeAllocatable": [],
        "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "100Mi"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,
        "kubeAPIBurst": 200,
        "kubeAPIQPS": 100,
        "maxPods": MAX_PODS,
        "registryPullQPS": 0,
        "resolvConf": str(paths.config / "resolv.conf"),
        "serializeImagePulls": False,
        "syncFrequency": "1s",
        "tlsCertFile": str(pki / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet-server.key"),
        # Walks through every volume once a minute otherwise.
        "volumeStatsAggPeriod": "-1s",
    }


def kube_proxy(paths: Paths, plan: Plan) -> dict[str, Any]:
    """No clusterCIDR, so pods see the true address of host processes; answers pass the node anyway."""
    loopback = "127.0.0.1"
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(paths.config / "proxy.kubeconfig")},
        "bindAddress": str(plan.node_address),
        "healthzBindAddress": f"{loopback}:10256",
        "metricsBindAddress": f"{loopback}:10249",
        # Limits of the whole machine; not ours to set.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "mode": "iptables",
        "hostnameOverride": node_name(paths.name),
    }


def node_name(name: str) -> str:
    """Name of the one real node of the instance `name`."""
    return f"{name}-node"


def registry(paths: Paths, plan: Plan) -> dict[str, Any]:
    return {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(paths.state / "registry")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"{plan.node_address}:{REGISTRY_PORT}"},
    }


def corefile(paths: Paths, plan: Plan, upstream_dns: Sequence[str]) -> str:
    """DNS for cluster.local; other names go to `upstream_dns`, and do not exist when there is none."""
    kubeconfig = paths.config / "dns.kubeconfig"
    # Without the template, CoreDNS would answer "server failure", and programs would ask again and again.
    others = (
        f"forward . {' '.join(upstream_dns)}"
        if upstream_dns
        else "template ANY ANY . {\n        rcode NXDOMAIN\n    }"
    )
    return f""".:53 {{
    bind {plan.node_address}
    errors
    ready 127.0.0.1:8181
    kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {json.dumps(str(kubeconfig))}
        pods verified
        fallthrough in-addr.arpa ip6.arpa
        ttl 5
    }}
    {others}
    cache 5
}}
"""
