"""Why a container does not run: from the words of Kubernetes 1.35, containerd 1.6 and runc to sentences."""

from __future__ import annotations

import pytest

from karvdash_hub.readiness.containers import explain_broken, explain_mount, has_log, is_broken
from karvdash_hub.readiness.images import explain_image, pulled_image
from karvdash_hub.readiness.model import ContainerState

PULL = (
    'Back-off pulling image "{image}": ErrImagePull: rpc error: code = {code} desc = failed to pull and '
    'unpack image "docker.io/library/{image}": failed to resolve reference "docker.io/library/{image}": {why}'
)
RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
    "failed: unable to start container process: exec: {why}: unknown"
)


def container(**changes: object) -> ContainerState:
    """A container that waits to be made, with changes."""
    made = ContainerState("web", False, False, False, "waiting", "ContainerCreating", "", None, 0, "redis:7")
    return made._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        pytest.param(
            "ImagePullBackOff",
            PULL.format(image="nosuch:1", code="NotFound", why="docker.io/library/nosuch:1: not found"),
            "Image redis:7 was not found in the registry. Check its name and tag.",
            id="not found",
        ),
        pytest.param(
            "ErrImagePull",
            "pull access denied, repository does not exist or may require authorization: server message: "
            "insufficient_scope: authorization failed",
            "The registry refuses image redis:7: it does not exist there, or a pull Secret is needed.",
            id="denied",
        ),
        pytest.param(
            "ErrImagePull",
            PULL.format(
                image="x:1", code="Unknown", why='Head "https://r/v2/": dial tcp: lookup r: no such host'
            ),
            "The registry of image redis:7 does not answer. Kubernetes tries again.",
            id="registry away",
        ),
        pytest.param(
            "ErrImagePull",
            "toomanyrequests: You have reached your pull rate limit",
            "The registry limits how often images are pulled. Kubernetes tries again to get redis:7.",
            id="rate limit",
        ),
        pytest.param(
            "ErrImagePull",
            "no match for platform in manifest: not found",
            "Image redis:7 is not made for this cluster's kind of machine.",
            id="platform before not found",
        ),
        pytest.param(
            "ErrImagePull",
            "write /var/lib/x: no space left on device",
            "Image redis:7 does not fit on the node's disk. Tell an administrator.",
            id="disk full",
        ),
        pytest.param(
            "ErrImagePull",
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "The registry of image redis:7 has a certificate that the node does not trust.",
            id="certificate",
        ),
        pytest.param(
            "InvalidImageName", "couldn't parse", "'redis:7' is not the name of an image.", id="invalid name"
        ),
        pytest.param(
            "ErrImageNeverPull",
            'Container image "never:1" is not present with pull policy of Never',
            "Image redis:7 is not on the node, and imagePullPolicy Never forbids to fetch it.",
            id="never",
        ),
        pytest.param(
            "SignatureValidationFailed",
            "x",
            "The signature of image redis:7 could not be verified.",
            id="signature",
        ),
        pytest.param(
            "ErrImagePull", "rpc error: odd thing", "Image redis:7 could not be pulled: odd thing.", id="else"
        ),
        pytest.param("ErrImagePull", "", "Image redis:7 could not be pulled.", id="nothing said"),
    ],
)
def test_explain_image(reason: str, message: str, expected: str) -> None:
    assert expected == explain_image(reason, message, "redis:7")


def test_pulled_image() -> None:
    assert pulled_image('Pulling image "redis:7"') == "redis:7"
    assert pulled_image("Back-off") == ""


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(
            container(reason="CrashLoopBackOff", exit_code=3, restarts=2, ended="Error"),
            "Container web ended with exit code 3 (2 restarts).",
            id="crash loop",
        ),
        pytest.param(
            container(state="terminated", reason="Error", exit_code=1, ended="Error"),
            "Container web ended with exit code 1.",
            id="first end",
        ),
        pytest.param(
            container(
                reason="CrashLoopBackOff", message="out of\ncheese\n", exit_code=4, restarts=1, ended="Error"
            ),
            "Container web ended with exit code 4 (1 restart). It said: out of cheese.",
            id="termination message",
        ),
        pytest.param(
            container(
                state="terminated",
                reason="OOMKilled",
                exit_code=137,
                ended="OOMKilled",
                memory_limit="128Mi",
            ),
            "Container web ran out of memory (limit 128Mi). Choose a larger size.",
            id="out of memory",
        ),
        pytest.param(
            container(reason="CrashLoopBackOff", exit_code=137, restarts=1, ended="OOMKilled"),
            "Container web ran out of memory. Choose a larger size.",
            id="out of the node's memory",
        ),
        pytest.param(
            container(reason="CrashLoopBackOff", exit_code=139, restarts=1, ended="Error"),
            "Container web ended with exit code 139 (1 restart): it crashed with a segmentation fault.",
            id="signal",
        ),
        pytest.param(
            container(reason="CrashLoopBackOff", exit_code=127, restarts=1, ended="Error"),
            "Container web ended with exit code 127 (1 restart): its command was not found.",
            id="shell finds no command",
        ),
        pytest.param(
            container(reason="CrashLoopBackOff", exit_code=0, restarts=3, ended="Completed"),
            "Container web ended by itself, without an error (3 restarts). A service has to keep running.",
            id="done",
        ),
        pytest.param(
            container(
                reason="CrashLoopBackOff",
                message=RUNC.format(why='"nosuchcmd": executable file not found in $PATH'),
                exit_code=128,
                restarts=1,
                ended="StartError",
            ),
            "Container web cannot start: its image has no command 'nosuchcmd'.",
            id="no command, between restarts",
        ),
        pytest.param(
            container(
                reason="RunContainerError",
                message=RUNC.format(why='"/etc/passwd": stat /etc/passwd: no such file or directory'),
            ),
            "Container web cannot start: its image has no command '/etc/passwd'.",
            id="no command, just tried",
        ),
        pytest.param(
            container(reason="RunContainerError", message=RUNC.format(why='"/etc/group": permission denied')),
            "Container web cannot start: its command '/etc/group' may not be executed.",
            id="no permission",
        ),
        pytest.param(
            container(reason="CreateContainerConfigError", message='secret "db" not found'),
            "Container web cannot be created: Secret db does not exist.",
            id="no Secret",
        ),
        pytest.param(
            container(
                reason="CreateContainerConfigError",
                message="couldn't find key k in ConfigMap karvdash-a/kube-root-ca.crt",
            ),
            "Container web cannot be created: ConfigMap kube-root-ca.crt has no key k.",
            id="no key",
        ),
        pytest.param(
            container(
                reason="CreateContainerConfigError",
                message='container has runAsNonRoot and image will run as root (pod: "a(b)", container: web)',
            ),
            "Container web cannot be created: its image runs as root, which its security context "
            "(runAsNonRoot) forbids.",
            id="root",
        ),
        pytest.param(
            container(
                name="setup",
                init=True,
                reason="CrashLoopBackOff",
                exit_code=2,
                restarts=1,
                ended="Error",
            ),
            "Init container setup ended with exit code 2 (1 restart).",
            id="init container",
        ),
        pytest.param(
            container(
                name="proxy",
                init=True,
                sidecar=True,
                reason="CrashLoopBackOff",
                exit_code=2,
                restarts=1,
                ended="Error",
            ),
            "Container proxy ended with exit code 2 (1 restart).",
            id="sidecar",
        ),
        pytest.param(
            container(reason="ImagePullBackOff", message="not found"),
            "Image redis:7 was not found in the registry. Check its name and tag.",
            id="image",
        ),
        pytest.param(
            container(reason="CreateContainerError", message=""),
            "Container web cannot be created: Kubernetes gives no reason.",
            id="no reason",
        ),
    ],
)
def test_broken_container(state: ContainerState, expected: str) -> None:
    assert is_broken(state)
    assert expected == explain_broken(state)


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(container(), id="being made"),
        pytest.param(container(reason="PodInitializing"), id="waits for init containers"),
        pytest.param(container(state="running", reason=""), id="runs"),
        pytest.param(container(state="terminated", reason="Completed", exit_code=0), id="done"),
        pytest.param(
            container(
                reason="CreateContainerConfigError",
                message="services have not yet been read at least once, cannot construct envvars",
            ),
            id="passing",
        ),
    ],
)
def test_not_broken(state: ContainerState) -> None:
    assert not is_broken(state)


def test_only_what_ran_has_a_log() -> None:
    assert has_log(container(exit_code=3, ended="Error"))
    assert not has_log(container(exit_code=128, ended="StartError"))
    assert not has_log(container())


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(
            'MountVolume.SetUp failed for volume "v" : secret "tls" not found',
            "Volume v cannot be mounted: Secret tls does not exist.",
            id="Secret",
        ),
        pytest.param(
            'MountVolume.SetUp failed for volume "v" : references non-existent secret key: a.txt',
            "Volume v cannot be mounted: Secret has no key a.txt.",
            id="key",
        ),
        pytest.param(
            'MountVolume.SetUp failed for volume "v" : hostPath type check failed: /x is not a directory',
            "Volume v cannot be mounted: hostPath type check failed: /x is not a directory.",
            id="host path",
        ),
        pytest.param(
            'MountVolume.SetUp failed for volume "v" : kubernetes.io/csi: mounter.SetUpAt failed to get CSI '
            "client: driver name nfs.csi.k8s.io not found in the list of registered CSI drivers",
            "Volume v cannot be mounted: the storage driver nfs.csi.k8s.io is not installed on the node.",
            id="driver",
        ),
        pytest.param(
            "Unable to attach or mount volumes: unmounted volumes=[v]: timed out waiting for the condition",
            "A volume cannot be mounted: Unable to attach or mount volumes: unmounted volumes=[v]: timed out "
            "waiting for the condition.",
            id="attach",
        ),
        pytest.param(
            'MountVolume.SetUp failed for volume "kube-api-access" : failed to sync configmap cache: late',
            "",
            id="passing",
        ),
    ],
)
def test_explain_mount(message: str, expected: str) -> None:
    assert expected == explain_mount(message)
