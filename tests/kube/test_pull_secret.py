"""Credentials for a registry that asks for a password, on its way from a file to a pulled image."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster
from karvdash_hub.errors import Unavailable
from karvdash_hub.kube.errors import NotFound
from karvdash_hub.kube.pull_secret import PULL_SECRET, ensure_pull_secret
from karvdash_hub.kube.rest import Kube
from karvdash_hub.spawner.pull_secrets import PullSecrets
from tests.fixtures.clusters import SomeCluster
from tests.kube.api_server import free_port
from tests.kube.conftest import UserNamespace
from tests.kube.volumes import running

#: bcrypt of the password in AUTH, as htpasswd writes it.
HTPASSWD = "puller:$2b$05$abcdefghijklmnopqrstuutXu9KzOt.1yBoZUeFWoT/914/JfszCO\n"
AUTH = base64.b64encode(b"puller:open-sesame").decode()


@pytest.fixture
def locked(cluster: SomeCluster, busybox: str, tmp_path: Path) -> Iterator[str]:
    """A registry with the images of the cluster's own, for who knows the password; its ``host:port``."""
    assert isinstance(cluster, Cluster), "this needs the embedded cluster"
    address = f"{cluster.host_address}:{free_port()}"
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    config = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(cluster.paths.state / "registry")},
            "maintenance": {"readonly": {"enabled": True}},
        },
        "http": {"addr": address},
        "auth": {"htpasswd": {"realm": "tests", "path": str(tmp_path / "htpasswd")}},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    # containerd looks here before each pull; everything else comes from the cluster's own registry.
    known = cluster.paths.config / "registries" / address
    known.mkdir()
    host = f'[host."http://{address}"]\n  capabilities = ["pull", "resolve"]\n'
    (known / "hosts.toml").write_text(f'server = "http://{address}"\n{host}')
    process = subprocess.Popen(["docker-registry", "serve", str(tmp_path / "config.json")])
    try:
        wait_for(address)
        yield address
    finally:
        process.terminate()
        process.wait()
        (known / "hosts.toml").unlink()
        known.rmdir()


def wait_for(address: str) -> None:
    """Wait until the registry asks for a password."""
    deadline = time.monotonic() + 20
    while True:
        connection = http.client.HTTPConnection(address, timeout=5)
        try:
            connection.request("GET", "/v2/")
            assert connection.getresponse().status == 401
            return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        finally:
            connection.close()


def credentials(registry: str, auth: str = AUTH) -> str:
    return json.dumps({"auths": {registry: {"auth": auth}}})


def pod(alice: UserNamespace, name: str, image: str) -> dict[str, Any]:
    one = {"name": "c", "image": image, "imagePullPolicy": "Always", "command": ["sleep", "600"]}
    return alice.manifest("v1", "Pod", name, spec={"containers": [one], "terminationGracePeriodSeconds": 0})


async def test_an_image_that_only_some_may_pull(
    locked: str, hub_kube: Kube, admin_kube: Kube, alice: UserNamespace, busybox: str
) -> None:
    image = f"{locked}/library/{busybox}"
    await ensure_pull_secret(hub_kube, alice.name, credentials(locked))
    await admin_kube.create(pod(alice, "with", image))
    assert await running(admin_kube, alice, "with") == "Running"

    await ensure_pull_secret(hub_kube, alice.name, credentials(locked, "bm9ib2R5Og=="))
    await admin_kube.create(pod(alice, "without", image))
    deadline = time.monotonic() + 60
    while "ErrImagePull" not in str((await admin_kube.get("v1", "Pod", "without", alice.name))["status"]):
        assert time.monotonic() < deadline
    for name in ("with", "without"):
        await admin_kube.delete("v1", "Pod", name, alice.name)


async def test_what_a_user_changes_is_put_right(
    hub_kube: Kube, admin_kube: Kube, alice: UserNamespace, tmp_path: Path
) -> None:
    """At the next look; secrets of the user's own stay where they are."""
    file = tmp_path / "config.json"
    file.write_text(credentials("registry.example.com"))
    mine = PullSecrets(hub_kube, str(file))
    await mine.ensure(alice.name, fresh=0)

    async def named() -> list[str]:
        account = await admin_kube.get("v1", "ServiceAccount", "default", alice.name)
        return [one["name"] for one in account.get("imagePullSecrets", ())]

    assert await named() == [PULL_SECRET]
    change = {"imagePullSecrets": [{"name": "theirs"}]}
    await admin_kube.patch("v1", "ServiceAccount", "default", alice.name, change, as_user=alice.account)
    await admin_kube.delete("v1", "Secret", PULL_SECRET, alice.name)
    await mine.ensure(alice.name, fresh=60)
    assert await named() == ["theirs"]  # it was right a moment ago
    await mine.ensure(alice.name, fresh=0)
    assert await named() == ["theirs", PULL_SECRET]
    assert (await admin_kube.get("v1", "Secret", PULL_SECRET, alice.name))["type"].endswith(
        "dockerconfigjson"
    )

    file.write_text(credentials("other.example.com"))
    await mine.ensure(alice.name, fresh=60)  # at once: what is wanted is another one
    secret = await admin_kube.get("v1", "Secret", PULL_SECRET, alice.name)
    assert "other.example.com" in base64.b64decode(secret["data"][".dockerconfigjson"]).decode()


async def test_a_file_that_is_gone_is_said(hub_kube: Kube, alice: UserNamespace, tmp_path: Path) -> None:
    """To people without the path; and nothing happens where there is none."""
    with pytest.raises(Unavailable, match="credentials of the image registry cannot be read") as caught:
        await PullSecrets(hub_kube, str(tmp_path / "none")).ensure(alice.name, fresh=0)
    assert str(tmp_path) not in caught.value.message
    await PullSecrets(hub_kube, "").ensure(alice.name, fresh=0)
    with pytest.raises(NotFound):
        await hub_kube.get("v1", "ServiceAccount", "karvdash-registry", alice.name, as_user=alice.account)
