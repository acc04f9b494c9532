"""The store: what is unique stays unique, and a row says how far a launch is."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from karvdash_hub.errors import KarvdashError, Taken, Unavailable
from karvdash_hub.names import Hostname, Namespace
from karvdash_hub.settings import Platform
from karvdash_hub.spawner.users import Leaving, claim_user
from karvdash_hub.store import Host, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database."""
    made = Store(f"sqlite:///{tmp_path}/store.sqlite")
    yield made
    made.close()


def test_the_instance_id_is_made_once(tmp_path: Path) -> None:
    first = Store(f"sqlite:///{tmp_path}/store.sqlite")
    again = Store(f"sqlite:///{tmp_path}/store.sqlite")
    other = Store(f"sqlite:///{tmp_path}/other.sqlite")
    assert first.instance_id == again.instance_id != other.instance_id
    for one in (first, again, other):
        one.close()


def test_a_host_belongs_to_one_server(store: Store) -> None:
    host = Hostname("a-b-c.localhost")
    store.claim_host(host, "c", "a-b", "service")
    store.claim_host(host, "c", "a-b", "service")
    with pytest.raises(Taken, match=r"a-b-c\.localhost"):
        store.claim_host(host, "b-c", "a", "service")
    assert store.host(host) == Host(host, "c", "a-b", "service")
    store.release_hosts("c", "a-b", keep=[host])
    assert store.host(host) is not None
    store.release_hosts("c", "a-b")
    assert store.host(host) is None


@pytest.mark.parametrize(
    ("username", "namespace"),
    [
        pytest.param("alice", "karvdash-alice", id="simple"),
        pytest.param("test2", "karvdash-test2", id="digit"),
        pytest.param("Alice", None, id="capital"),
        pytest.param("john.doe", None, id="dot"),
        pytest.param("x" * 64, None, id="64 characters"),
    ],
)
def test_every_user_gets_a_namespace(store: Store, username: str, namespace: str | None) -> None:
    claim = claim_user(store, Platform(), username)
    assert claim == claim_user(store, Platform(), username)
    assert len(claim.namespace) <= 63
    assert namespace is None or namespace == claim.namespace
    assert claim.namespace != "karvdash-" + username or namespace


@pytest.mark.parametrize(
    "username",
    [
        pytest.param("hub", id="a host of ours"),
        pytest.param("files", id="another"),
        pytest.param("", id="nothing"),
        pytest.param("y" * 256, id="too long"),
    ],
)
def test_some_names_are_refused_with_a_sentence(store: Store, username: str) -> None:
    with pytest.raises(KarvdashError) as refused:
        claim_user(store, Platform(), username)
    assert refused.value.message.endswith(".")


def test_the_releases_own_namespace_is_nobodys(store: Store) -> None:
    with pytest.raises(Taken, match="reserved"):
        claim_user(store, Platform(release_namespace="karvdash-system"), "system")


def test_a_name_made_to_collide_with_anothers_slug_is_refused(store: Store) -> None:
    victim = claim_user(store, Platform(), "Bob.Smith")
    store.claim_namespace("first", "taken", Namespace("karvdash-taken"))
    with pytest.raises(Taken, match="belongs to another user"):
        claim_user(store, Platform(), "taken")
    # Slugs hold a hyphen and hash, simple names none, so a name equal to a slug is hashed itself.
    assert claim_user(store, Platform(), victim.slug).slug != victim.slug


def test_a_user_gets_namespace_and_host_or_neither(store: Store) -> None:
    """Otherwise the second sign-in would be let in without the user's own host."""
    host = Hostname("alice.localhost")
    store.claim_host(host, "somebody", "x", "service")
    with pytest.raises(Taken):
        claim_user(store, Platform(), "alice")
    assert store.namespace_of("alice") is None
    store.release_hosts("somebody", "x")
    claim_user(store, Platform(), "alice")
    assert store.host(host) == Host(host, "alice", "", "user")


def test_a_removed_user_keeps_the_name_until_nothing_is_left(store: Store) -> None:
    claim = claim_user(store, Platform(), "alice")
    store.claim_host(Hostname("redis-alice.localhost"), "alice", "redis", "service")
    store.begin_launch("alice", "redis", "redis", claim.namespace, "one")
    claim_user(store, Platform(), "bob")
    store.begin_launch("bob", "redis", "redis", Namespace("karvdash-bob"), "two")

    for _ in range(2):
        store.begin_leaving("alice")
    store.begin_leaving("nobody")

    assert store.leaving() == [claim]
    assert [row.username for row in store.launches()] == ["bob"]
    assert store.host("redis-alice.localhost") is None
    with pytest.raises(Leaving, match="'alice' is still being removed"):
        claim_user(store, Platform(), "alice")
    claim_user(store, Platform(), "bob")
    claim_user(store, Platform(), "nobody")

    store.forget_user("alice")
    assert store.leaving() == []
    assert claim_user(store, Platform(), "alice") == claim
    assert {one.username for one in store.namespaces()} == {"alice", "bob", "nobody"}


def test_a_locked_database_is_told_soon(store: Store, tmp_path: Path) -> None:
    """The Hub waits for its database on the event loop, so everybody waits."""
    other = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(Unavailable, match="database"):
        store.set_launch("alice", "redis", "ready")
    assert time.monotonic() - began < 3
    assert store.launches() == []
    other.execute("ROLLBACK")
    other.close()
    assert store.set_launch("alice", "redis", "ready") is None


def test_a_ticket_is_good_once_for_its_host_and_time(store: Store) -> None:
    store.add_ticket("d1", "h1", "alice", expires=100.0)
    assert store.use_ticket("d1", "h2", now=50.0) is None
    assert store.use_ticket("d1", "h1", now=100.0) is None
    assert store.use_ticket("d1", "h1", now=50.0) == "alice"
    assert store.use_ticket("d1", "h1", now=50.0) is None
    store.add_ticket("d2", "h1", "alice", expires=10.0)
    store.purge_tickets(now=20.0)
    assert store.use_ticket("d2", "h1", now=5.0) is None


def test_a_server_has_one_row_and_keeps_its_first_time(store: Store) -> None:
    namespace = Namespace("karvdash-alice")
    begun = store.begin_launch("alice", "redis", "redis", namespace, "one")
    assert begun == store.launch("alice", "redis")
    ready = store.set_launch("alice", "redis", "ready")
    first = store.launch("alice", "redis")
    assert ready == first
    store.begin_launch("alice", "redis", "redis", namespace, "two")
    second = store.launch("alice", "redis")
    assert first is not None and second is not None
    assert (first.id, first.state) == ("one", "ready")
    assert (second.id, second.state, second.created) == ("two", "started", first.created)
    assert len(store.launches()) == 1
    assert store.set_launch("alice", "nosuch", "ready") is None
    store.forget_launch("alice", "redis")
    assert store.launches() == []
