"""Addresses that are handed out from a list: which are good, who gets which, what a gate makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from traitlets import TraitError

from karvdash_hub.errors import KarvdashError
from karvdash_hub.gate.table import Table
from karvdash_hub.names import Hostname
from karvdash_hub.readiness.projections import project_anchor
from karvdash_hub.settings import Platform
from karvdash_hub.spawner.hosts import host_of_list
from karvdash_hub.spawner.registry import Key
from karvdash_hub.store import Store
from tests.gate.objects import anchor

POOL = tuple(Hostname(f"lab-{number}.localhost") for number in (1, 2, 3))
WEB, SHOP = Key("alice", "web"), Key("bob", "shop")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path}/store.sqlite")
    yield made
    made.close()


def test_a_list_becomes_hosts() -> None:
    platform = Platform(public_url="https://example.com:8443", service_url_prefixes=["lab-1", "a-b-c"])
    assert platform.pool == ("lab-1.example.com", "a-b-c.example.com")
    assert Platform().pool == ()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param(["lab"], "not 'lab'", id="no hyphen: a user's host"),
        pytest.param(["u--alice-1"], "not 'u--alice-1'", id="two hyphens: a user's host"),
        pytest.param(["Lab-1"], "not 'Lab-1'", id="capital"),
        pytest.param(["lab_1"], "not 'lab_1'", id="underscore"),
        pytest.param(["-lab", "lab-", "a.b-c"], "not '-lab', 'lab-', 'a.b-c'", id="several"),
        pytest.param(["a-" + "b" * 39], "at most 40 characters", id="long"),
        pytest.param(["lab-1", "lab-1"], "names lab-1 twice", id="twice"),
    ],
)
def test_names_that_are_no_addresses(names: list[str], message: str) -> None:
    with pytest.raises(TraitError) as refused:
        Platform(service_url_prefixes=names)
    assert message in str(refused.value)


def test_a_server_keeps_its_host_and_nobody_gets_it_too(store: Store) -> None:
    store.claim_host(POOL[1], *WEB, "service")
    assert host_of_list(store, POOL, WEB) == POOL[1]
    assert {host_of_list(store, POOL, SHOP) for _ in range(100)} == {POOL[0], POOL[2]}
    assert host_of_list(store, POOL, SHOP, anchored=POOL[2]) == POOL[2]
    assert host_of_list(store, POOL[:1], SHOP, anchored=POOL[1]) == POOL[0]
    with pytest.raises(KarvdashError, match="All 1 addresses") as refused:
        host_of_list(store, POOL[1:2], SHOP)
    assert refused.value.status == 429


@pytest.mark.parametrize(
    ("host", "hosts", "found"),
    [
        pytest.param("lab-1.localhost", "", ["lab-1.localhost"], id="of the list"),
        pytest.param(
            "lab-1.localhost",
            "lab-1.localhost,bolt-lab-1.localhost,bolt-lab-2.localhost,web-alice.localhost",
            ["bolt-lab-1.localhost", "lab-1.localhost"],
            id="with a prefix",
        ),
        pytest.param("lab-9.localhost", "", [], id="not of the list"),
        pytest.param("web-alice.localhost", "", ["web-alice.localhost"], id="its own, from before"),
    ],
)
def test_what_a_gate_takes_from_an_anchor(host: str, hosts: str, found: list[str]) -> None:
    table = Table("localhost", pool=POOL)
    item = anchor(host=host)
    item["metadata"]["annotations"]["karvdash.io/hosts"] = hosts or host
    metadata = item["metadata"]
    table.change("anchor", (metadata["namespace"], metadata["name"]), None, project_anchor(item))
    assert sorted(table) == found
