"""What the reconciler does with rows, in a Hub of real objects whose cluster does not answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from jupyterhub import orm
from jupyterhub.app import JupyterHub
from kubespawner.clients import shared_client
from traitlets.config import Config

from karvdash_hub.readiness.model import Anchor
from karvdash_hub.settings import Platform
from karvdash_hub.spawner.hub import Karvdash
from karvdash_hub.spawner.registry import Key
from karvdash_hub.spawner.spawner import KarvdashSpawner

#: Nothing listens at port 1.
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: x
contexts: [{name: x, context: {cluster: x, user: x}}]
clusters: [{name: x, cluster: {server: 'http://127.0.0.1:1'}}]
users: [{name: x, user: {token: t}}]
"""


@pytest.fixture
async def karvdash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Karvdash]:
    """JupyterHub's objects and ours, with the user alice; watches are not started."""
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    app = JupyterHub(db_url="sqlite://", log_level=logging.ERROR)
    app.init_db()
    app.init_hub()
    app.tornado_settings = {
        "spawner_class": KarvdashSpawner,
        "hub": app.hub,
        "config": Config(),
        "base_url": "/",
    }
    platform = Platform(
        database_url=f"sqlite:///{tmp_path}/karvdash.sqlite", kubeconfig=str(tmp_path / "kubeconfig")
    )
    stock = shared_client("CoreV1Api")  # every KubeSpawner makes one, and none closes it
    made = Karvdash(platform, app)
    monkeypatch.setattr(Karvdash, "_instance", made)
    app.db.add(orm.User(name="alice"))
    app.db.commit()
    made.informers.synced.set()
    yield made
    await made._close()
    await stock.api_client.close()
    app.db.close()


def write(karvdash: Karvdash, server: str, state: Any) -> Key:
    """A row as a Hub of before left it."""
    key = Key("alice", server)
    launch = karvdash.launches.new(key, "redis", karvdash.namespace("alice"))
    karvdash.launches.write(launch)
    karvdash.launches.note(key, state)
    return key


async def test_a_row_that_cannot_be_repaired_costs_the_others_nothing(
    karvdash: Karvdash, caplog: pytest.LogCaptureFixture
) -> None:
    broken, fine = write(karvdash, "a", "applied"), write(karvdash, "b", "applied")
    # A state that no version of ours has written.
    alice = karvdash.user("alice")
    assert alice is not None
    alice.get_or_create_spawner("a", "a", replace_failed=True)
    alice.orm_spawners["a"].state = {"karvdash": {"template": "redis"}}
    alice.orm_spawners["a"].user_options = {}
    karvdash.app.db.commit()
    alice.spawners.pop("a")

    await karvdash.reconciler.once()

    assert "Repairing alice/a failed" in caplog.text
    row = karvdash.launches.row(*fine)
    assert row is not None and row.state == "failed"
    assert karvdash.launches.unfinished(*broken)


async def test_a_launch_that_jupyterhub_is_about_to_make_is_not_taken_up(karvdash: Karvdash) -> None:
    key = write(karvdash, "a", "applied")
    alice = karvdash.user("alice")
    assert alice is not None
    spawner = alice.get_or_create_spawner("a", "a", replace_failed=True)
    spawner._spawn_pending = True

    await karvdash.reconciler.once()
    await asyncio.sleep(0)

    assert spawner.busy is None
    assert karvdash.launches.live(*key) is None
    assert karvdash.launches.unfinished(*key)


async def test_strays_are_told_once_a_namespace_whatever_users_wrote(
    karvdash: Karvdash, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users may write any number of ConfigMaps, and anything into their annotations."""
    written = [
        Anchor(
            name=f"karvdash-{number}",
            namespace="karvdash-alice",
            server=str(number),
            uid=f"uid-{number}",
            hub=karvdash.store.instance_id,
            user="bob\nERROR somebody else's line",
            host="",
            auth=True,
            launch="",
            template="redis",
            deleting=False,
            created="2026-01-01T00:00:00Z",
        )
        for number in range(5)
    ]
    monkeypatch.setattr(karvdash.informers, "anchors", lambda: written)

    await karvdash.reconciler.once()
    await karvdash.reconciler.once()

    assert karvdash.reconciler.strays() == written
    told = [record.getMessage() for record in caplog.records if "karvdash-hub adopt" in record.getMessage()]
    assert len(told) == 1
    assert "ConfigMap karvdash-0 in karvdash-alice" in told[0]
    assert "somebody else's line" not in caplog.text
