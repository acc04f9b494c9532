"""``python -m cluster``: what a person types, and what scripts read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cluster import Cluster
from cluster.envfile import parse_env

ROOT = Path(__file__).parent.parent.parent


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cluster", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def of(cluster: Cluster) -> list[str]:
    return ["--name", cluster.name, "--state", str(cluster.state)]


@pytest.mark.cluster
def test_up_writes_the_kubeconfig_where_it_is_told(ct: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("HUB_URL=x\n")
    done = command("up", *of(ct), "--env", str(file))
    assert (done.returncode, parse_env(file.read_text())) == (
        0,
        {"HUB_URL": "x", "KUBECONFIG": str(ct.kubeconfig)},
    )


@pytest.mark.cluster
def test_env_prints_addresses_that_scripts_can_read(ct: Cluster) -> None:
    assert parse_env(command("env", *of(ct)).stdout) == {
        "KUBECONFIG": str(ct.kubeconfig),
        "API_URL": f"https://{ct.node_address}:6443",
        "HOST_ADDRESS": ct.host_address,
        "NODE_ADDRESS": ct.node_address,
        "REGISTRY": f"{ct.node_address}:5000",
        "POD_CIDR": ct.pod_cidr,
        "SERVICE_CIDR": ct.service_cidr,
    }


@pytest.mark.cluster
def test_status_names_every_component(ct: Cluster) -> None:
    done = command("status", *of(ct))
    first_words = [line.split()[0] for line in done.stdout.splitlines()]
    assert (done.returncode, first_words) == (0, [*ct.status(), "together"])


@pytest.mark.cluster
def test_kubectl_passes_words_and_exit_codes_on(ct: Cluster) -> None:
    good = command("kubectl", *of(ct), "--", "get", "nodes", "--output=name")
    bad = command("kubectl", *of(ct), "--", "get", "nonsense")
    assert (good.returncode, good.stdout, bad.returncode) == (0, f"node/{ct.name}-node\n", 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["status", "--name", "never"], "has no addresses yet", id="not started yet"),
        pytest.param(["up", "--name", "No Good"], "cannot be the name of a cluster", id="a bad name"),
        pytest.param(["env", "--name", "never"], "python -m cluster up --name never", id="the cure is said"),
    ],
)
def test_mistakes_are_sentences(words: list[str], said: str) -> None:
    done = command(*words)
    assert (done.returncode, "Traceback" in done.stderr, said in done.stderr) == (1, False, True)
