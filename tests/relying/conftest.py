"""``site``: a platform that others trust. ``alice``, ``bob``: two of its users."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.relying.site import TrustingSite
from tests.site.account import Account
from tests.site.visitor import Visitor


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustingSite]:
    made = TrustingSite(tmp_path_factory.mktemp("trusting"))
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture(scope="package")
def alice(site: TrustingSite) -> Account:
    return site.account()


@pytest.fixture(scope="package")
def bob(site: TrustingSite) -> Account:
    return site.account()


@pytest.fixture(scope="package")
def browser(site: TrustingSite, alice: Account) -> Visitor:
    """Alice's, signed in at the Hub; her namespace is made meanwhile."""
    return Visitor(site).sign_in(alice)


def _soon(what: Callable[[], bool], message: str, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, message
        time.sleep(0.2)


@pytest.fixture(scope="session")
def soon() -> Callable[..., None]:
    """Wait for what the Hub or the cluster's controllers do beside requests."""
    return _soon
