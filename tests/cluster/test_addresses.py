"""Address plans: they overlap nowhere, keep off the host's routes, and stay where they were."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations

import pytest

from cluster.addresses import Plan, choose, collisions, plans

FIRST, LAST = plans()[0], plans()[-1]


def test_a_plan_as_a_whole() -> None:
    plan = plans()[2]
    assert {
        "host": str(plan.host_address),
        "node": str(plan.node_address),
        "link": str(plan.link),
        "fake pods": str(plan.fake_pods),
        "pods": str(plan.pods),
        "services": str(plan.services),
        "kubernetes": str(plan.api_service),
        "dns": str(plan.dns_service),
        "interface": plan.host_link,
    } == {
        "host": "10.210.0.1",
        "node": "10.210.0.2",
        "link": "10.210.0.0/30",
        "fake pods": "10.210.32.0/19",
        "pods": "10.210.64.0/18",
        "services": "10.210.128.0/17",
        "kubernetes": "10.210.128.1",
        "dns": "10.210.128.10",
        "interface": "khub2",
    }


def test_no_two_plans_share_an_address() -> None:
    assert not [pair for pair in combinations(plans(), 2) if pair[0].block.overlaps(pair[1].block)]


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan.host_link)
def test_the_ranges_of_a_plan_are_apart_and_inside_its_block(plan: Plan) -> None:
    ranges = [plan.link, plan.fake_pods, plan.pods, plan.services]
    assert not [pair for pair in combinations(ranges, 2) if pair[0].overlaps(pair[1])]
    assert all(one.subnet_of(plan.block) for one in ranges)


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan.host_link)
def test_a_plan_has_room_for_every_pod_of_a_node_many_times(plan: Plan) -> None:
    assert plan.pods.num_addresses >= 8 * 250


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan.host_link)
def test_names_of_links_fit_into_the_kernel(plan: Plan) -> None:
    assert len(plan.host_link) <= 15


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        pytest.param("0.0.0.0/0", False, id="a default route touches nothing"),
        pytest.param("192.168.0.0/16", False, id="elsewhere"),
        pytest.param("10.208.7.0/24", True, id="inside the block"),
        pytest.param("10.0.0.0/8", True, id="around the block"),
        pytest.param("10.208.0.2/32", True, id="one address of it"),
        pytest.param("10.209.0.0/16", False, id="next to it"),
    ],
)
def test_collisions(route: str, expected: bool) -> None:
    assert bool(collisions(FIRST, [IPv4Network(route)])) == expected


@pytest.mark.parametrize(
    ("taken", "routes", "first", "expected"),
    [
        pytest.param([], [], 0, 0, id="free"),
        pytest.param([0, 1], [], 0, 2, id="the next free one"),
        pytest.param([], [], 5, 5, id="begins where it is told"),
        pytest.param(range(5, 32), [], 5, 0, id="goes round"),
        pytest.param([], ["10.208.0.0/15"], 0, 2, id="keeps off routes"),
        pytest.param([], ["10.0.0.0/8"], 0, 16, id="a VPN that has all of 10.0.0.0/8"),
        pytest.param([], ["10.0.0.0/8", "198.18.0.0/15"], 0, None, id="nothing left"),
        pytest.param(range(32), [], 0, None, id="all taken"),
    ],
)
def test_choose(taken: range | list[int], routes: list[str], first: int, expected: int | None) -> None:
    plan = choose(taken, map(IPv4Network, routes), first)
    assert (plan.index if plan else None) == expected
