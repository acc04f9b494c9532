"""The pages: what they say, where their links lead, and that nothing in them is the visitor's."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from karvdash_hub.gate.pages import PAGES, Pages, Place
from karvdash_hub.gate.verdict import Reason

PLACE = Place("web", "http://localhost:8000", owned=True, again="/a?b=1&c")
EVIL = Place('<script>alert("x")</script>', "http://localhost:8000", owned=True, again='/"><script>')


def test_there_is_a_page_for_every_reason() -> None:
    assert set() == set(get_args(Reason)) - set(PAGES)


@pytest.mark.parametrize(
    ("reason", "status", "refreshes"),
    [
        pytest.param("sign-in", 401, False, id="sign in"),
        pytest.param("not-yours", 403, False, id="not yours"),
        pytest.param("origin", 403, False, id="foreign page"),
        pytest.param("gone", 404, False, id="stopped or gone"),
        pytest.param("starting", 503, True, id="starting"),
        pytest.param("failing", 503, True, id="failing"),
        pytest.param("no-answer", 502, True, id="does not answer"),
        pytest.param("hub-away", 503, True, id="hub away"),
        pytest.param("not-synced", 503, True, id="gate is new"),
    ],
)
def test_status_and_refresh(reason: str, status: int, refreshes: bool) -> None:
    html = Pages().html(reason, PLACE).decode()
    assert (status, refreshes) == (PAGES[reason].status, 'http-equiv="refresh"' in html)


@pytest.mark.parametrize("reason", PAGES)
def test_pages_are_complete_small_and_hold_no_script(reason: str) -> None:
    html = Pages().html(reason, EVIL).decode()

    assert "<script" not in html
    assert re.findall(r"\{\{|\{%|\{service\}", html) == []
    assert "<h1>" in html and "prefers-color-scheme: dark" in html
    addresses = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert all(address.startswith(("/", "http://localhost:8000/hub/")) for address in addresses)
    assert len(html) < 4096


@pytest.mark.parametrize(
    ("owned", "expected"), [pytest.param(True, True, id="owner"), pytest.param(False, False, id="guest")]
)
def test_only_the_owner_is_led_to_the_services_page(owned: bool, expected: bool) -> None:
    place = Place("web", "http://localhost:8000", owned=owned)
    assert expected == ("/hub/service/web" in Pages().html("failing", place).decode())


def test_programs_get_text() -> None:
    assert Pages().text("starting", PLACE).decode() == (
        "web is starting.\nThis page opens it as soon as it answers.\n"
        "The page of web: http://localhost:8000/hub/service/web\nMy services: http://localhost:8000/hub/home\n"
    )
