"""Objects that every cluster has from the start: a default StorageClass, DNS, and DNS's right to look."""

from __future__ import annotations

from typing import Any

from .addresses import Plan

_LABELS = {"app.kubernetes.io/managed-by": "karvdash-hub-cluster"}
_RBAC = "/apis/rbac.authorization.k8s.io/v1"


def base_objects(plan: Plan) -> list[tuple[str, dict[str, Any]]]:
    """Pairs of the collection's path and the object to create there."""
    return [
        ("/apis/storage.k8s.io/v1/storageclasses", _storage_class()),
        (f"{_RBAC}/clusterroles", _dns_role()),
        (f"{_RBAC}/clusterrolebindings", _dns_binding()),
        ("/api/v1/namespaces/kube-system/services", _dns_service(plan)),
        ("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", _dns_endpoints(plan)),
    ]


def _metadata(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "labels": _LABELS, **more}


def _storage_class() -> dict[str, Any]:
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": _metadata("standard", annotations=default),
        "provisioner": "kubernetes.io/host-path",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }


def _dns_role() -> dict[str, Any]:
    look = ["list", "watch"]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": _metadata("system:coredns"),
        "rules": [
            {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": look},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": look},
        ],
    }


def _dns_binding() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": _metadata("system:coredns"),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:coredns"}],
    }


def _dns_service(plan: Plan) -> dict[str, Any]:
    ports = [
        {"name": name, "protocol": protocol, "port": 53}
        for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata("kube-dns"),
        "spec": {"clusterIP": str(plan.dns_service), "ports": ports},
    }


def _dns_endpoints(plan: Plan) -> dict[str, Any]:
    ports = [
        {"name": name, "protocol": protocol, "port": 53}
        for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))
    ]
    labels = {**_LABELS, "kubernetes.io/service-name": "kube-dns"}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns", "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [str(plan.node_address)], "conditions": {"ready": True}}],
        "ports": ports,
    }
