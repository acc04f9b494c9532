"""What the reconciler does with rows, in a Hub of real objects whose cluster does not answer."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from jupyterhub import orm
from jupyterhub.app import JupyterHub
from jupyterhub.proxy import Proxy
from kubespawner.clients import shared_client
from sqlalchemy import event
from traitlets.config import Config

from karvdash_hub.readiness.model import Anchor
from karvdash_hub.settings import Platform
from karvdash_hub.spawner.hub import Karvdash
from karvdash_hub.spawner.registry import Key
from karvdash_hub.spawner.routes import leave_out_services
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


def an_anchor(karvdash: Karvdash, number: int) -> Anchor:
    """What a user has written, with this Hub's mark."""
    return Anchor(
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
    written = [an_anchor(karvdash, number) for number in range(5)]
    monkeypatch.setattr(karvdash.informers, "anchors", lambda: written)

    await karvdash.reconciler.once()
    await karvdash.reconciler.once()

    assert karvdash.reconciler.strays() == written
    told = [record.getMessage() for record in caplog.records if "karvdash-hub adopt" in record.getMessage()]
    assert len(told) == 1
    assert "ConfigMap karvdash-0 in karvdash-alice" in told[0]
    assert "somebody else's line" not in caplog.text


async def test_a_look_at_everything_lets_others_in_between(karvdash: Karvdash) -> None:
    """JupyterHub's records of a thousand running services would take the event loop for a second."""
    for number in range(20):
        write(karvdash, f"ready{number}", "ready")
        write(karvdash, f"ended{number}", "removed")
    await karvdash.reconciler.once()  # reads the user with servers and roles, into memory
    looks: list[str] = []
    event.listen(karvdash.app.db.bind, "before_cursor_execute", lambda *told: looks.append(told[2]))
    turns: list[int] = []

    async def others() -> None:
        while True:
            turns.append(len(looks))
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    await asyncio.sleep(0)
    await karvdash.reconciler.once()
    waiting.cancel()

    of_a_turn = [after - before for before, after in itertools.pairwise([*turns, len(looks)])]
    # One for a user, and at the end one for all anchors.
    assert max(of_a_turn) <= 4
    # Nothing is asked about what is as it should be.
    assert len(looks) < 20 * 2


async def test_the_strays_of_a_thousand_anchors_are_one_question(
    karvdash: Karvdash, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchors = [an_anchor(karvdash, number) for number in range(20)]
    monkeypatch.setattr(karvdash.informers, "anchors", lambda: anchors)
    alice = karvdash.user("alice")
    assert alice is not None
    for number in range(20):
        write(karvdash, str(number), "ready")
        if number:
            karvdash.app.db.add(orm.Spawner(name=str(number), user=alice.orm_user))
    karvdash.app.db.commit()
    looks: list[str] = []
    event.listen(karvdash.app.db.bind, "before_cursor_execute", lambda *told: looks.append(told[2]))

    assert karvdash.reconciler.strays() == anchors[:1]
    assert len(looks) <= 2


async def test_a_service_is_no_reason_to_look_up_its_user(karvdash: Karvdash) -> None:
    """JupyterHub looks up the user of every route that has last_activity (update_last_activity)."""
    write(karvdash, "redis", "ready")
    leave_out_services(proxy := Table(), karvdash.launches)

    routes = await proxy.get_all_routes()

    told = {name: "last_activity" in route["data"] for name, route in routes.items()}
    assert told == {"/": False, "/user/alice/": True, "/user/alice/redis/": False, "/user/bob/redis/": True}
    assert routes["/user/alice/redis/"]["data"] == {"user": "alice", "server_name": "redis"}


class Table(Proxy):
    """A proxy of JupyterHub's that keeps its routes here."""

    async def get_all_routes(self) -> dict[str, Any]:
        """A new table each time, as configurable-http-proxy's."""
        moment = {"last_activity": "2026-01-01T00:00:00.000Z"}
        return {
            "/": {"data": {"hub": True}},
            "/user/alice/": {"data": {"user": "alice", "server_name": "", **moment}},
            "/user/alice/redis/": {"data": {"user": "alice", "server_name": "redis", **moment}},
            "/user/bob/redis/": {"data": {"user": "bob", "server_name": "redis", **moment}},
        }
