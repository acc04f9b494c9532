"""Which volumes pods may have: an allow list of kinds, and host paths only exactly as an admin wrote them."""

from __future__ import annotations

import pytest

from tests.policies.conftest import DATA, FILES, SCRATCH, Parameters, User
from tests.policies.pods import Json, container, pod

KINDS = (
    "Allowed: configMap, secret, projected, downwardAPI, emptyDir, persistentVolumeClaim, ephemeral, image"
)


def volume(**source: object) -> Json:
    return pod(container(volumeMounts=[{"name": "v", "mountPath": "/v"}]), volumes=[{"name": "v", **source}])


def host(path: str, **more: str) -> Json:
    return volume(hostPath={"path": path, **more})


def mounted(**mount: object) -> Json:
    mounts = [{"name": "v", "mountPath": "/v", **mount}]
    return pod(container(volumeMounts=mounts), volumes=[{"name": "v", "emptyDir": {}}])


def projected(*sources: Json) -> Json:
    return volume(projected={"sources": list(sources)})


def token(seconds: int, **more: str) -> Json:
    return {"serviceAccountToken": {"path": "t", "expirationSeconds": seconds, **more}}


CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}

#: Every kind of volume of Kubernetes 1.35 that is not on the list (H8).
OTHER_KINDS = {
    "awsElasticBlockStore": {"volumeID": "v"},
    "azureDisk": {"diskName": "d", "diskURI": "https://example.org/d"},
    "azureFile": {"secretName": "s", "shareName": "s"},
    "cephfs": {"monitors": ["10.0.0.1"]},
    "cinder": {"volumeID": "v"},
    "csi": {"driver": "nfs.csi.k8s.io", "volumeAttributes": {"server": "10.0.0.1", "share": "/"}},
    "fc": {"targetWWNs": ["w"], "lun": 0},
    "flexVolume": {"driver": "a/b"},
    "flocker": {"datasetName": "d"},
    "gcePersistentDisk": {"pdName": "p"},
    "gitRepo": {"repository": "https://example.org/r"},
    "glusterfs": {"endpoints": "e", "path": "p"},
    "iscsi": {"targetPortal": "10.0.0.1", "iqn": "iqn.2001-04.org.example:a", "lun": 0},
    "nfs": {"server": "10.0.0.1", "path": "/"},
    "photonPersistentDisk": {"pdID": "p"},
    "portworxVolume": {"volumeID": "v"},
    "quobyte": {"registry": "r:1", "volume": "v"},
    "rbd": {"monitors": ["10.0.0.1"], "image": "i"},
    "scaleIO": {"gateway": "g", "system": "s", "secretRef": {"name": "s"}, "volumeName": "v"},
    "storageos": {"volumeName": "v"},
    "vsphereVolume": {"volumePath": "p"},
}

#: What an admin has not allowed, whatever it looks like (H1, H3); DATA and SCRATCH are allowed.
OTHER_PATHS = [
    "/",
    "/etc",
    "/var/run/docker.sock",
    "/srv",
    f"{SCRATCH}/alice",
    f"{SCRATCH}/",
    f"{SCRATCH}/.",
    f"{SCRATCH}//",
    f"/{SCRATCH}",
    f"/.{SCRATCH}",
    f"{SCRATCH}2",
    SCRATCH.upper(),
    " ",
]


@pytest.mark.parametrize("kind", sorted(OTHER_KINDS))
async def test_other_kinds(alice: User, kind: str) -> None:
    """H8."""
    answer = await alice.create_pod(volume(**{kind: OTHER_KINDS[kind]}))
    assert answer.startswith(f"spec.volumes[v].{kind}: volumes of this kind are not allowed. {KINDS}.")


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(volume(configMap={"name": "a"}), id="configMap"),
        pytest.param(volume(secret={"secretName": "a"}), id="secret"),
        pytest.param(volume(downwardAPI={"items": []}), id="downwardAPI"),
        pytest.param(volume(emptyDir={}), id="emptyDir"),
        pytest.param(volume(emptyDir={"medium": "Memory"}), id="emptyDir-memory"),
        pytest.param(volume(), id="nothing-said"),
        pytest.param(volume(persistentVolumeClaim={"claimName": "a"}), id="claim"),
        pytest.param(volume(ephemeral={"volumeClaimTemplate": {"spec": CLAIM}}), id="ephemeral"),
        pytest.param(volume(image={"reference": "busybox"}), id="image"),
        pytest.param(
            projected(
                {"configMap": {"name": "a"}},
                {"secret": {"name": "a"}},
                {"downwardAPI": {"items": []}},
                token(3600),
                token(86400, audience="vault"),
            ),
            id="projected",
        ),
        pytest.param(mounted(subPath="a/b"), id="subPath"),
        pytest.param(mounted(mountPropagation="HostToContainer"), id="propagation-in"),
        pytest.param(mounted(readOnly=True), id="readOnly"),
    ],
)
async def test_what_is_allowed(alice: User, spec: Json) -> None:
    assert await alice.create_pod(spec) == ""


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            projected(token(86401)),
            "spec.volumes[v].projected.sources.serviceAccountToken.expirationSeconds: at most 86400",
            id="3.8-long-token",
        ),
        pytest.param(
            projected(
                {
                    "podCertificate": {
                        "signerName": "a.example.org/b",
                        "keyType": "ED25519",
                        "credentialBundlePath": "p",
                    }
                }
            ),
            "spec.volumes[v].projected.sources: one of them is not allowed. Allowed: configMap, secret",
            id="H8-other-projection",
        ),
        pytest.param(
            {
                **mounted(),
                "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "nfs": OTHER_KINDS["nfs"]}],
            },
            "spec.volumes[w].nfs: ",
            id="H8-second-volume",
        ),
        pytest.param(
            pod(
                container(
                    securityContext={"privileged": True},
                    volumeMounts=[{"name": "v", "mountPath": "/v", "mountPropagation": "Bidirectional"}],
                ),
                volumes=[{"name": "v", "emptyDir": {}}],
            ),
            "spec.containers[c].",
            id="H11-bidirectional",
        ),
        pytest.param(
            pod(
                container(volumeDevices=[{"name": "v", "devicePath": "/dev/x"}]),
                volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "a"}}],
            ),
            "spec.containers[c].volumeDevices: block devices are not allowed",
            id="H11-device",
        ),
        # Kubernetes' own validation.
        pytest.param(mounted(subPath="../b"), "spec.containers[0].volumeMounts.subPath", id="H9-subPath"),
        pytest.param(mounted(subPath="/b"), "spec.containers[0].volumeMounts.subPath", id="H9-absolute"),
    ],
)
async def test_what_is_refused(alice: User, spec: Json, message: str) -> None:
    answer = await alice.create_pod(spec)
    assert answer.startswith(message)


@pytest.mark.parametrize("path", ["/", "/etc", "/private/alice", SCRATCH])
async def test_no_host_path_unless_an_admin_allows_one(alice: User, path: str) -> None:
    """H1."""
    assert await alice.create_pod(host(path)) == (
        f"spec.volumes[v].hostPath.path: {path} is not an allowed directory of the node. Allowed: none."
    )


async def test_host_paths_exactly_as_allowed(alice: User, parameters_with: Parameters) -> None:
    """H3: whoever could name a directory below an allowed one could plant a link to / there."""
    await parameters_with({"allowed_host_path_dirs": [SCRATCH, DATA]}, read_only_host_paths=[DATA])
    assert await alice.create_pod(host(SCRATCH)) == ""
    assert await alice.create_pod(host(SCRATCH, type="Directory")) == ""
    answers = {path: await alice.create_pod(host(path)) for path in OTHER_PATHS}
    assert {path for path, answer in answers.items() if "is not an allowed directory" not in answer} == set()
    assert answers["/"].endswith(f"Allowed: exactly {SCRATCH}, {DATA} (subPath leads further down).")
    # No message is made of a text of two lines.
    assert "Failed expression" in await alice.create_pod(host(f"{SCRATCH}\n{DATA}"))
    # Kubernetes' own validation.
    assert ".hostPath.path" in await alice.create_pod(host(f"{SCRATCH}/../etc"))
    answer = await alice.create_pod(host(SCRATCH, type="DirectoryOrCreate"))
    assert answer.startswith("spec.volumes[v].hostPath.type: DirectoryOrCreate is not allowed.")


@pytest.mark.parametrize("place", ["containers", "initContainers", "sidecars"])
async def test_read_only_where_an_admin_says_so(alice: User, parameters_with: Parameters, place: str) -> None:
    """H3, in every kind of container (H4)."""
    await parameters_with({"allowed_host_path_dirs": [SCRATCH, DATA]}, read_only_host_paths=[DATA])
    volumes = [{"name": "d", "hostPath": {"path": DATA}}, {"name": "s", "hostPath": {"path": SCRATCH}}]

    def spec(**mount: object) -> Json:
        mounts = [{"name": "d", "mountPath": "/d", **mount}, {"name": "s", "mountPath": "/s"}]
        one = container("one", volumeMounts=mounts)
        if place == "containers":
            return pod(one, volumes=volumes)
        always = {"restartPolicy": "Always"} if place == "sidecars" else {}
        return pod(initContainers=[{**one, **always}], volumes=volumes)

    assert await alice.create_pod(spec(readOnly=True)) == ""
    for mount in ({}, {"readOnly": False}):
        answer = await alice.create_pod(spec(**mount))
        assert ".volumeMounts.readOnly: must be true for d, whose directory is for reading only." in answer


async def test_where_users_write_host_paths_are_for_reading(alice: User, parameters_with: Parameters) -> None:
    """A link that one user has planted would be followed by another's pod."""
    shared = "/srv/files/shared"
    await parameters_with({**FILES, "allowed_host_path_dirs": [shared, SCRATCH]})
    answer = await alice.create_pod(host(shared))
    assert answer.startswith("spec.containers[c].volumeMounts.readOnly: must be true for v")
    assert await alice.create_pod(host(SCRATCH)) == ""


async def test_the_token_of_every_pod_is_no_long_one(alice: User, parameters_with: Parameters) -> None:
    """However short an admin wants users' own tokens: Kubernetes gives each pod one of 3607 seconds."""
    await parameters_with(token_seconds=600)
    assert await alice.create_pod(projected(token(3607))) == ""
    assert await alice.create_pod({**projected(token(3607)), "automountServiceAccountToken": True}) == ""
    assert "at most 600 is allowed" in await alice.create_pod(projected(token(3608)))
