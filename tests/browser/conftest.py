"""Fixture ``browser``: Chromium; ``visit``: a signed-in person in front of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.fixtures.chromium import chromium
from tests.fixtures.stacks import Person


# Not for the whole session: Playwright holds the thread's event loop until it ends, and the asynchronous
# tests of other modules need it.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class Visit:
    """One person's browser. What goes wrong in a page is collected and fails the test."""

    def __init__(self, browser: Browser, person: Person, **options: Any) -> None:
        self.person = person
        self.hub = person.stack.hub_url
        self.context = browser.new_context(**options)
        self.wrong: list[str] = []
        self.context.on("weberror", lambda error: self.wrong.append(str(error.error)))
        self.context.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        # A refused form is an answer, not a defect of the page.
        if message.type == "error" and not re.search(r"status of (400|409|422)", message.text):
            self.wrong.append(message.text)

    def sign_in(self) -> Page:
        """Sign in, and return the home page."""
        page = self.context.new_page()
        page.goto(f"{self.hub}/hub/home")
        page.fill("#username_input", self.person.name)
        page.fill("#password_input", self.person.password)
        page.click("#login_submit")
        page.wait_for_url(f"{self.hub}/hub/home")
        return page


@pytest.fixture
def visit(browser: Browser, person: Callable[..., Person]) -> Iterator[Callable[..., Visit]]:
    """Make visits of new people (or of one given); afterwards no page may have complained."""
    made: list[Visit] = []

    def make(who: Person | None = None, **options: Any) -> Visit:
        made.append(Visit(browser, who or person(), **options))
        return made[-1]

    yield make
    for one in made:
        one.context.close()
        assert [] == one.wrong  # noqa: SIM300
