"""Pod Security's baseline as our policy, held against Pod Security itself.

The table covers every rule of the level with what fails and what passes, as the standard's own fixtures do
(k8s.io/pod-security-admission/test). Kubernetes judges each pod as well, in a namespace of another name
that enforces the level: both have to come to the same result.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from karvdash_hub.kube.rest import Kube
from tests.policies.conftest import User, refusal
from tests.policies.pods import Json, container, pod, secured

APPARMOR = "container.apparmor.security.beta.kubernetes.io/c"


def annotated(value: str) -> Json:
    return {"spec": pod(), "annotations": {APPARMOR: value}}


def probe(name: str, action: str) -> Json:
    return {"spec": pod(container(**{name: {action: {"port": 80, "host": "10.0.0.1"}}}))}


def hook(name: str, action: str) -> Json:
    return {"spec": pod(container(lifecycle={name: {action: {"port": 80, "host": "10.0.0.1"}}}))}


def whole(**context: object) -> Json:
    return {"spec": pod(securityContext=context)}


def one(**context: object) -> Json:
    return {"spec": secured(**context)}


def init(**context: object) -> Json:
    return {"spec": pod(initContainers=[container("i", securityContext=context)])}


def sidecar(**context: object) -> Json:
    fields = {"restartPolicy": "Always", "securityContext": context}
    return {"spec": pod(initContainers=[container("s", **fields)])}


# Linux's fields are invalid beside Windows' own.
WINDOWS = {"os": {"name": "windows"}, "hostNetwork": True}

FAIL = [
    pytest.param({"spec": pod(hostNetwork=True)}, "spec.hostNetwork: true", id="P6-hostNetwork"),
    pytest.param({"spec": pod(hostPID=True)}, "spec.hostPID: true", id="P6-hostPID"),
    pytest.param({"spec": pod(hostIPC=True)}, "spec.hostIPC: true", id="P6-hostIPC"),
    pytest.param(
        one(privileged=True), "spec.containers[c].securityContext.privileged: true", id="P6-privileged"
    ),
    pytest.param(
        init(privileged=True), "spec.initContainers[i].securityContext.privileged: true", id="H4-init"
    ),
    pytest.param(
        sidecar(privileged=True), "spec.initContainers[s].securityContext.privileged: true", id="H4-sidecar"
    ),
    pytest.param(
        one(capabilities={"add": ["NET_RAW"]}),
        "spec.containers[c].securityContext.capabilities.add: NET_RAW is not allowed. Allowed: AUDIT_WRITE",
        id="P6-NET_RAW",
    ),
    pytest.param(
        one(capabilities={"add": ["CHOWN", "SYS_ADMIN"]}),
        "spec.containers[c].securityContext.capabilities.add: CHOWN, SYS_ADMIN",
        id="P6-SYS_ADMIN",
    ),
    pytest.param(
        init(capabilities={"add": ["ALL"]}),
        "spec.initContainers[i].securityContext.capabilities.add: ALL",
        id="capabilities-ALL",
    ),
    pytest.param(
        one(capabilities={"add": ["chown"]}),
        "spec.containers[c].securityContext.capabilities.add: chown",
        id="capabilities-lower-case",
    ),
    pytest.param(
        {"spec": pod(container(ports=[{"containerPort": 80, "hostPort": 8080}]))},
        "spec.containers[c].ports.hostPort",
        id="hostPort",
    ),
    pytest.param(
        {"spec": pod(initContainers=[container("i", ports=[{"containerPort": 80, "hostPort": 8080}])])},
        "spec.initContainers[i].ports.hostPort",
        id="hostPort-init",
    ),
    *(
        pytest.param(probe(name, action), "spec.containers[c].*.host", id=f"{name}-{action}")
        for name in ("livenessProbe", "readinessProbe", "startupProbe")
        for action in ("httpGet", "tcpSocket")
    ),
    *(
        pytest.param(hook(name, action), "spec.containers[c].*.host", id=f"{name}-{action}")
        for name in ("postStart", "preStop")
        for action in ("httpGet", "tcpSocket")
    ),
    pytest.param(
        whole(appArmorProfile={"type": "Unconfined"}),
        "spec.securityContext.appArmorProfile.type: Unconfined",
        id="apparmor-pod",
    ),
    pytest.param(
        one(appArmorProfile={"type": "Unconfined"}),
        "spec.containers[c].securityContext.appArmorProfile.type: Unconfined",
        id="apparmor-container",
    ),
    pytest.param(
        # Kubernetes makes it a field.
        annotated("unconfined"),
        "spec.containers[c].securityContext.appArmorProfile.type: Unconfined",
        id="apparmor-annotation",
    ),
    *(
        pytest.param(
            whole(seLinuxOptions=options), "spec.securityContext.seLinuxOptions", id=f"selinux-pod-{name}"
        )
        for name, options in (
            ("type", {"type": "spc_t"}),
            ("user", {"user": "system_u"}),
            ("role", {"role": "r"}),
        )
    ),
    *(
        pytest.param(
            init(seLinuxOptions=options),
            "spec.initContainers[i].securityContext.seLinuxOptions",
            id=f"selinux-{name}",
        )
        for name, options in (
            ("type", {"type": "spc_t"}),
            ("user", {"user": "system_u"}),
            ("role", {"role": "r"}),
        )
    ),
    pytest.param(
        whole(seccompProfile={"type": "Unconfined"}),
        "spec.securityContext.seccompProfile.type: Unconfined",
        id="seccomp-pod",
    ),
    pytest.param(
        one(seccompProfile={"type": "Unconfined"}),
        "spec.containers[c].securityContext.seccompProfile.type: Unconfined",
        id="seccomp-container",
    ),
    pytest.param(
        whole(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
        "spec.securityContext.sysctls: kernel.msgmax is not allowed. Allowed: kernel.shm_rmid_forced",
        id="sysctl",
    ),
    pytest.param(
        {"spec": pod(securityContext={"windowsOptions": {"hostProcess": True}}, **WINDOWS)},
        "spec.hostNetwork: true",
        id="windows-pod",
    ),
    pytest.param(
        {"spec": {**secured(windowsOptions={"hostProcess": True}), **WINDOWS}},
        "spec.hostNetwork: true",
        id="windows-container",
    ),
]

PASS = [
    pytest.param({"spec": pod()}, id="nothing-said"),
    pytest.param({"spec": pod(hostNetwork=False, hostPID=False, hostIPC=False)}, id="host-namespaces-false"),
    pytest.param({"spec": pod(hostUsers=False)}, id="own-user-namespace"),
    pytest.param({"spec": pod(shareProcessNamespace=True)}, id="share-processes"),
    pytest.param(one(privileged=False), id="privileged-false"),
    pytest.param(one(runAsUser=0, runAsNonRoot=False, allowPrivilegeEscalation=True), id="root"),
    pytest.param(one(readOnlyRootFilesystem=True, runAsUser=1000, runAsGroup=100), id="careful"),
    pytest.param(one(capabilities={"add": ["CHOWN", "KILL", "SYS_CHROOT"]}), id="default-capabilities"),
    pytest.param(one(capabilities={"drop": ["ALL"]}), id="drop-all"),
    pytest.param({"spec": pod(container(ports=[{"containerPort": 80}]))}, id="port"),
    pytest.param({"spec": pod(container(ports=[{"containerPort": 80, "hostPort": 0}]))}, id="hostPort-0"),
    pytest.param({"spec": pod(container(livenessProbe={"httpGet": {"port": 80}}))}, id="probe"),
    pytest.param({"spec": pod(container(lifecycle={"preStop": {"exec": {"command": ["a"]}}}))}, id="hook"),
    pytest.param(one(appArmorProfile={"type": "RuntimeDefault"}), id="apparmor-default"),
    pytest.param(one(appArmorProfile={"type": "Localhost", "localhostProfile": "p"}), id="apparmor-local"),
    pytest.param(annotated("runtime/default"), id="apparmor-annotation-default"),
    pytest.param(annotated("localhost/p"), id="apparmor-annotation-local"),
    *(
        pytest.param(whole(seLinuxOptions={"type": name, "level": "s0:c1,c2"}), id=f"selinux-{name}")
        for name in ("container_t", "container_init_t", "container_kvm_t", "container_engine_t")
    ),
    pytest.param(whole(seLinuxOptions={}), id="selinux-empty"),
    pytest.param(one(procMount="Default"), id="procMount"),
    pytest.param({"spec": {**secured(procMount="Unmasked"), "hostUsers": False}}, id="procMount-own-users"),
    pytest.param(whole(seccompProfile={"type": "RuntimeDefault"}), id="seccomp-default"),
    pytest.param(one(seccompProfile={"type": "Localhost", "localhostProfile": "p.json"}), id="seccomp-local"),
    *(
        pytest.param(whole(sysctls=[{"name": name, "value": "1"}]), id=name)
        for name in (
            "kernel.shm_rmid_forced",
            "net.ipv4.ip_local_port_range",
            "net.ipv4.ip_local_reserved_ports",
            "net.ipv4.ip_unprivileged_port_start",
            "net.ipv4.ping_group_range",
            "net.ipv4.tcp_fin_timeout",
            "net.ipv4.tcp_keepalive_intvl",
            "net.ipv4.tcp_keepalive_probes",
            "net.ipv4.tcp_keepalive_time",
            "net.ipv4.tcp_rmem",
            "net.ipv4.tcp_syncookies",
            "net.ipv4.tcp_wmem",
        )
    ),
]


@pytest.fixture(scope="module")
async def judged(admin_kube: Kube, policies: None) -> AsyncIterator[User]:
    """A namespace in which Kubernetes itself enforces the level, and ours does not hold."""
    name = f"test-baseline-{secrets.token_hex(4)}"
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    metadata = {"name": name, "labels": labels}
    await admin_kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield User(admin_kube, name, name)
    await admin_kube.delete("v1", "Namespace", name)


async def by_kubernetes(judged: User, what: Json) -> str:
    body = {"spec": what["spec"], "annotations": what.get("annotations", {})}
    return await refusal(judged.kube.create(judged.manifest("v1", "Pod", **body), dry_run=True))


@pytest.mark.parametrize(("what", "message"), FAIL)
async def test_what_fails(alice: User, judged: User, what: Json, message: str) -> None:
    """H14, fail: the field is named, and Kubernetes would refuse it as well."""
    assert (await alice.create_pod(**what)).startswith(message)
    assert "PodSecurity" in await by_kubernetes(judged, what)


@pytest.mark.parametrize("what", PASS)
async def test_what_passes(alice: User, judged: User, what: Json) -> None:
    """H14, pass: unchanged meaning."""
    assert await alice.create_pod(**what) == ""
    assert await by_kubernetes(judged, what) == ""


async def test_every_control_of_the_level_is_in_the_table() -> None:
    """The controls of the page, by their field; hostPath is in test_pod_volumes."""
    said = " ".join(str(case.values[1]) for case in FAIL)
    fields = "hostNetwork hostPID hostIPC privileged capabilities hostPort .*.host appArmorProfile"
    assert [field for field in fields.split() if field not in said] == []
    assert [field for field in ("seLinuxOptions", "seccompProfile", "sysctls") if field not in said] == []
