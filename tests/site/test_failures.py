"""Parts that are down, killed or changed: who is in stays in, and nobody is taken for somebody else."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests

from tests.site.site import Account, Site
from tests.site.visitor import Visitor


@pytest.fixture
def inside(site: Site, host: str, browser: Visitor) -> Iterator[Visitor]:
    """Alice, who has the service open."""
    assert browser.open(site.url(host)).status == 200
    yield browser


def test_the_database_is_locked(site: Site, host: str, inside: Visitor) -> None:
    """Nobody new gets in, and who is in notices nothing."""
    database = site.folder / "hub" / "karvdash.sqlite"
    with closing(sqlite3.connect(database, isolation_level=None, timeout=30)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        for _ in range(10):
            assert inside.fetch(site.url(host)).status == 200
            time.sleep(0.3)
        connection.execute("ROLLBACK")
    assert inside.fetch(site.url(host)).status == 200


def test_the_hub_is_down(site: Site, host: str, inside: Visitor) -> None:
    site.processes["hub"].kill()
    try:
        deadline = time.monotonic() + 5  # the front remembers for two
        while time.monotonic() < deadline:
            assert inside.fetch(site.url(host)).status == 200
            time.sleep(0.5)
        page = Visitor(site).open(site.url(host))
        assert page.status == 503
        assert b"Sign-in does not work at the moment" in page.data
        token = Visitor(site).fetch(
            site.url(host), headers={"Authorization": f"token {secrets.token_hex(16)}"}
        )
        assert token.status == 503
    finally:
        site.start("hub")
    assert inside.fetch(site.url(host)).status == 200


GATES = ("gate", "gate2")


def change_keys(site: Site, text: str, said: str) -> None:
    """Write the key file and wait until both replicas have said something of it."""
    before = [site.log(gate).count(said) for gate in GATES]
    (site.folder / "gate.key").write_text(text)
    deadline = time.monotonic() + 15
    while any(site.log(gate).count(said) <= count for gate, count in zip(GATES, before, strict=True)):
        assert time.monotonic() < deadline, f"not both gates have said {said!r}"
        time.sleep(0.1)


def test_keys_are_changed_without_signing_anybody_out(site: Site, host: str, alice: Account) -> None:
    """The new key first, the old one later; both replicas follow, and a mistake in between ends nothing."""
    old, fresh = (site.folder / "gate.key").read_text().strip(), secrets.token_hex(32)
    changed = "The key file has changed, its keys are in use now"
    before = Visitor(site).sign_in(alice)
    assert before.open(site.url(host)).status == 200
    change_keys(site, "too short\n", "The keys from before stay in use")
    assert {before.fetch(site.url(host)).status for _ in range(6)} == {200}
    change_keys(site, f"{fresh}\n{old}\n", changed)
    after = Visitor(site).sign_in(alice)
    assert after.open(site.url(host)).status == 200
    assert {before.fetch(site.url(host)).status for _ in range(6)} == {200}
    change_keys(site, f"{fresh}\n", changed)
    time.sleep(2.1)  # what the front has in memory
    assert {after.fetch(site.url(host)).status for _ in range(6)} == {200}
    assert {before.fetch(site.url(host)).status for _ in range(6)} == {302}


def test_a_gate_that_has_just_started_is_asked_at_once(site: Site, host: str, browser: Visitor) -> None:
    """It answers when it has seen the cluster, a moment later, and refuses nobody for not having done so."""
    gate, address = site.processes["gate2"], f"http://127.0.0.1:{site.gate_ports[1]}/auth"
    gate.kill()
    site.launch("gate2")
    deadline = time.monotonic() + 30
    while True:
        try:
            answer = requests.get(address, headers={"X-Original-Host": host}, timeout=15)
            break
        except requests.ConnectionError:
            assert gate.pid and time.monotonic() < deadline, gate.last_lines()
    assert (answer.status_code, answer.headers["X-Karvdash-Reason"]) == (401, "sign-in")
    site.start("gate2")


def test_a_gate_is_killed_under_load(site: Site, host: str, alice: Account) -> None:
    """Two people, two replicas, one of them killed: nobody gets the other's answer, and few get none."""
    bob = site.account()
    assert alice.api("POST", f"/shares/{alice.name}/echo", {"user": bob.name}).status_code == 200
    people = [Visitor(site).sign_in(who) for who in (alice, bob)]
    for visitor in people:
        assert visitor.open(site.url(host)).status == 200
    wrong: list[object] = []
    statuses: list[int] = []
    end = time.monotonic() + 8

    def ask(number: int) -> None:
        who, visitor = ((alice, people[0]), (bob, people[1]))[number % 2]
        while time.monotonic() < end:
            answer = visitor.fetch(site.url(host, f"/{number}"), headers={"Sec-Fetch-Mode": "cors"})
            statuses.append(answer.status)
            if answer.status == 200:
                found = json.loads(answer.data)
                if (found["headers"]["X-Forwarded-User"], found["uri"]) != ([who.name], f"/{number}"):
                    wrong.append(found)

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(ask, number) for number in range(6)]
        time.sleep(2)
        site.processes["gate2"].kill()
        time.sleep(3)
        site.start("gate2")
        for job in jobs:
            job.result()
    assert wrong == []
    assert set(statuses) == {200}, "the front asks the other replica"
    assert len(statuses) > 20
