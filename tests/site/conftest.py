"""``site``: the platform under https, without nodes. See site.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.site.site import Account, Site
from tests.site.visitor import Visitor


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"), gates=2)
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def alice(site: Site) -> Account:
    """An owner, one a module."""
    return site.account()


@pytest.fixture(scope="module")
def host(alice: Account) -> str:
    """The host of a service of alice's, which runs."""
    return alice.launch()


@pytest.fixture
def browser(site: Site, alice: Account) -> Visitor:
    """Alice's, signed in at the Hub."""
    return Visitor(site).sign_in(alice)
