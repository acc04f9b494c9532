"""``karvdash-hub selftest`` on the demonstration, whose network plugin enforces no NetworkPolicies."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from demo.parts import environment
from demo.selftest import command
from demo.stack import Stack
from karvdash_hub.kube.config import load
from karvdash_hub.kube.rest import Kube
from karvdash_hub.selftest import network


def selftest(stack: Stack, *more: str) -> subprocess.CompletedProcess[str]:
    """Run it as the demonstration does."""
    return subprocess.run(
        [*command(), *more], env=environment(stack, "hub"), cwd=stack.hub_dir, text=True, capture_output=True
    )


@pytest.fixture(scope="module")
def report(stack: Stack) -> dict[str, dict[str, str]]:
    """What it says, by check."""
    done = selftest(stack, "--json")
    assert done.returncode == 1, done
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_what_holds_here(report: dict[str, dict[str, str]]) -> None:
    assert {name: check["outcome"] for name, check in report.items()} == {
        "rights": "ok",
        "policies": "ok",
        "webhook": "ok",
        "network": "failed",
        "reach": "ok",
        "wildcard": "ok",
    }


def test_it_says_what_to_do(report: dict[str, dict[str, str]]) -> None:
    network = report["network"]
    assert network["found"] == "It can: this cluster does not enforce NetworkPolicies."
    assert network["cure"].startswith("Install a network plugin that enforces NetworkPolicies (Calico, ")


def test_nothing_is_left(stack: Stack, report: dict[str, dict[str, str]]) -> None:
    deadline = time.monotonic() + 60
    while "karvdash-selftest-" in (found := stack.cluster.kubectl("get", "namespaces", "--output", "name")):
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


async def test_a_client_that_is_cut_off(stack: Stack) -> None:
    """As in a cluster that enforces NetworkPolicies: nothing ever answers at the other address."""
    namespace = "default"
    async with Kube(load(str(stack.cluster.kubeconfig))) as admin:
        stack.cluster.kubectl("run", "web", "--image=busybox:1.36", "--", "sh", "-c", network.SERVER)
        try:
            stack.cluster.kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
            address = stack.cluster.kubectl("get", "pod", "web", "--output", "jsonpath={.status.podIP}")
            # ref: RFC 5737, addresses for documentation
            seen = await network.look_from_inside(
                admin, namespace, "busybox:1.36", 60, address, "192.0.2.1", as_user=None
            )
        finally:
            stack.cluster.kubectl("delete", "pod", "web", "client", "--ignore-not-found", "--now")
    assert seen.split() == ["yes", "no"]


def test_a_wrong_image_is_told(stack: Stack) -> None:
    """Nothing is known then; that is not the same as nothing found."""
    done = selftest(stack, "--image", f"{stack.cluster.registry}/no/such:1", "--patience", "5")
    assert done.returncode == 3
    assert "unknown network" in done.stdout
    assert "--image" in done.stdout


def test_without_a_cluster(stack: Stack) -> None:
    """One sentence, and nothing is kept."""
    nowhere = {**environment(stack, "hub"), "KARVDASH_KUBECONFIG": "/no/such/file"}
    done = subprocess.run(command(), env=nowhere, cwd=stack.hub_dir, text=True, capture_output=True)
    assert done.returncode == 1
    assert done.stderr.startswith("karvdash-hub: ")
    assert "Traceback" not in done.stderr
