"""A link that somebody follows must not launch anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fixtures.stacks import Person
from tests.hub.helpers import launch
from tests.hub_http.session import sign_in


@pytest.mark.parametrize("query", ["template=redis", "opt-template=redis"])
@pytest.mark.parametrize("path", ["/hub/spawn/{user}/x", "/hub/spawn/{user}", "/hub/spawn"])
def test_an_address_leads_to_the_form(person: Callable[..., Person], path: str, query: str) -> None:
    alice = person()
    session = sign_in(alice)
    answer = session.get(f"{path.format(user=alice.name)}?{query}", follow=False)
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/hub/launch/redis")
    assert alice.api("GET", "/karvdash/services/").json()["objects"] == []


def test_a_stopped_service_is_shown_and_not_started(person: Callable[..., Person]) -> None:
    alice = person()
    launch(alice, "redis")
    alice.wait_for("redis", "running")
    alice.api("POST", "/karvdash/services/redis/stop")
    alice.wait_for("redis", "stopped")
    answer = sign_in(alice).get(f"/hub/spawn/{alice.name}/redis", follow=False)
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/hub/service/redis")
    assert alice.service("redis")["state"] == "stopped"
