"""Somebody new: sign up, be let in, launch the first service, open it."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visit
from tests.fixtures.stacks import Person

pytestmark = pytest.mark.browser

MINUTE = 60_000


def test_from_sign_up_to_the_first_service(
    browser: Browser, visit: Callable[..., Visit], person: Callable[..., Person]
) -> None:
    office = visit(person(admin=True))
    name, password = "n" + secrets.token_hex(4), secrets.token_urlsafe(12)
    new = visit(Person(office.person.stack, name, password, ""))
    page = new.context.new_page()
    page.goto(f"{new.hub}/hub/login")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("User name").fill(name)
    page.get_by_label("E-mail address").fill(f"{name}@example.org")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name=f"Thank you, {name}")).to_be_visible(timeout=MINUTE)

    desk = office.sign_in()
    desk.get_by_role("link", name="Accounts").click()
    desk.get_by_role("button", name=f"Activate {name}").click()
    expect(desk.locator("li.kv-person", has_text=name).locator(".kv-chip")).to_have_text("Active")

    home = new.sign_in()
    home.get_by_role("button", name="Launch Hello Kubernetes").first.click()
    expect(home.locator("#state .kv-chip")).to_have_text("Running", timeout=MINUTE)
    with new.context.expect_page() as opened:
        home.get_by_role("link", name="Open").first.click()
    expect(opened.value.locator("body")).to_contain_text("I just deployed this on Kubernetes!")

    desk.goto(f"{office.hub}/hub/as/{name}/home")
    expect(desk.locator("#services .kv-chip")).to_have_text("Running", timeout=MINUTE)
    expect(desk.locator("#acting")).to_contain_text(f"You act as {name}")
    desk.goto(f"{office.hub}/hub/accounts/{name}")
    desk.get_by_label(f"Delete {name}").check()
    desk.get_by_role("button", name="Delete").click()
    desk.wait_for_url(f"{office.hub}/hub/accounts")
