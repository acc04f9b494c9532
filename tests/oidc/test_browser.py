"""The provider's pages in Chromium: forms that end at another address, and nothing that scrolls sideways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.fixtures.chromium import chromium
from tests.oidc.conftest import CHEAP_HASH, PASSWORD, ProviderHub

pytestmark = pytest.mark.browser


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["wide", "narrow"])
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that fails when it warns of anything."""
    width, scheme = request.param
    said: list[str] = []
    with chromium() as browser:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        yield page
    # Chromium itself reports pages whose status is 400 or 403.
    assert [text for text in said if "status of 40" not in text] == []


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_pages_on_the_way(page: Page, hub: ProviderHub) -> None:
    if hub.store.account("walker") is None:
        hub.store.add_account("walker", CHEAP_HASH, admin=False)
    back = f"{hub.url}/hub/health"
    app = hub.party(name="Genome Browser", first_party=False, redirect_uris=(back,))
    page.goto(app.url(login_hint="walker"))
    assert page.input_value("#username_input") == "walker"
    page.fill("#password_input", PASSWORD)
    page.click("#login_submit")
    page.get_by_role("heading", name="Sign in to Genome Browser?").wait_for()
    assert fits(page)
    page.get_by_role("button", name="Do not allow").click()
    page.wait_for_url(f"{back}?error=access_denied&**")
    page.goto(app.url())
    page.get_by_role("button", name="Allow", exact=True).click()
    page.wait_for_url(f"{back}?code=**")
    page.goto(app.url(prompt="login"))
    page.fill("#password", "wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("The password is wrong.").wait_for()
    assert fits(page)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{back}?code=**")
    page.goto(app.url(redirect_uri="https://evil.example.com"))
    page.get_by_text("not registered for this application").wait_for()
    assert fits(page)
    page.goto(f"{hub.issuer}/logout")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="You are signed out").wait_for()
    assert fits(page)
    page.goto(app.url())
    page.wait_for_url(f"{hub.url}/hub/login?**")
