"""For everybody: without JavaScript, with the keyboard, on a telephone, in the dark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

MINUTE = 60_000
PAGES = ["home", "catalogue", "launch/redis", "service/hello", "connect", "karvdash/grant?host=x.localhost"]


def launched(one: Visit) -> None:
    """Have a service ``hello`` that runs."""
    made = one.person.api("POST", "/karvdash/services/", json={"id": "hello-kubernetes", "NAME": "hello"})
    assert made.status_code == 201, made.text
    one.person.wait_for("hello", "running")


def test_listing_and_opening_need_no_javascript(visit: Callable[..., Visit]) -> None:
    one = visit(java_script_enabled=False)
    launched(one)
    page = one.sign_in()
    expect(page.get_by_text("requires JavaScript")).not_to_be_visible()
    with one.context.expect_page() as opened:
        page.get_by_role("link", name="Open hello in a new tab").click()
    expect(opened.value.locator("body")).to_contain_text("I just deployed this on Kubernetes!")
    page.get_by_label("More about hello").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("li[data-service=hello] .kv-chip")).to_have_text("Stopping")


def test_the_keyboard_is_enough(visit: Callable[..., Visit]) -> None:
    one = visit()
    launched(one)
    page = one.sign_in()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("redis")
    expect(page.locator("#templates > li:visible")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Launch Redis")).to_be_focused()
    menu = page.get_by_label("More about hello")
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Details and settings")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Details and settings")).not_to_be_visible()
    expect(menu).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_telephone_and_can_be_read(visit: Callable[..., Visit], scheme: str) -> None:
    one = visit(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    launched(one)
    page = one.sign_in()
    for path in PAGES:
        page.goto(f"{one.hub}/hub/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert scheme == page.locator("html").get_attribute("data-bs-theme")
        # Every input and button says what it is for.
        for control in page.locator("main :is(button, input, select, textarea, summary):visible").all():
            name = control.evaluate(
                "e => e.labels?.[0]?.innerText || e.getAttribute('aria-label') || e.innerText"
            )
            assert name.strip(), f"{path}: {control.evaluate('e => e.outerHTML')}"
    one.wrong = [text for text in one.wrong if "403" not in text]  # the page of the refusal itself


def test_a_launch_can_be_taken_to_a_shell(visit: Callable[..., Visit]) -> None:
    one = visit()
    page = one.sign_in()
    page.goto(f"{one.hub}/hub/launch/redis")
    page.get_by_label("Name").fill("it")
    page.get_by_role("button", name="Generate").click()
    page.get_by_text("The same from a shell").click()
    command = page.locator("#curl-text").inner_text()
    assert f"curl -X POST {one.hub}/hub/api/karvdash/services/" in command
    assert '"id":"redis","NAME":"it"' in command
    password = page.get_by_label("Password").input_value()
    assert len(password) == 20
    assert password not in command
