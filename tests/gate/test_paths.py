"""What of a server is open: the paths of its Ingress and its hosts, and no others."""

from __future__ import annotations

from typing import Any

from tests.gate import objects
from tests.gate.conftest import Gateway


def test_a_path_that_is_not_exposed_stays_closed_after_one_that_is(new_service: Any) -> None:
    """The front remembers for two seconds that the visitor may pass; for a path of the Ingress only."""
    made = new_service().create(paths=[("/headers", "Prefix", "web", 8080)]).wait("/headers")

    passed = [made.ask(path).ok for path in ("/headers", "/ready", "/headers", "/")]
    assert passed == [True, False, True, False]


def test_a_second_host_leads_to_its_own_path(gateway: Gateway, new_service: Any) -> None:
    """Allocated to the server, and named by an Ingress of it; the cookie of one host is not the other's."""
    made = new_service().create().wait("/ready")
    second = f"admin-{made.host}"
    gateway.apply(
        objects.anchor(made.server, made.user, host=made.host, hosts=[made.host, second]),
        objects.ingress(made.server, made.user, name="second", host=second,
                        paths=[("/headers", "Prefix", "web", 8080)]),
    )  # fmt: skip
    cookie = gateway.cookie(second, made.user, owner=made.user, server=made.server)
    made.wait("/headers")

    assert gateway.ask(second, "/headers", cookie=cookie).status_code == 200
    assert not gateway.ask(second, "/ready", cookie=cookie).ok
    assert gateway.ask(second, "/headers", cookie=made.cookie).status_code == 302
    assert gateway.ask(f"other-{made.host}", "/headers", cookie=cookie).status_code == 302
