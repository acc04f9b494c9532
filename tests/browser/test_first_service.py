"""The newcomer's way: sign in, bring a template, launch, watch, open, stop, start, delete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

#: The example of Karvdash's documentation, unchanged: an Ingress of two API versions at once.
SEED = Path(__file__).parent.parent / "pure" / "data" / "seed-hello-kubernetes.template.yaml"
MINUTE = 60_000


def test_from_a_template_to_an_open_service_and_back(visit: Callable[..., Visit]) -> None:
    one = visit()
    page = one.sign_in()
    expect(page.get_by_role("heading", name="Nothing runs yet")).to_be_visible()

    page.get_by_role("link", name="Catalogue").click()
    page.get_by_label("or its text").fill(SEED.read_text())
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="Launch Hello Kubernetes")).to_be_visible()
    page.get_by_label("Name").fill("first")
    page.get_by_label("Message").fill("Good morning <b>everybody</b>: $HOME")
    expect(page.locator("#verdict")).to_contain_text("Kubernetes accepts this: 3 objects.")
    page.get_by_role("button", name="Launch").click()

    page.wait_for_url(f"{one.hub}/hub/service/first")
    expect(page.locator("#state .kv-chip")).to_have_text("Running", timeout=MINUTE)
    expect(page.locator("#log")).to_contain_text("listening")
    with one.context.expect_page() as opened:
        page.get_by_role("link", name="Open first in a new tab").click()
    service = opened.value
    expect(service.locator("body")).to_contain_text("Good morning <b>everybody</b>: $HOME")
    assert service.url.startswith(f"http://first-{one.person.name}.localhost")

    page.get_by_role("link", name="Home").click()
    row = page.locator("li[data-service=first]")
    row.get_by_label("More about first").click()
    row.get_by_role("button", name="Stop").click()
    expect(row.locator(".kv-chip")).to_have_text("Stopped", timeout=MINUTE)
    row.get_by_role("button", name="Start first").click()
    expect(row.locator(".kv-chip")).to_have_text("Running", timeout=MINUTE)

    row.get_by_label("More about first").click()
    row.get_by_role("link", name="Delete…").click()
    page.get_by_label("Delete first").check()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#empty")).to_be_visible(timeout=MINUTE)


def test_every_tab_follows_what_happens_elsewhere(visit: Callable[..., Visit]) -> None:
    one = visit()
    tabs = [one.sign_in(), one.context.new_page(), one.context.new_page()]
    for tab in tabs[1:]:
        tab.goto(f"{one.hub}/hub/home")
    made = one.person.api("POST", "/karvdash/services/", json={"id": "redis", "NAME": "cache"})
    assert made.status_code == 201, made.text
    for tab in tabs:
        row = tab.locator("li[data-service=cache]")
        expect(row.locator(".kv-chip")).to_have_text("Running", timeout=MINUTE)
        expect(row.get_by_role("link", name="Connect to cache")).to_have_attribute(
            "href", "/hub/service/cache#connect"
        )
    one.person.api("DELETE", "/karvdash/services/cache/")
    for tab in tabs:
        expect(tab.locator("li[data-service=cache]")).to_have_count(0, timeout=MINUTE)
        expect(tab.locator("#empty")).to_be_visible()


def test_a_failing_service_says_why(visit: Callable[..., Visit]) -> None:
    one = visit()
    made = one.person.api(
        "POST", "/karvdash/services/", json={"id": "redis", "NAME": "cache", "VERSION": "0.0-nosuch"}
    )
    assert made.status_code == 201, made.text
    page = one.sign_in()
    row = page.locator("li[data-service=cache]")
    expect(row.locator(".kv-chip")).to_have_text("Failing", timeout=MINUTE)
    row.get_by_role("link", name="See why cache fails").click()
    expect(page.locator("#state")).to_contain_text("was not found in the registry")
