"""The launches of a process, without any cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from karvdash_hub.errors import Conflict
from karvdash_hub.kube.apply import Refusal
from karvdash_hub.names import Namespace
from karvdash_hub.spawner.making import in_file
from karvdash_hub.spawner.plan import LaunchPlan
from karvdash_hub.spawner.registry import Key, Launches
from karvdash_hub.store import Store

NAMESPACE = Namespace("karvdash-alice")
REDIS = Key("alice", "redis")


@pytest.fixture
def launches(tmp_path: Path) -> Iterator[Launches]:
    """Those of an empty database."""
    store = Store(f"sqlite:///{tmp_path}/store.sqlite")
    yield Launches(store)
    store.close()


async def test_no_server_begins_while_one_of_its_name_is_deleted(launches: Launches) -> None:
    """Whatever the deletion removes last, the row and the address, would be the new one's."""
    with launches.being_deleted(REDIS):
        with launches.being_deleted(REDIS):
            pass
        assert launches.is_being_deleted(REDIS)
        with pytest.raises(Conflict, match="redis is being deleted"):
            launches.begin(launches.new(REDIS, "redis", NAMESPACE))
        launches.begin(launches.new(Key("alice", "other"), "redis", NAMESPACE))
    launch = launches.new(REDIS, "redis", NAMESPACE)
    launches.begin(launch)
    assert launches.live(*REDIS) is launch


async def test_a_launch_gives_way_only_when_its_objects_exist(launches: Launches) -> None:
    woken = []
    launch = launches.new(REDIS, "redis", NAMESPACE)
    launches.begin(launch)
    assert not launch.give_way()
    with launch.looking_on(lambda: woken.append(launch.gave_way)):
        assert launch.give_way()
    assert woken == [True]
    assert not launch.give_way()
    assert not launch.over.is_set()
    launches.end(launch)
    assert launch.over.is_set()
    launches.begin(launches.new(REDIS, "redis", NAMESPACE))


STORED = {
    "template": "redis",
    "hosts": [],
    "url": None,
    "service": None,
    "expected": [],
    "endpoints": [],
    "values": {},
}


def test_a_state_of_before_is_understood() -> None:
    plan = LaunchPlan.from_state(STORED)
    assert (plan.size, plan.connect, plan.objects) == ({}, "", ())


def test_what_is_remembered_has_no_passwords_and_no_manifests() -> None:
    stored = LaunchPlan.from_state(
        {**STORED, "service": "redis", "size": {"cpu": "1"}, "connect": "redis-cli"}
    )
    made = replace(
        stored, manifests=({},), indexes=(1,), anchor={"kind": "ConfigMap"}, passwords={"P": "secret"}
    )
    assert made.remembered() == stored


def test_refusals_are_numbered_as_in_the_file() -> None:
    """The file has its Template section first, so that the first manifest is its second document."""
    made = LaunchPlan.from_state(STORED)
    made = LaunchPlan(**{**vars(made), "manifests": ({}, {}), "indexes": (1, 2)})
    refusals = [
        Refusal(0, "spec", "is wrong", "Service", "a"),
        Refusal(1, "spec", "is wrong", "Deployment", "b"),
        Refusal(None, "", "is too much", "Pod", "c"),
    ]
    assert [one.document for one in in_file(made, refusals)] == [1, 2, None]
