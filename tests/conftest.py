"""What every test can ask for, and the rule that a test which needs a cluster gets a real one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["tests.fixtures.clusters", "tests.fixtures.stacks"]

NEEDS_CLUSTER = {"cluster", "stack"}
#: Folders whose tests share something that takes long to make: one worker of `make test` gets all of them.
TOGETHER = {
    "accounts",
    "admission",
    "browser",
    "cluster",
    "files",
    "gate",
    "notebook",
    "oidc",
    "policies",
    "relying",
    "site",
    "watch",
}
#: The longest parts go first, and those that are handed out file by file after them, again the longest first:
#: who begins a long one last would keep the others waiting. ``cluster`` measures how soon a node is ready.
FIRST = (
    *("cluster", "site", "gate", "accounts", "notebook", "browser", "policies", "admission", "relying"),
    *("oidc", "watch", "hub/test_kills.py", "hub/test_kills_later.py", "hub/test_outage.py"),
    *("hub/test_folders.py", "hub/test_adoption.py", "hub/test_life_cycle.py", "hub", "kube"),
)
HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """``make test CLUSTER=FILE`` arrives here."""
    parser.addoption(
        "--cluster-file",
        metavar="KUBECONFIG",
        help="run the tests marked any_cluster on this cluster instead of an embedded one",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a cluster by the fixtures it asks for, so that nobody can forget the marker."""
    for item in items:
        if NEEDS_CLUSTER & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.cluster)
    if items and "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: _rank(item.path.relative_to(HERE)))


def _rank(file: Path) -> int:
    found = [FIRST.index(part) for part in (str(file), file.parts[0]) if part in FIRST]
    return found[0] if found else len(FIRST)


class Together(LoadScopeScheduling):
    """Hands out whole files, and whole folders of ``TOGETHER``, to the workers of ``make test``."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.split("/")[1]
        return folder if folder in TOGETHER else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Called by pytest-xdist when there are several workers."""
    return Together(config, log)
