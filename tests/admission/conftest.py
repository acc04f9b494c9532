"""``webhook`` is an admission server that the cluster's API server asks; ``alice`` a user namespace."""

from __future__ import annotations

import json
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cluster import Cluster
from demo.processes import Process
from images import push_all
from karvdash_hub.kube.rbac import install_manifests
from tests.admission.people import Api, UserNamespace
from tests.admission.webhook import Webhook
from tests.fixtures.clusters import STATE, SomeCluster


@pytest.fixture(scope="package")
def webhook(cluster: SomeCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    """The server with the rights of share/rbac and no more, started once for all tests here."""
    assert isinstance(cluster, Cluster), "these tests need the embedded cluster"
    for manifest in install_manifests():
        text = json.dumps(manifest)
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text_in=text)
    own = Webhook(cluster, tmp_path_factory.mktemp("admission"))
    with stack_set_aside(cluster):
        own.certificate()
        own.start()
        yield own
        own.certificate("--remove")
        own.stop()


@contextmanager
def stack_set_aside(cluster: Cluster) -> Iterator[None]:
    """If a whole stack runs on this cluster, its configuration comes back afterwards."""
    name = "mutatingwebhookconfiguration/karvdash-hub"
    before = cluster.kubectl("get", name, "--ignore-not-found", "--output=json")
    theirs = Process("certificate", run=STATE / "run", log=STATE / "log")
    theirs.signal(signal.SIGSTOP)  # it would put its own configuration back within a minute
    yield
    if before:
        manifest = json.loads(before)
        manifest["metadata"] = {"name": manifest["metadata"]["name"]}
        cluster.kubectl("create", "-f", "-", text_in=json.dumps(manifest))
    theirs.signal(signal.SIGCONT)


@pytest.fixture(scope="package")
def api(webhook: Webhook) -> Iterator[Api]:
    """An administrator."""
    own = Api(webhook.cluster)
    yield own
    own.close()


@pytest.fixture
def running(webhook: Webhook) -> Iterator[Webhook]:
    """The same, for tests that break it: one replica runs afterwards."""
    yield webhook
    webhook.one_again()


@pytest.fixture
def renewed(running: Webhook) -> Iterator[Webhook]:
    """The same, for tests that spoil certificate or configuration."""
    yield running
    running.certificate("--renew")


@pytest.fixture(scope="module")
def alice(webhook: Webhook, api: Api) -> Iterator[UserNamespace]:
    """A user namespace with claims for /private and /shared."""
    person = UserNamespace(api, f"karvdash-test-{secrets.token_hex(4)}", "Alice $(HOME)@example.org")
    person.create()
    yield person
    person.remove()


@pytest.fixture
def bob(webhook: Webhook, api: Api) -> Iterator[UserNamespace]:
    """A user namespace of this test's own."""
    person = UserNamespace(api, f"karvdash-test-{secrets.token_hex(4)}", "bob")
    person.create()
    yield person
    person.remove()


@pytest.fixture(scope="package")
def busybox(cluster: Cluster) -> str:
    """An image that the cluster's registry has."""
    push_all(cluster.registry, names=("pause", "busybox"))
    return "busybox:1.36"


@pytest.fixture
def pod() -> dict[str, Any]:
    """A pod that no node takes, so that it costs nothing."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            "nodeSelector": {"karvdash.io/no-such-node": "true"},
            "containers": [{"name": "main", "image": "pause"}],
        },
    }
