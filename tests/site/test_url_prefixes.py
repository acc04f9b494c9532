"""Addresses from a list of the site's, instead of one made of the service's and the user's name."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from karvdash_hub.gate.handlers import LASTING
from karvdash_hub.store import Store
from tests.site.conftest import PREFIXES
from tests.site.site import HOSTNAME, Account, Site
from tests.site.visitor import Visitor


@pytest.fixture
def carol(impatient: Site) -> Account:
    return impatient.account()


@pytest.fixture
def in_use(impatient: Site, carol: Account) -> int:
    """How many addresses services of other tests have."""
    with closing(Store(f"sqlite:///{impatient.folder}/hub/karvdash.sqlite")) as store:
        return len(store.hosts_among([f"{prefix}.{HOSTNAME}" for prefix in PREFIXES]))


def test_a_service_gets_one_of_the_list_and_keeps_it(impatient: Site, carol: Account, in_use: int) -> None:
    """Opened by its owner alone; the same after a stop; free for others when the service is deleted."""
    host = carol.launch("first")
    assert host.removesuffix(f".{HOSTNAME}") in PREFIXES
    visitor = Visitor(impatient).sign_in(carol)
    assert visitor.open(impatient.url(host)).status == 200
    assert Visitor(impatient).sign_in(impatient.account()).open(impatient.url(host)).status == 403
    assert Visitor(impatient).fetch(impatient.url(f"first-{carol.name}.{HOSTNAME}")).status == 302

    assert carol.api("POST", "/karvdash/services/first/stop").status_code < 300
    carol.wait_for("first", "stopped")
    assert carol.api("POST", "/karvdash/services/first/start").status_code < 300
    assert carol.api("GET", "/karvdash/services/first/").json()["url"] == impatient.url(host)

    dave = impatient.account()
    others = [f"more{number}" for number in range(len(PREFIXES) - in_use - 1)]
    hosts = {host, *(dave.launch(name) for name in others)}
    assert len(hosts) == len(PREFIXES) - in_use
    refused = dave.api("POST", "/karvdash/services/", {"id": "echo", "NAME": "toomany"})
    assert refused.status_code == 429
    assert f"All {len(PREFIXES)} addresses for services are in use." in refused.json()["error"]

    carol.delete("first")
    forgotten = time.monotonic() + LASTING  # until then the front may repeat that carol may go to her pod
    assert dave.launch("toomany") == host
    time.sleep(max(0.0, forgotten - time.monotonic()))
    assert visitor.open(impatient.url(host)).status == 403, "it is somebody else's now"
    for name in (*others, "toomany"):
        assert dave.api("DELETE", f"/karvdash/services/{name}/").status_code == 204
