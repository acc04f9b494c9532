"""Ends: orderly ones, violent ones, and what is left on the machine (nothing)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cluster import Cluster, ClusterError
from cluster.cgroups import Tree
from cluster.processes import wait_for

from .conftest import Started, start, traces

pytestmark = pytest.mark.cluster

Make = Callable[..., Cluster]


def pod_answers(cluster: Cluster) -> bool:
    """Whether a command can run in the pod: what the API says of it may be from before."""
    try:
        return cluster.kubectl("exec", "deployment/kept", "--", "echo", "here") == "here\n"
    except ClusterError:
        return False


def kill_everything(cluster: Cluster) -> None:
    """As the machine would by losing power: keeper, components, shims, pods."""
    tree = Tree(cluster.paths.cgroup)
    while left := tree.processes():
        for process in left:
            with suppress(ProcessLookupError):  # ended with one of those before
                os.kill(process, signal.SIGKILL)


def test_a_life(another: Make, started: Started) -> None:
    """Up beside another cluster; work; kill -9 of everything; up; kill -9 again; down; up; wipe."""
    cluster, other = another("life"), started.cluster
    start(cluster)
    plan, others = cluster.plan, other.status()
    assert not plan.block.overlaps(other.plan.block)
    assert set(traces(cluster, plan)) == {"processes", "run", "links", "routes", "cgroups"}
    nodes = [one.kubectl("get", "nodes", "-o", "name").strip() for one in (cluster, other)]
    assert nodes == [f"node/{one.name}-node" for one in (cluster, other)]
    cluster.kubectl("create", "deployment", "kept", "--image=busybox:1.36", "--", "sleep", "100000")
    cluster.kubectl("wait", "--for=condition=Available", "deployment/kept", "--timeout=30s")

    kill_everything(cluster)
    cluster.up()
    assert wait_for(lambda: pod_answers(cluster), 30, interval=0.5), cluster.kubectl(
        "get", "pods", "-o", "wide"
    )

    kill_everything(cluster)
    cluster.down()
    assert traces(cluster, plan) == {}
    assert cluster.plan == plan  # addresses stay with the state

    cluster.up()
    assert cluster.kubectl("get", "deployments", "-o", "name") == "deployment.apps/kept\n"
    assert wait_for(lambda: pod_answers(cluster), 30, interval=0.5), cluster.kubectl(
        "get", "pods", "-o", "wide"
    )
    cluster.down(wipe=True)
    assert (traces(cluster, plan), cluster.state.exists()) == ({}, False)
    assert other.status() == others


def test_down_of_what_never_was_is_fine(another: Make) -> None:
    cluster = another("never")
    cluster.down(wipe=True)
    cluster.down()
    assert not cluster.state.exists()
    with pytest.raises(ClusterError, match="has no addresses yet"):
        _ = cluster.api_url


def test_a_name_belongs_to_one_state_folder_at_a_time(started: Started, tmp_path: Path) -> None:
    thief = Cluster(name=started.cluster.name, state=tmp_path / "elsewhere")
    for act in (thief.up, thief.down):
        with pytest.raises(ClusterError, match="runs already: use another name"):
            act()
    assert not thief.state.exists()


def test_a_state_whose_addresses_another_has_is_not_started(started: Started, another: Make) -> None:
    """As after a copy of a state folder, or a restart of the machine with a newcomer first."""
    copy = another("copy")
    copy.state.mkdir(parents=True)
    copy.paths.marker.write_text(started.cluster.paths.marker.read_text())
    with pytest.raises(
        ClusterError, match=f"was made for {started.cluster.plan.block}, which the cluster in"
    ):
        copy.up()
    assert not copy.paths.run.exists()


def test_a_folder_that_no_cluster_made_is_not_wiped(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(ClusterError, match="was not made by a cluster"):
        Cluster(name="ct-wipe", state=tmp_path).down(wipe=True)
    assert (tmp_path / "precious").read_text() == "x"
