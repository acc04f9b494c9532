"""``site``: the platform under https, without nodes. See site.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gate.conftest import free_ports
from tests.site.site import TEMPLATE, Account, Site
from tests.site.visitor import Visitor


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"), gates=2)
    try:
        made.up()
        yield made
    finally:
        made.down()


SHORT = TEMPLATE.replace("name: Echo", "name: Short\nidle: 24s")
#: Addresses that the second site hands out.
PREFIXES = [f"lab-{number}" for number in range(1, 9)]
QUICK = f"""
from karvdash_hub.spawner import idle
idle.SETTLING = idle.LOOK = 1.0
c.Platform.service_url_prefixes = {PREFIXES}
"""


@pytest.fixture(scope="package")
def external() -> int:
    """Where the gate of ``impatient`` answers other proxies than the front."""
    return free_ports(1)[0]


@pytest.fixture(scope="package")
def impatient(tmp_path_factory: pytest.TempPathFactory, external: int) -> Iterator[Site]:
    """A site with addresses from a list, whose Hub looks each second for what nobody uses.

    Template ``short`` may be unused for 24 s. Its gate also answers other proxies than the front.
    """
    folder = tmp_path_factory.mktemp("impatient")
    (folder / "prefixes").write_text("\n".join(PREFIXES))
    flags = ("--url-prefixes", str(folder / "prefixes"), "--external", f"127.0.0.1:{external}")
    made = Site(folder, config=QUICK, gate=flags, templates={"short": SHORT})
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
