"""What every test can ask for, and the rule that a test which needs a cluster gets a real one."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.fixtures.clusters", "tests.fixtures.stacks"]

NEEDS_CLUSTER = {"cluster", "stack"}


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
