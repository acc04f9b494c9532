"""Which host leads where: tables of objects in, hosts and addresses out."""

from __future__ import annotations

import tracemalloc
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

import karvdash_hub
from karvdash_hub.gate.addresses import Addresses, is_own_address
from karvdash_hub.gate.table import Host, Kind, Table, normal_path
from karvdash_hub.readiness.projections import (
    project_anchor,
    project_endpoint,
    project_ingress,
    project_service,
)
from tests.gate.objects import anchor, endpoints, ingress, service

PROJECT: dict[str, tuple[Kind, Any]] = {
    "ConfigMap": ("anchor", project_anchor),
    "Ingress": ("ingress", project_ingress),
    "Service": ("service", project_service),
    "EndpointSlice": ("endpoint", project_endpoint),
}


def put(
    table: Table, item: dict[str, Any], old: dict[str, Any] | None = None, *, gone: bool = False
) -> set[str]:
    """Report one object to a table as a watch would."""
    kind, project = PROJECT[item["kind"]]
    key = (item["metadata"]["namespace"], item["metadata"]["name"])
    before = project(old) if old else project(item) if gone else None
    return table.change(kind, key, before, None if gone else project(item))


def table_of(*items: dict[str, Any]) -> Table:
    table = Table("localhost")
    for item in items:
        put(table, item)
    return table


def upstream(table: Table, uri: str = "/", host: str = "web-alice.localhost") -> tuple[str, ...] | None:
    """Addresses that a request goes to; None if the host or the path is unknown."""
    found = table.get(host)
    path = found.route(uri) if found else None
    return path.endpoints if path else None


SERVER = (anchor(), ingress(), service(), endpoints())


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param(SERVER, ("10.1.0.5:8080",), id="a server"),
        pytest.param(SERVER[1:], None, id="no anchor"),
        pytest.param((SERVER[0], *SERVER[2:]), None, id="no Ingress"),
        pytest.param(SERVER[:2], (), id="no Service yet"),
        pytest.param(SERVER[:3], (), id="no EndpointSlice yet"),
        pytest.param((*SERVER[:3], endpoints(addresses=[("10.1.0.5", False)])), (), id="pod not ready"),
        pytest.param(
            (*SERVER[:3], endpoints(addresses=[("10.1.0.6", True), ("10.1.0.5", True), ("10.1.0.7", False)])),
            ("10.1.0.5:8080", "10.1.0.6:8080"),
            id="every pod that is ready",
        ),
        pytest.param(
            (*SERVER, endpoints(name="web-second", addresses=[("10.1.0.9", True)])),
            ("10.1.0.5:8080", "10.1.0.9:8080"),
            id="several EndpointSlices",
        ),
        pytest.param((*SERVER[:3], endpoints(addresses=[("fd00::5", True)])), ("[fd00::5]:8080",), id="IPv6"),
        pytest.param((*SERVER[:3], endpoints(ports=[("", 5000)])), ("10.1.0.5:5000",), id="the pod's port"),
        pytest.param(
            (
                anchor(),
                ingress(paths=[("/", "Prefix", "web", "http")]),
                service(ports=[("admin", 9000), ("http", 80)]),
                endpoints(ports=[("admin", 9000), ("http", 8080)]),
            ),
            ("10.1.0.5:8080",),
            id="port by name",
        ),
        pytest.param(
            (anchor(), ingress(paths=[("/", "Prefix", "web", 81)]), *SERVER[2:]), (), id="no such port"
        ),
        pytest.param((anchor(), ingress(), service(selector=False)), ("10.0.0.1:8080",), id="no selector"),
        pytest.param((anchor(), ingress(), service(selector=False, cluster_ip="None")), (), id="headless"),
        pytest.param((anchor(), ingress(ingress_class="nginx"), *SERVER[2:]), None, id="other class"),
        pytest.param(
            (anchor(), ingress(host="shop-bob.localhost"), *SERVER[2:]), None, id="Ingress of another host"
        ),
        pytest.param((anchor(host="web-bob.localhost"), *SERVER[1:]), None, id="anchor of another's host"),
        pytest.param((anchor(namespace="default"), *SERVER[1:]), None, id="anchor elsewhere"),
        pytest.param((anchor(name="forged"), *SERVER[1:]), None, id="a second, forged anchor"),
        pytest.param((*SERVER[:3], endpoints(manager="me")), (), id="a slice that a user made"),
        pytest.param((*SERVER[:3], endpoints(manager="")), (), id="a slice of nobody"),
        pytest.param((*SERVER[:3], endpoints(owner="7e1f")), (), id="a slice of a Service that is gone"),
        pytest.param(
            (*SERVER[:3], endpoints(addresses=[("127.0.0.1", True), ("169.254.169.254", True)])),
            (),
            id="addresses that are no pod's",
        ),
        pytest.param(
            (*SERVER, endpoints(user="bob", addresses=[("10.1.0.66", True)])),
            ("10.1.0.5:8080",),
            id="EndpointSlices of another namespace",
        ),
    ],
)
def test_a_request_goes_to_the_pods_that_are_ready(
    items: tuple[dict[str, Any], ...], expected: tuple[str, ...] | None
) -> None:
    assert expected == upstream(table_of(*items))


PATHS = ingress(
    paths=[
        ("/", "Prefix", "web", 80),
        ("/api", "Prefix", "web", 81),
        ("/api/v1/", "ImplementationSpecific", "web", 82),
        ("/api", "Exact", "web", 83),
    ]
)


@pytest.mark.parametrize(
    ("uri", "port"),
    [
        pytest.param("/", 80, id="root"),
        pytest.param("/x?next=/api", 80, id="a query is no path"),
        pytest.param("/apis", 80, id="whole elements only"),
        pytest.param("/api", 83, id="exact before prefix"),
        pytest.param("/api/", 81, id="a final slash is not exact"),
        pytest.param("/api/x?y", 81, id="below"),
        pytest.param("/api/v1", 82, id="a rule's final slash means nothing"),
        pytest.param("/api/v1/x", 82, id="the longest wins"),
        pytest.param("/%61pi/x", 81, id="percent signs are decoded"),
        pytest.param("/x/../api/x", 81, id="dots are resolved"),
        pytest.param("/x/%2e%2e/api/x", 81, id="and so are encoded dots"),
        pytest.param("//api//x", 81, id="slashes are joined"),
    ],
)
def test_the_path_decides_between_backends(uri: str, port: int) -> None:
    ports = [(f"p{number}", number) for number in range(80, 84)]
    table = table_of(anchor(), PATHS, service(ports=ports), endpoints(ports=ports))

    assert (f"10.1.0.5:{port}",) == upstream(table, uri)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        pytest.param("/", "/", id="root"),
        pytest.param("*", "/*", id="no path at all"),
        pytest.param("/.well-known/x", "/.well-known/x", id="a name that starts with a dot"),
        pytest.param("/../../x", "/x", id="above the root"),
        pytest.param("/a/./b/", "/a/b/", id="final slash stays"),
        pytest.param("/a%20b#f", "/a b", id="no fragment"),
    ],
)
def test_paths_are_compared_in_normal_form(uri: str, expected: str) -> None:
    assert expected == normal_path(uri)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param([("/", "Prefix", "web", 80)], False, id="all of one service"),
        pytest.param([("/", "Prefix", "web", 80), ("/x", "Exact", "web", 80)], False, id="to the same port"),
        pytest.param([("/", "Prefix", "web", 80), ("/x", "Prefix", "api", 80)], True, id="two services"),
        pytest.param([("/", "Prefix", "web", 80), ("/x", "Prefix", "web", 81)], True, id="two ports"),
        pytest.param([("/public", "Prefix", "web", 80)], True, id="one path only"),
        pytest.param([("/", "Exact", "web", 80)], True, id="the front page only"),
    ],
)
def test_a_host_whose_paths_differ_is_told_apart(
    paths: list[tuple[str, str, str, int | str]], expected: bool
) -> None:
    """The front may not repeat a verdict for another path then."""
    found = table_of(anchor(), ingress(paths=paths)).get("web-alice.localhost")
    assert found is not None and found.by_path is expected


ADMIN = "admin-web-alice.localhost"


@pytest.mark.parametrize(
    ("hosts", "host", "expected"),
    [
        pytest.param(["web-alice.localhost", ADMIN], ADMIN, ("10.1.0.5:8080",), id="a prefix"),
        pytest.param(["web-alice.localhost", "a-b-web-alice.localhost"], "a-b-web-alice.localhost", None,
                     id="without an Ingress of its own"),
        pytest.param(["web-alice.localhost"], ADMIN, None, id="not allocated"),
        pytest.param([ADMIN, "web-bob.localhost"], "web-bob.localhost", None, id="another's"),
        pytest.param([ADMIN, "aweb-alice.localhost"], "aweb-alice.localhost", None, id="not a whole word"),
        pytest.param([ADMIN, "a--web-alice.localhost"], "a--web-alice.localhost", None, id="no prefix"),
        pytest.param([ADMIN, "x.y-web-alice.localhost"], "x.y-web-alice.localhost", None, id="a dot"),
    ],
)  # fmt: skip
def test_more_hosts_of_a_server(hosts: list[str], host: str, expected: tuple[str, ...] | None) -> None:
    """Only those that begin with something and end with the server's own."""
    table = table_of(anchor(hosts=hosts), ingress(), ingress(name="web-2", host=ADMIN), *SERVER[2:])

    assert expected == upstream(table, host=host)
    assert upstream(table) == ("10.1.0.5:8080",)


@pytest.mark.parametrize(
    ("address", "ranges", "expected"),
    [
        pytest.param("10.1.0.5", "", True, id="a pod, as far as we know"),
        pytest.param("10.1.0.5", "10.1.0.0/16", True, id="a pod"),
        pytest.param("fd00::5", "10.1.0.0/16 fd00::/64", True, id="of the second range"),
        pytest.param("10.2.0.5", "10.1.0.0/16", False, id="outside"),
        pytest.param("fd01::5", "10.1.0.0/16", False, id="outside, of the other kind"),
        pytest.param("10.1.0.1", "10.1.0.0/16", False, id="this machine's"),
        pytest.param("127.0.0.1", "", False, id="loopback"),
        pytest.param("::1", "", False, id="loopback 6"),
        pytest.param("::ffff:127.0.0.1", "", False, id="loopback in disguise"),
        pytest.param("169.254.169.254", "169.254.0.0/16", False, id="link-local, even if told so"),
        pytest.param("fe80::1", "", False, id="link-local 6"),
        pytest.param("224.0.0.1", "", False, id="multicast"),
        pytest.param("0.0.0.0", "", False, id="unspecified"),
        pytest.param("None", "", False, id="headless"),
        pytest.param("example.org", "", False, id="a name"),
    ],
)
def test_addresses_that_requests_may_be_sent_to(address: str, ranges: str, expected: bool) -> None:
    allowed = Addresses(map(ip_network, ranges.split()), lambda found: str(found) == "10.1.0.1")
    assert allowed(address) is expected


def test_the_kernel_knows_its_own_addresses() -> None:
    assert [is_own_address(ip_address(text)) for text in ("127.0.0.1", "192.0.2.1")] == [True, False]


def test_more_hosts_go_with_their_anchor() -> None:
    both = anchor(hosts=["web-alice.localhost", ADMIN])
    table = table_of(both, *SERVER[1:])

    assert {ADMIN, "web-alice.localhost"} == put(table, anchor(), both)
    assert list(table) == ["web-alice.localhost"]
    put(table, anchor(), gone=True)
    assert list(table) == []


def test_an_open_server_is_marked() -> None:
    host = table_of(anchor(auth=False)).get("web-alice.localhost")
    assert host == Host("web-alice.localhost", "alice", "web", "karvdash-alice", False, 1795262400.0, ())


def test_of_two_claims_to_a_host_the_older_one_counts() -> None:
    """nb-bob of user x and nb of a user with slug bob-x make the same host."""
    younger = anchor("nb-bob", "x", created="2026-11-21T12:00:05Z")
    older = anchor("nb", "bob-x", created="2026-11-21T12:00:01Z")
    table = table_of(younger, older)

    assert table.get("nb-bob-x.localhost").user == "bob-x"  # type: ignore[union-attr]
    put(table, older, gone=True)
    assert table.get("nb-bob-x.localhost").user == "x"  # type: ignore[union-attr]


def test_changes_are_followed() -> None:
    """Each change names the host that it concerns, and the next look-up shows it."""
    table, host = Table("localhost"), "web-alice.localhost"
    moved = endpoints(addresses=[("10.1.0.8", True)])
    renamed = anchor(auth=False)

    assert [set(), set(), set(), {host}] == [put(table, item) for item in reversed(SERVER)]
    assert {host} == put(table, moved, endpoints())
    assert upstream(table) == ("10.1.0.8:8080",)
    assert {host} == put(table, renamed, anchor())
    assert False is table.get(host).auth  # type: ignore[union-attr]
    assert {host} == put(table, SERVER[1], gone=True)
    assert None is upstream(table)
    assert {host} == put(table, renamed, gone=True)
    assert (table.get(host), len(table)) == (None, 0)


def test_an_object_that_changes_its_server_leaves_the_old_one() -> None:
    table = table_of(*SERVER)
    other = endpoints("other", service="web", name="web-x7k2p")

    put(table, other, endpoints())

    assert upstream(table) == ()


def test_a_thousand_servers_take_little_and_leave_nothing() -> None:
    """2 KiB a server, beside the watches, which hold the same tuples."""
    table, users = Table("localhost"), [f"u{number}" for number in range(1000)]
    tracemalloc.start(3)
    try:
        for user in users:
            for item in (anchor(user=user), ingress(user=user), service(user=user), endpoints(user=user)):
                put(table, item)
            table.get(f"web-{user}.localhost")
        taken = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    # Other threads of the test run take some, too.
    ours = tracemalloc.Filter(True, f"{Path(karvdash_hub.__file__).parent}/*", all_frames=True)
    size = sum(trace.size for trace in taken.filter_traces([ours]).traces)
    assert (len(table), size < 5 * 2**20) == (1000, True), f"{size / 1000:.0f} bytes a server"

    for user in users:
        for item in (anchor(user=user), ingress(user=user), service(user=user), endpoints(user=user)):
            put(table, item, gone=True)
    assert (len(table), list(table), table._servers) == (0, [], {})
