"""What the self-test tells, in the terminal and on the admin page."""

from __future__ import annotations

from typing import Any

import pytest

from karvdash_hub.selftest.network import check_wildcard, judge
from karvdash_hub.selftest.report import Check, Report
from karvdash_hub.settings import Platform
from karvdash_hub.spawner.notices import notice

GOOD = Check("rights", "A user lists pods.", "ok", "Kubernetes refuses it.")
BAD = Check("network", "A pod connects.", "failed", "It can.", "Install a network plugin.")
NONE = Check("webhook", "A pod is made.", "unknown", "No answer.", "Try again.")
WHEN = "2026-11-21T16:11:10+00:00"


def test_the_terminal() -> None:
    assert list(Report((GOOD, BAD), WHEN).lines()) == [
        "ok      rights   A user lists pods.",
        "                 Kubernetes refuses it.",
        "FAILED  network  A pod connects.",
        "                 It can.",
        "                 To do: Install a network plugin.",
        "1 of 2 checks failed.",
    ]


@pytest.mark.parametrize(
    ("checks", "summary"),
    [
        pytest.param((GOOD,), "All 1 checks passed.", id="good"),
        pytest.param((GOOD, BAD), "1 of 2 checks failed.", id="bad"),
        pytest.param((NONE,), "1 of 1 could not be made.", id="unknown"),
        pytest.param((BAD, NONE), "1 of 2 checks failed, 1 of 2 could not be made.", id="both"),
    ],
)
def test_the_summary(checks: tuple[Check, ...], summary: str) -> None:
    assert Report(checks, WHEN).summary() == summary


def test_json_and_back() -> None:
    report = Report((GOOD, BAD, NONE), WHEN)
    assert Report.from_json(report.to_json()) == report


FOUND = "Found by karvdash-hub selftest on 2026-11-21 16:11:10 UTC. Run it again after a change."


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        pytest.param(Report((GOOD,), WHEN), None, id="good: no banner"),
        pytest.param(
            Report((GOOD, BAD, NONE), WHEN),
            {
                "title": "This cluster does not keep users apart as it should.",
                "checks": [BAD, NONE],
                "advice": FOUND,
            },
            id="bad",
        ),
        pytest.param(
            Report((GOOD, NONE), WHEN),
            {
                "title": "It is not certain that this cluster keeps users apart.",
                "checks": [NONE],
                "advice": FOUND,
            },
            id="unknown",
        ),
        pytest.param(
            None,
            {
                "title": "Nobody knows yet whether this cluster keeps users apart.",
                "checks": [],
                "advice": "Run karvdash-hub selftest where the Hub runs.",
            },
            id="never run",
        ),
    ],
)
def test_the_admin_page(report: Report | None, shown: dict[str, Any] | None) -> None:
    assert notice(report) == shown


@pytest.mark.parametrize(
    ("own", "other", "outcome", "found"),
    [
        ("yes", "no", "ok", "It cannot; a pod of the same user can be reached."),
        ("yes", "yes", "failed", "It can: this cluster does not enforce NetworkPolicies."),
        ("no", "yes", "failed", "It can: this cluster does not enforce NetworkPolicies."),
        # Whoever reaches nobody proves nothing.
        ("no", "no", "unknown", "Not even a pod of the same user can be reached."),
    ],
)
def test_what_a_client_has_seen(own: str, other: str, outcome: str, found: str) -> None:
    check = judge("A pod connects.", own, other)
    assert (check.outcome, check.found, check.cure == "") == (outcome, found, outcome == "ok")


@pytest.mark.parametrize(
    ("url", "outcome", "found"),
    [
        pytest.param(
            "http://localhost:8000",
            "ok",
            "Browsers take every name below localhost for their own machine.",
            id="localhost",
        ),
        # ref: RFC 6761: no name below .invalid ever exists
        pytest.param("https://hub.invalid", "failed", "It is not: ", id="no such domain"),
    ],
)
async def test_the_wildcard(url: str, outcome: str, found: str) -> None:
    check = await check_wildcard(Platform(public_url=url))
    assert (check.name, check.outcome, check.found.startswith(found)) == ("wildcard", outcome, True)
    assert (check.cure == "") == (outcome == "ok")
