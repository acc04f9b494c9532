"""The pages of accounts in Chromium: on a telephone, in the dark, without JavaScript, with the keyboard."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.accounts.conftest import Somebody
from tests.accounts.lone_hub import LoneHub
from tests.browser.conftest import browser  # noqa: F401 - a fixture

pytestmark = pytest.mark.browser

GOOD = "battery staple 9"


def enter(context: BrowserContext, hub: LoneHub, name: str, password: str) -> Page:
    """Sign in, and open the page of the account."""
    page = context.new_page()
    page.goto(f"{hub.url}/hub/login?next=/hub/account")
    page.fill("#username_input", name)
    page.fill("#password_input", password)
    page.click("#login_submit")
    page.wait_for_url(f"{hub.url}/hub/account", timeout=60_000)
    return page


def sign_up(page: Page, hub: LoneHub, name: str) -> None:
    """Fill the form in, from the sign-in page on."""
    page.goto(f"{hub.url}/hub/login")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("User name").fill(name)
    page.get_by_label("E-mail address").fill(f"{name}@example.org")
    page.get_by_label("Password", exact=True).fill(GOOD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name=f"Thank you, {name}")).to_be_visible(timeout=60_000)


@pytest.mark.parametrize("scripts", [True, False], ids=["with-javascript", "without"])
def test_from_sign_up_to_deletion(
    hub: LoneHub,
    admin: Somebody,
    browser: Browser,  # noqa: F811
    scripts: bool,
) -> None:
    name = "n" + secrets.token_hex(4)
    stranger, office = (browser.new_context(java_script_enabled=scripts) for _ in range(2))
    sign_up(stranger.new_page(), hub, name)

    page = enter(office, hub, admin.name, admin.password)
    page.get_by_role("link", name="Accounts").click()
    page.get_by_role("button", name=f"Activate {name}").click()
    row = page.locator("li.kv-person", has_text=name)
    expect(row.locator(".kv-chip")).to_have_text("Active")
    theirs = enter(stranger, hub, name, GOOD)
    expect(theirs.get_by_role("heading", name=name)).to_be_visible()

    row.get_by_role("link", name=f"Manage {name}").click()
    page.get_by_label("Keep them").check()
    page.get_by_role("button", name="Deactivate").click()
    expect(page.locator(".kv-chip").first).to_have_text("Deactivated")
    theirs.reload()
    expect(theirs.get_by_role("heading", name="Sign in")).to_be_visible()

    page.get_by_label(f"Delete {name}").check()
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url(f"{hub.url}/hub/accounts")
    for context in (stranger, office):
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_telephone_and_can_be_read(
    hub: LoneHub,
    admin: Somebody,
    person: Somebody,
    browser: Browser,  # noqa: F811
    scheme: Any,
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    wrong: list[str] = []
    context.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page = enter(context, hub, admin.name, admin.password)
    for path in (
        "account",
        "accounts",
        f"accounts/{person.name}",
        f"accounts/{admin.name}",
        "audit",
        f"as/{person.name}/home",
    ):
        page.goto(f"{hub.url}/hub/{path}")
        expect(page.locator("main h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert scheme == page.locator("html").get_attribute("data-bs-theme")
        for control in page.locator("main :is(button, input, select, textarea, summary):visible").all():
            name = control.evaluate(
                "e => e.labels?.[0]?.innerText || e.getAttribute('aria-label') || e.innerText"
            )
            assert name.strip(), f"{path}: {control.evaluate('e => e.outerHTML')}"
    assert wrong == []
    context.close()
