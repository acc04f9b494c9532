"""share/rbac: explicit, narrow, and enough. That it is enough is shown by all other tests of this folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from karvdash_hub.kube import errors
from karvdash_hub.kube.apply import dry_run
from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.namespaces import ensure_namespace
from karvdash_hub.kube.rbac import install_manifests
from karvdash_hub.kube.rest import Kube
from tests.fixtures.clusters import SomeCluster
from tests.kube.conftest import UserNamespace

READ = {"get", "list", "watch"}


def roles() -> dict[str, list[dict[str, Any]]]:
    return {
        manifest["metadata"]["name"]: manifest.get("rules", [])  # Kubernetes fills in those of karvdash-user
        for manifest in install_manifests()
        if manifest["kind"] in ("ClusterRole", "Role")
    }


def test_nothing_is_granted_by_wildcard() -> None:
    granted = [
        word
        for rules in roles().values()
        for rule in rules
        for key in ("verbs", "resources", "apiGroups")
        for word in rule[key]
    ]
    assert [word for word in granted if "*" in word] == []


def test_the_gate_reads() -> None:
    assert {verb for rule in roles()["karvdash-gate"] for verb in rule["verbs"]} == {"list", "watch"}


def test_the_hub_writes_few_kinds_and_no_secret_outside_of_user_namespaces() -> None:
    """Whatever else it makes for a user it makes in the user's name."""
    writes = {
        resource
        for rule in roles()["karvdash-hub"]
        for resource in rule["resources"]
        if set(rule["verbs"]) - READ - {"bind"}
    }
    bounds = {"limitranges", "networkpolicies", "resourcequotas"}
    storage = {"persistentvolumeclaims", "persistentvolumes"}
    assert writes == {"configmaps", "namespaces", "rolebindings"} | bounds | storage
    secrets = {
        (name, tuple(rule["verbs"]))
        for name, rules in roles().items()
        for rule in rules
        if "secrets" in rule["resources"]
    }
    assert secrets == {("karvdash-hub-secrets", ("create", "delete", "patch"))}


def test_impersonation_is_bound_by_no_cluster_role_binding() -> None:
    bound = {
        manifest["roleRef"]["name"]
        for manifest in install_manifests()
        if manifest["kind"] in ("ClusterRoleBinding", "RoleBinding")
    }
    assert bound == {"karvdash-hub", "karvdash-gate", "karvdash-admission", "karvdash-admission-certificate"}
    assert [rule["verbs"] for rule in roles()["karvdash-hub-impersonate"]] == [["delete", "impersonate"]]
    assert "impersonate" not in {verb for rule in roles()["karvdash-hub"] for verb in rule["verbs"]}


async def test_applying_it_twice_changes_nothing(admin_kube: Kube) -> None:
    before = [(await admin_kube.apply(manifest))["metadata"] for manifest in install_manifests()]
    after = [(await admin_kube.apply(manifest))["metadata"] for manifest in install_manifests()]
    assert [m["resourceVersion"] for m in before] == [m["resourceVersion"] for m in after]


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("v1", "ConfigMap"),
        ("v1", "Service"),
        ("discovery.k8s.io/v1", "EndpointSlice"),
        ("networking.k8s.io/v1", "Ingress"),
    ],
)
async def test_what_the_gate_may_see(
    gate_config: KubeConfig, alice: UserNamespace, api_version: str, kind: str
) -> None:
    async with Kube(gate_config) as gate:
        await gate.list(api_version, kind)
        with pytest.raises(errors.Forbidden):
            await gate.apply(alice.manifest(api_version, kind, "x"), dry_run=True)


async def test_what_the_gate_may_not_see(gate_config: KubeConfig, alice: UserNamespace) -> None:
    async with Kube(gate_config) as gate:
        for kind in ("Secret", "Pod", "PersistentVolumeClaim"):
            with pytest.raises(errors.Forbidden):
                await gate.list("v1", kind, alice.name)
        with pytest.raises(errors.Forbidden, match="may not impersonate"):
            await gate.get("v1", "Pod", "p", alice.name, as_user=alice.account)


async def test_the_hub_is_no_administrator(hub_kube: Kube, alice: UserNamespace) -> None:
    pod = alice.manifest("v1", "Pod", "p", spec={"containers": [{"name": "a", "image": "x"}]})
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "x"},
        "rules": [],
    }
    for attempt in (
        hub_kube.list("v1", "Secret", alice.name),
        hub_kube.get("v1", "Secret", "x", "kube-system"),
        hub_kube.create(pod, dry_run=True),
        hub_kube.create(role, dry_run=True),
        hub_kube.delete("v1", "Pod", "x", "kube-system", dry_run=True),
        hub_kube.exec(alice.name, "p", ["id"]),
    ):
        with pytest.raises(
            errors.Forbidden, match=r"The Hub \(system:serviceaccount:karvdash:karvdash-hub\)"
        ):
            await attempt


@pytest.mark.parametrize("role", ["admin", "edit"])
async def test_the_hardened_roles_may_edit_templates(
    cluster: SomeCluster, admin_kube: Kube, alice: UserNamespace, role: str
) -> None:
    """karvdash-templates-edit becomes part of them by aggregation, some moments after it is applied."""
    cluster.kubectl(
        "create", "rolebinding", "x", f"--clusterrole={role}", f"--user={alice.slug}", "-n", alice.name
    )
    for verb in ("create", "delete", "get", "list", "patch", "update", "watch"):
        answer = cluster.kubectl(
            "auth",
            "can-i",
            verb,
            "templates.karvdash.carv.ics.forth.gr",
            f"--as={alice.slug}",
            "-n",
            alice.name,
        )
        assert answer.strip() == "yes", verb


@pytest.mark.parametrize("role", ["admin", "edit"])
async def test_the_hardened_roles_suffice_for_what_templates_bring(
    hub_kube: Kube, person: UserNamespace, role: str
) -> None:
    await ensure_namespace(hub_kube, **person.wishes(user_role=role))
    pod = {"containers": [{"name": "a", "image": "x"}]}
    selector = {"matchLabels": {"app": "x"}}
    template = {"metadata": {"labels": {"app": "x"}}, "spec": pod}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    backend = {"service": {"name": "x", "port": {"number": 80}}}
    http = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    job = {"spec": {"template": {"spec": pod | {"restartPolicy": "Never"}}}}
    specs: dict[tuple[str, str], dict[str, Any]] = {
        ("v1", "Pod"): pod,
        ("v1", "Service"): {"selector": {"app": "x"}, "ports": [{"port": 80}]},
        ("v1", "PersistentVolumeClaim"): claim,
        ("apps/v1", "Deployment"): {"selector": selector, "template": template},
        ("apps/v1", "StatefulSet"): {"selector": selector, "template": template, "serviceName": "x"},
        ("apps/v1", "DaemonSet"): {"selector": selector, "template": template},
        ("batch/v1", "Job"): job["spec"],
        ("batch/v1", "CronJob"): {
            "schedule": "0 0 * * *",
            "jobTemplate": job,
        },
        ("networking.k8s.io/v1", "Ingress"): {
            "ingressClassName": "karvdash",
            "rules": [{"host": f"x-{person.slug}.localhost", "http": http}],
        },
    }
    manifests = [person.manifest(version, kind, "x", spec=spec) for (version, kind), spec in specs.items()]
    manifests += [person.manifest("v1", kind, "x") for kind in ("ConfigMap", "Secret", "ServiceAccount")]
    assert await dry_run(hub_kube, manifests, as_user=person.account) == []


def test_the_page_lists_the_hubs_rights() -> None:
    """The table in docs/reference/rbac.md and hub.yaml say the same."""
    page = (Path(__file__).parent.parent.parent / "docs" / "reference" / "rbac.md").read_text()
    section = page.partition("## What the Hub may do in its own name")[2].partition("\n## ")[0]
    rows = [row.strip("|").split("|") for row in section.splitlines() if row.startswith("| ")][1:]
    said = set()
    for resources, verbs, _ in rows:
        names = set(re.findall(r"`([^`]+)`", resources))
        for resource in re.sub(r"`[^`]+`", "", resources).split(","):
            if word := resource.strip().removesuffix(".karvdash.carv.ics.forth.gr"):
                said |= {(word, verb.strip(), frozenset(names)) for verb in verbs.split(",")}
    granted = {
        (resource, verb, frozenset(rule.get("resourceNames", ())))
        for rule in roles()["karvdash-hub"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert said == granted
