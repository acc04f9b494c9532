"""The policies on a real API server, and two users who have cluster-admin in their namespaces.

Nearly everything is a server-side dry run: admission decides, nothing is stored, some milliseconds each.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cluster import Cluster
from karvdash_hub.data.settings import DataDomains
from karvdash_hub.kube import errors
from karvdash_hub.kube.namespaces import ensure_namespace
from karvdash_hub.kube.rest import Kube, default_account
from karvdash_hub.kube.transport import Call
from karvdash_hub.policies import Policies, manifests
from karvdash_hub.settings import Platform
from tests.fixtures.clusters import NAME, STATE, SomeCluster
from tests.kube.conftest import (  # noqa: F401 - fixtures
    OWNER_ID,
    UserNamespace,
    account_config,
    admin_config,
    admin_kube,
    busybox,
    hub_config,
    hub_kube,
)
from tests.policies.pods import Json, claim, ingress, pod, service, workload

#: As cli/policies.py, share/policies and every example here have it.
DOMAIN = "localhost"
POLICY_API = "admissionregistration.k8s.io/v1"
#: Directories of the node that users may mount in some tests.
SCRATCH, DATA = "/srv/scratch", "/srv/data"
FILES = {"files_url": "file:///srv/files", "files_api": "http://127.0.0.1:1", "files_token_file": "/none"}


@dataclass
class User:
    """A user's namespace, and what the API server answers to the user."""

    kube: Kube
    namespace: str
    slug: str

    @property
    def account(self) -> str:
        return default_account(self.namespace)

    def manifest(self, api_version: str, kind: str, name: str = "x", **body: Any) -> Json:
        """Write a manifest in this namespace; ``labels`` and ``annotations`` go into its metadata."""
        marks = {key: body.pop(key) for key in ("labels", "annotations") if key in body}
        metadata = {"name": name, "namespace": self.namespace, **marks}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}

    async def create(self, manifest: Json, **more: Any) -> str:
        """Create an object (not really): "" if that is allowed, else why not."""
        return await refusal(self.kube.create(manifest, **{"as_user": self.account, "dry_run": True, **more}))

    async def create_pod(self, spec: Json, **more: Any) -> str:
        """Create a pod (not really)."""
        marks = {key: more.pop(key) for key in ("labels", "annotations") if key in more}
        return await self.create(self.manifest("v1", "Pod", spec=spec, **marks), **more)

    async def apply(self, manifest: Json, **more: Any) -> str:
        """Apply an object (not really), as ``kubectl apply --server-side`` does."""
        return await refusal(self.kube.apply(manifest, **{"as_user": self.account, "dry_run": True, **more}))

    async def patch(self, api_version: str, kind: str, name: str, change: Json, **more: Any) -> str:
        """Change an object (not really)."""
        options = {"as_user": self.account, "dry_run": True, **more}
        return await refusal(self.kube.patch(api_version, kind, name, self.namespace, change, **options))

    async def delete(self, api_version: str, kind: str, name: str, **more: Any) -> str:
        """Delete an object (not really)."""
        options = {"as_user": self.account, "dry_run": True, **more}
        return await refusal(self.kube.delete(api_version, kind, name, self.namespace, **options))


async def refusal(attempt: Awaitable[Any]) -> str:
    """Return why the API server refused something; "" if it did not."""
    try:
        await attempt
    except (errors.Forbidden, errors.Invalid) as error:
        return error.message.partition(": ")[2] or error.message
    return ""


@pytest.fixture(scope="package")
def settings() -> tuple[Platform, DataDomains, Policies]:
    return Platform(public_url=f"http://{DOMAIN}:8000"), DataDomains(), Policies()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster of these tests alone: what they put in force would refuse what others do.

    It cannot be taken away again on a shared one: without any binding the API server would never look at
    changed parameters again (docs/reference/policies.md).
    """
    own = Cluster(name=f"{NAME}p", state=STATE / "policies")
    own.down(wipe=True)  # what an interrupted run left
    own.up(progress=print)
    yield own
    own.down(wipe=True)


@pytest.fixture(scope="package", autouse=True)
def down(cluster: Cluster) -> Iterator[None]:
    """End the cluster with the last of these tests, not with the last of all."""
    yield
    cluster.down(wipe=True)


@pytest.fixture(scope="package")
async def policies(
    admin_kube: Kube,  # noqa: F811
    settings: tuple[Platform, DataDomains, Policies],
) -> dict[str, Json]:
    """All policies in force, with the defaults. Returns them by name."""
    wanted = manifests(*settings)
    for manifest in wanted:
        await admin_kube.apply(manifest)
    return {one["metadata"]["name"]: one for one in wanted if one["kind"] == "ValidatingAdmissionPolicy"}


async def in_force(user: User) -> None:
    """Wait until the API server uses the policies: it reads new ones within a second, in their order."""
    secret = user.manifest("v1", "Secret", type="kubernetes.io/service-account-token")
    secret["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "default"}
    deadline = time.monotonic() + 30
    while "would never end" not in await user.create(secret):  # karvdash-tokens, the last in the alphabet
        assert time.monotonic() < deadline, "the policies are not in force"
        await asyncio.sleep(0.05)


Parameters = Callable[..., Awaitable[None]]


class Witness:
    """A policy of the tests alone, by which they see that the API server has read all others.

    It reads them once a second, one after the other, while their changes are still arriving: that it has
    the last one does not say that it has all. What it reads the next time is whole, so the witness is
    written twice. ref: k8s.io/apiserver admission/plugin/policy/generic/policy_source.go (1.35)
    """

    name = "karvdash-test-witness"

    def __init__(self, kube: Kube) -> None:
        self.kube = kube
        self.numbers = itertools.count()

    async def all_read(self, user: User) -> None:
        """Return when all that was written before is in force."""
        for number in itertools.islice(self.numbers, 2):
            await self._write(f"Witness {number}.")
            deadline = time.monotonic() + 10
            while f"Witness {number}." not in await user.create(user.manifest("v1", "ConfigMap", self.name)):
                assert time.monotonic() < deadline, "the API server does not see the new policies"
                await asyncio.sleep(0.02)

    async def _write(self, message: str) -> None:
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"]}
        rule |= {"resources": ["configmaps"], "resourceNames": [self.name]}
        for kind, spec in {
            "ValidatingAdmissionPolicy": {
                "matchConstraints": {"resourceRules": [rule]},
                "validations": [{"expression": "false", "message": message}],
            },
            "ValidatingAdmissionPolicyBinding": {"policyName": self.name, "validationActions": ["Deny"]},
        }.items():
            await self.kube.apply(
                {"apiVersion": POLICY_API, "kind": kind, "metadata": {"name": self.name}, "spec": spec}
            )

    async def remove(self) -> None:
        for kind in ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"):
            await self.kube.delete(POLICY_API, kind, self.name)


@pytest.fixture(scope="package")
async def witness(admin_kube: Kube) -> AsyncIterator[Witness]:  # noqa: F811
    """Made at its first use; removed at the end."""
    witness = Witness(admin_kube)
    yield witness
    await witness.remove()


@pytest.fixture
async def parameters_with(
    policies: dict[str, Json],
    admin_kube: Kube,  # noqa: F811
    settings: tuple[Platform, DataDomains, Policies],
    witness: Witness,
    alice: User,
) -> AsyncIterator[Parameters]:
    """Change settings for one test, and come back when they are in force, about two seconds later.

    ``data`` and ``platform`` are settings of DataDomains and Platform, all others of Policies.
    """

    async def change(data: Json | None = None, platform: Json | None = None, **policy_settings: Any) -> None:
        site = Platform(public_url=settings[0].public_url, **(platform or {}))
        for manifest in manifests(site, DataDomains(**(data or {})), Policies(**policy_settings)):
            name = manifest["metadata"]["name"]
            if manifest["kind"] == "ValidatingAdmissionPolicy" and policies[name] != manifest:
                policies[name] = manifest
                await admin_kube.apply(manifest)
        await witness.all_read(alice)

    yield change
    await change()


async def mint(user: User, namespace: str, seconds: int) -> str:
    """Ask for a token of a namespace's account, and let it be forgotten at once."""
    review = (
        b'{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":%d}}'
    )
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    call = Call("POST", path, [("dryRun", "All")], review % seconds, as_user=user.account, what="token")
    return await refusal(user.kube._transport.request(call))


@pytest.fixture(scope="package")
async def make_user(
    policies: None,
    cluster: SomeCluster,
    hub_kube: Kube,  # noqa: F811
    admin_kube: Kube,  # noqa: F811
) -> AsyncIterator[Callable[..., Awaitable[User]]]:
    """Make users whose namespaces the Hub has made, and delete them without waiting."""
    made: list[str] = []

    async def make(**wishes: Any) -> User:
        slug = f"test-{secrets.token_hex(4)}"
        namespace = f"karvdash-{slug}"
        made.append(namespace)
        await ensure_namespace(
            hub_kube,
            namespace=namespace,
            username=f"{slug}@example.org",
            slug=slug,
            owner_id=OWNER_ID,
            quota={"hard": {"pods": "100"}},
            **wishes,
        )
        user = User(admin_kube, namespace, slug)
        await in_force(user)
        return user

    yield make
    for namespace in made:
        cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="package")
async def alice(make_user: Callable[..., Awaitable[User]], witness: Witness) -> User:
    """Has cluster-admin inside the own namespace."""
    user = await make_user()
    await witness.all_read(user)
    return user


@pytest.fixture(scope="package")
async def bob(make_user: Callable[..., Awaitable[User]]) -> User:
    """Somebody else."""
    return await make_user()


@pytest.fixture(scope="package")
async def hardened(make_user: Callable[..., Awaitable[User]]) -> User:
    """Has the role karvdash-user."""
    return await make_user(user_role="karvdash-user")


@pytest.fixture(scope="package")
async def existing(alice: User) -> None:
    """One of everything, called existing; nothing of it runs."""
    nowhere = pod(nodeSelector={"karvdash.io/test": "nowhere"})
    made = [
        alice.manifest("v1", "Pod", "existing", spec=nowhere),
        alice.manifest("v1", "Service", "existing", spec=service()),
        alice.manifest(
            "apps/v1",
            "Deployment",
            "existing",
            spec={**workload("Deployment", nowhere, "existing"), "replicas": 0},
        ),
        alice.manifest(
            "networking.k8s.io/v1", "Ingress", "existing", spec=ingress(f"x-{alice.slug}.localhost")
        ),
        alice.manifest("v1", "PersistentVolumeClaim", "existing", spec=claim(storageClassName="nothing")),
    ]
    assert [await alice.create(one, dry_run=False) for one in made] == [""] * len(made)
