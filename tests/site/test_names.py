"""Names that look alike, and names that come back: each opens what is its own (peers.md N1).

Local accounts have simple names; a directory behind the sign-in page may have any, so these are put into
the database as if one had.
"""

from __future__ import annotations

import json
import secrets
import time

import pytest

from karvdash_hub.names import user_slug
from tests.site.site import HOSTNAME, Account, Site
from tests.site.visitor import Visitor

LONG = "a.very.long.name.of.sixty-four.characters.from.another.directory"


def opens(site: Site, who: Account, host: str) -> tuple[int, int]:
    """What a host answers this person, in a browser and with a token."""
    headers = {"Authorization": f"token {who.token}", "Accept": "", "Sec-Fetch-Mode": ""}
    by_token = Visitor(site).fetch(site.url(host), headers=headers)
    return Visitor(site).sign_in(who).open(site.url(host)).status, by_token.status


def test_a_service_a_b_of_c_and_a_service_a_of_b_c(site: Site) -> None:
    """Both would be at a-b-c: the second is refused, and so is whoever brings an Ingress for it."""
    tag = secrets.token_hex(4)
    first = site.account(f"b-{tag}")  # its slug is b-<tag>-<8 hexadecimal digits of a hash>
    slug = user_slug(first.name)
    second = site.account(slug.rpartition("-")[2])  # a simple name, which is its own slug
    host = first.launch("a", "echo")
    assert host == f"a-{slug}.{HOSTNAME}"

    clash = f"a-b-{tag}"
    assert f"{clash}-{second.name}.{HOSTNAME}" == host, "the test would prove nothing otherwise"
    refused = second.api("POST", "/karvdash/services/", {"id": "echo", "NAME": clash})
    assert refused.status_code == 409, refused.text
    assert f"The address {host} belongs to another service already." in refused.json()["error"]
    # Nor by hand: the API server takes an Ingress for a host of this form, and the gate asks the anchor.
    second.launch("other", "echo")
    mine = f"/apis/networking.k8s.io/v1/namespaces/karvdash-{second.name}/ingresses"
    taken = site.kube("GET", f"{mine}/other")
    taken["spec"]["rules"][0]["host"] = host
    site.kube("PUT", f"{mine}/other", taken)

    assert opens(site, first, host) == (200, 200)
    assert opens(site, second, host) == (403, 403)


def test_dots_hyphens_and_64_characters(site: Site) -> None:
    """Each has a host of its own and opens no other's."""
    tag = secrets.token_hex(4)
    alike = (f"n{tag}", f"n.{tag}", f"n-{tag}", f"{tag}.{LONG}"[:64])
    people = [site.account(name) for name in alike]
    hosts = [who.launch("echo") for who in people]
    assert len(set(hosts)) == len(hosts)
    for who, host in zip(people, hosts, strict=True):
        visitor = Visitor(site).sign_in(who)
        answers = {name: visitor.open(site.url(name)) for name in hosts}
        assert [name for name, answer in answers.items() if answer.status == 200] == [host]
        assert json.loads(answers[host].data)["headers"]["X-Forwarded-User"] == [who.name]


def test_capitals_are_the_same_person(site: Site, host: str, alice: Account) -> None:
    """JupyterHub takes names in any case; hosts are the same in any case, as everywhere."""
    shouting = Account(site, alice.name.upper(), alice.password, alice.token)
    visitor = Visitor(site).sign_in(shouting)
    for name in (host, host.upper()):
        answer = visitor.open(site.url(name))
        assert json.loads(answer.data)["headers"]["X-Forwarded-User"] == [alice.name]


@pytest.fixture
def removed(site: Site) -> tuple[Visitor, Account]:
    """A browser that was signed in as somebody who was deleted since, with a service open."""
    who = site.account()
    visitor = Visitor(site).sign_in(who)
    assert visitor.open(site.url(who.launch())).status == 200
    assert site.api("DELETE", f"/users/{who.name}").status_code == 204
    return visitor, who


def test_a_name_that_comes_back_is_somebody_else(site: Site, removed: tuple[Visitor, Account]) -> None:
    """Neither the cookies nor the token of the former user open what the next one launches."""
    visitor, former = removed
    deadline = time.monotonic() + 60
    while site.api("POST", f"/users/{former.name}").status_code != 201:
        assert time.monotonic() < deadline, "the name is not free again"
        time.sleep(0.2)
    now = site.account(former.name)
    assert now.api("GET", "/karvdash/services/").json()["objects"] == []
    host = now.launch()
    assert visitor.fetch(site.url(host)).status == 302
    token = visitor.fetch(
        site.url(host), headers={"Authorization": f"token {former.token}", "Sec-Fetch-Mode": "cors"}
    )
    assert token.status == 401
    assert visitor.hub("/hub/home").data.count(b"password_input")
    assert opens(site, now, host) == (200, 200)
