"""``python -m tests.prepare``: build what the tests need before the first one runs.

The first time this takes minutes, which it tells, and which are not a test's: each of them has 300 seconds.
"""

from __future__ import annotations

from pathlib import Path

from cluster import Cluster, binaries
from cluster.packages import install
from cluster.preflight import missing_packages
from demo.node import proxy_command
from demo.packages import install_missing
from demo.progress import Steps
from images import build_all
from tests.accounts import directory
from tests.fixtures import chromium
from tests.fixtures.clusters import NAME, STATE
from tests.relying.programs import MINIO


def main() -> None:
    """Build Kubernetes, JupyterHub's proxy, the images and MinIO; what is there already costs nothing."""
    steps = Steps(5)
    cluster = Cluster(name=NAME, state=Path(STATE) / "cluster")
    with steps.step("Chromium and a directory"):
        # Not by the first test that asks for one: two workers would wait for apt's lock.
        install(missing_packages((*chromium.PACKAGES, directory.PACKAGE)), steps.note)
    with steps.step("Kubernetes"):
        install_missing(steps.note)
        cluster.prepare(steps.note)
    with steps.step("JupyterHub's proxy"):
        proxy_command()
    with steps.step("Container images"):
        build_all(programs={"kubectl": cluster.kubectl_program}, progress=steps.note)
    with steps.step("MinIO"):
        binaries.ensure(steps.note, (MINIO,))


if __name__ == "__main__":
    main()
