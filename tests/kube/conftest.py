"""``hub_kube`` has the Hub's rights in share/rbac and no more; ``admin_kube`` is an administrator.

Namespaces are called karvdash-test-… and are deleted afterwards. That deletion takes as long as the pods in
them take to end, so nobody waits for it: every test has a namespace of its own.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from images import push_all
from karvdash_hub.data import VolumeClaim
from karvdash_hub.files.tree import Tree
from karvdash_hub.kube.config import KubeConfig, load
from karvdash_hub.kube.namespaces import ensure_namespace
from karvdash_hub.kube.rbac import install_manifests
from karvdash_hub.kube.rest import Kube, default_account
from karvdash_hub.kube.storage import ensure_claims
from tests.fixtures.clusters import STATE, SomeCluster
from tests.kube.volumes import VOLUME, claims_of, delete

OWNER_ID = "the-hub-of-the-tests"


class UserNamespace(NamedTuple):
    """A user's namespace, as the Hub has made it."""

    name: str
    username: str
    slug: str
    account: str

    def manifest(self, api_version: str, kind: str, name: str, **body: Any) -> dict[str, Any]:
        """Write a manifest in this namespace."""
        metadata = {"name": name, "namespace": self.name, **body.pop("metadata", {})}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}

    def wishes(self, **changes: Any) -> dict[str, Any]:
        """Arguments of ensure_namespace for this user."""
        common = {"namespace": self.name, "username": self.username, "slug": self.slug, "owner_id": OWNER_ID}
        return common | changes


@pytest.fixture(scope="session")
def admin_config(cluster: SomeCluster) -> KubeConfig:
    return load(str(cluster.kubeconfig))


@pytest.fixture(scope="session")
async def admin_kube(admin_config: KubeConfig) -> AsyncIterator[Kube]:
    async with Kube(admin_config) as kube:
        for manifest in install_manifests():
            await kube.apply(manifest)
        yield kube


@pytest.fixture(scope="session")
def hub_config(cluster: SomeCluster, admin_config: KubeConfig, admin_kube: Kube) -> KubeConfig:
    return account_config(cluster, admin_config, "karvdash-hub")


@pytest.fixture(scope="session")
def gate_config(cluster: SomeCluster, admin_config: KubeConfig, admin_kube: Kube) -> KubeConfig:
    return account_config(cluster, admin_config, "karvdash-gate")


@pytest.fixture(scope="session")
async def hub_kube(hub_config: KubeConfig) -> AsyncIterator[Kube]:
    async with Kube(hub_config) as kube:
        yield kube


@pytest.fixture
async def person(cluster: SomeCluster) -> AsyncIterator[UserNamespace]:
    """A user whose namespace does not exist yet; whatever a test makes of it is removed."""
    slug = f"test-{secrets.token_hex(4)}"
    namespace = f"karvdash-{slug}"
    yield UserNamespace(namespace, f"{slug}@example.org", slug, default_account(namespace))
    cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


@pytest.fixture
async def alice(person: UserNamespace, hub_kube: Kube) -> UserNamespace:
    """A user with a namespace."""
    await ensure_namespace(hub_kube, **person.wishes())
    return person


@pytest.fixture(scope="session")
def busybox(cluster: SomeCluster) -> Iterator[str]:
    """Name of an image that is in the cluster's registry."""
    if registry := getattr(cluster, "registry", None):  # a cluster given by its kubeconfig has it already
        push_all(registry, names=("pause", "busybox"))
    yield "busybox:1.36"


@pytest.fixture(scope="session")
def files_root() -> Path:
    """A tree of files on the cluster's only node, which is this machine.

    The stack's: where the stack has run before, its policies let the Hub's volumes lead to no other.
    """
    folder = STATE / "files"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
async def claims(
    files_root: Path, alice: UserNamespace, hub_kube: Kube, admin_kube: Kube
) -> AsyncIterator[list[VolumeClaim]]:
    """Alice's two volumes and claims, with the folders behind them."""
    Tree(files_root).prepare(alice.slug)
    wanted = claims_of(alice, files_root)
    await ensure_claims(hub_kube, wanted)
    yield wanted
    for claim in wanted:
        await delete(admin_kube, VOLUME, claim.volume_name)
    shutil.rmtree(files_root / "private" / alice.slug)


def account_config(cluster: SomeCluster, admin: KubeConfig, account: str) -> KubeConfig:
    """Make a configuration with the rights of a ServiceAccount of the release, and no certificate."""
    token = cluster.kubectl("create", "token", account, "--namespace", "karvdash", "--duration", "6h").strip()
    return KubeConfig(server=admin.server, ca_data=admin.ca_data, ca_file=admin.ca_file, token=token)
