"""``karvdash-hub selftest`` on the demonstration, whose network plugin enforces no NetworkPolicies."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable

import pytest
import requests

from demo.parts import environment
from demo.selftest import command
from demo.stack import Stack
from tests.fixtures.stacks import Person


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


def test_the_admin_page_shows_it(
    stack: Stack, person: Callable[..., Person], report: dict[str, dict[str, str]]
) -> None:
    admin = person(admin=True)
    page = requests.get(
        f"{stack.hub_url}/hub/admin", headers={"Authorization": f"token {admin.token}"}, timeout=30
    )
    assert page.status_code == 200
    assert "This cluster does not keep users apart as it should." in page.text
    assert report["network"]["cure"] in page.text


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
